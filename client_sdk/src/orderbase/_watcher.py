"""Whoever watches must stay signed in."""

import asyncio
from uuid import UUID

from orderbase import errors
from orderbase._auth import AsyncAuth
from orderbase.models import User


class Watcher:
    """The `user` who is signed in now, if any: gone for good as soon as that is somebody else."""

    def __init__(self, auth: AsyncAuth) -> None:
        self.user = auth.user
        self._auth = auth
        self._changed = asyncio.Event()
        self._error: errors.AuthError | None = None

    @property
    def is_gone(self) -> bool:
        """Whether nobody may be told anything any more."""
        if self._error is None and _id(self._auth.user) != _id(self.user):
            self._error = self._why()
        return self._error is not None

    def check(self) -> None:
        """Go on if they are still signed in.

        Raises:
            AuthError: "sign_in_required": nobody is; "user_changed": somebody else is.
        """
        if self.is_gone and self._error is not None:
            raise self._error

    async def until_gone(self) -> None:
        """Return when they are not signed in any more."""
        with self._auth.on_change(self._changed.set):
            while not self.is_gone:
                self._changed.clear()
                await self._changed.wait()

    def _why(self) -> errors.AuthError:
        if self._auth.user is None:
            return errors.AuthError("Nobody is signed in any more.", code="sign_in_required")
        return errors.AuthError("Somebody else is signed in now.", code="user_changed")


def _id(user: User | None) -> UUID | None:
    return user.id if user else None
