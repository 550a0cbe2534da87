"""People: who is signed in, what they have told the shop, and where their orders go."""

from datetime import datetime
from uuid import UUID

from orderbase.models.base import Model


class User(Model, frozen=True):
    """Someone who is signed in.

    `is_guest` is true until `become_account`; `email` is None for guests.
    """

    id: UUID
    email: str | None
    is_guest: bool
    is_staff: bool


class Address(Model, frozen=True):
    """Where an order goes. `country` is an ISO 3166-1 code of two capital letters."""

    name: str
    line1: str
    line2: str | None = None
    city: str
    postal_code: str
    region: str | None = None
    country: str


class SavedAddress(Model, frozen=True):
    """An address of somebody's address book; `address` can be ordered to as it is.

    `label` is what its owner calls it, and may be empty. At most one is the default.
    """

    id: UUID
    label: str
    address: Address
    is_default: bool
    created_at: datetime
    updated_at: datetime


class Profile(Model, frozen=True):
    """What a person chose to be called; `display_name` is empty until they do."""

    user_id: UUID
    display_name: str
    created_at: datetime
    updated_at: datetime


class Preferences(Model, frozen=True):
    """Which mails a person wants, beyond those that belong to an order."""

    newsletter: bool
    notifications: bool
    created_at: datetime
    updated_at: datetime
