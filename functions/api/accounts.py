"""Accounts of others, as one of the staff edits them.

Names are the shop's and edited by its verbs; addresses, roles and bans are Auth's. The verbs go
first, in the name of the staff member: they know whether that one works here at this moment.
"""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends

from functions.api.callers import AsCaller, StaffCaller
from functions.api.clients import Clients
from functions.api.privileged import Privileged
from functions.api.rest import UserClient
from functions.api.tokens import User
from functions.api.user_bodies import NewUser, UserAccount
from functions.kit.database import Row
from functions.kit.problems import Problem


class Accounts:
    """Raises `Problem` for every refusal."""

    def __init__(self, staff: User, rest: UserClient, shop: Privileged) -> None:
        self._staff = staff
        self._rest = rest
        self._shop = shop

    async def newest(
        self, after: tuple[datetime, UUID] | None, email: str | None, most: int
    ) -> list[UserAccount]:
        """The newest first; those after a place in this order, or whose address begins so."""
        created_at, user_id = map(str, after) if after else (None, None)
        place = {"before_created_at": created_at, "before_id": user_id}
        rows = await self._rest.call(
            "list_users", place | {"email_prefix": email, "max_rows": most}
        )
        return [_account(row) for row in rows]

    async def get(self, user_id: UUID) -> UserAccount:
        """One of them."""
        return _account(*await self._rest.call("get_user", {"user_id": str(user_id)}))

    async def create(self, wanted: NewUser, new_id: UUID | None) -> UserAccount:
        """A new one, or what an earlier call for the same `new_id` has begun."""
        await self.get(self._staff.id)
        made = await self._make(wanted, new_id)
        return await self._edit(made, None, wanted.display_name)

    async def _make(self, wanted: NewUser, new_id: UUID | None) -> UUID:
        password = wanted.password.get_secret_value() if wanted.password else None
        try:
            return await self._shop.create_account(wanted.email, password, wanted.role, new_id)
        except Problem as problem:
            if new_id is None or problem.code != "email_exists":
                raise
            if await self._address_of(new_id) != wanted.email.lower():
                raise
            return new_id

    async def _address_of(self, user_id: UUID) -> str | None:
        try:
            return (await self.get(user_id)).email.lower()
        except Problem as problem:
            if problem.code != "user_not_found":
                raise
            return None

    async def change(
        self, user_id: UUID, versions: list[str] | None, changes: dict[str, Any]
    ) -> UserAccount:
        """Another name, address or role, if it has one of these versions."""
        name = changes.get("display_name")
        of_auth = {field: changes[field] for field in ("email", "role") if field in changes}
        if not of_auth:
            return await self._edit(user_id, versions, name)
        if "role" in of_auth:
            self._refuse_own(user_id)
        # Of those who edit the same version, one alone goes on to Auth.
        await self._edit(user_id, versions, None)
        await self._shop.change_account(user_id, **of_auth)
        return await self._edit(user_id, None, name)

    async def deactivate(self, user_id: UUID) -> UserAccount:
        """Its owner is signed out everywhere, and cannot sign in any more."""
        self._refuse_own(user_id)
        await self.get(user_id)
        await self._shop.set_active(user_id, active=False)
        return _account(*await self._rest.call("end_sessions", {"user_id": str(user_id)}))

    async def reactivate(self, user_id: UUID) -> UserAccount:
        """Its owner can sign in again."""
        await self.get(user_id)
        await self._shop.set_active(user_id, active=True)
        return await self.get(user_id)

    async def _edit(
        self, user_id: UUID, versions: list[str] | None, name: str | None
    ) -> UserAccount:
        arguments = {"user_id": str(user_id), "versions": versions, "display_name": name}
        return _account(*await self._rest.call("edit_user", arguments))

    def _refuse_own(self, user_id: UUID) -> None:
        if user_id == self._staff.id:
            detail = "This is your own account: somebody else has to do it."
            raise Problem(HTTPStatus.CONFLICT, "own_account", detail)


def _account(row: Row) -> UserAccount:
    return UserAccount.model_validate(row | {"preferences": row})


async def _accounts(staff: StaffCaller, rest: AsCaller, api: Clients) -> Accounts:
    return Accounts(staff, rest, api.privileged)


StaffAccounts = Annotated[Accounts, Depends(_accounts)]
"""For staff only."""
