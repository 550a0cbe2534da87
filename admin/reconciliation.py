"""Runs the comparison of the books, and shows what it has found."""

from collections.abc import Sequence

import aiohttp
import stripe

from admin.errors import AdminError
from admin.money import format_money
from admin.output import Output
from admin.shop import Shop
from functions.orders.differences import Difference
from functions.orders.provider_books import ProviderBooks
from functions.orders.reconcile import Reconciler, Report
from functions.orders.snapshot import WrongAccountError

_HEAD = (">order", "code", ">here", ">there", "references", "detail")


async def run(shop: Shop, days: int, *, alarm: bool) -> Report:
    """Compare, and tell the shop's staff.

    Raises:
        AdminError: one side could not be asked.
    """
    settings = shop.settings
    books = ProviderBooks(settings.require("STRIPE_API_KEY"), settings.get("STRIPE_API_BASE"))
    reconciler = Reconciler(shop.engine, books)
    try:
        report = await reconciler.run(days)
    except WrongAccountError as error:
        raise AdminError(str(error)) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise AdminError("Stripe does not take this STRIPE_API_KEY.") from error
    except (stripe.StripeError, aiohttp.ClientError) as error:
        raise AdminError(f"Stripe cannot be asked: {type(error).__name__}.") from error
    finally:
        await books.close()
    if alarm:
        await reconciler.tell(report, days)
    return report


def show(output: Output, report: Report) -> None:
    """For people, or for machines."""
    if output.as_json:
        output.json(_document(report))
        return
    since = report.since.astimezone().strftime("%Y-%m-%d")
    output.say(
        f"Compared since {since}: {report.payments} payments here, "
        f"{report.intents} there; {report.refunds} refunds there."
    )
    if report.wrong:
        _show_wrong(output, report.wrong)
    else:
        output.say("The books agree.")
    in_progress = [one for one in report.differences if one.in_progress]
    if in_progress:
        output.say("")
        output.say("In progress, no error for now:")
        output.table(_HEAD, map(_row, in_progress))


def _show_wrong(output: Output, wrong: Sequence[Difference]) -> None:
    for code in dict.fromkeys(one.code for one in wrong):
        alike = [one for one in wrong if one.code == code]
        output.say("")
        output.say(f"{code}: {alike[0].explanation.meaning}")
        output.say(f"To do: {alike[0].explanation.advice}")
        output.table(_HEAD, map(_row, alike))


def _row(one: Difference) -> tuple[object, ...]:
    product = f"product {one.product_id}" if one.product_id else ""
    return (
        one.order_number or one.order_id,
        one.code,
        format_money(one.here, one.currency),
        format_money(one.there, one.currency),
        " ".join(one.references) or product,
        one.detail,
    )


def _document(report: Report) -> dict[str, object]:
    return {
        "since": report.since.isoformat(),
        "payments": report.payments,
        "intents": report.intents,
        "refunds": report.refunds,
        "differences": [one.as_json() for one in report.differences],
    }
