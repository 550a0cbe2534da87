"""Sessions: who is signed in, proven by tokens; and where they are kept."""

import base64
import time
from typing import Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from orderbase import errors
from orderbase._http import is_header
from orderbase.models import User

_MARGIN_SECONDS = 30.0


class SessionStorage(Protocol):
    """Keeps one session, so that a later process is still signed in.

    It holds tokens: keep it as safe as a password. It is called in the client's event loop, so
    it should be quick.
    """

    def get(self) -> str | None:
        """What was set last; None when there is nothing."""
        ...

    def set(self, value: str) -> None:
        """Keep this instead."""
        ...

    def remove(self) -> None:
        """Forget it; there may be nothing."""
        ...


class MemoryStorage:
    """Keeps the session for as long as the client lives."""

    def __init__(self) -> None:
        self._value: str | None = None

    def get(self) -> str | None:
        """See SessionStorage."""
        return self._value

    def set(self, value: str) -> None:
        """See SessionStorage."""
        self._value = value

    def remove(self) -> None:
        """See SessionStorage."""
        self._value = None


class _Model(BaseModel):
    # What they are made of is secret: no error shows it, and no `repr` the tokens.
    model_config = ConfigDict(frozen=True, defer_build=True, hide_input_in_errors=True)


class Session(_Model):
    """A signed-in user. `expires_at`: seconds since 1970. No `refresh_token`: it just ends."""

    access_token: str = Field(repr=False)
    refresh_token: str | None = Field(repr=False)
    expires_at: float
    user: User

    @property
    def expired(self) -> bool:
        """Whether the access token is of no use any more."""
        return time.time() >= self.expires_at

    @property
    def expires_soon(self) -> bool:
        """Whether it is time for a new access token."""
        return time.time() >= self.expires_at - _MARGIN_SECONDS


class _Person(_Model):
    """What Auth says of a user, and access tokens of their bearer."""

    id: UUID
    email: str | None = None
    is_anonymous: bool = False
    app_metadata: dict[str, JsonValue] = {}

    def user(self) -> User:
        staff = self.app_metadata.get("role") == "staff"
        guest = self.is_anonymous
        return User(id=self.id, email=self.email or None, is_guest=guest, is_staff=staff)


class _Answer(_Model):
    access_token: str = Field(repr=False)
    refresh_token: str = Field(repr=False)
    expires_in: float
    user: _Person


class _Claims(_Person):
    id: UUID = Field(alias="sub")
    exp: float


def read_session(content: bytes) -> Session:
    """What Auth answers to someone who signs in.

    Raises:
        ValidationError: it is something else.
    """
    answer = _Answer.model_validate_json(content)
    return Session(
        access_token=answer.access_token,
        refresh_token=answer.refresh_token,
        expires_at=time.time() + answer.expires_in,  # not the server's: clocks differ
        user=answer.user.user(),
    )


def read_user(content: bytes) -> User:
    """What Auth answers about a user.

    Raises:
        ValidationError: it is something else.
    """
    return _Person.model_validate_json(content).user()


def stored_session(storage: SessionStorage) -> Session | None:
    """The session that is kept there, if any."""
    kept = storage.get()
    try:
        return None if kept is None else Session.model_validate_json(kept)
    except ValidationError:
        storage.remove()  # of another version, or not ours
        return None


def session_of_token(token: str) -> Session:
    """The session of an access token alone. The server checks its signature, at each call.

    Raises:
        AuthError: it is not the access token of a user.
    """
    try:
        if not is_header(token):
            raise ValueError("it cannot be sent")  # noqa: TRY301 - one of the reasons
        payload = token.split(".")[1]
        decoded = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        claims = _Claims.model_validate_json(decoded)
    except (IndexError, ValueError) as error:
        raise errors.AuthError("This is not a user's access token.", code="bad_jwt") from error
    return Session(
        access_token=token, refresh_token=None, expires_at=claims.exp, user=claims.user()
    )
