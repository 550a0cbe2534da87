"""The back office at the terminal: parcels, refunds, and what no retry could help."""

import re
from typing import Annotated
from uuid import UUID, uuid4

import typer

from orderbase.cli import lookup, render
from orderbase.cli.failures import unknown_outcome
from orderbase.cli.orders import Everything, Limit, Name, show_list
from orderbase.cli.render import AsJson
from orderbase.cli.shop import UsageError, opened_by_someone
from orderbase.cli.statuses import Statuses, statuses
from orderbase.cli.tables import Rows
from orderbase.models import Order
from orderbase.money import Money

_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]+))?")

Letter = Annotated[
    int,
    typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="As `staff dead-letters` says."),
]


def declare(app: typer.Typer) -> None:
    """Add these commands."""
    staff = typer.Typer(help="For the shop's staff: parcels, refunds, dead letters.")
    for name, command, example in (
        ("orders", orders, "orders --status paid"),
        ("ship", ship, "ship 1042 --carrier dhl --tracking-number JD0001"),
        ("deliver", deliver, "deliver 1042"),
        ("refund", refund, "refund 1042 --amount 5.00 --reason 'a scratch'"),
        ("dead-letters", dead_letters, "dead-letters --json"),
        ("retry", retry, "retry 7"),
        ("give-up", give_up, "give-up 7"),
    ):
        staff.command(name, epilog=render.examples(f"staff {example}"))(command)
    app.add_typer(staff, name="staff", no_args_is_help=True, rich_help_panel="Staff")


def orders(
    context: typer.Context,
    status: Statuses = None,
    email: Annotated[str | None, typer.Option(help="Only those of this address.")] = None,
    limit: Limit = 100,
    *,
    everything: Everything = False,
    json: AsJson = False,
) -> None:
    """List everybody's orders, newest first."""
    wanted = statuses(status)
    with opened_by_someone(context) as shop, render.waiting("Reading the orders"):
        found = (
            [*shop.staff.orders.each(statuses=wanted, email=email)]
            if everything
            else shop.staff.orders.list(limit=limit, statuses=wanted, email=email)
        )
    show_list(found, as_json=json)


def ship(
    context: typer.Context,
    name: Name,
    carrier: Annotated[str, typer.Option(help="Who carries the parcel.")],
    tracking_number: Annotated[str, typer.Option(help="The carrier's number of it.")],
    *,
    json: AsJson = False,
) -> None:
    """Say that the parcel of a paid order was handed over."""
    with opened_by_someone(context) as shop, render.waiting("Telling the shop"):
        order_id = lookup.among(shop.staff.orders, name)
        order = shop.staff.orders.ship(order_id, carrier=carrier, tracking_number=tracking_number)
    _tell(order, as_json=json)


def deliver(context: typer.Context, name: Name, *, json: AsJson = False) -> None:
    """Say that a parcel has arrived."""
    with opened_by_someone(context) as shop, render.waiting("Telling the shop"):
        order = shop.staff.orders.deliver(lookup.among(shop.staff.orders, name))
    _tell(order, as_json=json)


def refund(
    context: typer.Context,
    name: Name,
    *,
    reason: Annotated[str, typer.Option(help="Why, for people.")],
    amount: Annotated[
        str | None,
        typer.Option(metavar="5.00", help="In the order's currency; by default all that is left."),
    ] = None,
    idempotency_key: Annotated[
        UUID | None, typer.Option(help="Same key and refund: once, however often it is said.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """Give money back. Asks first."""
    key = idempotency_key or uuid4()
    with opened_by_someone(context) as shop:
        order = shop.staff.orders.get(lookup.among(shop.staff.orders, name))
        money = None if amount is None else _money(amount, order.currency)
        if not yes:
            what = money or "all that is left"
            typer.confirm(f"Refund {what} of order {order.number}?", abort=True, err=True)
        with (
            unknown_outcome(context, key, "it was refunded", "refunds it if not"),
            render.waiting("Refunding"),
        ):
            given = shop.staff.orders.refund(
                order.id, amount=money, reason=reason, idempotency_key=key
            )
    if json:
        render.print_json(given)
    else:
        render.say(f"{given.amount} of order {order.number} go back.")


def dead_letters(
    context: typer.Context,
    *,
    resolved: Annotated[bool, typer.Option("--resolved", help="Also resolved ones.")] = False,
    json: AsJson = False,
) -> None:
    """List what no retry could help."""
    with opened_by_someone(context) as shop, render.waiting("Reading dead letters"):
        found = [*shop.staff.dead_letters.each(only_open=not resolved)]
    if json:
        render.print_json(found)
        return
    table = Rows(
        *("Id", "Queue", "Order", "When", "Reason", "Cause"),
        right={"Id"},
        spare=("When", "Queue", "Order", "Reason", "Cause"),
    )
    for each in found:
        order = "" if each.order_id is None else render.short(each.order_id)
        when = render.when(each.created_at)
        table.add(each.id, each.queue, order, when, each.reason, each.cause)
    table.show("No dead letters.")


def retry(context: typer.Context, letter: Letter) -> None:
    """Try it again."""
    with opened_by_someone(context) as shop, render.waiting("Telling the shop"):
        shop.staff.dead_letters.retry(letter)
    render.say(f"{letter} is tried again.")


def give_up(context: typer.Context, letter: Letter) -> None:
    """Try it no more; its order turns back."""
    with opened_by_someone(context) as shop, render.waiting("Telling the shop"):
        shop.staff.dead_letters.give_up(letter)
    render.say(f"{letter} is given up.")


def _tell(order: Order, *, as_json: bool) -> None:
    if as_json:
        render.print_json(order)
    else:
        render.say(f"Order {order.number} is", render.status(order.status))


def _money(amount: str, currency: str) -> Money:
    """The amount in major units, such as 5.00, exactly."""
    digits = Money(0, currency).exponent
    match = _AMOUNT.fullmatch(amount)
    if match is None or len(match[2] or "") > digits:
        raise UsageError(f"{amount!r} is not an amount of {currency}.")
    return Money(int(match[1] + (match[2] or "").ljust(digits, "0")), currency)
