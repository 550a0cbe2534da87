"""Compares the shop's books with each other and with the payment provider's."""

import argparse

from admin.command import Commands, Options, Session


def declare(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add("reconcile", reconcile)
    parser.add_argument(
        "--days", type=_days, default=30, help="how far back at the provider (default: 30)"
    )
    parser.add_argument("--no-alarm", action="store_true", help="only look")


async def reconcile(session: Session, options: Options) -> int:
    """Compare orders, payments and stock with each other and with the provider.

    Needs STRIPE_API_KEY, and only reads there. What is wrong raises an alarm of kind `ledger`, and
    the exit code is 1; what is still in progress is listed and does neither.
    """
    from admin import reconciliation  # noqa: PLC0415 - the others start faster without stripe

    report = await reconciliation.run(session.shop, options.days, alarm=not options.no_alarm)
    reconciliation.show(session.output, report)
    return 1 if report.wrong else 0


def _days(text: str) -> int:
    days = int(text) if text.isascii() and text.isdecimal() else 0
    if not 1 <= days <= 36500:
        raise argparse.ArgumentTypeError("days are a whole number, at least 1")
    return days
