"""GET /authorize and /callback: signing in at a provider (OpenID Connect, code flow)."""

from uuid import UUID

from aiohttp import web

from local_stack.auth import external_accounts, flows, redirects, sessions, users
from local_stack.auth.context import CONTEXT, Connection, Context
from local_stack.auth.errors import AuthError, invalid
from local_stack.auth.flows import Challenge
from local_stack.auth.providers import Profile, Provider
from local_stack.auth.rows import Json, Row
from local_stack.auth.verification import error_parameters, session_parameters, with_parameters

_OURS = {
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "invite_token",
    "provider",
    "redirect_to",
    "redirect_uri",
    "response_type",
    "scope",
    "scopes",
    "skip_http_redirect",
    "state",
}
_DENIED = {"signup_disabled", "user_banned", "provider_email_needs_verification"}


async def authorize(request: web.Request) -> web.Response:
    """On to the provider."""
    request.app[CONTEXT].limits.sign_in_sign_ups.require(request)
    return web.Response(status=302, headers={"Location": await begin(request)})


async def begin(request: web.Request, linking_target: UUID | None = None) -> str:
    """The provider's address to go to; who signs in there is linked to the target if given.

    Raises:
        AuthError: 400, the provider is not on or the request makes no sense.
    """
    context = request.app[CONTEXT]
    query = request.query
    provider = _provider(context, query.get("provider", ""))
    challenge = Challenge.of(
        query.get("code_challenge", ""), query.get("code_challenge_method", "")
    )
    columns = {
        "provider_type": provider.name,
        "referrer": redirects.wanted(context.config, request),
        "linking_target_id": linking_target,
        "email_optional": provider.email_optional,
    }
    async with context.transaction() as conn:
        state = await flows.begin(conn, challenge, "oauth", columns)
    extra = {name: value for name, value in query.items() if name.lower() not in _OURS}
    scopes = query.get("scopes", "")
    return await provider.authorize_url(context.http, str(state), scopes, extra)


async def callback(request: web.Request) -> web.Response:
    """Back to the site, with the session in the fragment, or a code or the error in the query."""
    context = request.app[CONTEXT]
    context.limits.token_verifications.require(request)
    site = context.config.site_url
    try:
        flow = await _flow(context, request)
        site = flow["referrer"] or site
        location = with_parameters(site, *await _finish(context, flow, request))
    except AuthError as error:
        told = error_parameters(error)
        told |= {"error": "access_denied"} if error.code in _DENIED else {}
        location = with_parameters(site, told, told)
    return web.Response(status=302, headers={"Location": location})


def _provider(context: Context, name: str) -> Provider:
    if name not in context.config.external:
        raise invalid(f"Unsupported provider: Provider {name[:40]} could not be found")
    if name not in context.providers:
        raise invalid("Unsupported provider: provider is not enabled")
    return context.providers[name]


async def _flow(context: Context, request: web.Request) -> Row:
    state = request.query.get("state", "")
    if not state:
        raise AuthError(400, "bad_oauth_callback", "OAuth state parameter missing")
    async with context.transaction() as conn:
        return await flows.find(conn, state)


async def _finish(context: Context, flow: Row, request: web.Request) -> tuple[Json, Json]:
    """Query and fragment of the address to go back to."""
    query = request.query
    if query.get("error"):
        refusal = query.get("error_description") or query["error"]
        raise AuthError(403, "bad_oauth_callback", refusal[:500])
    if not query.get("code"):
        message = "OAuth callback with missing authorization code missing"
        raise AuthError(400, "bad_oauth_callback", message)
    provider = _provider(context, flow["provider_type"])
    # No connection is held meanwhile: the provider takes its time.
    profile = await provider.profile(context.http, query["code"])
    async with context.transaction() as conn:
        flow = await flows.find(conn, str(flow["id"]))
        user = await _sign_in(context, conn, flow, provider, profile, request)
        if user["email"] and user["email_confirmed_at"] is None:
            answer = None
        else:
            answer = await _answer(context, conn, flow, user, profile, request)
    if answer is None:  # said only after the commit: the user and its mail must last
        message = (
            f"Unverified email with {provider.name}. "
            f"A confirmation email has been sent to your {provider.name} email"
        )
        raise AuthError(422, "provider_email_needs_verification", message)
    return answer


async def _sign_in(
    context: Context,
    conn: Connection,
    flow: Row,
    provider: Provider,
    profile: Profile,
    request: web.Request,
) -> Row:
    if flow["linking_target_id"] is None:
        return await external_accounts.admit(context, conn, provider, profile, request)
    target = await users.by_id(conn, flow["linking_target_id"], lock=True)
    if target is None:
        raise AuthError(422, "user_not_found", "Linking target user not found")
    return await external_accounts.link(context, conn, target, provider, profile, request)


async def _answer(
    context: Context,
    conn: Connection,
    flow: Row,
    user: Row,
    profile: Profile,
    request: web.Request,
) -> tuple[Json, Json]:
    if flow["auth_code"]:
        tokens = (profile.access_token, profile.refresh_token)
        await flows.answer(conn, flow, user["id"], tokens)
        return {"code": flow["auth_code"]}, {}
    await flows.end(conn, flow)
    session = session_parameters(await sessions.start(context, conn, user, "oauth", request))
    session["provider_token"] = profile.access_token
    if profile.refresh_token:
        session["provider_refresh_token"] = profile.refresh_token
    return {}, session
