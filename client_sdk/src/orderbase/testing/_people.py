"""The people of the fake shop: users, their sessions, and the tokens that prove them."""

import base64
import json
import secrets
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from orderbase._session import read_user
from orderbase.models import User
from orderbase.testing._caller import Caller
from orderbase.testing._refusals import rest_refusal
from orderbase.testing._store import Row, Store

TOKEN_SECONDS = 3600
CODE_SECONDS = 3600


@dataclass(slots=True)
class Person:
    """A user as Auth knows them. `code`: what was mailed, and until when it holds."""

    id: str
    email: str | None = None
    password: str | None = None
    is_staff: bool = False
    code: tuple[str, float] | None = None
    created_at: str = ""

    @property
    def is_guest(self) -> bool:
        """Whether the user has no account."""
        return self.email is None


@dataclass(slots=True)
class Session:
    """A sign-in. `refresh_tokens`: all that it had; the last one is in force."""

    person: Person
    id: str = field(default_factory=lambda: str(uuid4()))
    refresh_tokens: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class _Token:
    caller: Caller
    session_id: str
    expires_at: float


class People:
    """Users by id, sessions by id, and what each token says."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.persons: dict[str, Person] = {}
        self.sessions: dict[str, Session] = {}
        self._tokens: dict[str, _Token] = {}

    def add(self, email: str | None, password: str | None, *, is_staff: bool = False) -> Person:
        """A new user, with a profile and preferences as the shop's database gives them."""
        row = self._store.born()
        address = email and email.lower()
        person = Person(row.pop("id"), address, password, is_staff, created_at=row["created_at"])
        self.persons[person.id] = person
        self._store.insert("profiles", {"user_id": person.id, "display_name": "", **row})
        preferences: Row = {"newsletter": False, "notifications": True}
        self._store.insert("preferences", {"user_id": person.id, **preferences, **row})
        return person

    def by_email(self, email: str) -> Person | None:
        """The user with this address, in whatever case."""
        wanted = email.lower()
        return next((p for p in self.persons.values() if (p.email or "").lower() == wanted), None)

    def start(self, person: Person) -> Row:
        """Sign in: what Auth answers."""
        session = Session(person)
        self.sessions[session.id] = session
        return self.go_on(session)

    def go_on(self, session: Session) -> Row:
        """New tokens for a session: what Auth answers."""
        session.refresh_tokens.append(secrets.token_urlsafe(9))
        return self.answer(session)

    def answer(self, session: Session) -> Row:
        """A new access token for a session, beside the refresh token in force."""
        now = int(self._store.clock.now().timestamp())
        return {
            "access_token": self._issue(session, now),
            "token_type": "bearer",
            "expires_in": TOKEN_SECONDS,
            "expires_at": now + TOKEN_SECONDS,
            "refresh_token": session.refresh_tokens[-1],
            "user": shown(session.person),
        }

    def caller(self, token: str) -> Caller:
        """Whose token it is.

        Raises:
            Refusal: it is none of the shop's, or has expired.
        """
        known = self._tokens.get(token)
        if known is None:
            raise rest_refusal(401, "PGRST301", "None of the keys was able to decode the JWT")
        if self._store.clock.now().timestamp() >= known.expires_at:
            raise rest_refusal(401, "PGRST303", "JWT expired")
        if known.session_id in self.sessions:
            return known.caller
        return replace(known.caller, session_is_over=True)

    def session_of(self, token: str) -> Session | None:
        """The session of an access token, while it lasts."""
        known = self._tokens.get(token)
        return self.sessions.get(known.session_id) if known else None

    def expire(self) -> None:
        """Let all access tokens expire; sessions go on."""
        self._tokens = {
            token: replace(known, expires_at=0.0) for token, known in self._tokens.items()
        }

    def _issue(self, session: Session, now: int) -> str:
        person = session.person
        claims = {
            "sub": person.id,
            "exp": now + TOKEN_SECONDS,
            "iat": now,
            "role": "authenticated",
            "session_id": session.id,
            "email": person.email or "",
            "is_anonymous": person.is_guest,
            "app_metadata": _metadata(person),
        }
        token = f"{_base64({'alg': 'none'})}.{_base64(claims)}.{secrets.token_urlsafe(9)}"
        caller = Caller("authenticated", person.id, person.email, person.is_guest, person.is_staff)
        self._tokens[token] = _Token(caller, session.id, now + TOKEN_SECONDS)
        return token


def user_of(person: Person) -> User:
    """A user as clients know them."""
    return read_user(json.dumps(shown(person)).encode())


def shown(person: Person) -> Row:
    """A user as Auth shows them."""
    return {
        "id": person.id,
        "aud": "authenticated",
        "role": "authenticated",
        "email": person.email or "",
        "app_metadata": _metadata(person),
        "user_metadata": {},
        "created_at": person.created_at,
        "is_anonymous": person.is_guest,
    }


def _metadata(person: Person) -> dict[str, Any]:
    return {"role": "staff"} if person.is_staff else {}


def _base64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
