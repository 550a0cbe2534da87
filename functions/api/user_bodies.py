"""Accounts as staff send and see them."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import EmailStr, Field, SecretStr

from functions.api.models import Changes, Fields, Line, Request
from functions.kit.database import Row

Email = Annotated[EmailStr, Field(max_length=254, examples=["ada@example.com"])]
Role = Literal["staff"] | None


class NewUser(Request):
    """A new account. Without a password, its owner signs in by a link that is mailed."""

    example: ClassVar[Row] = {"email": "ada@example.com", "displayName": "Ada"}
    email: Email
    password: Annotated[SecretStr, Field(min_length=8, max_length=72)] | None = None
    display_name: Line = ""
    role: Role = None


class UserChanges(Changes):
    """`role` null: no staff any more."""

    example: ClassVar[Row] = {"displayName": "Ada", "role": "staff"}
    email: Email = ""
    display_name: Line = ""
    role: Role = None


class UserPreferences(Fields):
    """Which mails beyond those about orders they want."""

    newsletter: bool
    notifications: bool


class UserAccount(Fields):
    """`version` is what `If-Match` names, as an entity tag. Guests have no address."""

    example: ClassVar[Row] = {
        "id": "5b1f0b3e-7c4d-4f57-9a43-0f6f0a3c9a11",
        "email": "ada@example.com",
        "displayName": "Ada",
        "role": "staff",
        "isGuest": False,
        "deactivated": False,
        "preferences": {"newsletter": False, "notifications": True},
        "createdAt": "2026-11-01T12:00:00Z",
        "version": "6410c4e0bb84dd419f2d73592477b375",
    }
    id: UUID
    email: str
    display_name: str
    role: str | None
    is_guest: bool
    deactivated: bool
    preferences: UserPreferences
    created_at: datetime
    version: str
