"""The part of `supabase/config.toml` that the embedded stack obeys."""

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from local_stack.errors import StackError

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def _seconds(text: object) -> object:
    """A duration as the official CLI writes it ("1s", "1h30m"), in seconds."""
    if not isinstance(text, str):
        return text
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smh])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("not a duration such as 10s or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


Seconds = Annotated[float, BeforeValidator(_seconds)]

_SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def _bytes(text: object) -> object:
    """A size as the official CLI writes it ("500KB", "50MiB": both binary), in bytes."""
    if not isinstance(text, str):
        return text
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmgt]?)(?:i?b)?", text.lower())
    if match is None:
        raise ValueError("not a size such as 500KB or 50MiB")
    return int(float(match[1]) * _SIZES[match[2]])


Bytes = Annotated[int, BeforeValidator(_bytes), Field(ge=0)]


class Api(BaseModel):
    """How PostgREST exposes the database."""

    schemas: list[str] = ["public", "graphql_public"]
    extra_search_path: list[str] = ["public", "extensions"]
    max_rows: int = Field(default=1000, ge=1)


class Seed(BaseModel):
    """Which SQL files fill a new database."""

    enabled: bool = True
    sql_paths: list[str] = ["./seed.sql"]


class Db(BaseModel):
    """The database's own settings."""

    seed: Seed = Seed()


class AuthRateLimit(BaseModel):
    """How often one address may ask, per five minutes unless said."""

    email_sent: int = 2
    """E-mails per hour, for the whole project; without limit where nothing is confirmed by mail."""
    anonymous_users: int = 30
    """Anonymous sign-ins per hour."""
    token_refresh: int = 150
    sign_in_sign_ups: int = 30
    token_verifications: int = 30


class AuthMail(BaseModel):
    """One kind of mail; what is left empty is as Supabase ships it."""

    subject: str = ""
    content_path: str = ""
    """An HTML file; the path starts in the repository."""


class AuthEmail(BaseModel):
    """Signing up and in by e-mail."""

    enabled: bool = True
    enable_confirmations: bool = False
    double_confirm_changes: bool = True
    secure_password_change: bool = False
    max_frequency: Seconds = 1
    otp_length: int = Field(default=6, ge=6, le=10)
    otp_expiry: int = 3600
    template: dict[str, AuthMail] = {}


class AuthTotp(BaseModel):
    """Authenticator apps."""

    enroll_enabled: bool = False
    verify_enabled: bool = False


class AuthMfa(BaseModel):
    """Second factors."""

    max_enrolled_factors: int = Field(default=10, ge=0)
    totp: AuthTotp = AuthTotp()


class AuthHook(BaseModel):
    """A function that Auth calls: `pg-functions://postgres/<schema>/<name>`."""

    enabled: bool = False
    uri: str = ""


class AuthHooks(BaseModel):
    """The functions that Auth calls."""

    custom_access_token: AuthHook = AuthHook()


class AuthProvider(BaseModel):
    """Where users may sign in elsewhere."""

    enabled: bool = False
    client_id: str = ""
    secret: str = Field(default="", repr=False)
    url: str = ""
    """The OpenID Connect issuer."""
    redirect_uri: str = ""
    """Instead of this Auth's own `/callback`."""
    email_optional: bool = False


class Auth(BaseModel):
    """Who may sign in, and how."""

    site_url: str = "http://127.0.0.1:3000"
    additional_redirect_urls: list[str] = []
    jwt_expiry: int = Field(default=3600, ge=1, le=604_800)
    enable_signup: bool = True
    enable_anonymous_sign_ins: bool = False
    enable_manual_linking: bool = False
    enable_refresh_token_rotation: bool = True
    refresh_token_reuse_interval: int = 10
    minimum_password_length: int = Field(default=6, ge=6)
    password_requirements: str = ""
    rate_limit: AuthRateLimit = AuthRateLimit()
    email: AuthEmail = AuthEmail()
    mfa: AuthMfa = AuthMfa()
    hook: AuthHooks = AuthHooks()
    external: dict[str, AuthProvider] = {}


class StorageBucket(BaseModel):
    """A bucket that exists from the start."""

    public: bool = False
    file_size_limit: Bytes | None = None
    allowed_mime_types: list[str] = []


class Storage(BaseModel):
    """How large files may be, and the buckets that are always there."""

    file_size_limit: Bytes = 50 << 20
    buckets: dict[str, StorageBucket] = {}


class Config(BaseModel):
    """`supabase/config.toml`: one file for the embedded stack, Docker and a hosted project."""

    project_id: str
    api: Api = Api()
    db: Db = Db()
    auth: Auth = Auth()
    storage: Storage = Storage()

    @classmethod
    def read(cls, path: Path) -> "Config":
        """Read the file, with `env(NAME)` replaced from the environment.

        Raises:
            StackError: the file is missing, is not TOML, or a value is out of range.
        """
        try:
            return cls.model_validate(_resolve(tomllib.loads(path.read_text("utf-8"))))
        except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
            raise StackError(f"{path} cannot be used: {error}") from error


def _resolve(value: Any) -> Any:  # noqa: ANN401 - a TOML value may be anything
    if isinstance(value, dict):
        return {key: _resolve(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item) for item in value]
    if isinstance(value, str) and (match := re.fullmatch(r"env\((\w+)\)", value)):
        return os.environ.get(match[1], "")
    return value
