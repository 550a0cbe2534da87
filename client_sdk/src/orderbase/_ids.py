"""Ids and keys that a caller gave, as UUIDs."""

import re
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


def ids_with_prefix(prefix: str) -> tuple[UUID, UUID]:
    """The smallest and the largest of the ids that begin so.

    Raises:
        InvalidRequest: "invalid_id_prefix": none does.
    """
    digits = prefix.lower().replace("-", "")
    if not re.fullmatch("[0-9a-f]{1,32}", digits):
        message = "id_prefix is 1 to 32 hexadecimal digits, with or without dashes."
        raise errors.InvalidRequest(message, code="invalid_id_prefix")
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def is_uuid(value: UUID | str) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True
