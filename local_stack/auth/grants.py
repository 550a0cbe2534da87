"""POST /token: a session for a password, a refresh token, or the code of a PKCE flow."""

from aiohttp import web

from local_stack.auth import audit, flows, refresh, sessions, users
from local_stack.auth.context import CONTEXT, Context
from local_stack.auth.errors import AuthError, WeakPasswordError, invalid
from local_stack.auth.rows import Json, Row
from local_stack.auth.schemas import PasswordGrant, PkceGrant, RefreshTokenGrant, read


async def grant(request: web.Request) -> web.Response:
    """The session that the grant named in the query gives."""
    context = request.app[CONTEXT]
    match request.query.get("grant_type"):
        case "password":
            context.limits.sign_in_sign_ups.require(request)
            return web.json_response(await _by_password(context, request))
        case "refresh_token":
            context.limits.token_refresh.require(request)
            return web.json_response(await _by_refresh_token(context, request))
        case "pkce":
            context.limits.token_verifications.require(request)
            return web.json_response(await _by_code(context, request))
        case "id_token":
            raise AuthError(400, "provider_disabled", "Sign-in with an ID token is not enabled")
        case "web3":
            raise AuthError(422, "web3_provider_disabled", "Web3 provider is disabled")
        case _:
            raise AuthError(400, "invalid_credentials", "unsupported_grant_type")


async def _by_refresh_token(context: Context, request: web.Request) -> Json:
    params = await read(request, RefreshTokenGrant)
    if not params.refresh_token:
        raise invalid("refresh_token required")
    return await refresh.refresh(context, request, params.refresh_token)


async def _by_code(context: Context, request: web.Request) -> Json:
    params = await read(request, PkceGrant)
    if not params.auth_code or not params.code_verifier:
        message = "both auth code and code verifier should be non-empty"
        raise invalid(f"invalid request: {message}")
    async with context.transaction() as conn:
        flow = await flows.exchange(conn, params.auth_code, params.code_verifier)
        user = await users.by_id(conn, flow["user_id"], lock=True)
        if user is None:
            raise users.not_found()
        if users.is_banned(user):
            raise AuthError(403, "user_banned", "User is banned")
        traits = {"provider_type": flow["provider_type"]}
        await audit.record(conn, request, user, "login", traits)
        method = flow["authentication_method"]
        session = await sessions.start(context, conn, user, method, request)
    tokens = {name: flow[name] for name in ("provider_access_token", "provider_refresh_token")}
    return session | {n.replace("access_", ""): token for n, token in tokens.items() if token}


async def _by_password(context: Context, request: web.Request) -> Json:
    params = await read(request, PasswordGrant)
    _require_email(context, params)
    async with context.transaction() as conn:
        user = await users.by_email(conn, params.email)
    # No connection is held meanwhile: bcrypt takes its time.
    known = user["encrypted_password"] if user else None
    if not await context.passwords.matches(params.password, known) or user is None:
        raise _invalid_credentials()
    async with context.transaction() as conn:
        locked = await users.by_id(conn, user["id"], lock=True)
        if locked is None or locked["encrypted_password"] != known:
            raise _invalid_credentials()
        _require_admissible(locked)
        await audit.record(conn, request, locked, "login", {"provider": "email"})
        session = await sessions.start(context, conn, locked, "password", request)
    return session | _weakness(context, params.password)


def _require_email(context: Context, params: PasswordGrant) -> None:
    if params.email and params.phone:
        raise invalid("Only an email address or phone number should be provided on login.")
    if params.phone:
        raise AuthError(422, "phone_provider_disabled", "Phone logins are disabled")
    if not params.email:
        raise invalid("missing email or phone")
    if not context.config.email.enabled:
        raise AuthError(422, "email_provider_disabled", "Email logins are disabled")


def _require_admissible(user: Row) -> None:
    """Asked after the password, so that only its owner learns the answer."""
    if users.is_banned(user):
        raise AuthError(400, "user_banned", "User is banned")
    if user["email_confirmed_at"] is None:
        raise AuthError(400, "email_not_confirmed", "Email not confirmed")


def _weakness(context: Context, password: str) -> Json:
    """A note that today's rules would refuse the password."""
    try:
        context.passwords.require_strong(password)
    except WeakPasswordError as error:
        return {"weak_password": {"message": error.message, "reasons": error.reasons}}
    return {}


def _invalid_credentials() -> AuthError:
    return AuthError(400, "invalid_credentials", "Invalid login credentials")
