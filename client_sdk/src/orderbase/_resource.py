"""What all parts of a shop share: they call as whoever is signed in."""

from typing import TypeVar
from uuid import UUID

from orderbase import errors
from orderbase._auth import AsyncAuth
from orderbase._call import Call
from orderbase._send import Sender

T = TypeVar("T")


class Resource:
    """A part of a shop. Its methods build a call and send it."""

    def __init__(self, sender: Sender, auth: AsyncAuth) -> None:
        self._sender = sender
        self._auth = auth

    async def _call(self, call: Call[T]) -> T:
        return await self._sender.send(call, self._auth)

    def _me(self) -> UUID:
        """Who is signed in.

        Raises:
            AuthError: nobody is.
            RuntimeError: the client is closed.
        """
        self._sender.check()
        if self._auth.user is None:
            raise errors.AuthError("Nobody is signed in.", code="sign_in_required")
        return self._auth.user.id
