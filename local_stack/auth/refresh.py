"""The rotation of refresh tokens: one use each, forgiving lost replies, unforgiving of theft."""

from uuid import UUID

from aiohttp import web

from local_stack.auth import audit, sessions, users
from local_stack.auth.context import Connection, Context
from local_stack.auth.errors import AuthError
from local_stack.auth.rows import Json, Row

_OWNER = """
    select user_id::uuid as user_id, session_id from auth.refresh_tokens
    where token = %s and session_id is not null
"""
_SESSION = """
    select *, coalesce(not_after < now(), false) as expired
    from auth.sessions where id = %s for update
"""
_STATE = """
    select token, revoked, updated_at + make_interval(secs => %s) < now() as too_late
    from auth.refresh_tokens where token = %s
"""
_ACTIVE = """
    select token, parent from auth.refresh_tokens
    where session_id = %s and not revoked order by id desc limit 1
"""
# A token that is used again keeps the time of its first use: the interval cannot be stretched.
_REVOKE = """
    update auth.refresh_tokens set revoked = true, updated_at = now()
    where token = %s and not revoked
"""
_REVOKE_FAMILY = """
    update auth.refresh_tokens set revoked = true, updated_at = now()
    where session_id = %s and not revoked
"""
_TOUCH = """
    update auth.sessions
    set refreshed_at = now() at time zone 'utc', updated_at = now(), user_agent = %s, ip = %s
    where id = %s
"""


async def refresh(context: Context, request: web.Request, token: str) -> Json:
    """The session that the refresh token continues.

    Raises:
        AuthError: 400, the token is unknown, was used before, or its session or user may not go on.
    """
    async with context.transaction() as conn:
        user, session = await _lock_owner(conn, token)
        successor = await _successor(context, conn, session, token)
        if successor is not None:
            await conn.execute(_TOUCH, (sessions.agent(request), request.remote, session["id"]))
            user = await users.save(conn, user["id"], {}, now=["last_sign_in_at"])
            await audit.record(conn, request, user, "token_refreshed")
            method = "token_refresh"
            return await sessions.issue(context, conn, user, session, successor, method)
    # Said only after the commit: the family's end must last.
    raise _invalid("refresh_token_already_used", "Already Used")


async def swap(conn: Connection, session: Row) -> str:
    """Replace the session's active refresh token: who still holds the old one gets the new one."""
    active = await (await conn.execute(_ACTIVE, (session["id"],))).fetchone()
    parent: str = active["token"] if active else ""
    await conn.execute(_REVOKE, (parent,))
    return await sessions.add_refresh_token(conn, session, parent=parent)


async def _lock_owner(conn: Connection, token: str) -> tuple[Row, Row]:
    """The user and session of a token, locked in the order that every other writer follows."""
    owner = await (await conn.execute(_OWNER, (token,))).fetchone()
    if owner is None:
        raise _invalid("refresh_token_not_found", "Refresh Token Not Found")
    user_id: UUID = owner["user_id"]
    user = await users.by_id(conn, user_id, lock=True)
    session = await (await conn.execute(_SESSION, (owner["session_id"],))).fetchone()
    if user is None or session is None:
        raise _invalid("refresh_token_not_found", "Refresh Token Not Found")
    if users.is_banned(user):
        raise _invalid("user_banned", "User Banned")
    if session["expired"]:
        raise _invalid("session_expired", "Session Expired")
    return user, session


async def _successor(context: Context, conn: Connection, session: Row, token: str) -> str | None:
    """The refresh token to hand out for this one, or None if it was stolen or its family ended."""
    interval = context.config.refresh_token_reuse_interval
    used = await (await conn.execute(_STATE, (interval, token))).fetchone()
    active = await (await conn.execute(_ACTIVE, (session["id"],))).fetchone()
    if used is None or active is None:
        return None
    if used["revoked"] and active["parent"] == token:
        # The client never saw the reply to its last refresh, or another tab was faster.
        successor: str = active["token"]
        return successor
    if used["revoked"] and used["too_late"]:
        if context.config.enable_refresh_token_rotation:
            await conn.execute(_REVOKE_FAMILY, (session["id"],))
        return None
    await conn.execute(_REVOKE, (token,))
    return await sessions.add_refresh_token(conn, session, parent=token)


def _invalid(code: str, reason: str) -> AuthError:
    return AuthError(400, code, f"Invalid Refresh Token: {reason}")
