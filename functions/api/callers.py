"""Who calls: proven by their access token, and let through as often as the limits allow."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.security import HTTPBearer

from functions.api.clients import Api, Clients
from functions.api.keys import KeysUnavailable
from functions.api.rate_limits import Allowance
from functions.api.rest import UserClient
from functions.api.tokens import InvalidToken, User
from functions.kit.app import clients_of
from functions.kit.problems import Problem, unauthorized, unavailable

_api_of = clients_of(Api)


@dataclass(frozen=True)
class _Admission:
    user: User | None
    allowance: Allowance


async def admit(request: Request) -> None:
    """Tell who calls, and count the request, before anything else of it is looked at.

    Raises:
        Problem: they prove nobody, or have asked too often.
    """
    api = _api_of(request)
    try:
        user = await _proven(request, api)
    except Problem:
        await api.limits.take(api.proxies.client_of(request), is_known=False)
        raise
    who = str(user.id) if user else api.proxies.client_of(request)
    allowance = await api.limits.take(who, is_known=user is not None)
    request.state.admission = _Admission(user, allowance)


async def _admitted(request: Request, response: Response) -> User | None:
    """The caller, or None if they show no token."""
    admission: _Admission = request.state.admission
    response.headers.update(admission.allowance.headers())
    return admission.user


async def _proven(request: Request, api: Api) -> User | None:
    given = request.headers.get("authorization")
    if given is None:
        return None
    scheme, _, token = given.partition(" ")
    # Of another scheme nothing is left, which proves nobody.
    shown = token.strip() if scheme.lower() == "bearer" else ""
    if shown and shown in api.settings.public_keys:
        return None  # what the official clients send for those who are not signed in
    try:
        return await api.tokens.verify(shown)
    except InvalidToken as error:
        detail = "The access token is not valid, or not any more: sign in again."
        raise unauthorized("invalid_token", detail, 'Bearer error="invalid_token"') from error
    except KeysUnavailable as error:
        raise unavailable("Nobody's token can be checked right now. Try again.") from error


OptionalCaller = Annotated[User | None, Depends(_admitted)]
"""The caller if they are signed in, guests included; a token that is not valid is refused."""


_BEARER = HTTPBearer(
    scheme_name="accessToken",
    bearerFormat="JWT",
    description="The access token that Supabase Auth gave at sign-in.",
    auto_error=False,
)


async def _signed_in(user: OptionalCaller, _shown: Annotated[object, Depends(_BEARER)]) -> User:
    if user is None:
        detail = "Sign in, as a guest at least, and send the access token as a bearer token."
        raise unauthorized("sign_in_required", detail)
    return user


Caller = Annotated[User, Depends(_signed_in)]
"""The caller, who is signed in."""


async def _staff(user: Caller) -> User:
    if not user.is_staff:
        raise Problem(HTTPStatus.FORBIDDEN, "staff_only", "Only the shop's staff may do this.")
    return user


StaffCaller = Annotated[User, Depends(_staff)]
"""The caller, who works in the shop."""


async def _as_caller(user: Caller, api: Clients) -> UserClient:
    return UserClient(api.http, api.settings, user.token)


async def _as_anyone(user: OptionalCaller, api: Clients) -> UserClient:
    return UserClient(api.http, api.settings, user.token if user else None)


AsCaller = Annotated[UserClient, Depends(_as_caller)]
"""PostgREST in the caller's name."""
AsAnyone = Annotated[UserClient, Depends(_as_anyone)]
"""The same, and as `anon` for those who are not signed in."""
admitted = Depends(_admitted)
"""For routes that need not know who calls."""
