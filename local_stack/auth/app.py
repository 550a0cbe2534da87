"""The routes of Auth."""

from aiohttp import web

from local_stack.auth import (
    account,
    admin,
    admin_audit,
    admin_factors,
    disabled,
    grants,
    linking,
    links,
    mfa,
    oauth,
    passwordless,
    public,
    signup,
    verification,
)
from local_stack.auth.context import CONTEXT, Context
from local_stack.auth.errors import answer_errors
from local_stack.settings import Settings


def create_app(settings: Settings) -> web.Application:
    """An application to mount under `/auth/v1`; it holds its connections while it runs.

    Raises:
        StackError: `[auth]` asks for something that does not exist.
    """
    context = Context(settings)
    app = web.Application(middlewares=[answer_errors])
    app[CONTEXT] = context
    app.cleanup_ctx.append(context.run)
    app.add_routes(_ROUTES)
    return app


_FACTORS = "/admin/users/{user_id}/factors"
_ROUTES = [
    web.get("/health", public.health),
    web.get("/settings", public.settings),
    web.get("/.well-known/jwks.json", public.jwks),
    web.post("/signup", signup.sign_up),
    web.post("/token", grants.grant),
    # Without HEAD: a preview of the link must not use it up.
    web.get("/verify", verification.follow_link, allow_head=False),
    web.post("/verify", verification.verify_code),
    web.post("/otp", passwordless.send_otp),
    web.post("/magiclink", passwordless.send_otp),
    web.post("/recover", passwordless.recover),
    web.post("/resend", passwordless.resend),
    web.get("/reauthenticate", account.reauthenticate, allow_head=False),
    web.post("/factors", mfa.enroll),
    web.post("/factors/{factor_id}/challenge", mfa.challenge),
    web.post("/factors/{factor_id}/verify", mfa.verify),
    web.delete("/factors/{factor_id}", mfa.unenroll),
    web.get("/authorize", oauth.authorize, allow_head=False),
    web.get("/callback", oauth.callback, allow_head=False),
    web.get("/user/identities/authorize", linking.link, allow_head=False),
    web.delete("/user/identities/{identity_id}", linking.unlink),
    *disabled.routes(),
    web.post("/invite", admin.for_admins(links.invite)),
    web.post("/admin/generate_link", admin.for_admins(links.generate_link)),
    web.get("/user", account.get_user),
    web.put("/user", account.update_user),
    web.post("/logout", account.log_out),
    web.get("/admin/users", admin.for_admins(admin.list_users)),
    web.post("/admin/users", admin.for_admins(admin.create_user)),
    web.get("/admin/users/{user_id}", admin.for_admins(admin.get_user)),
    web.put("/admin/users/{user_id}", admin.for_admins(admin.update_user)),
    web.delete("/admin/users/{user_id}", admin.for_admins(admin.delete_user)),
    web.get(_FACTORS, admin.for_admins(admin_factors.list_factors)),
    web.put(f"{_FACTORS}/{{factor_id}}", admin.for_admins(admin_factors.update_factor)),
    web.delete(f"{_FACTORS}/{{factor_id}}", admin.for_admins(admin_factors.delete_factor)),
    web.get("/admin/audit", admin.for_admins(admin_audit.list_entries)),
]
