"""GET and PUT /user and POST /logout: what users do with their own account."""

from datetime import UTC, datetime, timedelta

from aiohttp import web

from local_stack.auth import mailed_tokens, sessions, users
from local_stack.auth.caller import Caller, require_user
from local_stack.auth.context import CONTEXT, Connection, Context
from local_stack.auth.errors import AuthError, database_refusals, email_taken, invalid
from local_stack.auth.rows import Row
from local_stack.auth.schemas import UserUpdate, email_address, read

_RECENT = timedelta(hours=24)


async def get_user(request: web.Request) -> web.Response:
    """The user of the access token."""
    context = request.app[CONTEXT]
    async with context.transaction() as conn:
        caller = await require_user(context, conn, request)
        return web.json_response(await users.body(conn, caller.user))


async def update_user(request: web.Request) -> web.Response:
    """The user after the change of its password, metadata or e-mail address."""
    context = request.app[CONTEXT]
    async with context.transaction() as conn:
        caller = await require_user(context, conn, request)
    params = await read(request, UserUpdate)
    _check(context, caller, params)
    password_hash = await _new_password(context, caller.user, params.password)
    async with context.transaction() as conn:
        caller = await require_user(context, conn, request, lock=True)
        with database_refusals("Error updating user"):
            if password_hash is not None:
                await users.set_password(conn, caller.user, password_hash)
                await sessions.end_all(conn, caller.user["id"], but=caller.session_id)
            user = await _update(context, conn, caller.user, params, request)
        return web.json_response(await users.body(conn, user))


async def log_out(request: web.Request) -> web.Response:
    """End this session, all, or all others; access tokens of ended sessions are void here."""
    context = request.app[CONTEXT]
    async with context.transaction() as conn:
        caller = await require_user(context, conn, request, lock=True)
        match request.query.get("scope", "") or "global", caller.session_id:
            case "local", session_id if session_id is not None:
                await sessions.end(conn, session_id)
            case "others", session_id if session_id is not None:
                await sessions.end_all(conn, caller.user["id"], but=session_id)
            case "global" | "local" | "others", _:
                await sessions.end_all(conn, caller.user["id"])
            case scope, _:
                raise invalid(f"Unsupported logout scope {scope!r}")
    return web.Response(status=204)


def _check(context: Context, caller: Caller, params: UserUpdate) -> None:
    if params.email:
        params.email = email_address(params.email)
    if params.phone:
        raise AuthError(400, "phone_provider_disabled", "Phone logins are disabled")
    if params.app_metadata is not None:
        message = "Updating app_metadata requires admin privileges"
        raise AuthError(403, "not_admin", message)
    if params.password is None:
        return
    context.passwords.require_strong(params.password)
    if caller.user["is_anonymous"] and not params.email:
        message = "Updating password of an anonymous user without an email is not allowed"
        raise AuthError(422, "validation_failed", message)
    if context.config.email.secure_password_change and not _signed_in_recently(caller):
        message = "Password update requires reauthentication"
        raise AuthError(400, "reauthentication_needed", message)


def _signed_in_recently(caller: Caller) -> bool:
    session = caller.session
    return session is not None and datetime.now(UTC) - session["created_at"] < _RECENT


async def _new_password(context: Context, user: Row, password: str | None) -> str | None:
    if password is None:
        return None
    if await context.passwords.matches(password, user["encrypted_password"]):
        message = "New password should be different from the old password."
        raise AuthError(422, "same_password", message)
    return await context.passwords.hash(password)


async def _update(
    context: Context, conn: Connection, user: Row, params: UserUpdate, request: web.Request
) -> Row:
    metadata = users.merged(user["raw_user_meta_data"], params.data or {})
    user = await users.save(conn, user["id"], {"raw_user_meta_data": metadata})
    if not params.email or params.email == user["email"]:
        return user
    if await users.by_email(conn, params.email):
        raise email_taken()
    if user["is_anonymous"] and context.autoconfirm:
        # As good as a sign-up; a permanent user proves a new address whatever config says.
        return await users.set_email(conn, user, params.email)
    return await mailed_tokens.send_email_change(context, conn, user, params.email, request)
