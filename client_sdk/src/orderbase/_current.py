"""The session of whoever is signed in, and its tokens, which are renewed once for all who wait."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager

from pydantic import JsonValue

from orderbase import errors
from orderbase._call import Call
from orderbase._send import Sender
from orderbase._session import Session, SessionStorage, read_session, stored_session


class Bearer:
    """Calls with one token, or with none."""

    def __init__(self, token: str | None = None) -> None:
        self._token = token

    async def token(self, *, rejected: str | None = None) -> str | None:  # noqa: ARG002 - Protocol
        return self._token


NOBODY = Bearer()
OVER = frozenset(
    {
        *("refresh_token_not_found", "refresh_token_already_used"),
        *("session_not_found", "session_expired", "user_not_found", "user_banned"),
    }
)
"""Codes of a session that is over; others are about the key, or from somewhere before Auth."""


class CurrentSession:
    """The session that there is now: kept in a storage, and renewed when it is used."""

    def __init__(self, sender: Sender, storage: SessionStorage, session: Session | None) -> None:
        self._sender = sender
        self._storage = storage
        self._session = session or stored_session(storage)
        self._refreshing: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[], None]] = []

    def get(self) -> Session | None:
        """It, or None when nobody is signed in."""
        return self._session

    def set(self, session: Session | None) -> None:
        """Be this one from now on, and keep it."""
        self._become(session)  # first: if the storage fails, at least this process is signed in
        if session is None:
            self._storage.remove()
        else:
            self._storage.set(session.model_dump_json())

    async def token(self, *, rejected: str | None = None) -> str | None:
        """The session's access token; None when signed out.

        It is refreshed if it is about to expire, or is the one that the server has `rejected`.
        """
        session = self._session
        if session is not None and (session.expires_soon or session.access_token == rejected):
            await self.renew(session, rejected)
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

    async def renew(self, session: Session, rejected: str | None) -> None:
        """Get new tokens for it; the ones that there are serve while that fails in passing."""
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
            renewed = await self._sender.send(call, NOBODY)
        except errors.AuthError as error:
            if self._session is session and error.code in OVER:
                self._forget(session)
            raise
        if self._session is session:  # nobody has signed in or out meanwhile
            self.set(renewed)

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

    def _become(self, session: Session | None) -> None:
        self._session = session
        self._refreshing = None  # that was for another session
        for callback in tuple(self._listeners):
            callback()


def _retrieved(task: asyncio.Task[None]) -> None:
    """Keep asyncio from reporting a failure that all who waited have given up on."""
    if not task.cancelled():
        task.exception()
