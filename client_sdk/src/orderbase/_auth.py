"""Who is calling: sign-up, sign-in, guests, and the session's token."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

from pydantic import JsonValue

from orderbase import errors
from orderbase._call import Call
from orderbase._current import NOBODY, OVER, Bearer, CurrentSession
from orderbase._send import Sender
from orderbase._session import Session, SessionStorage, read_session, read_user
from orderbase.models import User

_GUEST_SIGNED_IN = (
    "A guest is signed in: become_account makes an account of them and keeps their orders; "
    "sign_out first leaves the orders behind."
)


class AsyncAuth:
    """Signs people in and out. The session is refreshed when it is used, shortly before its end.

    Whoever signs in takes the place of whoever was signed in. A guest who is replaced, or signs
    out, is gone, and so are their orders: nothing brings them to an existing account. Only
    `become_account` keeps them, in a new one.

    Every method raises AuthError for wrong credentials or a session that is over, InvalidRequest
    for an address or password that will not do, RateLimited, ConnectionFailed and TimedOut.
    """

    def __init__(
        self, sender: Sender, storage: SessionStorage, session: Session | None = None
    ) -> None:
        """`session`: the one to begin with; by default the one in the storage."""
        self._sender = sender
        self._current = CurrentSession(sender, storage, session)

    @property
    def user(self) -> User | None:
        """Who is signed in; None when nobody is."""
        session = self._current.get()
        return session.user if session else None

    async def sign_up(self, *, email: str, password: str) -> User:
        """Create an account and sign in.

        Where the shop wants addresses confirmed first, `user` stays None until `sign_in`, or
        `sign_in_with_code` with the code of the mail.

        A guest's orders would stay behind: `become_account` keeps them.

        Raises:
            Conflict: "guest_signed_in": call `become_account` instead, or `sign_out` first. Or the
                address has an account already.
        """
        body = _credentials(email, password)
        if self.user is not None and self.user.is_guest:
            raise errors.Conflict(_GUEST_SIGNED_IN, code="guest_signed_in")
        call = Call("POST", "/auth/v1/signup", _session_or_user, body, repeatable=False)
        answer = await self._sender.send(call, NOBODY)
        if isinstance(answer, User):
            return answer
        self._current.set(answer)
        return answer.user

    async def sign_in(self, *, email: str, password: str) -> User:
        """Sign in to an account. A guest who was signed in is gone, with their orders."""
        body = _credentials(email, password)
        return await self._begin("token?grant_type=password", body)

    async def sign_in_as_guest(self) -> User:
        """Sign in without an account; `become_account` keeps the orders.

        A guest who is signed in already stays; only if their session is over, there is a new one.
        """
        guest = await self._current_guest()
        return guest or await self._begin("signup", {}, repeatable=False)

    async def send_code(self, *, email: str, create_account: bool = True) -> None:
        """Mail a code for `sign_in_with_code`.

        Args:
            email: where to.
            create_account: also where there is none yet.

        Raises:
            NotFound: there is no account, and none is wanted.
        """
        body: dict[str, JsonValue] = {"email": email, "create_user": create_account}
        call = Call("POST", "/auth/v1/otp", _nothing, body, repeatable=False)
        await self._sender.send(call, NOBODY)

    async def sign_in_with_code(self, *, email: str, code: str) -> User:
        """Sign in with the code that was mailed. A code works once.

        A guest who was signed in is gone, with their orders.

        Raises:
            AuthError: it is wrong, was used, or is too old.
        """
        body: dict[str, JsonValue] = {"type": "email", "email": email, "token": code}
        return await self._begin("verify", body, repeatable=False)

    async def become_account(self, *, email: str, password: str) -> User:
        """Turn the guest who is signed in into an account: same id, same orders.

        Where the shop wants addresses confirmed first, the user stays a guest until then.

        Raises:
            AuthError: no guest is signed in.
            Conflict: the address has an account already.
        """
        session = self._current.get()
        if session is None or not session.user.is_guest:
            raise errors.AuthError("No guest is signed in.", code="not_a_guest")
        body = _credentials(email, password)
        await self._sender.send(Call("PUT", "/auth/v1/user", read_user, body), self)
        session = self._current.get() or session  # perhaps refreshed for that call
        await self._current.renew(session, session.access_token)  # that still says "anonymous"
        return (self._current.get() or session).user

    async def sign_out(self) -> None:
        """End this session, here and on the server; other devices stay signed in.

        A guest is gone then, with their orders.
        """
        session = self._current.get()
        if session is None:
            return
        self._current.set(None)
        with suppress(errors.AuthError, errors.PermissionDenied, errors.NotFound):  # was over
            call = Call("POST", "/auth/v1/logout?scope=local", _nothing)
            await self._sender.send(call, Bearer(session.access_token))

    async def token(self, *, rejected: str | None = None) -> str | None:
        """The session's access token; None when signed out.

        It is refreshed if it is about to expire, or is the one that the server has `rejected`.
        """
        return await self._current.token(rejected=rejected)

    def on_change(self, callback: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `callback` at each sign-in, sign-out and refresh while the context is open."""
        return self._current.on_change(callback)

    async def _begin(
        self, path: str, body: dict[str, JsonValue], *, repeatable: bool = True
    ) -> User:
        call = Call("POST", f"/auth/v1/{path}", read_session, body, repeatable=repeatable)
        session = await self._sender.send(call, NOBODY)
        self._current.set(session)
        return session.user

    async def _current_guest(self) -> User | None:
        """The guest who is signed in, if the server still knows them."""
        if self.user is None or not self.user.is_guest:
            return None
        try:
            known = await self._sender.send(Call("GET", "/auth/v1/user", read_user), self)
        except (errors.AuthError, errors.NotFound) as error:
            if error.code in OVER:
                return None
            raise
        return known if known.is_guest else None


def _credentials(email: str, password: str) -> dict[str, JsonValue]:
    if not email or not password:  # without an address, Auth would sign up a guest
        raise errors.InvalidRequest("Address or password is empty.", code="missing_credentials")
    return {"email": email, "password": password}


def _session_or_user(content: bytes) -> Session | User:
    return read_session(content) if b'"access_token"' in content else read_user(content)


def _nothing(_: bytes) -> None:
    """Says nothing but that it worked."""
