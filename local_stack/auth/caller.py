"""Who is asking: the user and session of an access token, or an administrator."""

from dataclasses import dataclass
from uuid import UUID

from aiohttp import web

from local_stack.auth import users
from local_stack.auth.context import Connection, Context
from local_stack.auth.errors import AuthError
from local_stack.auth.rows import Row
from local_stack.tokens import Claims, InvalidTokenError

ADMIN_ROLES = {"service_role", "supabase_admin"}
_SESSION = "select * from auth.sessions where id = %s and user_id = %s"


@dataclass(frozen=True)
class Caller:
    """The user who asks; tokens made outside of Auth may name no session."""

    user: Row
    session: Row | None

    @property
    def session_id(self) -> UUID | None:
        """The session to keep when all others end."""
        return self.session["id"] if self.session else None

    @property
    def has_second_factor(self) -> bool:
        """Whether the session was proven by a second factor."""
        return self.session is not None and self.session["aal"] == "aal2"


async def require_user(
    context: Context, conn: Connection, request: web.Request, *, lock: bool = False
) -> Caller:
    """The user whose access token the request carries, its row locked if asked.

    Raises:
        AuthError: 401 no token; 403 a bad one, or its user or session is gone, or is banned.
    """
    # The `apikey` alone speaks for an application, never for a user.
    if not request.headers.get("Authorization", "").lower().startswith("bearer "):
        raise _unauthorized()
    claims = _claims(context, request)
    user = await users.by_id(conn, _uuid(claims, "sub"), lock=lock)
    if user is None:
        raise AuthError(403, "user_not_found", "User from sub claim in JWT does not exist")
    session = await _session(conn, claims, user)
    if users.is_banned(user):
        raise AuthError(403, "user_banned", "User is banned")
    return Caller(user, session)


def require_admin(context: Context, request: web.Request) -> None:
    """Let only the service role pass.

    Raises:
        AuthError: 401 no token, 403 a bad one or one of another role.
    """
    if _claims(context, request).get("role") not in ADMIN_ROLES:
        raise AuthError(403, "not_admin", "User not allowed")


def _claims(context: Context, request: web.Request) -> Claims:
    token = context.tokens.of_request(request)
    if token is None:
        raise _unauthorized()
    try:
        return context.tokens.verify(token)
    except InvalidTokenError as error:
        message = f"invalid JWT: unable to parse or verify signature, {error}"
        raise AuthError(403, "bad_jwt", message) from error


async def _session(conn: Connection, claims: Claims, user: Row) -> Row | None:
    if not claims.get("session_id"):
        return None
    key = (_uuid(claims, "session_id"), user["id"])
    session = await (await conn.execute(_SESSION, key)).fetchone()
    if session is None:
        message = "Session from session_id claim in JWT does not exist"
        raise AuthError(403, "session_not_found", message)
    return session


def _uuid(claims: Claims, name: str) -> UUID:
    if not claims.get(name):
        raise AuthError(403, "bad_jwt", f"invalid claim: missing {name} claim")
    try:
        return UUID(str(claims[name]))
    except ValueError as error:
        message = f"invalid claim: {name} claim must be a UUID"
        raise AuthError(403, "bad_jwt", message) from error


def _unauthorized() -> AuthError:
    message = "This endpoint requires a valid Bearer token"
    return AuthError(401, "no_authorization", message)
