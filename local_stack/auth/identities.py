"""The rows of `auth.identities`: by which provider a user can prove who it is."""

from collections import defaultdict
from uuid import UUID

from psycopg.types.json import Jsonb

from local_stack.auth.context import Connection
from local_stack.auth.rows import Json, stamp

_PUT_EMAIL = """
    insert into auth.identities (
      provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at
    ) values (%(id)s::text, %(id)s, %(data)s, 'email', now(), now(), now())
    on conflict (provider_id, provider) do update
    set identity_data = identities.identity_data || excluded.identity_data, updated_at = now()
"""
_PUT = """
    insert into auth.identities (
      provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at
    ) values (%s, %s, %s, %s, now(), now(), now())
    on conflict (provider_id, provider) do update
    set identity_data = excluded.identity_data, last_sign_in_at = now(), updated_at = now()
    returning id
"""
_OWNER = "select user_id from auth.identities where provider_id = %s and provider = %s"
_DELETE = "delete from auth.identities where id = %s and user_id = %s"
_DELETE_ALL = "delete from auth.identities where user_id = %s"
_OF = "select * from auth.identities where user_id = any(%s) order by created_at, id"
_PROVIDERS = """
    select provider from auth.identities where user_id = %s
    group by provider order by min(created_at), provider
"""
_ANONYMISE = """
    update auth.identities
    set identity_data = '{}', updated_at = now(),
        provider_id = encode(
          sha256(convert_to(user_id || provider || ':' || provider_id, 'UTF8')), 'hex'
        )
    where user_id = %s
"""


async def put_email(
    conn: Connection, user_id: UUID, email: str, *, verified: bool, data: Json | None = None
) -> None:
    """Give the user an e-mail identity, or change the address of the one it has."""
    claims = {
        "sub": str(user_id),
        "email": email,
        "email_verified": verified,
        "phone_verified": False,
    }
    await conn.execute(_PUT_EMAIL, {"id": user_id, "data": Jsonb((data or {}) | claims)})


async def put(conn: Connection, user_id: UUID, provider: str, data: Json) -> UUID:
    """Give the user an identity by its `sub` at a provider, or renew the one it has: its id."""
    values = (data["sub"], user_id, Jsonb(data), provider)
    row = await (await conn.execute(_PUT, values)).fetchone()
    assert row is not None  # noqa: S101 - an upsert returns its row
    identity_id: UUID = row["id"]
    return identity_id


async def owner(conn: Connection, provider: str, sub: str) -> UUID | None:
    """Whose identity it is."""
    row = await (await conn.execute(_OWNER, (sub, provider))).fetchone()
    return row["user_id"] if row else None


async def delete(conn: Connection, user_id: UUID, identity_id: UUID) -> None:
    """Remove one identity of the user."""
    await conn.execute(_DELETE, (identity_id, user_id))


async def delete_all(conn: Connection, user_id: UUID) -> None:
    """Remove every identity of the user."""
    await conn.execute(_DELETE_ALL, (user_id,))


async def of(conn: Connection, user_ids: list[UUID]) -> dict[UUID, list[Json]]:
    """Each user's identities as clients know them, oldest first."""
    owned: dict[UUID, list[Json]] = defaultdict(list)
    cursor = await conn.execute(_OF, (user_ids,))
    async for row in cursor:
        owned[row["user_id"]].append(
            {
                "identity_id": str(row["id"]),
                "id": row["provider_id"],
                "user_id": str(row["user_id"]),
                "identity_data": row["identity_data"],
                "provider": row["provider"],
                "last_sign_in_at": stamp(row["last_sign_in_at"]),
                "created_at": stamp(row["created_at"]),
                "updated_at": stamp(row["updated_at"]),
                "email": row["email"] or "",
            }
        )
    return owned


async def providers(conn: Connection, user_id: UUID) -> list[str]:
    """The names of the user's providers, oldest first."""
    cursor = await conn.execute(_PROVIDERS, (user_id,))
    return [row["provider"] async for row in cursor]


async def anonymise(conn: Connection, user_id: UUID) -> None:
    """Make the identities of a deleted user unreadable, and free for a new user."""
    await conn.execute(_ANONYMISE, (user_id,))
