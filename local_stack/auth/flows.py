"""PKCE (RFC 7636): flows that a client begins with a challenge and ends with its verifier."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from psycopg import sql

from local_stack.auth.context import Connection
from local_stack.auth.errors import AuthError, invalid
from local_stack.auth.rows import Row

PREFIX = "pkce_"
"""What the token of a link begins with if it gives a code instead of a session."""
LIFETIME = 300
"""Seconds from the beginning, or from the use of a magic link, to the exchange."""

_CHALLENGE = re.compile(r"[a-zA-Z0-9._~-]+")
_FORGET_OLD = "delete from auth.flow_state where created_at < now() - interval '1 day'"
_ISSUE = """
    update auth.flow_state set auth_code_issued_at = now(), updated_at = now()
    where id = (
      select id from auth.flow_state
      where user_id = %s and authentication_method = %s and auth_code is not null
      order by created_at desc limit 1
    )
    returning auth_code
"""
_BY_CODE = """
    select *,
      case when authentication_method = 'magiclink' then coalesce(auth_code_issued_at, created_at)
           else created_at end < now() - make_interval(secs => %s) as expired
    from auth.flow_state where auth_code = %s and user_id is not null for update
"""
_BY_ID = """
    select *, created_at < now() - make_interval(secs => %s) as expired
    from auth.flow_state where id = %s for update
"""
_ANSWER = """
    update auth.flow_state
    set user_id = %s, provider_access_token = %s, provider_refresh_token = %s,
        auth_code_issued_at = now(), updated_at = now()
    where id = %s
"""
_END = "delete from auth.flow_state where id = %s"


@dataclass(frozen=True)
class Challenge:
    """What only the holder of the verifier can answer."""

    text: str
    method: str
    """`s256` or `plain`."""

    @classmethod
    def of(cls, text: str, method: str) -> "Challenge | None":
        """The challenge in a request; None for the implicit flow.

        Raises:
            AuthError: 400, one of the two is missing, or cannot be used.
        """
        if bool(text) != bool(method):
            raise invalid("PKCE flow requires code_challenge_method and code_challenge")
        if not text:
            return None
        if not 43 <= len(text) <= 128:
            raise invalid("code challenge has to be between 43 and 128 characters")
        if not _CHALLENGE.fullmatch(text):
            raise invalid(
                "code challenge can only contain alphanumeric characters, hyphens, periods, "
                "underscores and tildes"
            )
        if method.lower() not in {"s256", "plain"}:
            raise invalid(f"unsupported code_challenge method {method[:40]!r}")
        return cls(text, method.lower())


async def begin(
    conn: Connection,
    challenge: Challenge | None,
    method: str,
    columns: Mapping[str, Any],
) -> UUID:
    """Remember a flow, by the authentication method that will end it; flows of yesterday are lost.

    `columns` are `user_id`, or for OAuth `provider_type`, `referrer`, `linking_target_id`.
    """
    await conn.execute(_FORGET_OLD)
    values = {"id": uuid4(), "authentication_method": method, "provider_type": method, **columns}
    if challenge is not None:
        values |= {
            "auth_code": str(uuid4()),
            "code_challenge": challenge.text,
            "code_challenge_method": challenge.method,
        }
    statement = sql.SQL(
        "insert into auth.flow_state ({}, created_at, updated_at) values ({}, now(), now())"
    ).format(
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(map(sql.Placeholder, values)),
    )
    await conn.execute(statement, values)
    flow_id: UUID = values["id"]
    return flow_id


async def issue_code(conn: Connection, user_id: UUID, method: str) -> str:
    """The code that the user's link gives instead of a session.

    Raises:
        AuthError: 400, the user has begun no such flow.
    """
    issued = await (await conn.execute(_ISSUE, (user_id, method))).fetchone()
    if issued is None:
        message = "No associated flow state found. No valid flow state found for user."
        raise AuthError(400, "flow_state_not_found", message)
    code: str = issued["auth_code"]
    return code


async def find(conn: Connection, state: str) -> Row:
    """The flow of an OAuth state, locked.

    Raises:
        AuthError: 400, there is none, it is too old, or was used.
    """
    try:
        flow_id = UUID(state)
    except ValueError as error:
        raise AuthError(400, "bad_oauth_state", "OAuth state parameter is invalid") from error
    flow = await (await conn.execute(_BY_ID, (LIFETIME, flow_id))).fetchone()
    if flow is None:
        raise AuthError(400, "bad_oauth_state", "OAuth state not found or expired")
    if flow["expired"]:
        raise AuthError(400, "bad_oauth_state", "OAuth state has expired")
    if flow["user_id"] is not None:
        raise AuthError(400, "flow_state_already_used", "State has already been used")
    return flow


async def answer(conn: Connection, flow: Row, user_id: UUID, tokens: tuple[str, str]) -> None:
    """Note who signed in; `tokens` are the provider's access and refresh token."""
    await conn.execute(_ANSWER, (user_id, *tokens, flow["id"]))


async def end(conn: Connection, flow: Row) -> None:
    """Forget a flow that gave its session at once."""
    await conn.execute(_END, (flow["id"],))


async def exchange(conn: Connection, code: str, verifier: str) -> Row:
    """End the flow of a code: its row.

    Raises:
        AuthError: 404 unknown or used, 422 too late, 400 not the verifier of the challenge.
    """
    flow = await (await conn.execute(_BY_CODE, (LIFETIME, code))).fetchone()
    if flow is None:
        message = "invalid flow state, no valid flow state found"
        raise AuthError(404, "flow_state_not_found", message)
    if flow["expired"]:
        message = "invalid flow state, flow state has expired"
        raise AuthError(422, "flow_state_expired", message)
    answer = _s256(verifier) if flow["code_challenge_method"] == "s256" else verifier
    if not hmac.compare_digest(answer.encode(), flow["code_challenge"].encode()):
        message = "code challenge does not match previously saved code verifier"
        raise AuthError(400, "bad_code_verifier", message)
    await conn.execute(_END, (flow["id"],))
    return flow


def _s256(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
