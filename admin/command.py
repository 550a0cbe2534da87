"""What every command is given, and how it is declared."""

import argparse
import sys
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from admin.errors import AdminError
from admin.output import Output
from admin.shop import Shop

Options = argparse.Namespace


@dataclass(frozen=True)
class Session:
    """One call of the command."""

    shop: Shop
    output: Output


Run = Callable[[Session, Options], Awaitable[int | None]]
"""Does it; returns the exit code if that is not 0."""


class Commands:
    """Subcommands of one parser."""

    def __init__(self, parser: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
        """`shared` holds the options that every command takes."""
        self._added = parser.add_subparsers(required=True, metavar="command")
        self._shared = shared

    def group(self, name: str, summary: str) -> "Commands":
        """A noun with commands of its own."""
        parser = self._added.add_parser(name, help=summary, description=summary)
        return Commands(parser, self._shared)

    def add(self, name: str, run: Run) -> argparse.ArgumentParser:
        """A command; its docstring is its help."""
        text = run.__doc__ or ""
        parser = self._added.add_parser(
            name,
            help=text.partition("\n")[0],
            description=text,
            parents=[self._shared],
            formatter_class=_Help,
        )
        parser.set_defaults(run=run)
        return parser


class _Help(argparse.HelpFormatter):
    """Keeps the paragraphs of a docstring."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.split("\n\n")
        return "\n\n".join(super(_Help, self)._fill_text(one, width, indent) for one in paragraphs)


def identifier(text: str) -> str:
    """An argument that is an ID, as the database writes it."""
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not an ID") from error


def add_yes(parser: argparse.ArgumentParser) -> None:
    """For what cannot be taken back."""
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


def confirm(question: str, options: Options) -> None:
    """Ask on the terminal, unless told not to.

    Raises:
        AdminError: no is the answer, or nobody can answer.
    """
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise AdminError(f"{question} Nobody is there to ask: say --yes.")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise AdminError("Nothing was done.")
