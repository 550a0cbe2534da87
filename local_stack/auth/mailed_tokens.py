"""One-time tokens that are mailed: a link and a code that prove who reads an e-mail address."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import uuid4

from aiohttp import web

from local_stack.auth import flows, redirects, users
from local_stack.auth.context import Connection, Context
from local_stack.auth.errors import AuthError
from local_stack.auth.flows import Challenge
from local_stack.auth.rows import Row


@dataclass(frozen=True)
class Kind:
    """What a mail is for, as the table, the link, the templates and the user's row name it."""

    token_type: str
    verification: str
    template: str
    sent_at: str

    @property
    def method(self) -> str:
        """How a sign-in by this mail is called in a PKCE flow."""
        return "email/signup" if self.verification == "signup" else self.verification


SIGN_UP = Kind("confirmation_token", "signup", "confirmation", "confirmation_sent_at")
INVITE = Kind("confirmation_token", "invite", "invite", "confirmation_sent_at")
RECOVERY = Kind("recovery_token", "recovery", "recovery", "recovery_sent_at")
MAGIC_LINK = Kind("recovery_token", "magiclink", "magic_link", "recovery_sent_at")
REAUTHENTICATION = Kind(
    "reauthentication_token", "reauthentication", "reauthentication", "reauthentication_sent_at"
)
EMAIL_CHANGE_NEW = Kind(
    "email_change_token_new", "email_change", "email_change", "email_change_sent_at"
)
EMAIL_CHANGE_CURRENT = Kind(
    "email_change_token_current", "email_change", "email_change", "email_change_sent_at"
)

_PUT = """
    insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
    values (%s, %s, %s, %s, %s)
    on conflict (user_id, token_type) do update
    set token_hash = excluded.token_hash, relates_to = excluded.relates_to,
        created_at = now(), updated_at = now()
"""
_OWNER = """
    select user_id from auth.one_time_tokens
    where token_hash = any(%s) and token_type::text = any(%s)
"""
_TAKE = """
    delete from auth.one_time_tokens
    where user_id = %s and token_hash = any(%s) and token_type::text = any(%s)
      and created_at > now() - make_interval(secs => %s)
    returning token_type
"""


@dataclass(frozen=True)
class Minted:
    """A new token: the code to type in, its hash as stored, and the link that carries the hash."""

    code: str
    token_hash: str
    link: str
    redirect_to: str


def hashes(email: str, code: str) -> list[str]:
    """What may be stored for a code, which is never kept itself: of the implicit and PKCE flow."""
    digest = hashlib.sha224(f"{email}{code}".encode()).hexdigest()
    return [digest, flows.PREFIX + digest]


async def send(
    context: Context,
    conn: Connection,
    user: Row,
    kind: Kind,
    request: web.Request,
    challenge: Challenge | None = None,
) -> Row:
    """Mail the user a new token; with a challenge its link gives a code to exchange.

    Raises:
        AuthError: 429, the last mail is too fresh, or the project has sent too many.
    """
    _require_pause(context, user[kind.sent_at])
    await _begin(conn, challenge, kind, user)
    await _mail(context, conn, user, kind, user["email"], request, challenge)
    return await users.save(conn, user["id"], {}, now=[kind.sent_at])


async def send_email_change(
    context: Context,
    conn: Connection,
    user: Row,
    email: str,
    request: web.Request,
    challenge: Challenge | None = None,
) -> Row:
    """Mail the new address, and the present one if config wants both to agree.

    Raises:
        AuthError: 429, the last mail is too fresh, or the project has sent too many.
    """
    _require_pause(context, user["email_change_sent_at"])
    await _begin(conn, challenge, EMAIL_CHANGE_NEW, user)
    columns = {"email_change": email, "email_change_confirm_status": 0}
    user = await users.save(conn, user["id"], columns, now=["email_change_sent_at"])
    await _mail(context, conn, user, EMAIL_CHANGE_NEW, email, request, challenge)
    if context.config.email.double_confirm_changes and user["email"]:
        current: str = user["email"]
        await _mail(context, conn, user, EMAIL_CHANGE_CURRENT, current, request, challenge)
    return user


async def mint(
    context: Context,
    conn: Connection,
    user: Row,
    kind: Kind,
    recipient: str,
    redirect_to: str,
    *,
    pkce: bool = False,
) -> Minted:
    """A new token of the user; the last one of the same type is void."""
    length = context.config.email.otp_length
    code = "".join(str(secrets.randbelow(10)) for _ in range(length))
    token_hash = hashes(recipient, code)[pkce]
    await conn.execute(_PUT, (uuid4(), user["id"], kind.token_type, token_hash, recipient))
    query = {"token": token_hash, "type": kind.verification, "redirect_to": redirect_to}
    return Minted(code, token_hash, f"{context.url}/verify?{urlencode(query)}", redirect_to)


async def take(
    context: Context, conn: Connection, token_hashes: list[str], types: list[str]
) -> Row | None:
    """Use a token up: its user, locked; or None if it is unknown, used, or expired."""
    owner = await (await conn.execute(_OWNER, (token_hashes, types))).fetchone()
    user = await users.by_id(conn, owner["user_id"], lock=True) if owner else None
    if user is None:
        return None
    expiry = context.config.email.otp_expiry
    taken = await conn.execute(_TAKE, (user["id"], token_hashes, types, expiry))
    return user if await taken.fetchone() else None


async def _begin(conn: Connection, challenge: Challenge | None, kind: Kind, user: Row) -> None:
    if challenge is not None:
        await flows.begin(conn, challenge, kind.method, {"user_id": user["id"]})


async def _mail(
    context: Context,
    conn: Connection,
    user: Row,
    kind: Kind,
    recipient: str,
    request: web.Request,
    challenge: Challenge | None,
) -> None:
    if not context.autoconfirm and not context.limits.emails.allow("project"):
        raise AuthError(429, "over_email_send_rate_limit", "email rate limit exceeded")
    redirect_to = redirects.wanted(context.config, request)
    pkce = challenge is not None
    minted = await mint(context, conn, user, kind, recipient, redirect_to, pkce=pkce)
    values = {
        "ConfirmationURL": minted.link,
        "Token": minted.code,
        "TokenHash": minted.token_hash,
        "SiteURL": context.config.site_url,
        "Email": user["email"] or "",
        "NewEmail": user["email_change"] or "",
        "RedirectTo": redirect_to,
        "Data": user["raw_user_meta_data"] or {},
    }
    await context.mailer.send(recipient, kind.template, values)


def _require_pause(context: Context, sent_at: datetime | None) -> None:
    if sent_at is None:
        return
    pause = timedelta(seconds=context.config.email.max_frequency)
    left = (sent_at + pause - datetime.now(UTC)).total_seconds()
    if left > 0:
        message = f"For security purposes, you can only request this after {left:.0f} seconds."
        raise AuthError(429, "over_email_send_rate_limit", message)
