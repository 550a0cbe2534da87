"""What all parts of the back office share: they are the staff's alone."""

import base64
from functools import lru_cache
from typing import TypeVar

from orderbase import errors
from orderbase._call import Call
from orderbase._resource import Resource

T = TypeVar("T")


class StaffResource(Resource):
    """A part of the back office.

    The database refuses its verbs to others, but what row security hides from them would look
    like an empty list: so they are refused here.
    """

    async def _call(self, call: Call[T]) -> T:
        await self._check_staff()
        return await super()._call(call)

    async def _check_staff(self) -> None:
        self._sender.check()
        user = self._auth.user
        if user is not None and not user.is_staff:
            await self._auth.token()  # perhaps a new one, which knows better
            user = self._auth.user
        if user is None and _everybody_has(self._sender.key):
            raise errors.AuthError("Nobody is signed in.", code="sign_in_required")
        if user is not None and not user.is_staff:
            message = "Only the shop's staff can do this."
            raise errors.PermissionDenied(message, status=403, code="staff_only")


@lru_cache
def _everybody_has(key: str) -> bool:
    """Whether a key opens nothing by itself: a publishable one, or an older "anon" one."""
    payload = key.split(".")[1] if key.count(".") == 2 else ""
    try:
        claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    except ValueError:
        claims = b""
    return key.startswith("sb_publishable_") or b'"anon"' in claims
