"""POST /signup: a new user, by e-mail and password or anonymous."""

from datetime import UTC, datetime
from uuid import uuid4

from aiohttp import web

from local_stack.auth import audit, identities, mailed_tokens, sessions, users
from local_stack.auth.context import CONTEXT, Connection, Context
from local_stack.auth.errors import AuthError, database_refusals, invalid
from local_stack.auth.flows import Challenge
from local_stack.auth.rows import Json, Row, stamp
from local_stack.auth.schemas import SignUp, email_address, read

_TRAITS: Json = {"provider": "email"}
_NOT_SAVED = "Database error saving new user"


async def sign_up(request: web.Request) -> web.Response:
    """A session, or the bare user while its e-mail address waits for confirmation."""
    context = request.app[CONTEXT]
    params = await read(request, SignUp)
    if not params.email and not params.phone:
        return await _sign_up_anonymously(context, params, request)
    context.limits.sign_in_sign_ups.require(request)
    email = _checked_email(context, params)
    challenge = Challenge.of(params.code_challenge, params.code_challenge_method)
    # Hashed even if the address turns out to be taken: the time must not tell.
    password_hash = await context.passwords.hash(params.password)
    async with context.transaction() as conn:
        user = await users.by_email(conn, email, lock=True)
        if user is not None and user["email_confirmed_at"]:
            await audit.record(conn, request, user, "user_repeated_signup", _TRAITS)
            return web.json_response(_already_registered(context, email, params.data))
        if user is None:
            user = await create(conn, email, password_hash, params.data)
        return web.json_response(await _admit(context, conn, user, request, challenge))


async def _sign_up_anonymously(
    context: Context, params: SignUp, request: web.Request
) -> web.Response:
    if not context.config.enable_anonymous_sign_ins:
        message = "Anonymous sign-ins are disabled"
        raise AuthError(422, "anonymous_provider_disabled", message)
    context.limits.anonymous_users.require(request)
    require_open(context)
    async with context.transaction() as conn:
        with database_refusals(_NOT_SAVED):
            user = await users.create(conn, uuid4(), user_metadata=params.data)
        await audit.record(conn, request, user, "user_signedup", {"provider": "anonymous"})
        return web.json_response(await sessions.start(context, conn, user, "anonymous", request))


def require_open(context: Context) -> None:
    """Let new users in only if the project takes any.

    Raises:
        AuthError: 422, it takes none.
    """
    if not context.config.enable_signup:
        raise AuthError(422, "signup_disabled", "Signups not allowed for this instance")


def _checked_email(context: Context, params: SignUp) -> str:
    """The address to register, once everything that can be checked without the database is."""
    require_open(context)
    if not params.password:
        raise invalid("Signup requires a valid password")
    context.passwords.require_strong(params.password)
    if params.email and params.phone:
        raise invalid("Only an email address or phone number should be provided on signup.")
    if params.phone:
        raise AuthError(400, "phone_provider_disabled", "Phone signups are disabled")
    if not context.config.email.enabled:
        raise AuthError(400, "email_provider_disabled", "Email signups are disabled")
    return email_address(params.email)


async def create(conn: Connection, email: str, password_hash: str, data: Json) -> Row:
    """A new user with an e-mail identity, not confirmed; an empty hash fits no password."""
    with database_refusals(_NOT_SAVED):
        user = await users.create(
            conn, uuid4(), email=email, password_hash=password_hash, user_metadata=data
        )
        await identities.put_email(conn, user["id"], email, verified=False, data=data)
    return user


async def confirm(
    context: Context,
    conn: Connection,
    user: Row,
    request: web.Request,
    challenge: Challenge | None,
) -> Row:
    """Confirm the address of a user at once if config says so, else mail what confirms it."""
    if not context.autoconfirm:
        await audit.record(conn, request, user, "user_confirmation_requested", _TRAITS)
        kind = mailed_tokens.SIGN_UP
        return await mailed_tokens.send(context, conn, user, kind, request, challenge)
    await audit.record(conn, request, user, "user_signedup", _TRAITS)
    with database_refusals("Database error updating user"):
        return await users.confirm(conn, user)


async def _admit(
    context: Context,
    conn: Connection,
    user: Row,
    request: web.Request,
    challenge: Challenge | None,
) -> Json:
    user = await confirm(context, conn, user, request, challenge)
    if user["email_confirmed_at"] is None:
        return await users.body(conn, user)
    await audit.record(conn, request, user, "login", _TRAITS)
    return await sessions.start(context, conn, user, "password", request)


def _already_registered(context: Context, email: str, data: Json) -> Json:
    """Where a mail decides, an answer as for a new user: nobody learns who is registered."""
    if context.autoconfirm:
        raise AuthError(422, "user_already_exists", "User already registered")
    now = stamp(datetime.now(UTC))
    return {
        "id": str(uuid4()),
        "aud": users.AUDIENCE,
        "role": users.AUDIENCE,
        "email": email,
        "phone": "",
        "confirmation_sent_at": now,
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": data,
        "identities": [],
        "created_at": now,
        "updated_at": now,
        "is_anonymous": False,
    }
