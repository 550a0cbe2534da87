"""The environment of the API."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import BeforeValidator, Field, HttpUrl, SecretStr, StringConstraints
from pydantic_settings import NoDecode

from functions.kit.settings import Settings

Network = IPv4Network | IPv6Network


def _split(text: object) -> object:
    return text.replace(",", " ").split() if isinstance(text, str) else text


def _origin(text: str) -> str:
    return text.rstrip("/")


class ApiSettings(Settings):
    """Adds how callers are known, where they may come from, and how often."""

    supabase_publishable_key: str
    supabase_anon_key: str | None = None
    """The legacy form of the publishable key, where clients still use it."""
    supabase_jwt_secret: SecretStr | None = None
    """Verifies tokens of projects that still sign with the legacy secret (HS256)."""
    supabase_jwt_issuer: str | None = None
    """Who signs tokens, if not `SUPABASE_URL/auth/v1`: where Auth has another name outside."""
    web_url: HttpUrl
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()
    """Origins of pages that may call, by commas; the web shop's if there are none."""
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_split)] = ()
    """Networks of proxies whose `X-Forwarded-For` is believed, by commas."""
    default_payment_method: (
        Annotated[str, StringConstraints(pattern=r"^pm_[A-Za-z0-9_]{1,250}$")] | None
    ) = None
    """Pays for orders that name no payment method: for shops that only try things out."""
    requests_per_minute: int = Field(default=600, ge=1)
    """Of each user who is signed in."""
    anonymous_requests_per_minute: int = Field(default=120, ge=1)
    """Of each address that shows no valid token."""
    default_country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    """Where callers are if nobody tells (ISO 3166-1); without it, prices are those of no market."""
    country_headers: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = (
        "cf-ipcountry",
        "x-vercel-ip-country",
        "cloudfront-viewer-country",
    )
    """Where trusted proxies tell the caller's country, by commas: best, only what yours sets."""
    product_cache_seconds: float = Field(default=300, ge=0)
    """How long a cached product is fresh; 0: nothing is cached."""
    product_check_seconds: float = Field(default=1, ge=0)
    """How long an edit may stay unseen if its hint is lost; 0: not at all, at a read for each."""
    redis_url: SecretStr | None = None
    """Where processes share what they count and cache; without it, each has its own."""

    @property
    def public_keys(self) -> frozenset[str]:
        """Keys of the project that everybody knows, and that prove nobody."""
        return frozenset({self.supabase_publishable_key, self.supabase_anon_key or ""})

    @property
    def issuer(self) -> str:
        """Who signs the tokens of users."""
        return self.supabase_jwt_issuer or f"{self.address}/auth/v1"

    @property
    def address(self) -> str:
        """Of Supabase, without a slash at its end."""
        return str(self.supabase_url).rstrip("/")

    @property
    def origins(self) -> tuple[str, ...]:
        """Of pages that may call."""
        return tuple(map(_origin, self.cors_origins)) or (_origin(str(self.web_url)),)
