"""GET and POST /verify: the link or the code of a mail is used."""

from urllib.parse import urlencode

from aiohttp import web

from local_stack.auth import identities, mailed_tokens, redirects, sessions, users
from local_stack.auth.context import CONTEXT, Connection, Context
from local_stack.auth.errors import AuthError, database_refusals, email_taken, invalid
from local_stack.auth.mailed_tokens import CONFIRMATION, EMAIL_CHANGE_CURRENT, EMAIL_CHANGE_NEW
from local_stack.auth.rows import Json, Row
from local_stack.auth.schemas import Verification, email_address, parse, read

_TOKEN_TYPES = {
    "signup": [CONFIRMATION],
    "email": [CONFIRMATION],
    "email_change": [EMAIL_CHANGE_NEW, EMAIL_CHANGE_CURRENT],
}
_ONE_OF_TWO = "Confirmation link accepted. Please proceed to confirm link sent to the other email"
_OAUTH_ERRORS = {400: "invalid_request", 401: "unauthorized_client", 403: "access_denied"}


async def verify_code(request: web.Request) -> web.Response:
    """A session for `email` and the code in `token`, or for a `token_hash`."""
    context = request.app[CONTEXT]
    context.limits.token_verifications.require(request)
    params = await read(request, Verification)
    _require_type(params)
    session = await _verify(context, params.type, _token_hash(params), request)
    return web.json_response(session or {"code": "200", "msg": _ONE_OF_TWO})


async def follow_link(request: web.Request) -> web.Response:
    """Back to the site, with the session or the error in the fragment."""
    context = request.app[CONTEXT]
    context.limits.token_verifications.require(request)
    params = parse(Verification, {name: request.query.get(name) for name in ("type", "token")})
    _require_type(params)
    if not params.token:
        raise invalid("Verify requires a token or a token hash")
    try:
        session = await _verify(context, params.type, params.token, request)
    except AuthError as error:
        fragment = _error_fragment(error)
    else:
        fragment = _session_fragment(session, params.type) if session else {"message": _ONE_OF_TWO}
    site = redirects.allowed(context.config, request.query.get("redirect_to", ""))
    location = f"{site.partition('#')[0]}#{urlencode(fragment | {'sb': ''})}"
    return web.Response(status=303, headers={"Location": location})


def _require_type(params: Verification) -> None:
    if not params.type:
        raise invalid("Verify requires a verification type")
    if params.type not in _TOKEN_TYPES:
        raise invalid("Unsupported verification type")


def _token_hash(params: Verification) -> str:
    if bool(params.token) == bool(params.token_hash):
        raise invalid("Verify requires either a token or a token hash")
    if params.token_hash:
        if params.email or params.phone:
            raise invalid("Only the token_hash and type should be provided")
        return params.token_hash
    if not params.email or params.phone:
        raise invalid("Only an email address or phone number should be provided on verify")
    return mailed_tokens.digest(email_address(params.email), params.token)


async def _verify(
    context: Context, verification: str, token_hash: str, request: web.Request
) -> Json | None:
    """A session, or None while the user's other address has to agree as well."""
    types = _TOKEN_TYPES[verification]
    async with context.transaction() as conn:
        user = await mailed_tokens.take(context, conn, token_hash, types)
        if user is None:
            raise AuthError(403, "otp_expired", "Token has expired or is invalid")
        if users.is_banned(user):
            raise AuthError(403, "user_banned", "User is banned")
        if await mailed_tokens.are_left(conn, user, types):
            await users.save(conn, user["id"], {"email_change_confirm_status": 1})
            return None
        with database_refusals("Error confirming user"):
            user = await _settle(conn, user, verification)
        return await sessions.start(context, conn, user, "otp", request)


async def _settle(conn: Connection, user: Row, verification: str) -> Row:
    if verification == "email_change":
        if await users.by_email(conn, user["email_change"]):
            raise email_taken()
        return await users.set_email(conn, user, user["email_change"])
    await identities.put_email(conn, user["id"], user["email"], verified=True)
    return await users.confirm(conn, user)


def _session_fragment(session: Json, verification: str) -> Json:
    names = ("access_token", "expires_at", "expires_in", "refresh_token", "token_type")
    return {name: session[name] for name in names} | {"type": verification}


def _error_fragment(error: AuthError) -> Json:
    return {
        "error": _OAUTH_ERRORS.get(error.status, "server_error"),
        "error_code": error.code,
        "error_description": error.message,
    }
