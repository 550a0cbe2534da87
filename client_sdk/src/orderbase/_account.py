"""What a person has told the shop: a name, which mails they want, and addresses."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TypeVar

from pydantic import JsonValue, TypeAdapter

from orderbase._addresses import AsyncAddresses
from orderbase._call import ALL, one, select, write
from orderbase._resource import Resource
from orderbase.models import DEFERRED, Preferences, Profile

T = TypeVar("T")

_PROFILES = TypeAdapter(list[Profile], config=DEFERRED)
_PREFERENCES = TypeAdapter(list[Preferences], config=DEFERRED)
_NOBODY = ("user_not_found", "There is no such account.")


class AsyncAccount(Resource):
    """What whoever is signed in has told the shop; guests too, who keep it as an account.

    Every method raises AuthError when nobody is signed in, and NotFound when the account has been
    deleted meanwhile.
    """

    @cached_property
    def addresses(self) -> AsyncAddresses:
        """My address book."""
        return AsyncAddresses(self._sender, self._auth)

    async def profile(self) -> Profile:
        """My profile."""
        return await self._own("profiles", one(_PROFILES, *_NOBODY))

    async def rename(self, display_name: str) -> Profile:
        """Be called something else.

        Args:
            display_name: at most 200 characters; may be empty.

        Raises:
            InvalidRequest: it is too long.
        """
        changes: dict[str, JsonValue] = {"display_name": display_name}
        return await self._own("profiles", one(_PROFILES, *_NOBODY), changes)

    async def preferences(self) -> Preferences:
        """Which mails I want."""
        return await self.update_preferences()

    async def update_preferences(
        self, *, newsletter: bool | None = None, notifications: bool | None = None
    ) -> Preferences:
        """Say which mails I want.

        Args:
            newsletter: news of the shop; None leaves it as it is.
            notifications: mails about the account; None leaves it as it is.
        """
        wishes = {"newsletter": newsletter, "notifications": notifications}
        changes = {name: wish for name, wish in wishes.items() if wish is not None}
        parse = one(_PREFERENCES, *_NOBODY)
        return await self._own("preferences", parse, changes)

    async def _own(
        self,
        table: str,
        parse: Callable[[bytes], T],
        changes: Mapping[str, JsonValue] | None = None,
    ) -> T:
        """My row of a table, after changes."""
        mine = select(table, parse, ALL, {"user_id": f"eq.{self._me()}"})
        return await self._call(write(mine, "PATCH", changes) if changes else mine)
