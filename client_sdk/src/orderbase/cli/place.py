"""Placing an order at the terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import typer

from orderbase.cli import basket, render, watch
from orderbase.cli.addresses import Wanted
from orderbase.cli.basket import Line
from orderbase.cli.failures import unknown_outcome
from orderbase.cli.render import AsJson
from orderbase.cli.shop import opened_by_a_person
from orderbase.models import Address, Order
from orderbase.money import Money

_ADDRESS = "Address (by default the one of your address book)"

Part = Annotated[str | None, typer.Option(rich_help_panel=_ADDRESS)]


def declare(app: typer.Typer) -> None:
    """Add this command."""
    examples = render.examples(
        "place espresso-cup=2 coffee-grinder --payment-method pm_card_visa --watch",
        "place espresso-cup --address home.json --payment-method pm_card_visa --yes",
    )
    app.command("place", rich_help_panel="Orders", epilog=examples)(place)


def place(  # noqa: PLR0913 - the options of a command
    context: typer.Context,
    what: Annotated[
        list[str], typer.Argument(metavar="SLUG[=QUANTITY]", help="What, and how many.")
    ],
    *,
    payment_method: Annotated[
        str, typer.Option(help="A Stripe payment method; of a test shop, pm_card_visa.")
    ],
    email: Annotated[str | None, typer.Option(help="Where mails go; guests need it.")] = None,
    idempotency_key: Annotated[
        UUID | None, typer.Option(help="Same key and order: placed once, however often it is said.")
    ] = None,
    address: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A JSON file with the parts below.",
            rich_help_panel=_ADDRESS,
        ),
    ] = None,
    name: Part = None,
    line1: Part = None,
    line2: Part = None,
    city: Part = None,
    postal_code: Part = None,
    region: Part = None,
    country: Part = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    watching: Annotated[
        bool, typer.Option("--watch", help="Follow the order; ends with 1 unless it is completed.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Place an order. Shows the price and asks first; if the price differs, nothing is ordered."""
    parts = {
        "name": name,
        "line1": line1,
        "line2": line2,
        "city": city,
        "postal_code": postal_code,
        "region": region,
        "country": country,
    }
    wanted = basket.quantities(what)
    key = idempotency_key or uuid4()
    with opened_by_a_person(context) as shop:
        to = Wanted(address, parts).of(shop)
        lines = basket.lines(shop, wanted, to.country)
        total = basket.total(lines)
        if not yes:
            _confirm(lines, total, to)
        with (
            unknown_outcome(context, key, "the order was placed", "places it if not"),
            render.waiting("Placing the order"),
        ):
            placed = shop.orders.place(
                {line.product.id: line.quantity for line in lines},
                shipping_address=to,
                payment_method=payment_method,
                idempotency_key=key,
                expected_total=total,
                email=email,
            )
        _tell(placed, json=json)
        if watching:
            last = watch.follow(shop, placed.id, json=json)
            if last is None or last.status != "completed":
                raise typer.Exit(1)


def _confirm(lines: Sequence[Line], total: Money, to: Address) -> None:
    for line in lines:
        each = line.product
        render.remark(f"{line.quantity} of {each.name}, {each.price} each: {line.total}")
    render.remark(f"To {to.name}, {to.line1}, {to.postal_code} {to.city}, {to.country}")
    typer.confirm(f"Order for {total}?", abort=True, err=True)


def _tell(placed: Order, *, json: bool) -> None:
    if json:
        render.print_json(placed)
    else:
        render.say(f"Order {placed.number} is placed: {placed.total}, id", str(placed.id))
