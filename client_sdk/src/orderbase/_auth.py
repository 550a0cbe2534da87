"""Who is calling: sign-up, sign-in, guests, and the session's token."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from uuid import UUID

import supabase_auth.errors
from supabase import AsyncClient
from supabase_auth.types import AuthChangeEvent, Session
from supabase_auth.types import User as AuthUser

from orderbase import errors
from orderbase.models import User


class AsyncAuth:
    """Signs people in and out. The session lives in memory and is refreshed when it is used.

    Every method raises AuthError for wrong credentials or a session that is over, InvalidRequest
    for an address or password that will not do, RateLimited, ConnectionFailed and TimedOut.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._auth = client.auth
        self._user: User | None = None
        self._refreshing = asyncio.Lock()
        self._auth.on_auth_state_change(self._remember)

    @property
    def user(self) -> User | None:
        """Who is signed in; None when nobody is."""
        return self._user

    async def sign_up(self, *, email: str, password: str) -> User:
        """Create an account and sign in.

        Where the shop wants addresses confirmed first, `user` stays None until `sign_in`.

        Raises:
            Conflict: the address has an account already.
        """
        with _translated():
            answer = await self._auth.sign_up({"email": email, "password": password})
        return _user(answer.user)

    async def sign_in(self, *, email: str, password: str) -> User:
        """Sign in to an account."""
        with _translated():
            answer = await self._auth.sign_in_with_password({"email": email, "password": password})
        return _user(answer.user)

    async def sign_in_as_guest(self) -> User:
        """Sign in without an account; `become_account` keeps the orders."""
        with _translated():
            answer = await self._auth.sign_in_anonymously()
        return _user(answer.user)

    async def become_account(self, *, email: str, password: str) -> User:
        """Turn the guest who is signed in into an account: same id, same orders.

        Where the shop wants addresses confirmed first, the user stays a guest until then.

        Raises:
            AuthError: no guest is signed in.
            Conflict: the address has an account already.
        """
        if self._user is None or not self._user.is_guest:
            raise errors.AuthError("No guest is signed in.", code="not_a_guest")
        with _translated():
            await self._auth.update_user({"email": email, "password": password})
            answer = await self._auth.refresh_session()  # the token still says "anonymous"
        return _user(answer.user)

    async def sign_out(self) -> None:
        """End this session, here and on the server; other devices stay signed in."""
        with _translated():
            await self._auth.sign_out({"scope": "local"})

    async def token(self, *, rejected: str | None = None) -> str | None:
        """The session's access token; None when signed out.

        It is refreshed if it is about to expire, or is the one that the server has `rejected`.
        """
        async with self._refreshing:  # a refresh token may be used once
            with _translated():
                session = await self._auth.get_session()
                if session and session.access_token == rejected:
                    session = (await self._auth.refresh_session()).session
        return session.access_token if session else None

    @contextmanager
    def on_change(self, callback: Callable[[], None]) -> Generator[None, None, None]:
        """Call `callback` at each sign-in, sign-out and refresh while the context is open."""

        def changed(_: AuthChangeEvent, __: Session | None) -> None:
            callback()

        subscription = self._auth.on_auth_state_change(changed)
        try:
            yield
        finally:
            subscription.unsubscribe()

    def _remember(self, _: AuthChangeEvent, session: Session | None) -> None:
        self._user = _user(session.user) if session else None


@contextmanager
def _translated() -> Generator[None, None, None]:
    try:
        yield
    except supabase_auth.errors.AuthError as error:
        raise errors.from_auth(error) from error


def _user(user: AuthUser | None) -> User:
    if user is None:
        raise errors.ServerError("Auth answered without a user.", code="unreadable_answer")
    return User(
        id=UUID(user.id),
        email=user.email or None,
        is_guest=user.is_anonymous,
        is_staff=user.app_metadata.get("role") == "staff",
    )
