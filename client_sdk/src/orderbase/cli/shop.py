"""Which shop a command is about, and the client for it."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import typer

from orderbase._sync import Orderbase
from orderbase.cli.memory import FileStorage, Memory, is_secret
from orderbase.errors import AuthError
from orderbase.models import User

_VARIABLES = (("ORDERBASE_URL", "ORDERBASE_KEY"), ("SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY"))


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
    """The chosen shop, with whoever is signed in there."""
    url, key = context.ensure_object(Chosen).address_and_key()
    with client(url, key) as shop:
        yield shop


def client(url: str, key: str) -> Orderbase:
    """A shop that knows who was signed in there last.

    Raises:
        UsageError: this cannot be a shop's address and key.
    """
    try:
        return Orderbase(url, key, storage=FileStorage(Memory(), url, key))
    except ValueError as error:
        raise UsageError(str(error)) from None


@contextmanager
def opened_by_someone(context: typer.Context) -> Generator[Orderbase, None, None]:
    """The chosen shop.

    Raises:
        AuthError: nobody is signed in there.
    """
    with opened(context) as shop:
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
