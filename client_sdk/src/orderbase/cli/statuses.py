"""The option `--status`."""

from typing import Annotated, cast, get_args

import typer
from typer.models import OptionInfo

from orderbase.models import OrderStatus

_ALL: tuple[str, ...] = get_args(OrderStatus)


def _checked(given: list[str] | None) -> list[str] | None:
    for name in given or ():
        if name not in _ALL:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(_ALL)}.")
    return given


def _option(help_text: str) -> OptionInfo:
    option: OptionInfo = typer.Option(
        "--status",
        callback=_checked,
        autocompletion=lambda: list(_ALL),
        help=f"{help_text}; may be given several times.",
    )
    return option


Statuses = Annotated[list[str] | None, _option("Only with this status")]
EventStatuses = Annotated[
    list[str] | None,
    _option(
        "Only events after which the order has this status, so with `completed` also a refund of a"
        " completed order"
    ),
]


def statuses(given: list[str] | None) -> list[OrderStatus] | None:
    """What was given, checked; None for any."""
    return cast(list[OrderStatus], given) if given else None
