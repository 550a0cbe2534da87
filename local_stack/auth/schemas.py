"""The request bodies of Auth, read within bounds and checked before anything else sees them."""

import math
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import from_json

from local_stack.auth.errors import AuthError, invalid

MAX_BODY = 1 << 20
"""Bytes, as GoTrue allows."""

_MAX_EMAIL = 255
# The address that HTML's `<input type=email>` accepts, as GoTrue does.
_EMAIL = re.compile(
    r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+"
    r"@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*"
)


class Body(BaseModel):
    """Types are not converted, unknown fields are ignored, and null means absent."""

    model_config = ConfigDict(strict=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, fields: object) -> object:
        if isinstance(fields, dict):
            return {name: value for name, value in fields.items() if value is not None}
        return fields


class Challenged(Body):
    """A body that may begin a PKCE flow."""

    code_challenge: str = ""
    code_challenge_method: str = ""


class SignUp(Challenged):
    email: str = ""
    phone: str = ""
    password: str = ""
    data: dict[str, Any] = {}


class Otp(Challenged):
    email: str = ""
    phone: str = ""
    create_user: bool = True
    channel: str = ""
    data: dict[str, Any] = {}


class Recovery(Challenged):
    email: str = ""


class Resend(Challenged):
    type: str = ""
    email: str = ""
    phone: str = ""


class Invitation(Body):
    email: str = ""
    data: dict[str, Any] = {}


class LinkRequest(Invitation):
    type: str = ""
    new_email: str = ""
    password: str = ""
    redirect_to: str = ""


class PasswordGrant(Body):
    email: str = ""
    phone: str = ""
    password: str = ""


class RefreshTokenGrant(Body):
    refresh_token: str = ""


class PkceGrant(Body):
    auth_code: str = ""
    code_verifier: str = ""


class UserUpdate(Challenged):
    email: str = ""
    phone: str = ""
    password: str | None = None
    nonce: str = ""
    data: dict[str, Any] | None = None
    app_metadata: dict[str, Any] | None = None


class Enrollment(Body):
    factor_type: str = ""
    friendly_name: str = Field(default="", max_length=255)
    issuer: str = Field(default="", max_length=255)


class FactorCode(Body):
    challenge_id: str = ""
    code: str = ""


class FactorName(Body):
    friendly_name: str = Field(default="", max_length=255)


class Verification(Body):
    type: str = ""
    token: str = ""
    token_hash: str = ""
    email: str = ""
    phone: str = ""


class AdminUser(Body):
    id: str = ""
    role: str = ""
    email: str = ""
    phone: str = ""
    password: str | None = None
    password_hash: str = ""
    email_confirm: bool = False
    user_metadata: dict[str, Any] | None = None
    app_metadata: dict[str, Any] | None = None
    ban_duration: str = ""


class Deletion(Body):
    should_soft_delete: bool = False


BodyT = TypeVar("BodyT", bound=Body)


async def read(request: web.Request, schema: type[BodyT], *, optional: bool = False) -> BodyT:
    """The request's body, whatever its content type; an `optional` one may be missing.

    Raises:
        AuthError: 413 too large, 400 not JSON, of other types, or not storable as text.
    """
    body = await _bytes(request)
    if optional and not body:
        return schema()
    try:
        fields = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise _bad_json(str(error)) from error
    return parse(schema, {} if fields is None else fields)


def parse(schema: type[BodyT], fields: object) -> BodyT:
    """Check decoded fields, of a body or of a query string, against a schema.

    Raises:
        AuthError: 400, naming the first field that does not fit.
    """
    if not _storable(fields):
        raise invalid("Strings with NUL or unpaired surrogates and huge numbers are not supported")
    try:
        return schema.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise _bad_json(f"{field}: {first['msg']}") from error


def email_address(text: str) -> str:
    """The address as it is stored, in lower case.

    Raises:
        AuthError: 400, it is no e-mail address.
    """
    if not text:
        raise invalid("An email address is required")
    if len(text) > _MAX_EMAIL:
        raise invalid("An email address is too long")
    if not _EMAIL.fullmatch(text):
        raise invalid("Unable to validate email address: invalid format")
    return text.lower()


async def _bytes(request: web.Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.content.iter_chunked(1 << 16):
            body += chunk
            if len(body) > MAX_BODY:
                message = f"Request body too large (max {MAX_BODY} bytes)"
                raise AuthError(413, "request_entity_too_large", message)
    except web.RequestPayloadError as error:
        raise _bad_json("the body is not encoded as announced") from error
    return bytes(body)


def _bad_json(reason: str) -> AuthError:
    return AuthError(400, "bad_json", f"Could not parse request body as JSON: {reason}")


def _storable(value: object) -> bool:
    """Whether Postgres can keep it; the JSON parser bounds the depth."""
    if isinstance(value, str):
        return "\0" not in value and not re.search("[\ud800-\udfff]", value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(_storable(item) for pair in value.items() for item in pair)
    if isinstance(value, list):
        return all(map(_storable, value))
    return True
