"""POST /invite and /admin/generate_link: what the service role mails, or hands over by itself."""

from aiohttp import web

from local_stack.auth import audit, mailed_tokens, redirects, signup, users
from local_stack.auth.context import CONTEXT, Connection, Context
from local_stack.auth.errors import AuthError, email_taken, invalid
from local_stack.auth.mailed_tokens import (
    EMAIL_CHANGE_CURRENT,
    EMAIL_CHANGE_NEW,
    INVITE,
    MAGIC_LINK,
    RECOVERY,
    SIGN_UP,
    Kind,
)
from local_stack.auth.rows import Row
from local_stack.auth.schemas import Invitation, LinkRequest, email_address, read

_KINDS = {
    "signup": SIGN_UP,
    "invite": INVITE,
    "magiclink": MAGIC_LINK,
    "recovery": RECOVERY,
    "email_change_current": EMAIL_CHANGE_CURRENT,
    "email_change_new": EMAIL_CHANGE_NEW,
}


async def invite(request: web.Request) -> web.Response:
    """Mail an invitation to an address that has no confirmed user: the user."""
    context = request.app[CONTEXT]
    params = await read(request, Invitation)
    email = email_address(params.email)
    async with context.transaction() as conn:
        user = await _invited(conn, email, params, request)
        pending = user | {INVITE.sent_at: None}  # an invitation waits for no other mail
        user = await mailed_tokens.send(context, conn, pending, INVITE, request)
        return web.json_response(await users.body(conn, user))


async def generate_link(request: web.Request) -> web.Response:
    """The link and code that would have been mailed, with the user they are for."""
    context = request.app[CONTEXT]
    params = await read(request, LinkRequest)
    email = email_address(params.email)
    if params.type not in _KINDS:
        raise invalid(f"Invalid email action link type requested: {params.type[:40]}")
    password_hash = await _password_hash(context, params)
    redirect_to = redirects.wanted(context.config, request)
    if params.redirect_to:
        redirect_to = redirects.allowed(context.config, params.redirect_to)
    async with context.transaction() as conn:
        user = await users.by_email(conn, email, lock=True)
        kind = _kind(params, user)
        user = await _prepared(conn, user, email, params, password_hash, request)
        recipient = await _recipient(context, conn, user, kind, params)
        minted = await mailed_tokens.mint(context, conn, user, kind, recipient, redirect_to)
        user = await users.save(conn, user["id"], {}, now=[kind.sent_at])
        properties = {
            "action_link": minted.link,
            "email_otp": minted.code,
            "hashed_token": minted.token_hash,
            "verification_type": "signup" if kind is SIGN_UP else params.type,
            "redirect_to": redirect_to,
        }
        return web.json_response(await users.body(conn, user) | properties)


async def _invited(conn: Connection, email: str, params: Invitation, request: web.Request) -> Row:
    user = await users.by_email(conn, email, lock=True)
    if user is not None and user["email_confirmed_at"]:
        raise email_taken()
    user = user or await signup.create(conn, email, "", params.data)
    traits = {"user_id": str(user["id"]), "user_email": email}
    await audit.record(conn, request, audit.SERVICE, "user_invited", traits)
    return await users.save(conn, user["id"], {}, now=["invited_at"])


async def _password_hash(context: Context, params: LinkRequest) -> str:
    if params.type != "signup":
        return ""
    if not params.password:
        raise invalid("Signup requires a valid password")
    context.passwords.require_strong(params.password)
    return await context.passwords.hash(params.password)


def _kind(params: LinkRequest, user: Row | None) -> Kind:
    if user is None and params.type == "magiclink":
        return SIGN_UP
    if user is None and params.type not in {"signup", "invite"}:
        raise AuthError(404, "user_not_found", "User with this email not found")
    return _KINDS[params.type]


async def _prepared(
    conn: Connection,
    user: Row | None,
    email: str,
    params: LinkRequest,
    password_hash: str,
    request: web.Request,
) -> Row:
    """The user whom the link is for, made if it is new."""
    if params.type == "invite":
        return await _invited(conn, email, params, request)
    if user is None:
        return await signup.create(conn, email, password_hash, params.data)
    if params.type == "signup" and user["email_confirmed_at"]:
        raise email_taken()
    if params.type == "signup":
        metadata = users.merged(user["raw_user_meta_data"], params.data)
        return await users.save(conn, user["id"], {"raw_user_meta_data": metadata})
    await audit.record(conn, request, user, "user_recovery_requested")
    return user


async def _recipient(
    context: Context, conn: Connection, user: Row, kind: Kind, params: LinkRequest
) -> str:
    """Whose mail the link stands for; a change of address is noted."""
    email: str = user["email"]
    if kind not in {EMAIL_CHANGE_CURRENT, EMAIL_CHANGE_NEW}:
        return email
    if kind is EMAIL_CHANGE_CURRENT and not context.config.email.double_confirm_changes:
        raise invalid("Enable secure email change to generate link for current email")
    new = email_address(params.new_email)
    if new != email and await users.by_email(conn, new):
        raise email_taken()
    columns = {"email_change": new, "email_change_confirm_status": 0}
    await users.save(conn, user["id"], columns)
    return new if kind is EMAIL_CHANGE_NEW else email
