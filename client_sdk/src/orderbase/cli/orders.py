"""My orders at the terminal."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from orderbase.cli import lookup, render
from orderbase.cli.render import AsJson
from orderbase.cli.shop import opened_by_a_person, opened_by_someone
from orderbase.cli.statuses import Statuses, statuses
from orderbase.cli.tables import Rows
from orderbase.models import OrderDetails, OrderEvent

Name = Annotated[
    str, typer.Argument(metavar="ORDER", help="Its number, its id, or the beginning of its id.")
]

Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")]
Everything = Annotated[bool, typer.Option("--all", help="However many there are.")]


def declare(app: typer.Typer) -> None:
    """Add these commands."""
    for name, command, examples in (
        ("orders", orders, ["orders --limit 5", "orders --status paid --status shipped --json"]),
        ("order", order, ["order 1042", "order 3f2b9c1e"]),
        ("cancel", cancel, ["cancel 1042"]),
    ):
        app.command(name, rich_help_panel="Orders", epilog=render.examples(*examples))(command)


def orders(
    context: typer.Context,
    status: Statuses = None,
    limit: Limit = 100,
    *,
    everything: Everything = False,
    json: AsJson = False,
) -> None:
    """List your orders, newest first."""
    wanted = statuses(status)
    with opened_by_someone(context) as shop, render.waiting("Reading your orders"):
        found = (
            [*shop.orders.each(statuses=wanted)]
            if everything
            else shop.orders.list(limit=limit, statuses=wanted)
        )
    show_list(found, as_json=json)


def order(context: typer.Context, name: Name, *, json: AsJson = False) -> None:
    """Show an order: its items, and what happened to it."""
    with opened_by_someone(context) as shop, render.waiting("Reading the order"):
        order_id = lookup.find(shop, name)
        found, events = shop.orders.get(order_id), shop.orders.events(order_id)
    if json:
        told = [event.model_dump(mode="json") for event in events]
        render.print_json({**found.model_dump(mode="json"), "events": told})
    else:
        _show(found)
        _show_events(events)


def cancel(context: typer.Context, name: Name, *, json: AsJson = False) -> None:
    """Cancel an order that has not been handed over. What was paid goes back first."""
    with opened_by_a_person(context) as shop, render.waiting("Cancelling the order"):
        found = shop.orders.cancel(lookup.find(shop, name))
    if json:
        render.print_json(found)
    elif found.status == "cancelled":
        render.say(f"Order {found.number} is cancelled.")
    else:
        render.say(f"Order {found.number} is being cancelled: {found.total} go back first.")


def show_list(found: Sequence[OrderDetails], *, as_json: bool) -> None:
    """A table of orders, or JSON."""
    if as_json:
        render.print_json(found)
        return
    table = Rows(
        *("Number", "Id", "Status", "Total", "Placed"),
        right={"Number", "Total"},
        spare=("Placed", "Total", "Status", "Id"),
    )
    for each in found:
        status, placed = render.status(each.status), render.when(each.created_at)
        table.add(each.number, render.short(each.id), status, each.total, placed)
    table.show("No orders.")


def _show(found: OrderDetails) -> None:
    head = Text.assemble(
        (f"Order {found.number}", "bold"), "  ", render.status(found.status), f"  {found.total}"
    )
    render.out().print(head)
    if found.ending is not None and found.ending != found.status:
        render.say("turning back: it will be", render.status(found.ending))
    if found.failure_message is not None:
        render.say(found.failure_message)
    address = found.shipping_address
    lines = (address.name, address.line1, address.line2, f"{address.postal_code} {address.city}")
    render.say(", ".join(line for line in (*lines, address.region, address.country) if line))
    render.say(str(found.id), "for", found.email)
    table = Rows(
        *("Product", "Quantity", "Each", "Total"),
        right={"Quantity", "Each", "Total"},
        spare=("Each", "Total"),
    )
    for item in found.items:
        table.add(item.name, item.quantity, item.unit_price, item.total)
    render.out().print("", table, "", sep="\n")


def _show_events(events: Sequence[OrderEvent]) -> None:
    for event in events:
        render.say(render.when(event.created_at), render.status(event.status))
