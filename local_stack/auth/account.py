"""GET and PUT /user, POST /logout and GET /reauthenticate: users with their own account."""

from datetime import UTC, datetime, timedelta

from aiohttp import web

from local_stack.auth import audit, factors, mailed_tokens, sessions, users
from local_stack.auth.caller import Caller, require_user
from local_stack.auth.context import CONTEXT, Connection, Context
from local_stack.auth.errors import AuthError, database_refusals, email_taken, invalid
from local_stack.auth.flows import Challenge
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
        protected = await factors.protects(conn, caller.user["id"])
    params = await read(request, UserUpdate)
    if params.nonce:
        context.limits.token_verifications.require(request)
    _check(context, caller, params)
    if protected and not caller.has_second_factor and _touches_sign_in(caller.user, params):
        message = "AAL2 session is required to update email or password when MFA is enabled."
        raise AuthError(401, "insufficient_aal", message)
    password_hash = await _new_password(context, caller.user, params.password)
    async with context.transaction() as conn:
        caller = await require_user(context, conn, request, lock=True)
        with database_refusals("Error updating user"):
            if password_hash is not None:
                await _require_nonce(context, conn, caller, params)
                await audit.record(conn, request, caller.user, "user_updated_password")
                await users.set_password(conn, caller.user, password_hash)
                await sessions.end_all(conn, caller.user["id"], but=caller.session_id)
            user = await _update(context, conn, caller.user, params, request)
        await audit.record(conn, request, user, "user_modified")
        return web.json_response(await users.body(conn, user))


async def log_out(request: web.Request) -> web.Response:
    """End this session, all, or all others; access tokens of ended sessions are void here."""
    context = request.app[CONTEXT]
    async with context.transaction() as conn:
        caller = await require_user(context, conn, request, lock=True)
        await audit.record(conn, request, caller.user, "logout")
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


async def reauthenticate(request: web.Request) -> web.Response:
    """Mail the user the nonce that a change of the password may ask for."""
    context = request.app[CONTEXT]
    async with context.transaction() as conn:
        user = (await require_user(context, conn, request, lock=True)).user
        if not user["email"]:
            raise invalid("Reauthentication requires the user to have an email or a phone number")
        if user["email_confirmed_at"] is None:
            raise AuthError(422, "email_not_confirmed", "Please verify your email first.")
        await audit.record(conn, request, user, "user_reauthenticate_requested")
        await mailed_tokens.send(context, conn, user, mailed_tokens.REAUTHENTICATION, request)
    return web.json_response({})


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
    if _needs_nonce(context, caller) and not params.nonce:
        message = "Password update requires reauthentication"
        raise AuthError(400, "reauthentication_needed", message)


def _touches_sign_in(user: Row, params: UserUpdate) -> bool:
    return bool(params.password) or bool(params.email and params.email != user["email"])


def _needs_nonce(context: Context, caller: Caller) -> bool:
    session = caller.session
    recent = session is not None and datetime.now(UTC) - session["created_at"] < _RECENT
    return context.config.email.secure_password_change and not recent


async def _require_nonce(
    context: Context, conn: Connection, caller: Caller, params: UserUpdate
) -> None:
    if not _needs_nonce(context, caller):
        return
    hashes = mailed_tokens.hashes(caller.user["email"] or "", params.nonce)
    types = [mailed_tokens.REAUTHENTICATION.token_type]
    owner = await mailed_tokens.take(context, conn, hashes, types)
    if owner is None or owner["id"] != caller.user["id"]:
        message = "Nonce has expired or is invalid"
        raise AuthError(422, "reauthentication_not_valid", message)


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
    challenge = Challenge.of(params.code_challenge, params.code_challenge_method)
    return await mailed_tokens.send_email_change(
        context, conn, user, params.email, request, challenge
    )
