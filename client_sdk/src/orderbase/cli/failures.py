"""What a command says when it does not succeed. Never a traceback for what the shop refuses."""

import shlex
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from uuid import UUID

import typer
from typer.core import TyperGroup

from orderbase import errors
from orderbase.cli import render
from orderbase.money import Money

_ARGUMENTS = "orderbase.arguments"
_NOT_BY_SIGNING_IN = frozenset({"invalid_credentials", "wrong_key"})


class Commands(TyperGroup):
    """All commands: they end with 1 when the shop refuses."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # typer's own name for its parent's class
        """Note what was asked for, to be able to say it again."""
        ctx.meta.setdefault(_ARGUMENTS, tuple(args))  # the outermost group has all of them
        return super().parse_args(ctx, args)

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]  # as above
        """Run the command."""
        try:
            return super().invoke(ctx)
        except errors.OrderbaseError as error:
            report(error)
            raise typer.Exit(1) from None
        except typer.Abort as aborted:
            if isinstance(aborted.__context__, KeyboardInterrupt):
                render.remark("")  # ends the line of the prompt
                raise KeyboardInterrupt from None
            raise
        except BrokenPipeError:
            render.leave_broken_pipe()
        except OSError as error:
            render.remark(f"orderbase: {error}")
            raise typer.Exit(1) from None


@contextmanager
def unknown_outcome(
    context: typer.Context, key: UUID, done: str, otherwise: str
) -> Generator[None, None, None]:
    """Say how to find out, when nobody knows whether it was done.

    Args:
        context: of the command.
        key: under which it may be asked for again.
        done: such as "the order was placed".
        otherwise: what asking again does if it was not, such as "places it if not".
    """
    try:
        yield
    except BaseException as error:
        if _may_be_done(error):
            render.remark(f"Whether {done} is not known. This finds out, and {otherwise}:")
            render.remark(f"  {again(context, {'--idempotency-key': str(key)})}")
        raise


def report(error: errors.OrderbaseError) -> None:
    """Say what the shop refused, and what may help."""
    render.remark(f"orderbase: {error}")
    for line in _details(error):
        render.remark(f"  {line}")


def _may_be_done(error: BaseException) -> bool:
    """Whether there was no answer that says no."""
    if not isinstance(error, errors.OrderbaseError):
        return True  # interrupted
    answers = errors.AuthError | errors.RateLimited
    return isinstance(error, errors.ServerError) or (
        error.may_pass and not isinstance(error, answers)
    )


def again(context: typer.Context, options: Mapping[str, str]) -> str:
    """The command as it was given, but with these options."""
    words = [*_without(options, context.meta[_ARGUMENTS])]
    return shlex.join(["orderbase", *words, *chain.from_iterable(options.items())])


def _without(options: Collection[str], words: Iterable[str]) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        if word in options:
            next(rest, None)  # its value
        elif word.partition("=")[0] not in options:
            yield word


def _details(error: errors.OrderbaseError) -> list[str]:
    lines: list[str] = []
    if isinstance(error, errors.OutOfStock):
        lines += [
            f"{short.name}: {short.requested} wanted, {short.available} available"
            for short in error.products
        ]
    match error.context:
        case {"total": int(amount), "currency": str(currency)} if error.code == "price_changed":
            lines.append(f"It is {Money(amount, currency)} now; nothing was ordered.")
        case _:
            pass
    placed = error.context.get("order_id")
    if isinstance(error, errors.IdempotencyMismatch) and placed is not None:
        lines.append(f"That order was placed: orderbase order {placed}")
    if error.code == "email_required":
        lines.append("Say it: --email ADDRESS")
    if isinstance(error, errors.AuthError) and error.code not in _NOT_BY_SIGNING_IN:
        lines.append("Sign in: orderbase sign-in EMAIL, or orderbase sign-in --guest")
    if error.retry_after is not None:
        lines.append(f"Try again in {error.retry_after:g} s.")
    return lines
