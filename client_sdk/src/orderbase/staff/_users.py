"""Accounts, as the staff see and edit them."""

from datetime import datetime
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from orderbase._blocking import Blocking, blocking
from orderbase._call import Call, rpc
from orderbase._each import EACH_TIME, AsyncEach, iterating
from orderbase._ids import as_uuid
from orderbase._page import MAX_ROWS, Page, check_limit, page_of, values_of
from orderbase.models.base import DEFERRED, Model
from orderbase.staff._resource import StaffResource

_ORDERING = "users newest"


class UserAccount(Model, frozen=True):
    """An account; `email` is empty for a guest. `role` is "staff" for the shop's staff.

    Who is `deactivated` cannot sign in. `newsletter` and `notifications` are mails that they want.
    `version` is another one whenever something of this has changed.
    """

    id: UUID
    email: str
    display_name: str
    role: str | None
    is_guest: bool
    deactivated: bool
    newsletter: bool
    notifications: bool
    created_at: datetime
    version: str


_USERS = TypeAdapter(list[UserAccount], config=DEFERRED)


def _list_users(email_prefix: str | None, limit: int, after: str | None) -> Call[Page[UserAccount]]:
    check_limit(limit)
    wanted: dict[str, JsonValue] = {"max_rows": min(limit + 1, MAX_ROWS)}
    if email_prefix is not None:
        wanted["email_prefix"] = email_prefix
    if after is not None:
        wanted["before_created_at"], wanted["before_id"] = values_of(after, _ORDERING, 2)

    def parse(content: bytes) -> Page[UserAccount]:
        return page_of(_USERS.validate_json(content), limit, _ORDERING, _place)

    return rpc("list_users", parse, wanted)


def _place(user: UserAccount) -> tuple[object, ...]:
    return user.created_at, user.id


def _about(
    verb: str, user_id: UUID | str, *, repeatable: bool = True, **arguments: JsonValue
) -> Call[UserAccount]:
    """A verb that answers one account, or refuses."""

    def parse(content: bytes) -> UserAccount:
        [user] = _USERS.validate_json(content)
        return user

    arguments["user_id"] = str(as_uuid(user_id, "user_id"))
    return rpc(verb, parse, arguments, repeatable=repeatable)


class AsyncUsers(StaffResource):
    """Accounts of everybody, guests and staff among them."""

    async def list(
        self, *, email_prefix: str | None = None, limit: int = 100, after: str | None = None
    ) -> Page[UserAccount]:
        """A page of all accounts, newest first.

        Args:
            email_prefix: only those whose address begins so, in whatever case.
            limit: at most this many, from 1 to 1000.
            after: `next` of the page before.

        Raises:
            InvalidRequest: "invalid_limit", "invalid_cursor".
        """
        return await self._call(_list_users(email_prefix, limit, after))

    def each(self, *, email_prefix: str | None = None) -> AsyncEach[UserAccount]:
        """All accounts, to iterate over: read page by page.

        Args:
            email_prefix: see `list`.
        """
        return AsyncEach(
            lambda after: self.list(email_prefix=email_prefix, limit=EACH_TIME, after=after)
        )

    async def get(self, user_id: UUID | str) -> UserAccount:
        """One account.

        Raises:
            NotFound: there is no such account.
        """
        return await self._call(_about("get_user", user_id))

    async def change(
        self, user_id: UUID | str, *, version: str | None, display_name: str
    ) -> UserAccount:
        """Give an account another name.

        It is sent once if it has a version: sent again, it would contradict itself.

        Args:
            user_id: whose.
            version: the one that you saw: refused if the account has changed since. None:
                whatever it is now.
            display_name: up to 200 characters; may be empty.

        Raises:
            NotFound: there is no such account.
            Conflict: "precondition_failed": it has changed.
            InvalidRequest: "invalid_display_name".
        """
        versions: JsonValue = None if version is None else [version]
        call = _about(
            "edit_user",
            user_id,
            repeatable=version is None,
            display_name=display_name,
            versions=versions,
        )
        return await self._call(call)

    async def end_sessions(self, user_id: UUID | str) -> UserAccount:
        """Sign an account out everywhere. Twice is once.

        Verbs refuse it at once; what it may read it reads until its access token ends, which
        takes an hour at most by default.

        Raises:
            NotFound: there is no such account.
            Conflict: "own_account": somebody else has to do it.
        """
        return await self._call(_about("end_sessions", user_id))


class Users(Blocking[AsyncUsers]):
    """See AsyncUsers: the same, and each method waits."""

    list = blocking(AsyncUsers.list)
    each = iterating(AsyncUsers.each)
    get = blocking(AsyncUsers.get)
    change = blocking(AsyncUsers.change)
    end_sessions = blocking(AsyncUsers.end_sessions)
