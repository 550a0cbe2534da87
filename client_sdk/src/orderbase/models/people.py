"""People: who is signed in, and where their orders go."""

from uuid import UUID

from orderbase.models.base import Model


class User(Model):
    """Someone who is signed in.

    `is_guest` is true until `become_account`; `email` is None for guests.
    """

    id: UUID
    email: str | None
    is_guest: bool
    is_staff: bool


class Address(Model):
    """Where an order goes. `country` is an ISO 3166-1 code of two capital letters."""

    name: str
    line1: str
    line2: str | None = None
    city: str
    postal_code: str
    region: str | None = None
    country: str
