"""One-time tokens that are mailed: a link and a code that prove who reads an e-mail address."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import uuid4

from aiohttp import web

from local_stack.auth import redirects, users
from local_stack.auth.context import Connection, Context
from local_stack.auth.errors import AuthError
from local_stack.auth.rows import Row

CONFIRMATION = "confirmation_token"
EMAIL_CHANGE_NEW = "email_change_token_new"
EMAIL_CHANGE_CURRENT = "email_change_token_current"

_PUT = """
    insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
    values (%s, %s, %s, %s, %s)
    on conflict (user_id, token_type) do update
    set token_hash = excluded.token_hash, relates_to = excluded.relates_to,
        created_at = now(), updated_at = now()
"""
_OWNER = """
    select user_id from auth.one_time_tokens
    where token_hash = %s and token_type::text = any(%s)
"""
_TAKE = """
    delete from auth.one_time_tokens
    where user_id = %s and token_hash = %s and token_type::text = any(%s)
      and created_at > now() - make_interval(secs => %s)
    returning token_type
"""
_LEFT = """
    select exists (
      select from auth.one_time_tokens where user_id = %s and token_type::text = any(%s)
    ) as any
"""


def digest(email: str, code: str) -> str:
    """What is stored, and what the link carries: the code is never kept."""
    return hashlib.sha224(f"{email}{code}".encode()).hexdigest()


async def send_confirmation(
    context: Context, conn: Connection, user: Row, request: web.Request
) -> Row:
    """Mail the new user what confirms its address.

    Raises:
        AuthError: 429, the last mail is too fresh.
    """
    _require_pause(context, user["confirmation_sent_at"])
    link_type = (CONFIRMATION, "signup", "Confirm your signup")
    await _send(context, conn, user, user["email"], link_type, request)
    return await users.save(conn, user["id"], {}, now=["confirmation_sent_at"])


async def send_email_change(
    context: Context, conn: Connection, user: Row, email: str, request: web.Request
) -> Row:
    """Mail the new address, and the present one if config wants both to agree.

    Raises:
        AuthError: 429, the last mail is too fresh.
    """
    _require_pause(context, user["email_change_sent_at"])
    subject = "Confirm email change"
    new = (EMAIL_CHANGE_NEW, "email_change", subject)
    await _send(context, conn, user, email, new, request)
    if context.config.email.double_confirm_changes and user["email"]:
        current = (EMAIL_CHANGE_CURRENT, "email_change", subject)
        await _send(context, conn, user, user["email"], current, request)
    columns = {"email_change": email, "email_change_confirm_status": 0}
    return await users.save(conn, user["id"], columns, now=["email_change_sent_at"])


async def take(context: Context, conn: Connection, token_hash: str, types: list[str]) -> Row | None:
    """Use a token up: its user, locked; or None if it is unknown, used, or expired."""
    owner = await (await conn.execute(_OWNER, (token_hash, types))).fetchone()
    user = await users.by_id(conn, owner["user_id"], lock=True) if owner else None
    if user is None:
        return None
    expiry = context.config.email.otp_expiry
    taken = await conn.execute(_TAKE, (user["id"], token_hash, types, expiry))
    return user if await taken.fetchone() else None


async def are_left(conn: Connection, user: Row, types: list[str]) -> bool:
    """Whether other tokens of these types still wait to be used."""
    found = await (await conn.execute(_LEFT, (user["id"], types))).fetchone()
    return found is not None and bool(found["any"])


async def _send(
    context: Context,
    conn: Connection,
    user: Row,
    recipient: str,
    link_type: tuple[str, str, str],
    request: web.Request,
) -> None:
    token_type, verification, subject = link_type
    length = context.config.email.otp_length
    code = "".join(str(secrets.randbelow(10)) for _ in range(length))
    token_hash = digest(recipient, code)
    await conn.execute(_PUT, (uuid4(), user["id"], token_type, token_hash, recipient))
    wanted = request.headers.get("redirect_to") or request.query.get("redirect_to", "")
    query = {
        "token": token_hash,
        "type": verification,
        "redirect_to": redirects.allowed(context.config, wanted),
    }
    link = f"{context.url}/verify?{urlencode(query)}"
    await context.mailer.send_link(recipient, subject, link, code)


def _require_pause(context: Context, sent_at: datetime | None) -> None:
    if sent_at is None:
        return
    pause = timedelta(seconds=context.config.email.max_frequency)
    left = (sent_at + pause - datetime.now(UTC)).total_seconds()
    if left > 0:
        message = f"For security purposes, you can only request this after {left:.0f} seconds."
        raise AuthError(429, "over_email_send_rate_limit", message)
