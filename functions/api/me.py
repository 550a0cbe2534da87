"""/me: the caller's own profile and preferences."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from functions.api.callers import AsCaller, Caller
from functions.api.idempotency import Once
from functions.api.models import Changes, Fields, Line
from functions.api.problem_schema import problems
from functions.api.routing import api_router
from functions.api.tokens import User
from functions.kit.database import Row
from functions.kit.problems import unauthorized

router = api_router("me")


class Me(Fields):
    """Who the caller is. `email` is null for guests."""

    example: ClassVar[Row] = {
        "id": "5b1f0b3e-7c4d-4f57-9a43-0f6f0a3c9a11",
        "email": "ada@example.com",
        "displayName": "Ada",
        "isGuest": False,
        "isStaff": False,
        "createdAt": "2026-11-01T12:00:00Z",
    }
    id: UUID
    email: str | None
    display_name: str
    is_guest: bool
    is_staff: bool
    created_at: datetime


class MyChanges(Changes):
    """How the caller wants to be called."""

    example: ClassVar[Row] = {"displayName": "Ada"}
    display_name: Line = ""


class Preferences(Fields):
    """Which mails beyond those about orders the caller wants."""

    example: ClassVar[Row] = {"newsletter": False, "notifications": True}
    newsletter: bool
    notifications: bool


class PreferenceChanges(Changes):
    """What the caller wants from now on."""

    example: ClassVar[Row] = {"newsletter": True}
    newsletter: bool = False
    notifications: bool = True


@router.get("/me", operation_id="getMe")
async def get_me(caller: Caller, rest: AsCaller) -> Me:
    """My profile."""
    return _me(caller, await rest.select("profiles", _of(caller)))


@router.patch("/me", operation_id="updateMe", responses=problems(400, 409, 413, 415))
async def update_me(caller: Caller, rest: AsCaller, changes: MyChanges, once: Once) -> Me:
    """Change my profile."""

    async def update() -> Me:
        return _me(caller, await rest.update("profiles", _of(caller), changes.given()))

    return await once(Me, update)


@router.get("/me/preferences", operation_id="getMyPreferences")
async def get_preferences(caller: Caller, rest: AsCaller) -> Preferences:
    """Which mails I get."""
    return Preferences.model_validate(_own(await rest.select("preferences", _of(caller))))


@router.patch(
    "/me/preferences", operation_id="updateMyPreferences", responses=problems(400, 409, 413, 415)
)
async def update_preferences(
    caller: Caller, rest: AsCaller, changes: PreferenceChanges, once: Once
) -> Preferences:
    """Change which mails I get."""

    async def update() -> Preferences:
        rows = await rest.update("preferences", _of(caller), changes.given())
        return Preferences.model_validate(_own(rows))

    return await once(Preferences, update)


def _of(caller: User) -> dict[str, str]:
    return {"user_id": f"eq.{caller.id}"}


def _own(rows: list[Row]) -> Row:
    if not rows:
        # The token outlives the account.
        detail = "This account is not there any more."
        raise unauthorized("sign_in_required", detail)
    return rows[0]


def _me(caller: User, rows: list[Row]) -> Me:
    profile = _own(rows)
    return Me(
        id=caller.id,
        email=caller.email,
        display_name=profile["display_name"],
        is_guest=caller.is_guest,
        is_staff=caller.is_staff,
        created_at=profile["created_at"],
    )
