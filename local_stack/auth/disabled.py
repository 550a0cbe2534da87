"""What Supabase Auth can do and this one does not: answered as by a project that has it off."""

from aiohttp import web
from aiohttp.typedefs import Handler

from local_stack.auth.errors import AuthError

_OFF = {
    "/sso": ("saml_provider_disabled", "SAML 2.0 is disabled"),
    "/passkeys": ("passkey_disabled", "Passkeys are disabled"),
    "/oauth": ("feature_disabled", "OAuth server is disabled"),
    "/user/oauth": ("feature_disabled", "OAuth server is disabled"),
    "/admin/oauth": ("feature_disabled", "OAuth server is disabled"),
    "/admin/sso": ("saml_provider_disabled", "SAML 2.0 is disabled"),
    "/admin/custom-providers": ("feature_disabled", "Custom OAuth providers are disabled"),
}


def routes() -> list[web.RouteDef]:
    """A 404 with its code for everything below these paths."""
    return [
        web.route("*", path + "{rest:(/.*)?}", _refusal(code, message))
        for path, (code, message) in _OFF.items()
    ]


def _refusal(code: str, message: str) -> Handler:
    async def refuse(_: web.Request) -> web.StreamResponse:
        raise AuthError(404, code, message)

    return refuse
