"""Which shop, and who is signed in there."""

import os
import sys
from typing import Annotated

import typer

from orderbase._sync import Orderbase
from orderbase.cli import render
from orderbase.cli.memory import Memory, Remembered
from orderbase.cli.render import AsJson
from orderbase.cli.shop import (
    Chosen,
    UsageError,
    client,
    opened_by_someone,
    opened_for_people,
    refuse_secret,
)
from orderbase.models import User

_PASSWORD = "ORDERBASE_PASSWORD"  # noqa: S105 - the name of a variable

_SHOP = {"id": None, "email": None, "is_guest": False, "is_staff": True}

Email = Annotated[str, typer.Argument(help="Your e-mail address.")]


def declare(app: typer.Typer) -> None:
    """Add these commands."""
    for name, command, examples in (
        ("connect", connect, ["connect http://127.0.0.1:54321 sb_publishable_..."]),
        ("sign-up", sign_up, ["sign-up ada@example.com", "sign-up ada@example.com < password"]),
        (
            "sign-in",
            sign_in,
            ["sign-in ada@example.com", "sign-in --code ada@example.com", "sign-in --guest"],
        ),
        ("sign-out", sign_out, ["sign-out"]),
        ("whoami", whoami, ["whoami", "whoami --json"]),
    ):
        app.command(name, rich_help_panel="You", epilog=render.examples(*examples))(command)


def connect(
    url: Annotated[str, typer.Argument(help="Address of the shop's Supabase project.")],
    key: Annotated[
        str, typer.Argument(callback=refuse_secret, help="Its publishable key, never a secret one.")
    ],
) -> None:
    """Remember a shop: all commands are about it from now on."""
    memory, address = Memory(), url.rstrip("/")
    with client(address, key) as shop, render.waiting("Asking the shop"):
        shop.products.list(limit=1)
    memory.keep(Remembered(url=address, key=key, session=memory.of(address).session))
    memory.make_current(address)
    render.say("Connected to", address)


def sign_up(context: typer.Context, email: Email) -> None:
    """Create an account and sign in. A guest's orders come along."""
    with opened_for_people(context) as shop:
        password = _password(confirm=True)
        enter = shop.auth.become_account if _is_guest(shop.auth.user) else shop.auth.sign_up
        with render.waiting("Signing up"):
            enter(email=email, password=password)
        user = shop.auth.user
        if user is None or user.is_guest:
            render.say("Confirm the address by the mail that was sent to it, then sign in.")
        else:
            render.say("Signed in as", _name(user))


def sign_in(
    context: typer.Context,
    email: Annotated[str | None, typer.Argument(help="Your e-mail address.")] = None,
    *,
    guest: Annotated[
        bool, typer.Option("--guest", help="Without an account. Who is a guest already, stays it.")
    ] = False,
    code: Annotated[
        bool, typer.Option("--code", help="By a code that is mailed to you; no password.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask whether to leave a guest's orders.")
    ] = False,
) -> None:
    """Sign in: with a password, with a code by mail, or as a guest.

    The orders of a guest do not come along: `sign-up` keeps them.
    """
    if guest == (email is not None) or (guest and code):
        raise UsageError("Say either an e-mail address or --guest.")
    with opened_for_people(context) as shop:
        before = shop.auth.user
        if email is None:
            user = shop.auth.sign_in_as_guest()
        else:
            if not yes:
                _confirm_leaving(before)
            user = _enter(shop, email, by_code=code)
    render.say("Still signed in as" if user == before else "Signed in as", _name(user))


def sign_out(context: typer.Context) -> None:
    """End the session, here and on the server. A guest's orders are out of reach then."""
    with opened_for_people(context) as shop, render.waiting("Signing out"):
        shop.auth.sign_out()
    render.say("Signed out.")


def whoami(context: typer.Context, *, json: AsJson = False) -> None:
    """Say who is signed in, and where; ends with 1 when nobody is."""
    with opened_by_someone(context) as shop:
        shop.auth.token()  # renewed if need be: it may be over
        user = shop.auth.user
    address, _ = context.ensure_object(Chosen).address_and_key()
    if json:
        render.print_json({"url": address, **(user.model_dump(mode="json") if user else _SHOP)})
    else:
        render.say(_name(user) if user else "the shop itself, by its secret key,", "at", address)


def _enter(shop: Orderbase, email: str, *, by_code: bool) -> User:
    if not by_code:
        return shop.auth.sign_in(email=email, password=_password())
    shop.auth.send_code(email=email)
    return shop.auth.sign_in_with_code(email=email, code=_secret("Code of the mail"))


def _confirm_leaving(user: User | None) -> None:
    """Ask before a guest is gone, with their orders."""
    if user is None or not user.is_guest:
        return
    render.remark(f"You are {_name(user)}. Your orders do not come along: nobody sees them again.")
    render.remark("This keeps them, in a new account: orderbase sign-up EMAIL")
    if not sys.stdin.isatty():  # there, the password may come
        raise UsageError("Say --yes to sign in all the same.")
    typer.confirm("Sign in all the same?", abort=True, err=True)


def _is_guest(user: User | None) -> bool:
    return user is not None and user.is_guest


def _name(user: User) -> str:
    if user.is_guest:
        return f"a guest ({user.id})"
    return f"{user.email}{', staff' if user.is_staff else ''} ({user.id})"


def _password(*, confirm: bool = False) -> str:
    return os.environ.get(_PASSWORD) or _secret("Password", confirm=confirm)


def _secret(what: str, *, confirm: bool = False) -> str:
    """A line of standard input, unseen at a terminal."""
    if sys.stdin.isatty():
        given: str = typer.prompt(what, hide_input=True, confirmation_prompt=confirm, err=True)
        return given
    given = sys.stdin.readline().rstrip("\r\n")
    if not given:
        raise UsageError(f"{what}: nothing came from standard input.")
    return given
