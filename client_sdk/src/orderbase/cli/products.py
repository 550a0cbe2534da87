"""The catalogue at the terminal."""

from typing import Annotated

import typer

from orderbase.cli import render
from orderbase.cli.render import AsJson
from orderbase.cli.shop import opened
from orderbase.cli.tables import Rows
from orderbase.models import Product

Country = Annotated[
    str | None,
    typer.Option(metavar="XX", help="Prices of a delivery there: two capital letters."),
]


def declare(app: typer.Typer) -> None:
    """Add these commands."""
    for name, command, examples in (
        (
            "products",
            products,
            ["products", 'products "knife -bread" --country US', "products --json"],
        ),
        ("product", product, ["product espresso-cup"]),
    ):
        app.command(name, rich_help_panel="Shop", epilog=render.examples(*examples))(command)


def products(
    context: typer.Context,
    search: Annotated[
        str | None, typer.Argument(help="Words that name or description must have.")
    ] = None,
    country: Country = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 100,
    *,
    everything: Annotated[bool, typer.Option("--all", help="However many there are.")] = False,
    json: AsJson = False,
) -> None:
    """List what is on sale."""
    with opened(context) as shop, render.waiting("Reading the catalogue"):
        found = (
            [*shop.products.each(search=search, country=country)]
            if everything
            else shop.products.list(search=search, country=country, limit=limit)
        )
    if json:
        render.print_json(found)
    else:
        _show(found)


def product(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(help="The product's slug, or its id.")],
    country: Country = None,
    *,
    json: AsJson = False,
) -> None:
    """Show one product."""
    with opened(context) as shop, render.waiting("Reading the catalogue"):
        found = shop.products.get(slug, country=country)
    if json:
        render.print_json(found)
        return
    render.out().print(render.text(found.name, "bold"))
    render.say(f"{found.price}, {found.available} available, slug", found.slug)
    for line in found.description.splitlines():
        render.say(line)


def _show(found: list[Product]) -> None:
    table = Rows(
        *("Slug", "Name", "Price", "Available"),
        right={"Price", "Available"},
        spare=("Name", "Available", "Price"),
    )
    for each in found:
        table.add(each.slug, each.name, each.price, each.available)
    table.show("Nothing found.")
