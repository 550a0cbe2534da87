"""The rows of `auth.mfa_factors` and `auth.mfa_challenges`: second factors of users."""

from collections import defaultdict
from uuid import UUID, uuid4

from local_stack.auth.context import Connection
from local_stack.auth.rows import Json, Row, stamp

CHALLENGE_SECONDS = 300
_UNVERIFIED_SECONDS = 300
METHODS = {"totp": "totp", "phone": "mfa/phone", "webauthn": "mfa/webauthn"}
"""How a sign-in by a factor is called in tokens."""

_OF = "select * from auth.mfa_factors where user_id = any(%s) order by created_at, id"
_ONE = "select * from auth.mfa_factors where id = %s and user_id = %s for update"
_FORGET_OLD = """
    delete from auth.mfa_factors f
    where user_id = %s and status = 'unverified'
      and created_at < now() - make_interval(secs => %s)
      and not exists (select from auth.mfa_challenges c where c.factor_id = f.id)
"""
_CREATE = """
    insert into auth.mfa_factors (
      id, user_id, friendly_name, factor_type, status, secret, created_at, updated_at
    ) values (%s, %s, %s, 'totp', 'unverified', %s, now(), now())
    returning *
"""
_CHALLENGE = """
    with challenge as (
      insert into auth.mfa_challenges (id, factor_id, ip_address, created_at)
      values (%(id)s, %(factor)s, %(ip)s, now())
      returning *
    ), factor as (
      update auth.mfa_factors set last_challenged_at = clock_timestamp() where id = %(factor)s
    )
    select id, extract(epoch from created_at)::bigint + %(seconds)s as expires_at from challenge
"""
_OPEN = """
    select *, created_at + make_interval(secs => %s) < now() as expired
    from auth.mfa_challenges where id = %s and factor_id = %s for update
"""
_VERIFY_CHALLENGE = "update auth.mfa_challenges set verified_at = now() where id = %s"
_VERIFY = """
    update auth.mfa_factors set status = 'verified', updated_at = now()
    where id = %s and status <> 'verified'
"""
_DELETE_UNVERIFIED = """
    delete from auth.mfa_factors
    where user_id = %s and status = 'unverified' and factor_type = %s
"""
_DELETE = "delete from auth.mfa_factors where id = %s"
_FORGET_METHOD = """
    delete from auth.mfa_amr_claims
    where authentication_method = %s
      and session_id in (select id from auth.sessions where user_id = %s and factor_id = %s)
"""
_DOWNGRADE = """
    update auth.sessions set aal = 'aal1', factor_id = null, updated_at = now()
    where user_id = %s and factor_id = %s
"""
_RENAME = """
    update auth.mfa_factors set friendly_name = %s, updated_at = now() where id = %s returning *
"""


async def of(conn: Connection, user_ids: list[UUID]) -> dict[UUID, list[Row]]:
    """Each user's factors, oldest first."""
    owned: dict[UUID, list[Row]] = defaultdict(list)
    async for row in await conn.execute(_OF, (user_ids,)):
        owned[row["user_id"]].append(row)
    return owned


async def protects(conn: Connection, user_id: UUID) -> bool:
    """Whether the user has a verified factor."""
    owned = (await of(conn, [user_id])).get(user_id, [])
    return any(factor["status"] == "verified" for factor in owned)


async def find(conn: Connection, user_id: UUID, factor_id: UUID) -> Row | None:
    """A factor of this user, locked."""
    return await (await conn.execute(_ONE, (factor_id, user_id))).fetchone()


async def current(conn: Connection, user_id: UUID) -> list[Row]:
    """The user's factors without those that were never finished."""
    await conn.execute(_FORGET_OLD, (user_id, _UNVERIFIED_SECONDS))
    return (await of(conn, [user_id])).get(user_id, [])


async def create(conn: Connection, user_id: UUID, name: str, secret: str) -> Row:
    """A TOTP factor, not yet verified."""
    values = (uuid4(), user_id, name, secret)
    row = await (await conn.execute(_CREATE, values)).fetchone()
    assert row is not None  # noqa: S101 - an insert returns its row
    return row


async def challenge(conn: Connection, factor_id: UUID, ip: str | None) -> Row:
    """A new challenge: its `id`, and `expires_at` in Unix seconds."""
    values = {"id": uuid4(), "factor": factor_id, "ip": ip, "seconds": CHALLENGE_SECONDS}
    row = await (await conn.execute(_CHALLENGE, values)).fetchone()
    assert row is not None  # noqa: S101 - an insert returns its row
    return row


async def find_challenge(conn: Connection, factor_id: UUID, challenge_id: UUID) -> Row | None:
    """A challenge of the factor, locked; `expired` says whether its time is over."""
    values = (CHALLENGE_SECONDS, challenge_id, factor_id)
    return await (await conn.execute(_OPEN, values)).fetchone()


async def verify(conn: Connection, factor: Row, challenge_id: UUID) -> None:
    """Close the challenge, verify the factor, and forget the user's unfinished ones."""
    await conn.execute(_VERIFY_CHALLENGE, (challenge_id,))
    await conn.execute(_VERIFY, (factor["id"],))
    await conn.execute(_DELETE_UNVERIFIED, (factor["user_id"], factor["factor_type"]))


async def delete(conn: Connection, factor: Row) -> None:
    """Remove the factor; sessions that it raised fall back to one factor."""
    owner = (factor["user_id"], factor["id"])
    await conn.execute(_DELETE, (factor["id"],))
    await conn.execute(_FORGET_METHOD, (METHODS[factor["factor_type"]], *owner))
    await conn.execute(_DOWNGRADE, owner)


async def rename(conn: Connection, factor: Row, name: str) -> Row:
    """The factor under another name."""
    row = await (await conn.execute(_RENAME, (name, factor["id"]))).fetchone()
    return row or factor


def show(factor: Row) -> Json:
    """The factor as clients know it, without its secret."""
    shown = {
        "id": str(factor["id"]),
        "friendly_name": factor["friendly_name"] or None,
        "factor_type": factor["factor_type"],
        "status": factor["status"],
        "phone": factor["phone"],
        "created_at": stamp(factor["created_at"]),
        "updated_at": stamp(factor["updated_at"]),
        "last_challenged_at": stamp(factor["last_challenged_at"]),
    }
    return {name: value for name, value in shown.items() if value is not None}
