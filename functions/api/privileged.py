"""What only the shop itself may do: accounts of others, through Auth's admin API."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from functions.api.ids import missing
from functions.api.settings import ApiSettings
from functions.kit.http import Http, NoAnswer, key_headers
from functions.kit.problems import Problem, unavailable

_FOR_GOOD = "876000h"
# The last one is what Auth says of an update: Postgres' own, with status 500.
_TAKEN = ("email_exists", "user_already_exists", "identity_already_exists", "23505")


class Privileged:
    """Speaks with the secret key: whoever gets it has made sure that the caller may do this."""

    def __init__(self, http: Http, settings: ApiSettings) -> None:
        self._http = http
        self._users = f"{settings.address}/auth/v1/admin/users"
        self._headers = key_headers(settings.supabase_secret_key.get_secret_value())

    async def create_account(
        self, email: str, password: str | None, role: str | None, new_id: UUID | None = None
    ) -> UUID:
        """A new account's id; its address counts as confirmed. Without a password, by mail only.

        `new_id` is the id that it gets; None: any.

        Raises:
            Problem: email_exists, weak_password, invalid_request, unavailable.
        """
        account: dict[str, Any] = {"email": email, "email_confirm": True}
        if password is not None:
            account["password"] = password
        if role is not None:
            account["app_metadata"] = {"role": role}
        if new_id is not None:
            account["id"] = str(new_id)
        made = await self._ask("POST", self._users, account)
        return UUID(made["id"])

    async def change_account(
        self, account: UUID, *, email: str | None = None, **metadata: str | None
    ) -> None:
        """Give it another address, which counts as confirmed, or another role; None takes it.

        Raises:
            Problem: email_exists, user_not_found, invalid_request, unavailable.
        """
        changes: dict[str, Any] = {}
        if email is not None:
            changes |= {"email": email, "email_confirm": True}
        if metadata:
            changes["app_metadata"] = metadata
        await self._ask("PUT", f"{self._users}/{account}", changes)

    async def set_active(self, account: UUID, *, active: bool) -> None:
        """Let its owner sign in again, or not any more.

        Raises:
            Problem: user_not_found, unavailable.
        """
        ban = {"ban_duration": "none" if active else _FOR_GOOD}
        await self._ask("PUT", f"{self._users}/{account}", ban)

    async def _ask(self, method: str, url: str, body: object) -> Any:  # noqa: ANN401 - any JSON
        try:
            answer = await self._http.ask(method, url, json=body, headers=self._headers)
        except NoAnswer as error:
            raise unavailable("Accounts cannot be changed right now. Try again.") from error
        said = answer.body if isinstance(answer.body, dict) else None
        if answer.status >= HTTPStatus.BAD_REQUEST or said is None:
            raise _refusal(answer.status, said or {})
        return said


def _refusal(status: int, answer: dict[str, Any]) -> Problem:
    code = answer.get("error_code") or answer.get("code")
    if code in _TAKEN:
        detail = "Another account has this address."
        return Problem(HTTPStatus.CONFLICT, "email_exists", detail)
    if code == "weak_password":
        detail = "This password is too easy to guess."
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "weak_password", detail)
    if status == HTTPStatus.NOT_FOUND:
        return missing("user")
    if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
        detail = "Auth does not take this for an account."
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail)
    return unavailable("Accounts cannot be changed right now. Try again.")
