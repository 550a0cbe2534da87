"""Ids and keys that a caller gave, as UUIDs."""

from uuid import UUID, uuid4

from orderbase import errors


def as_uuid(value: UUID | str, name: str = "order_id") -> UUID:
    """The id that a caller gave.

    Raises:
        InvalidRequest: it is not a UUID.
    """
    try:
        return UUID(str(value))
    except ValueError:
        raise errors.InvalidRequest(f"{name} is not a UUID.", code=f"invalid_{name}") from None


def key_of(idempotency_key: UUID | str | None) -> UUID:
    """The idempotency key that a caller gave, else a new one.

    Raises:
        InvalidRequest: "invalid_idempotency_key": it is not a UUID.
    """
    return uuid4() if idempotency_key is None else as_uuid(idempotency_key, "idempotency_key")


def is_uuid(value: UUID | str) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True
