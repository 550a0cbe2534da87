"""OpenID Connect issuers: where users are sent to sign in, and who they turn out to be."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp

from local_stack.auth.errors import AuthError
from local_stack.auth.rows import Json
from local_stack.config import AuthProvider

log = logging.getLogger(__name__)

_DISCOVERY = "/.well-known/openid-configuration"
_SCOPES = ["openid", "profile", "email"]
TIMEOUT = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True)
class Profile:
    """Who signed in at a provider, and the provider's own tokens."""

    claims: Json
    """As kept with the identity: `sub`, `email`, `email_verified`, `name` and others."""
    access_token: str
    refresh_token: str

    @property
    def email(self) -> str:
        """The address in lower case, or nothing."""
        return str(self.claims.get("email") or "").lower()

    @property
    def verified(self) -> bool:
        """Whether the provider says that the address is the user's."""
        return bool(self.email) and self.claims.get("email_verified") is True


class Provider:
    """One issuer that the configuration names."""

    def __init__(self, name: str, config: AuthProvider, callback: str) -> None:
        self.name = name
        self.email_optional = config.email_optional
        self._config = config
        self._callback = config.redirect_uri or callback

    async def authorize_url(
        self,
        http: aiohttp.ClientSession,
        state: str,
        scopes: str,
        extra: Mapping[str, str],
    ) -> str:
        """Where to send the user; `extra` are parameters that only this issuer knows.

        Raises:
            AuthError: 500, the issuer does not answer.
        """
        endpoints = await self._discover(http)
        query = {
            **extra,
            "client_id": self._config.client_id,
            "redirect_uri": self._callback,
            "response_type": "code",
            "scope": " ".join(dict.fromkeys([*_SCOPES, *scopes.replace(",", " ").split()])),
            "state": state,
        }
        endpoint = str(endpoints["authorization_endpoint"])
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def profile(self, http: aiohttp.ClientSession, code: str) -> Profile:
        """Who the issuer's code stands for.

        Raises:
            AuthError: 500, the issuer does not answer, or does not take the code.
        """
        endpoints = await self._discover(http)
        tokens = await self._exchange(http, endpoints, code)
        access_token = str(tokens.get("access_token") or "")
        claims = await self._request(
            http,
            "GET",
            endpoints["userinfo_endpoint"],
            headers={"Authorization": f"Bearer {access_token}"},
        )
        if not claims.get("sub"):
            raise _failed("Error getting user profile from external provider")
        return Profile(_kept(claims), access_token, str(tokens.get("refresh_token") or ""))

    async def _discover(self, http: aiohttp.ClientSession) -> Json:
        document = await self._request(http, "GET", self._config.url.rstrip("/") + _DISCOVERY)
        needed = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint")
        if not all(isinstance(document.get(name), str) for name in needed):
            raise _failed(f"The provider {self.name} lacks an endpoint")
        return document

    async def _exchange(self, http: aiohttp.ClientSession, endpoints: Json, code: str) -> Json:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._callback}
        client = {"client_id": self._config.client_id, "client_secret": self._config.secret}
        methods = endpoints.get("token_endpoint_auth_methods_supported") or []
        if "client_secret_post" in methods:
            return await self._request(http, "POST", endpoints["token_endpoint"], form | client)
        basic = aiohttp.encode_basic_auth(*client.values())
        headers = {"Authorization": basic}
        return await self._request(http, "POST", endpoints["token_endpoint"], form, headers)

    async def _request(
        self,
        http: aiohttp.ClientSession,
        method: str,
        url: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        try:
            async with http.request(method, url, data=form, headers=headers) as response:
                response.raise_for_status()
                body = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.warning("The provider %s failed: %s", self.name, type(error).__name__)
            raise _failed(f"The provider {self.name} did not answer as it should") from error
        if not isinstance(body, dict):
            raise _failed(f"The provider {self.name} did not answer as it should")
        return body


def _kept(claims: Json) -> Json:
    """The claims under the names that clients of Supabase know."""
    name = claims.get("name") or claims.get("preferred_username")
    kept: dict[str, Any] = {
        "iss": claims.get("iss"),
        "sub": str(claims["sub"]),
        "name": name,
        "full_name": name,
        "email": claims.get("email"),
        "email_verified": claims.get("email_verified") in (True, "true"),
        "phone_verified": False,
        "picture": claims.get("picture"),
        "avatar_url": claims.get("picture"),
        "provider_id": str(claims["sub"]),
    }
    return {name: value for name, value in kept.items() if value is not None}


def _failed(message: str) -> AuthError:
    return AuthError(500, "unexpected_failure", message)
