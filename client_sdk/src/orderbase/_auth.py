"""Who is calling: sign-up, sign-in, guests, and the session's token."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from pydantic import JsonValue

from orderbase import errors
from orderbase._call import Call
from orderbase._send import Sender
from orderbase._session import Session, SessionStorage, read_session, read_user, stored_session
from orderbase.models import User


class _Bearer:
    """Calls with one token, or with none."""

    def __init__(self, token: str | None = None) -> None:
        self._token = token

    async def token(self, *, rejected: str | None = None) -> str | None:  # noqa: ARG002 - Protocol
        return self._token


_NOBODY = _Bearer()
# A session is over. Other refusals are about the key, or come from somewhere before Auth.
_OVER = frozenset(
    {
        *("refresh_token_not_found", "refresh_token_already_used"),
        *("session_not_found", "session_expired", "user_not_found", "user_banned"),
    }
)


class AsyncAuth:
    """Signs people in and out. The session is refreshed when it is used, shortly before its end.

    Every method raises AuthError for wrong credentials or a session that is over, InvalidRequest
    for an address or password that will not do, RateLimited, ConnectionFailed and TimedOut.
    """

    def __init__(
        self, sender: Sender, storage: SessionStorage, session: Session | None = None
    ) -> None:
        """`session`: the one to begin with; by default the one in the storage."""
        self._sender = sender
        self._storage = storage
        self._session = session or stored_session(storage)
        self._refreshing: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[], None]] = []

    @property
    def user(self) -> User | None:
        """Who is signed in; None when nobody is."""
        return self._session.user if self._session else None

    async def sign_up(self, *, email: str, password: str) -> User:
        """Create an account and sign in.

        Where the shop wants addresses confirmed first, `user` stays None until `sign_in`, or
        `sign_in_with_code` with the code of the mail.

        Raises:
            Conflict: the address has an account already.
        """
        body = _credentials(email, password)
        call = Call("POST", "/auth/v1/signup", _session_or_user, body, repeatable=False)
        answer = await self._sender.send(call, _NOBODY)
        if isinstance(answer, User):
            return answer
        self._remember(answer)
        return answer.user

    async def sign_in(self, *, email: str, password: str) -> User:
        """Sign in to an account."""
        body = _credentials(email, password)
        return await self._begin("token?grant_type=password", body)

    async def sign_in_as_guest(self) -> User:
        """Sign in without an account; `become_account` keeps the orders."""
        return await self._begin("signup", {}, repeatable=False)

    async def send_code(self, *, email: str, create_account: bool = True) -> None:
        """Mail a code for `sign_in_with_code`.

        Args:
            email: where to.
            create_account: also where there is none yet.

        Raises:
            NotFound: there is no account, and none is wanted.
        """
        body: dict[str, JsonValue] = {"email": email, "create_user": create_account}
        call = Call("POST", "/auth/v1/otp", _nothing, body, repeatable=False)
        await self._sender.send(call, _NOBODY)

    async def sign_in_with_code(self, *, email: str, code: str) -> User:
        """Sign in with the code that was mailed. A code works once.

        Raises:
            AuthError: it is wrong, was used, or is too old.
        """
        body: dict[str, JsonValue] = {"type": "email", "email": email, "token": code}
        return await self._begin("verify", body, repeatable=False)

    async def become_account(self, *, email: str, password: str) -> User:
        """Turn the guest who is signed in into an account: same id, same orders.

        Where the shop wants addresses confirmed first, the user stays a guest until then.

        Raises:
            AuthError: no guest is signed in.
            Conflict: the address has an account already.
        """
        session = self._session
        if session is None or not session.user.is_guest:
            raise errors.AuthError("No guest is signed in.", code="not_a_guest")
        body = _credentials(email, password)
        await self._sender.send(Call("PUT", "/auth/v1/user", read_user, body), self)
        session = self._session or session  # it may have been refreshed for that call
        await self._renew(session, session.access_token)  # that token still says "anonymous"
        return (self._session or session).user

    async def sign_out(self) -> None:
        """End this session, here and on the server; other devices stay signed in."""
        session = self._session
        if session is None:
            return
        self._remember(None)
        with suppress(errors.AuthError, errors.PermissionDenied, errors.NotFound):  # was over
            call = Call("POST", "/auth/v1/logout?scope=local", _nothing)
            await self._sender.send(call, _Bearer(session.access_token))

    async def token(self, *, rejected: str | None = None) -> str | None:
        """The session's access token; None when signed out.

        It is refreshed if it is about to expire, or is the one that the server has `rejected`.
        """
        session = self._session
        if session is not None and (session.expires_soon or session.access_token == rejected):
            await self._renew(session, rejected)
            session = self._session
        return session.access_token if session else None

    @contextmanager
    def on_change(self, callback: Callable[[], None]) -> Generator[None, None, None]:
        """Call `callback` at each sign-in, sign-out and refresh while the context is open."""
        self._listeners.append(callback)
        try:
            yield
        finally:
            self._listeners.remove(callback)

    async def _begin(
        self, path: str, body: dict[str, JsonValue], *, repeatable: bool = True
    ) -> User:
        call = Call("POST", f"/auth/v1/{path}", read_session, body, repeatable=repeatable)
        session = await self._sender.send(call, _NOBODY)
        self._remember(session)
        return session.user

    async def _renew(self, session: Session, rejected: str | None) -> None:
        if session.refresh_token is None:
            return  # it just ends
        try:
            await self._refresh(session)
        except errors.OrderbaseError:
            now = self._session
            if now is None or now.expired or now.access_token == rejected:
                raise

    async def _refresh(self, session: Session) -> None:
        """Once for all who wait: a refresh token may be used once."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._exchange(session))
            self._refreshing.add_done_callback(_retrieved)
        # Whoever gives up leaves the others a token.
        await asyncio.shield(self._refreshing)

    async def _exchange(self, session: Session) -> None:
        if self._session is session and (kept := self._renewed_elsewhere(session)):
            if not kept.expires_soon:
                self._become(kept)
                return
            self._session = session = kept
        body: dict[str, JsonValue] = {"refresh_token": session.refresh_token}
        path = "/auth/v1/token?grant_type=refresh_token"
        call = Call("POST", path, read_session, body)
        try:
            renewed = await self._sender.send(call, _NOBODY)
        except errors.AuthError as error:
            if self._session is session and error.code in _OVER:
                self._forget(session)
            raise
        if self._session is session:  # nobody has signed in or out meanwhile
            self._remember(renewed)

    def _renewed_elsewhere(self, session: Session) -> Session | None:
        """What another process has put into the storage: our refresh token is used up then."""
        kept = stored_session(self._storage)
        if kept is None or kept.user.id != session.user.id:
            return None
        return None if kept.refresh_token == session.refresh_token else kept

    def _forget(self, session: Session) -> None:
        """A session that is over; another one that another process keeps stays."""
        kept = stored_session(self._storage)
        if kept is not None and kept.refresh_token == session.refresh_token:
            self._storage.remove()
        self._become(None)

    def _remember(self, session: Session | None) -> None:
        self._become(session)  # first: if the storage fails, at least this process is signed in
        if session is None:
            self._storage.remove()
        else:
            self._storage.set(session.model_dump_json())

    def _become(self, session: Session | None) -> None:
        self._session = session
        self._refreshing = None  # that was for another session
        for callback in tuple(self._listeners):
            callback()


def _credentials(email: str, password: str) -> dict[str, JsonValue]:
    if not email or not password:  # without an address, Auth would sign up a guest
        raise errors.InvalidRequest("Address or password is empty.", code="missing_credentials")
    return {"email": email, "password": password}


def _session_or_user(content: bytes) -> Session | User:
    return read_session(content) if b'"access_token"' in content else read_user(content)


def _nothing(_: bytes) -> None:
    """Says nothing but that it worked."""


def _retrieved(task: asyncio.Task[None]) -> None:
    """Keep asyncio from reporting a failure that all who waited have given up on."""
    if not task.cancelled():
        task.exception()
