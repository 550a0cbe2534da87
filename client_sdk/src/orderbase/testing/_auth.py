"""Auth of the fake shop: sign-up, sign-in, guests, codes, and sessions."""

import re
import secrets
from typing import Any

from orderbase._http import Response
from orderbase.testing._people import CODE_SECONDS, People, Person, Session, shown
from orderbase.testing._received import Received, answer
from orderbase.testing._refusals import Refusal, auth_refusal, unknown
from orderbase.testing._store import Row, Store

_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[a-z0-9-]+(\.[a-z0-9-]+)*", re.ASCII | re.IGNORECASE)
_MAX_EMAIL = 255
_MIN_PASSWORD, _MAX_PASSWORD_BYTES = 6, 72


class Auth:
    """Answers `/auth/v1/`."""

    def __init__(self, store: Store, people: People) -> None:
        self._store = store
        self._people = people

    def answer(self, request: Received) -> Response:
        """The answer to a request.

        Raises:
            Refusal: what Auth refuses, or the fake does not know.
        """
        path = request.path.removeprefix("/auth/v1")
        match request.method, path:
            case "POST", "/signup":
                return answer(self._sign_up(request.body()))
            case "POST", "/token":
                return answer(self._grant(dict(request.query).get("grant_type"), request.body()))
            case "POST", "/otp":
                self._mail_code(request.body())
                return answer({})
            case "POST", "/verify":
                return answer(self._verify(request.body()))
            case (("GET" | "PUT"), "/user"):
                return answer(self._user(request))
            case "POST", "/logout":
                self._sign_out(dict(request.query).get("scope", "global"), request)
                return answer()
            case _:
                raise unknown(f"{request.method} {request.path}")

    def _sign_up(self, body: Row) -> Row:
        email = body.get("email")
        if not email:
            return self._people.start(self._people.add(None, None))
        _check_password(body.get("password"))
        _check_email(email)
        if self._people.by_email(email):
            raise auth_refusal(422, "user_already_exists", "User already registered")
        return self._people.start(self._people.add(email, body["password"]))

    def _grant(self, kind: str | None, body: Row) -> Row:
        if kind == "password":
            person = self._people.by_email(body.get("email", ""))
            if person is None or person.password is None or person.password != body.get("password"):
                raise auth_refusal(400, "invalid_credentials", "Invalid login credentials")
            return self._people.start(person)
        if kind == "refresh_token":
            return self._refresh(body.get("refresh_token", ""))
        raise unknown(f"the grant type {kind}")

    def _refresh(self, token: str) -> Row:
        """The last token gives the next one, and the one before it gives the last again.

        The answer with that may have been lost. An older one was stolen: it ends the session.
        """
        for session in tuple(self._people.sessions.values()):
            if token == session.refresh_tokens[-1]:
                return self._people.go_on(session)
            if token in session.refresh_tokens[-2:]:
                return self._people.answer(session)
            if token in session.refresh_tokens:
                del self._people.sessions[session.id]
                raise _invalid_token("refresh_token_already_used", "Already Used")
        raise _invalid_token("refresh_token_not_found", "Refresh Token Not Found")

    def _mail_code(self, body: Row) -> None:
        email = body.get("email", "")
        _check_email(email)
        person = self._people.by_email(email)
        if person is None and not body.get("create_user", True):
            raise auth_refusal(422, "otp_disabled", "Signups not allowed for otp")
        if person is None:
            person = self._people.add(email, None)
        until = self._now() + CODE_SECONDS
        person.code = f"{secrets.randbelow(10**6):06}", until

    def _verify(self, body: Row) -> Row:
        if body.get("type") != "email":
            raise unknown(f"how to verify {body.get('type')!r}")
        if not body.get("token"):
            raise _invalid("Verify requires either a token or a token hash")
        _check_email(body.get("email", ""))
        person = self._people.by_email(body.get("email", ""))
        code, until = (person and person.code) or ("", 0.0)
        if person is None or not code or body.get("token") != code or self._now() >= until:
            raise auth_refusal(403, "otp_expired", "Token has expired or is invalid")
        person.code = None
        return self._people.start(person)

    def _user(self, request: Received) -> Row:
        person = self._session(request).person
        changes: dict[str, Any] = request.body() if request.method == "PUT" else {}
        if extra := changes.keys() - {"email", "password"}:
            raise unknown(f"how to change {', '.join(sorted(extra))} of a user")
        if "password" in changes:
            _check_password(changes["password"])
        if "email" in changes:
            self._check_free(changes["email"], person)
            person.email = changes["email"].lower()
        person.password = changes.get("password", person.password)
        return shown(person)

    def _check_free(self, email: str, person: Person) -> None:
        _check_email(email)
        if self._people.by_email(email) not in (None, person):
            raise auth_refusal(
                422, "email_exists", "A user with this email address has already been registered"
            )
        if not person.is_guest and email.lower() != person.email:
            raise unknown("how an account changes its address")

    def _sign_out(self, scope: str, request: Received) -> None:
        own = self._session(request)
        for session in tuple(self._people.sessions.values()):
            mine = session.person is own.person and (scope != "others" or session is not own)
            if mine and (scope != "local" or session is own):
                del self._people.sessions[session.id]

    def _session(self, request: Received) -> Session:
        try:
            self._people.caller(request.bearer)
        except Refusal:
            raise auth_refusal(403, "bad_jwt", "invalid JWT") from None
        session = self._people.session_of(request.bearer)
        if session is None:
            raise auth_refusal(
                403, "session_not_found", "Session from session_id claim in JWT does not exist"
            )
        return session

    def _now(self) -> float:
        return self._store.clock.now().timestamp()


def _check_email(email: str) -> None:
    if not email:
        raise _invalid("One of email or phone must be set")
    if len(email) > _MAX_EMAIL:
        raise _invalid("An email address is too long")
    if not _EMAIL.fullmatch(email):
        raise _invalid("Unable to validate email address: invalid format")


def _check_password(password: str | None) -> None:
    if not password:
        raise _invalid("Signup requires a valid password")
    if len(password) < _MIN_PASSWORD:
        message = f"Password should be at least {_MIN_PASSWORD} characters."
        raise auth_refusal(422, "weak_password", message)
    if len(password.encode()) > _MAX_PASSWORD_BYTES:
        raise _invalid(f"Password cannot be longer than {_MAX_PASSWORD_BYTES} characters")


def _invalid(message: str) -> Refusal:
    return auth_refusal(400, "validation_failed", message)


def _invalid_token(code: str, reason: str) -> Refusal:
    return auth_refusal(400, code, f"Invalid Refresh Token: {reason}")
