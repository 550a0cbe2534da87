"""GET and POST /verify: the link or the code of a mail is used."""

from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

from local_stack.auth import audit, flows, identities, mailed_tokens, redirects, sessions, users
from local_stack.auth.context import CONTEXT, Connection, Context
from local_stack.auth.errors import AuthError, database_refusals, email_taken, invalid
from local_stack.auth.mailed_tokens import (
    EMAIL_CHANGE_CURRENT,
    EMAIL_CHANGE_NEW,
    INVITE,
    MAGIC_LINK,
    RECOVERY,
    SIGN_UP,
)
from local_stack.auth.rows import Json, Row
from local_stack.auth.schemas import Verification, email_address, parse, read

_TOKEN_TYPES = {
    kind.verification: [kind.token_type] for kind in (SIGN_UP, INVITE, RECOVERY, MAGIC_LINK)
} | {
    "email": [SIGN_UP.token_type, MAGIC_LINK.token_type],
    "email_change": [EMAIL_CHANGE_NEW.token_type, EMAIL_CHANGE_CURRENT.token_type],
}
_PHONE_TYPES = {"sms", "phone_change"}
_METHODS = {kind.verification: kind.method for kind in (SIGN_UP, INVITE, RECOVERY, MAGIC_LINK)}
_ONE_OF_TWO = "Confirmation link accepted. Please proceed to confirm link sent to the other email"
_BAD_CODE = "Token has expired or is invalid"
_BAD_LINK = "Email link is invalid or has expired"
_OAUTH_ERRORS = {400: "invalid_request", 401: "unauthorized_client", 403: "access_denied"}


async def verify_code(request: web.Request) -> web.Response:
    """A session for `email` and the code in `token`, or for a `token_hash`."""
    context = request.app[CONTEXT]
    context.limits.token_verifications.require(request)
    params = await read(request, Verification)
    _require_type(params)
    hashes = _token_hashes(params)
    async with context.transaction() as conn:
        refusal = _BAD_LINK if params.token_hash else _BAD_CODE
        user = await _accept(context, conn, params.type, hashes, refusal, request)
        if user is None:
            return web.json_response({"code": "200", "msg": _ONE_OF_TWO})
        return web.json_response(await sessions.start(context, conn, user, "otp", request))


async def follow_link(request: web.Request) -> web.Response:
    """Back to the site, with the session or the error in the fragment, or a code in the query."""
    context = request.app[CONTEXT]
    context.limits.token_verifications.require(request)
    params = parse(Verification, {name: request.query.get(name) for name in ("type", "token")})
    _require_type(params)
    if not params.token:
        raise invalid("Verify requires a token or a token hash")
    pkce = params.token.startswith(flows.PREFIX)
    try:
        query, fragment = await _follow(context, params, request, pkce=pkce)
    except AuthError as error:
        fragment = error_parameters(error)
        query = fragment if pkce else {}
    site = redirects.allowed(context.config, request.query.get("redirect_to", ""))
    location = with_parameters(site, query, fragment)
    return web.Response(status=303, headers={"Location": location})


def with_parameters(site: str, query: Json, fragment: Json) -> str:
    """The site's address with more in its query, and another fragment unless that is empty."""
    parts = urlsplit(site)
    if query:
        known = parse_qsl(parts.query, keep_blank_values=True)
        kept = [(name, value) for name, value in known if name not in query]
        parts = parts._replace(query=urlencode([*kept, *query.items()]))
    if fragment:
        parts = parts._replace(fragment=urlencode(fragment | {"sb": ""}))
    return parts.geturl()


def session_parameters(session: Json) -> Json:
    """What of a session a fragment carries."""
    names = ("access_token", "expires_at", "expires_in", "refresh_token", "token_type")
    return {name: session[name] for name in names}


def error_parameters(error: AuthError) -> Json:
    """What a site is told of a refusal, as OAuth writes it."""
    return {
        "error": _OAUTH_ERRORS.get(error.status, "server_error"),
        "error_code": error.code,
        "error_description": error.message,
    }


async def _follow(
    context: Context, params: Verification, request: web.Request, *, pkce: bool
) -> tuple[Json, Json]:
    """Query and fragment of the address to go back to."""
    async with context.transaction() as conn:
        user = await _accept(context, conn, params.type, [params.token], _BAD_LINK, request)
        if user is None:
            message = {"message": _ONE_OF_TWO}
            return (message if pkce else {}), message
        if pkce:
            method = _METHODS.get(params.type, params.type)
            return {"code": await flows.issue_code(conn, user["id"], method)}, {}
        session = await sessions.start(context, conn, user, "otp", request)
        return {}, session_parameters(session) | {"type": params.type}


def _require_type(params: Verification) -> None:
    if not params.type:
        raise invalid("Verify requires a verification type")
    if params.type not in _TOKEN_TYPES and not (params.phone and params.type in _PHONE_TYPES):
        raise invalid("Unsupported verification type")


def _token_hashes(params: Verification) -> list[str]:
    if bool(params.token) == bool(params.token_hash):
        raise invalid("Verify requires either a token or a token hash")
    if params.token_hash:
        if params.email or params.phone:
            raise invalid("Only the token_hash and type should be provided")
        return [params.token_hash]
    if bool(params.email) == bool(params.phone):
        raise invalid("Only an email address or phone number should be provided on verify")
    if params.phone:
        _require_phone(params.phone)
        raise AuthError(403, "otp_expired", _BAD_CODE)  # no phone number is anybody's
    return mailed_tokens.hashes(email_address(params.email), params.token)


def _require_phone(text: str) -> None:
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdecimal() and 2 <= len(digits) <= 15):
        raise invalid("Invalid phone number format (E.164 required)")


async def _accept(
    context: Context,
    conn: Connection,
    verification: str,
    hashes: list[str],
    refusal: str,
    request: web.Request,
) -> Row | None:
    """The user whose token it is, or None while its other address has to agree as well."""
    types = _TOKEN_TYPES[verification]
    user = await mailed_tokens.take(context, conn, hashes, types)
    if user is None:
        raise AuthError(403, "otp_expired", refusal)
    if users.is_banned(user):
        raise AuthError(403, "user_banned", "User is banned")
    if verification == "email_change":
        if _needs_other(context, user):
            await users.save(conn, user["id"], {"email_change_confirm_status": 1})
            return None
        await audit.record(conn, request, user, "user_modified")
        return await _move(conn, user)
    action = "login" if user["email_confirmed_at"] else "user_signedup"
    await audit.record(conn, request, user, action, {"provider": "email"})
    return user if user["email_confirmed_at"] else await _confirm(conn, user)


def _needs_other(context: Context, user: Row) -> bool:
    """Whether this is the first of the two addresses that have to agree."""
    both = context.config.email.double_confirm_changes and not context.autoconfirm
    return both and bool(user["email"]) and user["email_change_confirm_status"] == 0


async def _move(conn: Connection, user: Row) -> Row:
    if await users.by_email(conn, user["email_change"]):
        raise email_taken()
    with database_refusals("Error confirming user"):
        return await users.set_email(conn, user, user["email_change"])


async def _confirm(conn: Connection, user: Row) -> Row:
    with database_refusals("Error confirming user"):
        await identities.put_email(conn, user["id"], user["email"], verified=True)
        return await users.confirm(conn, user)
