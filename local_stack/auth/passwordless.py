"""POST /otp, /magiclink, /recover and /resend: mails that let their reader in."""

from aiohttp import web

from local_stack.auth import audit, mailed_tokens, signup, users
from local_stack.auth.context import CONTEXT, Connection, Context
from local_stack.auth.errors import AuthError, invalid
from local_stack.auth.flows import Challenge
from local_stack.auth.rows import Row
from local_stack.auth.schemas import Challenged, Otp, Recovery, Resend, email_address, read

_RESENT = {"signup", "email_change", "sms", "phone_change"}


async def send_otp(request: web.Request) -> web.Response:
    """Mail a magic link and code, and make an unknown address a user unless told not to."""
    context = request.app[CONTEXT]
    context.limits.sign_in_sign_ups.require(request)
    params = await read(request, Otp)
    challenge = _challenge(params)
    _require_email(context, params)
    email = email_address(params.email)
    async with context.transaction() as conn:
        user = await users.by_email(conn, email, lock=True)
        if user is None and not params.create_user:
            raise AuthError(422, "otp_disabled", "Signups not allowed for otp")
        if user is None or user["email_confirmed_at"] is None:
            signup.require_open(context)
            user = user or await signup.create(conn, email, "", params.data)
            user = await signup.confirm(context, conn, user, request, challenge)
        if user["email_confirmed_at"]:
            await _recover(context, conn, user, mailed_tokens.MAGIC_LINK, request, challenge)
    return web.json_response({})


async def recover(request: web.Request) -> web.Response:
    """Mail a link that signs in who forgot the password; unknown addresses get the same reply."""
    context = request.app[CONTEXT]
    context.limits.sign_in_sign_ups.require(request)
    params = await read(request, Recovery)
    if not params.email:
        raise invalid("Password recovery requires an email")
    email = email_address(params.email)
    challenge = _challenge(params)
    async with context.transaction() as conn:
        user = await users.by_email(conn, email, lock=True)
        if user is not None:
            await _recover(context, conn, user, mailed_tokens.RECOVERY, request, challenge)
    return web.json_response({})


async def resend(request: web.Request) -> web.Response:
    """Mail a confirmation again, if one is waited for; the reply does not tell."""
    context = request.app[CONTEXT]
    context.limits.sign_in_sign_ups.require(request)
    params = await read(request, Resend)
    email = _resent_to(context, params)
    challenge = _challenge(params)
    async with context.transaction() as conn:
        user = await users.by_email(conn, email, lock=True)
        if user is not None:
            await _resend(context, conn, user, params, request, challenge)
    return web.json_response({})


def _challenge(params: Challenged) -> Challenge | None:
    return Challenge.of(params.code_challenge, params.code_challenge_method)


def _require_email(context: Context, params: Otp) -> None:
    if params.email and params.phone:
        raise invalid("Only an email address or phone number should be provided")
    if params.email and params.channel:
        raise invalid("Channel should only be specified with Phone OTP")
    if params.phone:
        raise AuthError(400, "phone_provider_disabled", "Unsupported phone provider")
    if not params.email:
        raise invalid("One of email or phone must be set")
    if not context.config.email.enabled:
        raise AuthError(422, "email_provider_disabled", "Email logins are disabled")


async def _recover(
    context: Context,
    conn: Connection,
    user: Row,
    kind: mailed_tokens.Kind,
    request: web.Request,
    challenge: Challenge | None,
) -> None:
    await audit.record(conn, request, user, "user_recovery_requested")
    await mailed_tokens.send(context, conn, user, kind, request, challenge)


def _resent_to(context: Context, params: Resend) -> str:
    if params.type not in _RESENT:
        raise invalid("Missing one of these types: signup, email_change, sms, phone_change")
    if params.type == "signup" and not params.email:
        raise invalid("Type provided requires an email address")
    if params.type == "sms" and not params.phone:
        raise invalid("Type provided requires a phone number")
    if params.email and params.phone:
        raise invalid("Only an email address or phone number should be provided.")
    if params.phone:
        raise AuthError(400, "phone_provider_disabled", "Phone logins are disabled")
    if not params.email:
        raise invalid("Missing email address or phone number")
    if not context.config.email.enabled:
        raise AuthError(400, "email_provider_disabled", "Email logins are disabled")
    return email_address(params.email)


async def _resend(
    context: Context,
    conn: Connection,
    user: Row,
    params: Resend,
    request: web.Request,
    challenge: Challenge | None,
) -> None:
    if params.type == "signup" and user["email_confirmed_at"] is None:
        await audit.record(conn, request, user, "user_confirmation_requested")
        kind = mailed_tokens.SIGN_UP
        await mailed_tokens.send(context, conn, user, kind, request, challenge)
    if params.type == "email_change" and user["email_change"]:
        new = user["email_change"]
        await mailed_tokens.send_email_change(context, conn, user, new, request, challenge)
