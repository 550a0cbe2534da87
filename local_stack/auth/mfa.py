"""/factors: a second factor is enrolled, challenged, verified and removed by its user."""

from urllib.parse import urlsplit
from uuid import UUID

import pyotp
import segno
from aiohttp import web

from local_stack.auth import audit, factors, refresh, sessions
from local_stack.auth.caller import Caller, require_user
from local_stack.auth.context import CONTEXT, Connection, Context
from local_stack.auth.errors import AuthError, invalid
from local_stack.auth.rows import Json, Row
from local_stack.auth.schemas import Enrollment, FactorCode, read

_TYPES = {"totp": "TOTP", "phone": "Phone", "webauthn": "WebAuthn"}


async def enroll(request: web.Request) -> web.Response:
    """A new TOTP factor with its secret, which is shown only now."""
    context = request.app[CONTEXT]
    params = await read(request, Enrollment)
    async with context.transaction() as conn:
        caller = await _signed_in(context, conn, request)
        _require_enrollable(context, params.factor_type)
        await _require_room(context, conn, caller, params.friendly_name)
        secret = pyotp.random_base32()
        factor = await factors.create(conn, caller.user["id"], params.friendly_name, secret)
        traits = {"factor_id": str(factor["id"]), "factor_type": "totp"}
        await audit.record(conn, request, caller.user, "factor_in_progress", traits)
    issuer = params.issuer or urlsplit(context.config.site_url).netloc
    account = caller.user["email"] or ""
    uri = pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)
    return web.json_response(
        {
            "id": str(factor["id"]),
            "type": "totp",
            "friendly_name": params.friendly_name,
            "totp": {"qr_code": _qr_code(uri), "secret": secret, "uri": uri},
        }
    )


def _qr_code(uri: str) -> str:
    """An SVG picture that an authenticator app reads."""
    try:
        return segno.make(uri, micro=False).svg_inline(scale=4, light="white")
    except segno.DataOverflowError as error:
        raise invalid("The issuer is too long for a QR code") from error


async def challenge(request: web.Request) -> web.Response:
    """A challenge to answer with a code within five minutes."""
    context = request.app[CONTEXT]
    context.limits.token_verifications.require(request)
    async with context.transaction() as conn:
        caller = await _signed_in(context, conn, request)
        factor = await owned(conn, caller.user, request)
        _require_verifiable(context, factor)
        made = await factors.challenge(conn, factor["id"], request.remote)
        traits = {"factor_id": str(factor["id"]), "factor_status": factor["status"]}
        await audit.record(conn, request, caller.user, "challenge_created", traits)
    kind = factor["factor_type"]
    return web.json_response(
        {"id": str(made["id"]), "type": kind, "expires_at": made["expires_at"]}
    )


async def verify(request: web.Request) -> web.Response:
    """The session, raised to two factors; the user's sessions of one factor end."""
    context = request.app[CONTEXT]
    context.limits.token_verifications.require(request)
    params = await read(request, FactorCode)
    async with context.transaction() as conn:
        caller = await _signed_in(context, conn, request)
        factor = await owned(conn, caller.user, request)
        if not params.code:
            raise invalid("Code needs to be non-empty")
        _require_verifiable(context, factor)
        await _require_open(conn, factor, params, request)
        if not pyotp.TOTP(factor["secret"]).verify(params.code, valid_window=1):
            raise AuthError(422, "mfa_verification_failed", "Invalid TOTP code entered")
        traits = {"factor_id": str(factor["id"]), "challenge_id": params.challenge_id}
        await audit.record(conn, request, caller.user, "verification_attempted", traits)
        await factors.verify(conn, factor, UUID(params.challenge_id))
        return web.json_response(await _raise(context, conn, caller, factor))


async def unenroll(request: web.Request) -> web.Response:
    """Remove a factor; a verified one only by a session that used two."""
    context = request.app[CONTEXT]
    async with context.transaction() as conn:
        caller = await _signed_in(context, conn, request)
        factor = await owned(conn, caller.user, request)
        if factor["status"] == "verified" and not caller.has_second_factor:
            message = "AAL2 required to unenroll verified factor"
            raise AuthError(422, "insufficient_aal", message)
        await factors.delete(conn, factor)
        traits = {"factor_id": str(factor["id"]), "factor_status": factor["status"]}
        await audit.record(conn, request, caller.user, "factor_unenrolled", traits)
    return web.json_response({"id": str(factor["id"])})


async def owned(conn: Connection, user: Row, request: web.Request) -> Row:
    """The user's factor whose id is in the path, locked.

    Raises:
        AuthError: 404, the user has none with this id.
    """
    try:
        factor_id = UUID(request.match_info["factor_id"])
    except ValueError as error:
        raise AuthError(404, "validation_failed", "factor_id must be an UUID") from error
    factor = await factors.find(conn, user["id"], factor_id)
    if factor is None:
        raise AuthError(404, "mfa_factor_not_found", "Factor not found")
    return factor


async def _signed_in(context: Context, conn: Connection, request: web.Request) -> Caller:
    caller = await require_user(context, conn, request, lock=True)
    if caller.session is None:
        message = "A valid session and a registered user are required"
        raise AuthError(403, "session_not_found", message)
    return caller


def _require_enrollable(context: Context, kind: str) -> None:
    if kind not in _TYPES:
        raise invalid("factor_type needs to be totp, phone, or webauthn")
    if kind != "totp" or not context.config.mfa.totp.enroll_enabled:
        message = f"MFA enroll is disabled for {_TYPES[kind]}"
        raise AuthError(422, f"mfa_{kind}_enroll_not_enabled", message)


def _require_verifiable(context: Context, factor: Row) -> None:
    kind = factor["factor_type"]
    if kind != "totp" or not context.config.mfa.totp.verify_enabled:
        message = f"MFA verification is disabled for {_TYPES[kind]}"
        raise AuthError(422, f"mfa_{kind}_verify_not_enabled", message)


async def _require_room(context: Context, conn: Connection, caller: Caller, name: str) -> None:
    present = await factors.current(conn, caller.user["id"])
    if any((factor["friendly_name"] or "") == name for factor in present):
        message = f'A factor with the friendly name "{name}" for this user already exists'
        raise AuthError(422, "mfa_factor_name_conflict", message)
    if len(present) >= context.config.mfa.max_enrolled_factors:
        message = "Maximum number of verified factors reached, unenroll to continue"
        raise AuthError(422, "too_many_enrolled_mfa_factors", message)
    protected = any(factor["status"] == "verified" for factor in present)
    if protected and not caller.has_second_factor:
        raise AuthError(403, "insufficient_aal", "AAL2 required to enroll a new factor")


async def _require_open(
    conn: Connection, factor: Row, params: FactorCode, request: web.Request
) -> None:
    try:
        challenge_id = UUID(params.challenge_id)
    except ValueError as error:
        raise invalid("challenge_id must be an UUID") from error
    made = await factors.find_challenge(conn, factor["id"], challenge_id)
    if made is None:
        message = "MFA factor with the provided challenge ID not found"
        raise AuthError(422, "mfa_factor_not_found", message)
    if made["verified_at"] is not None or str(made["ip_address"]) != request.remote:
        message = "Challenge and verify IP addresses mismatch."
        raise AuthError(422, "mfa_ip_address_mismatch", message)
    if made["expired"]:
        message = (
            f"MFA challenge {challenge_id} has expired, "
            "verify against another challenge or create a new challenge."
        )
        raise AuthError(422, "mfa_challenge_expired", message)


async def _raise(context: Context, conn: Connection, caller: Caller, factor: Row) -> Json:
    method = factors.METHODS[factor["factor_type"]]
    assert caller.session is not None  # noqa: S101 - asked before
    session = await sessions.add_factor(conn, caller.session, factor["id"], method)
    token = await refresh.swap(conn, session)
    await sessions.end_weaker(conn, caller.user["id"])
    return await sessions.issue(context, conn, caller.user, session, token, method)
