"""The rows of `auth.users`: found, created, changed, and shown as clients know them."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from local_stack.auth import factors, identities
from local_stack.auth.context import Connection
from local_stack.auth.errors import AuthError
from local_stack.auth.rows import Json, Row, stamp

INSTANCE = UUID(int=0)
AUDIENCE = "authenticated"
_JSON_COLUMNS = {"raw_app_meta_data", "raw_user_meta_data"}

_BY_ID = "select * from auth.users where id = %s"
_BY_ID_LOCKED = f"{_BY_ID} for no key update"
_BY_EMAIL = """
    select * from auth.users
    where instance_id = %s and lower(email) = %s and aud = %s and not is_sso_user
"""
_BY_EMAIL_LOCKED = f"{_BY_EMAIL} for no key update"
# The token columns are '' and not null: other software that reads them expects text.
_CREATE = """
    insert into auth.users (
      instance_id, id, aud, role, email, encrypted_password, is_anonymous, raw_app_meta_data,
      raw_user_meta_data, confirmation_token, recovery_token, email_change_token_new, email_change,
      created_at, updated_at
    ) values (
      %(instance)s, %(id)s, %(audience)s, %(role)s, %(email)s, %(password)s, %(is_anonymous)s,
      %(app_metadata)s, %(user_metadata)s, '', '', '', '', now(), now()
    )
    returning *
"""
_FORGET_TOKENS = "delete from auth.one_time_tokens where user_id = %s"


async def by_id(conn: Connection, user_id: UUID, *, lock: bool = False) -> Row | None:
    """The user, locked against other changes until the transaction ends if asked."""
    cursor = await conn.execute(_BY_ID_LOCKED if lock else _BY_ID, (user_id,))
    return await cursor.fetchone()


async def by_email(conn: Connection, email: str, *, lock: bool = False) -> Row | None:
    """The user with this address, which is compared in lower case; locked if asked."""
    statement = _BY_EMAIL_LOCKED if lock else _BY_EMAIL
    cursor = await conn.execute(statement, (INSTANCE, email.lower(), AUDIENCE))
    return await cursor.fetchone()


async def create(
    conn: Connection,
    user_id: UUID,
    *,
    email: str | None = None,
    provider: str | None = None,
    password_hash: str = "",
    role: str = AUDIENCE,
    user_metadata: Json | None = None,
) -> Row:
    """Insert a user, not yet confirmed, and anonymous without an address and a provider."""
    provider = provider or ("email" if email else None)
    cursor = await conn.execute(
        _CREATE,
        {
            "instance": INSTANCE,
            "id": user_id,
            "audience": AUDIENCE,
            "role": role,
            "email": email,
            "password": password_hash,
            "is_anonymous": provider is None,
            "app_metadata": Jsonb(_providers([provider]) if provider else {}),
            "user_metadata": Jsonb(user_metadata or {}),
        },
    )
    return _returned(await cursor.fetchone())


async def save(
    conn: Connection, user_id: UUID, columns: Mapping[str, object], now: Iterable[str] = ()
) -> Row:
    """Set `columns` to values and the columns `now` to the time; the names come from code."""
    stamped = (*now, "updated_at")
    parts = [sql.SQL("{} = {}").format(sql.Identifier(c), sql.Placeholder(c)) for c in columns]
    parts += [sql.SQL("{} = now()").format(sql.Identifier(column)) for column in stamped]
    statement = sql.SQL("update auth.users set {} where id = {} returning *").format(
        sql.SQL(", ").join(parts), sql.Placeholder("id")
    )
    values = {c: Jsonb(v) if c in _JSON_COLUMNS else v for c, v in columns.items()}
    cursor = await conn.execute(statement, values | {"id": user_id})
    return _returned(await cursor.fetchone())


async def confirm(conn: Connection, user: Row) -> Row:
    """Take the user's e-mail address for proven; its open one-time tokens are void."""
    await conn.execute(_FORGET_TOKENS, (user["id"],))
    metadata = merged(user["raw_user_meta_data"], {"email_verified": True})
    columns = {"confirmation_token": "", "raw_user_meta_data": metadata}
    return await save(conn, user["id"], columns, now=["email_confirmed_at"])


async def set_password(conn: Connection, user: Row, password_hash: str) -> Row:
    """Replace the password; links and codes mailed before it are void."""
    await conn.execute(_FORGET_TOKENS, (user["id"],))
    return await save(conn, user["id"], {"encrypted_password": password_hash})


async def set_email(conn: Connection, user: Row, email: str) -> Row:
    """Move the user, who is permanent from now on, to a proven address."""
    await conn.execute(_FORGET_TOKENS, (user["id"],))
    await identities.put_email(conn, user["id"], email, verified=True)
    columns = {
        "email": email,
        "email_change": "",
        "email_change_confirm_status": 0,
        "is_anonymous": False,
    }
    await save(conn, user["id"], columns)
    user = await save_providers(conn, user)
    return user if user["email_confirmed_at"] else await confirm(conn, user)


async def save_providers(conn: Connection, user: Row) -> Row:
    """Bring the names of the user's providers up to date, after its identities changed."""
    names = await identities.providers(conn, user["id"])
    metadata = merged(user["raw_app_meta_data"], _providers(names))
    return await save(conn, user["id"], {"raw_app_meta_data": metadata})


async def soft_delete(conn: Connection, user: Row) -> None:
    """Keep the row and its id, and make everything that says who it was unreadable."""
    digest = hashlib.sha256(f"{user['id']}{user['email'] or ''}".encode()).digest()
    await conn.execute(_FORGET_TOKENS, (user["id"],))
    await identities.anonymise(conn, user["id"])
    columns: Json = {
        "email": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "phone": None,
        "email_change": "",
        "phone_change": "",
        "encrypted_password": None,
        "raw_app_meta_data": {},
        "raw_user_meta_data": {},
    }
    await save(conn, user["id"], columns, now=["deleted_at"])


def merged(old: Json | None, new: Json) -> Json:
    """`old` with the keys of `new`, less those that `new` sets to null."""
    return {k: v for k, v in ((old or {}) | new).items() if v is not None or k not in new}


def is_banned(user: Row) -> bool:
    """Whether the user may not sign in now."""
    until = user["banned_until"]
    return until is not None and until > datetime.now(UTC)


async def body(conn: Connection, user: Row) -> Json:
    """The user as clients know it, with its identities."""
    return (await bodies(conn, [user]))[0]


async def bodies(conn: Connection, rows: list[Row]) -> list[Json]:
    """Users as clients know them, in the same order."""
    ids = [row["id"] for row in rows]
    owned, second = await identities.of(conn, ids), await factors.of(conn, ids)
    return [show(row, owned.get(row["id"], []), second.get(row["id"], [])) for row in rows]


def show(user: Row, owned: list[Json], second: list[Row]) -> Json:
    """The JSON of a user row; what was never set is left out, as in GoTrue."""
    shown = {
        "id": str(user["id"]),
        "aud": user["aud"],
        "role": user["role"] or "",
        "email": user["email"] or "",
        "email_confirmed_at": stamp(user["email_confirmed_at"]),
        "invited_at": stamp(user["invited_at"]),
        "phone": user["phone"] or "",
        "phone_confirmed_at": stamp(user["phone_confirmed_at"]),
        "confirmation_sent_at": stamp(user["confirmation_sent_at"]),
        "confirmed_at": stamp(user["confirmed_at"]),
        "recovery_sent_at": stamp(user["recovery_sent_at"]),
        "new_email": user["email_change"] or None,
        "email_change_sent_at": stamp(user["email_change_sent_at"]),
        "last_sign_in_at": stamp(user["last_sign_in_at"]),
        "app_metadata": user["raw_app_meta_data"] or {},
        "user_metadata": user["raw_user_meta_data"] or {},
        "identities": owned,
        "factors": [factors.show(factor) for factor in second] or None,
        "created_at": stamp(user["created_at"]),
        "updated_at": stamp(user["updated_at"]),
        "banned_until": stamp(user["banned_until"]),
        "deleted_at": stamp(user["deleted_at"]),
        "is_anonymous": user["is_anonymous"],
    }
    return {name: value for name, value in shown.items() if value is not None}


def not_found() -> AuthError:
    """No user has this id."""
    return AuthError(404, "user_not_found", "User not found")


def _returned(row: Row | None) -> Row:
    if row is None:
        raise not_found()
    return row


def _providers(names: Sequence[str]) -> Json:
    return {"provider": names[0], "providers": list(names)}
