"""/users: accounts of others, for staff."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from functions.api.accounts import StaffAccounts
from functions.api.etags import Versions, etag
from functions.api.idempotency import Once
from functions.api.ids import UserId
from functions.api.models import Page
from functions.api.pages import Wanted
from functions.api.problem_schema import problems
from functions.api.routing import api_router
from functions.api.user_bodies import NewUser, UserAccount, UserChanges

router = api_router("users")

EmailPrefix = Annotated[
    str | None,
    Query(min_length=1, max_length=254, pattern=r"^[^\x00]*$", description="How addresses begin."),
]


@router.get("/users", operation_id="listUsers", responses=problems(400, 403))
async def list_users(
    accounts: StaffAccounts, wanted: Wanted, email: EmailPrefix = None
) -> Page[UserAccount]:
    """Staff: accounts, the newest first."""
    after = None
    if wanted.after:
        created_at, user_id = wanted.after
        after = (datetime.fromisoformat(created_at), UUID(user_id))
    found = await accounts.newest(after, email, wanted.wanted)
    return wanted.page(found, lambda one: [one.created_at.isoformat(), str(one.id)])


@router.post(
    "/users",
    operation_id="createUser",
    status_code=HTTPStatus.CREATED,
    responses=problems(400, 403, 409, 413, 415),
)
async def create_user(
    accounts: StaffAccounts, wanted: NewUser, once: Once, response: Response
) -> UserAccount:
    """Staff: open an account for somebody."""
    account = await once(UserAccount, lambda: accounts.create(wanted, once.new_id))
    response.headers["Location"] = f"/users/{account.id}"
    return _tagged(response, account)


@router.get("/users/{user_id}", operation_id="getUser", responses=problems(403, 404))
async def get_user(accounts: StaffAccounts, user_id: UserId, response: Response) -> UserAccount:
    """Staff: an account."""
    return _tagged(response, await accounts.get(user_id))


@router.patch(
    "/users/{user_id}",
    operation_id="updateUser",
    responses=problems(400, 403, 404, 409, 412, 413, 415, 428),
)
async def update_user(
    accounts: StaffAccounts,
    user_id: UserId,
    versions: Versions,
    changes: UserChanges,
    once: Once,
    response: Response,
) -> UserAccount:
    """Staff: change an account."""
    given = changes.given()
    account = await once(UserAccount, lambda: accounts.change(user_id, versions, given))
    return _tagged(response, account)


@router.post(
    "/users/{user_id}/deactivate", operation_id="deactivateUser", responses=problems(403, 404, 409)
)
async def deactivate_user(
    accounts: StaffAccounts, user_id: UserId, once: Once, response: Response
) -> UserAccount:
    """Staff: keep somebody from signing in, and sign them out everywhere."""
    return _tagged(response, await once(UserAccount, lambda: accounts.deactivate(user_id)))


@router.post(
    "/users/{user_id}/reactivate", operation_id="reactivateUser", responses=problems(403, 404, 409)
)
async def reactivate_user(
    accounts: StaffAccounts, user_id: UserId, once: Once, response: Response
) -> UserAccount:
    """Staff: let somebody sign in again."""
    return _tagged(response, await once(UserAccount, lambda: accounts.reactivate(user_id)))


def _tagged(response: Response, account: UserAccount) -> UserAccount:
    response.headers["ETag"] = etag(account.version)
    return account
