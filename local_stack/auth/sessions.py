"""Sessions and their tokens: started by a sign-in, kept by rotating refresh tokens, ended."""

import secrets
import string
from uuid import UUID, uuid4

from aiohttp import web

from local_stack.auth import hooks, users
from local_stack.auth.context import Connection, Context
from local_stack.auth.rows import Json, Row
from local_stack.tokens import now

_TOKEN_ALPHABET = string.ascii_lowercase + string.digits
_TOKEN_LENGTH = 12

_CREATE = """
    insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip)
    values (%s, %s, now(), now(), 'aal1', %s, %s)
    returning *
"""
_ADD_METHOD = """
    insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
    values (%s, %s, now(), now(), %s)
    on conflict (session_id, authentication_method) do update set updated_at = now()
"""
_ADD_FACTOR = """
    update auth.sessions set aal = 'aal2', factor_id = %s, updated_at = now()
    where id = %s returning *
"""
_END_WEAKER = "delete from auth.sessions where user_id = %s and aal < 'aal2'"
_METHODS = """
    select authentication_method as method,
      floor(extract(epoch from updated_at))::bigint as timestamp
    from auth.mfa_amr_claims where session_id = %s order by updated_at desc
"""
_CONTINUE = """
    insert into auth.refresh_tokens (
      instance_id, token, user_id, revoked, parent, session_id, created_at, updated_at
    ) values (%s, %s, %s, false, %s, %s, now(), now())
"""
_END = "delete from auth.sessions where id = %s"
_END_OTHERS = "delete from auth.sessions where user_id = %s and id is distinct from %s"


async def start(
    context: Context, conn: Connection, user: Row, method: str, request: web.Request
) -> Json:
    """Sign the user in by a method, such as `password` or `otp`: the session body."""
    row = (uuid4(), user["id"], agent(request), request.remote)
    session = await (await conn.execute(_CREATE, row)).fetchone()
    assert session is not None  # noqa: S101 - an insert returns its row
    await conn.execute(_ADD_METHOD, (uuid4(), session["id"], method))
    token = await add_refresh_token(conn, session)
    user = await users.save(conn, user["id"], {}, now=["last_sign_in_at"])
    return await issue(context, conn, user, session, token, method)


async def issue(
    context: Context,
    conn: Connection,
    user: Row,
    session: Row,
    refresh_token: str,
    method: str,
) -> Json:
    """The session body: a new access token with the current claims, and the refresh token.

    Raises:
        AuthError: the hook that may change the claims refuses, or returns none that will do.
    """
    issued_at = now()
    lifetime = context.config.jwt_expiry
    claims = {
        "iss": context.url,
        "sub": str(user["id"]),
        "aud": user["aud"],
        "exp": issued_at + lifetime,
        "iat": issued_at,
        "email": user["email"] or "",
        "phone": user["phone"] or "",
        "app_metadata": user["raw_app_meta_data"] or {},
        "user_metadata": user["raw_user_meta_data"] or {},
        "role": user["role"] or "",
        "aal": session["aal"],
        "amr": await (await conn.execute(_METHODS, (session["id"],))).fetchall(),
        "session_id": str(session["id"]),
        "is_anonymous": user["is_anonymous"],
    }
    return {
        "access_token": context.tokens.sign(
            await hooks.custom_claims(context.token_hook, conn, user["id"], claims, method)
        ),
        "token_type": "bearer",
        "expires_in": lifetime,
        "expires_at": issued_at + lifetime,
        "refresh_token": refresh_token,
        "user": await users.body(conn, user),
    }


async def add_refresh_token(conn: Connection, session: Row, parent: str = "") -> str:
    """A new active refresh token of the session; `parent` is the one it replaces."""
    token = "".join(secrets.choice(_TOKEN_ALPHABET) for _ in range(_TOKEN_LENGTH))
    owner = str(session["user_id"])
    await conn.execute(_CONTINUE, (users.INSTANCE, token, owner, parent, session["id"]))
    return token


async def add_factor(conn: Connection, session: Row, factor_id: UUID, method: str) -> Row:
    """Raise the session to two factors."""
    await conn.execute(_ADD_METHOD, (uuid4(), session["id"], method))
    raised = await (await conn.execute(_ADD_FACTOR, (factor_id, session["id"]))).fetchone()
    return raised or session


async def end_weaker(conn: Connection, user_id: UUID) -> None:
    """Sign the user out of every session of one factor."""
    await conn.execute(_END_WEAKER, (user_id,))


async def end(conn: Connection, session_id: UUID) -> None:
    """Sign out of one session; its refresh tokens go with it."""
    await conn.execute(_END, (session_id,))


async def end_all(conn: Connection, user_id: UUID, but: UUID | None = None) -> None:
    """Sign the user out of every session, or of every other one."""
    await conn.execute(_END_OTHERS, (user_id, but))


def agent(request: web.Request) -> str:
    """The client's own name; a header may hold bytes that are no text."""
    return request.headers.get("User-Agent", "").encode(errors="replace").decode()
