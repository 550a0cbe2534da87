"""Who calls the fake shop."""

from dataclasses import dataclass
from typing import Literal

from orderbase.testing._store import Row


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request, by its token or key.

    `session_is_over`: the token still holds, but its session has ended: it reads, and calls no
    verb. `is_staff` is what the token says.
    """

    role: Literal["anon", "authenticated", "service_role"]
    user_id: str | None = None
    email: str | None = None
    is_guest: bool = False
    is_staff: bool = False
    session_is_over: bool = False

    @property
    def sees_all(self) -> bool:
        """Whether row security lets everything through."""
        return self.is_staff or self.role == "service_role"

    def owns(self, row: Row) -> bool:
        """Whether the row is this user's."""
        return self.user_id is not None and row["user_id"] == self.user_id


ANYBODY = Caller("anon")
SERVICE = Caller("service_role")
