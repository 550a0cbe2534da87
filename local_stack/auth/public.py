"""What anyone may read: health, settings and the public keys."""

from aiohttp import web

from local_stack.auth.context import CONTEXT

_PROVIDERS = (
    "apple",
    "azure",
    "bitbucket",
    "discord",
    "facebook",
    "figma",
    "fly",
    "github",
    "gitlab",
    "google",
    "kakao",
    "keycloak",
    "linkedin",
    "linkedin_oidc",
    "notion",
    "phone",
    "slack",
    "slack_oidc",
    "snapchat",
    "spotify",
    "twitch",
    "twitter",
    "workos",
    "zoom",
)


async def health(_: web.Request) -> web.Response:
    """That the service answers; it asks nobody else."""
    description = "GoTrue is a user registration and authentication API"
    return web.json_response({"version": "embedded", "name": "GoTrue", "description": description})


async def settings(request: web.Request) -> web.Response:
    """Which ways to sign in are open."""
    context = request.app[CONTEXT]
    external = (
        dict.fromkeys(_PROVIDERS, False)
        | dict.fromkeys(context.providers, True)
        | {
            "anonymous_users": context.config.enable_anonymous_sign_ins,
            "email": context.config.email.enabled,
        }
    )
    return web.json_response(
        {
            "external": external,
            "disable_signup": not context.config.enable_signup,
            "mailer_autoconfirm": context.autoconfirm,
            "phone_autoconfirm": False,
            "sms_provider": "",
            "saml_enabled": False,
            "saml_private_key_next_configured": False,
            "passkeys_enabled": False,
        }
    )


async def jwks(request: web.Request) -> web.Response:
    """The keys that verify access tokens; the legacy secret is no public key."""
    keys = request.app[CONTEXT].tokens.public_keys
    headers = {"Cache-Control": "public, max-age=600"}
    return web.json_response({"keys": keys}, headers=headers)
