"""Which shop a command is about, and the client for it."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import typer

from orderbase._session import SessionStorage
from orderbase._sync import Orderbase
from orderbase.cli.memory import FileStorage, Memory, is_secret
from orderbase.errors import AuthError
from orderbase.models import User

_VARIABLES = (("ORDERBASE_URL", "ORDERBASE_KEY"), ("SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY"))
_BAD_TOKEN = frozenset({"bad_jwt", "session_expired"})


@dataclass(frozen=True)
class Chosen:
    """The shop of the options `--url` and `--key`, else of the environment, else the last one."""

    url: str | None
    key: str | None

    def address_and_key(self) -> tuple[str, str]:
        """Where the shop is, and its key.

        Raises:
            UsageError: nothing says so.
        """
        url = self._address()
        key = self.key or self._key_of(url)
        if key is None:
            raise UsageError(f"The key of {url} is not known. Say it: orderbase connect {url} KEY")
        return url, key

    @property
    def is_secret(self) -> bool:
        """Whether the key opens everything, so that nobody needs to be signed in."""
        return is_secret(self.address_and_key()[1])

    def _address(self) -> str:
        named = (os.environ.get(url) for url, _ in _VARIABLES)
        url = self.url or next(filter(None, named), None) or Memory().current
        if url is None:
            raise UsageError("Which shop? Say it once: orderbase connect URL KEY")
        if not url.startswith(("http://", "https://")):
            raise UsageError("The address of a shop begins with https:// or http://.")
        return url.rstrip("/")

    def _key_of(self, url: str) -> str | None:
        """A key from the environment goes to no other shop than the one beside it."""
        for url_variable, key_variable in _VARIABLES:
            address, key = os.environ.get(url_variable), os.environ.get(key_variable)
            if key and (not address or address.rstrip("/") == url):
                return key
        return Memory().of(url).key


@contextmanager
def opened(context: typer.Context) -> Generator[Orderbase, None, None]:
    """The chosen shop, as whoever is signed in there. A secret key is nobody but itself."""
    url, key = context.ensure_object(Chosen).address_and_key()
    storage = None if is_secret(key) else FileStorage(Memory(), url, key)
    with client(url, key, storage) as shop:
        yield shop


@contextmanager
def client(
    url: str, key: str, storage: SessionStorage | None = None
) -> Generator[Orderbase, None, None]:
    """A shop, with whoever is in the storage.

    Raises:
        UsageError: this cannot be a shop's address and key.
        AuthError: "wrong_key": it is a key of something else.
    """
    try:
        shop = Orderbase(url, key, storage=storage)
    except ValueError as error:
        raise UsageError(str(error)) from None
    with shop:
        try:
            yield shop
        except AuthError as error:
            if _refuses_key(error, shop):
                message = f"The key is not one of the shop at {url}."
                raise AuthError(message, status=error.status, code="wrong_key") from None
            raise


def _refuses_key(error: AuthError, shop: Orderbase) -> bool:
    """Gateways give no code. Where nobody is signed in, the key is the token that is checked."""
    return error.code is None or (shop.auth.user is None and error.code in _BAD_TOKEN)


@contextmanager
def opened_by_someone(context: typer.Context) -> Generator[Orderbase, None, None]:
    """The chosen shop, as somebody, or as the shop itself: by a secret key.

    Raises:
        AuthError: nobody is signed in there.
    """
    with opened(context) as shop:
        if not context.ensure_object(Chosen).is_secret:
            someone(shop)
        yield shop


@contextmanager
def opened_for_people(context: typer.Context) -> Generator[Orderbase, None, None]:
    """The chosen shop, for what only people do.

    Raises:
        UsageError: a secret key would act, which is nobody.
    """
    if context.ensure_object(Chosen).is_secret:
        raise UsageError("Only people do this, and a secret key is nobody: unset ORDERBASE_KEY.")
    with opened(context) as shop:
        yield shop


@contextmanager
def opened_by_a_person(context: typer.Context) -> Generator[Orderbase, None, None]:
    """The chosen shop, for what only people do who are signed in.

    Raises:
        AuthError: nobody is signed in there.
        UsageError: a secret key would act, which is nobody.
    """
    with opened_for_people(context) as shop:
        someone(shop)
        yield shop


def someone(shop: Orderbase) -> User:
    """Who is signed in.

    Raises:
        AuthError: nobody is.
    """
    if shop.auth.user is None:
        raise AuthError("Nobody is signed in.", code="sign_in_required")
    return shop.auth.user


def refuse_secret(key: str | None) -> str | None:
    """What is given as an argument is seen by all who may list processes."""
    if key is not None and is_secret(key):
        raise typer.BadParameter("A secret key is taken from ORDERBASE_KEY only, and never kept.")
    return key


class UsageError(typer.BadParameter):
    """The command as it was given makes no sense; it ends with 2."""

    def format_message(self) -> str:
        """Called by typer."""
        return str(self.message)
