"""The option `--status`."""

from typing import Annotated, cast, get_args

import typer

from orderbase.models import OrderStatus

_ALL: tuple[str, ...] = get_args(OrderStatus)


def _checked(given: list[str] | None) -> list[str] | None:
    for name in given or ():
        if name not in _ALL:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(_ALL)}.")
    return given


Statuses = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        callback=_checked,
        autocompletion=lambda: list(_ALL),
        help="Only with this status; may be given several times.",
    ),
]


def statuses(given: list[str] | None) -> list[OrderStatus] | None:
    """What was given, checked; None for any."""
    return cast(list[OrderStatus], given) if given else None
