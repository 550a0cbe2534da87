"""The command and its options. Each noun declares its own commands."""

import signal
import sys
from typing import Annotated, NoReturn

import typer

from orderbase._version import VERSION
from orderbase.cli import auth, orders, place, products, render, staff, watch
from orderbase.cli.failures import Commands
from orderbase.cli.shop import Chosen, refuse_secret

_EXAMPLES = render.examples(
    "connect http://127.0.0.1:54321 sb_publishable_...",
    "sign-in --guest",
    "products coffee",
    "place espresso-cup=2 --payment-method pm_card_visa --watch",
)
_PASSWORDS = (
    "Passwords are asked for, read from standard input, or taken from ORDERBASE_PASSWORD; never"
    " from an argument. Exit codes: 0 done, 1 refused, 2 not a command, 130 interrupted."
)

app = typer.Typer(
    name="orderbase",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"{_EXAMPLES}\n\n{_PASSWORDS}",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"orderbase {VERSION}")
        raise typer.Exit


@app.callback()
def choose(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Option(help="The shop; else ORDERBASE_URL or SUPABASE_URL, else the last one."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            callback=refuse_secret,
            help="Its publishable key; else ORDERBASE_KEY or SUPABASE_PUBLISHABLE_KEY.",
        ),
    ] = None,
    *,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """A shop at the terminal: its products, your orders, and what happens to them, live."""
    context.obj = Chosen(url, key)


for noun in (auth, products, place, orders, watch, staff):
    noun.declare(app)


def _terminated(signal_number: int, _: object) -> NoReturn:
    raise SystemExit(128 + signal_number)


def run() -> int:
    """Run one command; see `orderbase.cli.main`."""
    signal.signal(signal.SIGTERM, _terminated)  # tables give the cursor back
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    app()
    return 0
