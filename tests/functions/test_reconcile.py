"""Both sides are read in full and looked at twice; the provider is the Stripe double."""

import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import stripe
from aiohttp.test_utils import TestServer

from functions.orders.books import Row
from functions.orders.provider_books import ProviderBooks
from functions.orders.reconcile import Reconciler, Report
from functions.orders.snapshot import WrongAccountError
from local_stack.payments import create_app

API_KEY = "sk_test_of_a_test"
NOW = int(time.time())
DAY = 24 * 3600


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


class Account:
    """An account at the double, used by hand; with a clock."""

    def __init__(self) -> None:
        self.now = NOW
        self.url = ""

    @property
    def api(self) -> Any:  # noqa: ANN401 - the package's own
        return self._client.v1

    async def charge(self, amount: int = 1000, currency: str = "eur", **metadata: str) -> str:
        intent = await self.api.payment_intents.create_async(
            {
                "amount": amount,
                "currency": currency,
                "payment_method": "pm_card_visa",
                "confirm": True,
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                "metadata": metadata,
            }
        )
        return str(intent.id)

    async def refund(self, reference: str, amount: int) -> str:
        made = await self.api.refunds.create_async({"payment_intent": reference, "amount": amount})
        return str(made.id)

    @asynccontextmanager
    async def open(self, ledger: Path) -> AsyncIterator["Account"]:
        app = create_app(ledger, API_KEY, clock=lambda: float(self.now))
        async with TestServer(app) as server:
            self.url = str(server.make_url("")).rstrip("/")
            http = stripe.AIOHTTPClient()
            base: Any = {"api": self.url}
            self._client = stripe.StripeClient(API_KEY, base_addresses=base, http_client=http)
            yield self
            await http.close_async()  # type: ignore[no-untyped-call]


class Shop:
    """The verbs of the database, over rows."""

    def __init__(self) -> None:
        self.books: list[Row] = []
        self.internal: list[list[Row]] = []
        """One list a look."""
        self.reports: list[Row] = []

    def add(self, reference: str, at: float = NOW, **changed: object) -> None:
        number = len(self.books) + 1
        row = {
            "id": f"{number:08}",
            "order_id": str(uuid.uuid4()),
            "number": number,
            "order_status": "completed",
            "provider": "stripe",
            "reference": reference,
            "status": "succeeded",
            "amount": 1000,
            "currency": "EUR",
            "captured": 1000,
            "refunds": [],
            "created_at": iso(at),
            "in_progress": False,
        }
        self.books.append(row | changed)

    async def call(self, verb: str, arguments: Mapping[str, object]) -> list[Row]:
        if verb == "payment_books":
            rows = [row for row in self.books if row["id"] > (arguments["after"] or "")]
            return rows[: int(str(arguments["max_rows"]))]
        if verb == "ledger_differences":
            return self.internal.pop(0) if self.internal else []
        if verb == "report_reconciliation":
            self.reports.append(dict(arguments))
            return []
        assert verb == "order_progress"
        wanted = arguments["order_ids"]
        assert isinstance(wanted, list)
        return [row for row in self.books if row["order_id"] in wanted]


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[Account]:
    async with Account().open(tmp_path / "ledger.db") as account:
        yield account


@pytest.fixture
async def provider(account: Account) -> AsyncIterator[ProviderBooks]:
    provider = ProviderBooks(API_KEY, account.url)
    yield provider
    await provider.close()


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def reconciler(shop: Shop, provider: ProviderBooks) -> Reconciler:
    return Reconciler(shop.call, provider, clock=lambda: float(NOW))


def found(report: Report) -> list[str]:
    return [difference.code for difference in report.differences]


async def test_every_page_and_every_slice_is_read(
    account: Account, shop: Shop, provider: ProviderBooks, reconciler: Reconciler
) -> None:
    for number in range(230):
        account.now = NOW - (number % 2) * DAY
        reference = await account.charge(order_id=str(number))
        refund = await account.refund(reference, 100) if number % 10 == 0 else None
        entries = [{"reference": refund, "amount": 100, "created_at": iso(account.now)}]
        shop.add(reference, at=account.now, refunds=entries if refund else [])
    assert len(await provider.intents(NOW - 3 * DAY)) == 230
    report = await reconciler.run(days=3)
    assert (report.payments, report.intents, report.refunds) == (230, 230, 23)
    assert found(report) == []


async def test_more_payments_than_a_page_of_ours(
    shop: Shop, account: Account, reconciler: Reconciler
) -> None:
    for _ in range(2345):
        shop.add("", provider="none")
    shop.add(await account.charge(order_id="x"))
    report = await reconciler.run(days=1)
    assert (report.payments, found(report)) == (1, [])


async def test_what_is_older_is_left_alone(
    shop: Shop, account: Account, reconciler: Reconciler
) -> None:
    account.now = NOW - 10 * DAY
    await account.charge(order_id="old")
    shop.add("pi_old", at=account.now)
    assert found(await reconciler.run(days=5)) == []
    assert found(await reconciler.run(days=11)) == ["unknown_here", "missing_there"]


async def test_a_payment_from_before_the_span_may_be_refunded_in_it(
    shop: Shop, account: Account, reconciler: Reconciler
) -> None:
    account.now = NOW - 10 * DAY
    known, unknown = await account.charge(order_id="a"), await account.charge(order_id="b")
    account.now = NOW
    entry = {"reference": await account.refund(known, 5), "amount": 5, "created_at": iso(NOW)}
    lost = {"reference": "re_lost", "amount": 7, "created_at": iso(NOW)}
    shop.add(known, at=NOW - 10 * DAY, refunds=[entry])
    shop.add(unknown, at=NOW - 10 * DAY)
    shop.add("pi_quiet", at=NOW - 10 * DAY, refunds=[lost])
    await account.refund(unknown, 300)
    report = await reconciler.run(days=5)
    assert found(report) == ["refund_unknown_here", "refund_missing_there"]


async def test_what_the_lists_do_not_show_is_looked_up(
    shop: Shop, account: Account, reconciler: Reconciler
) -> None:
    """It was made before the span by the provider's clock, and recorded within it by ours."""
    account.now = NOW - 2 * DAY
    reference = await account.charge(order_id="a")
    shop.add(reference, at=NOW, captured=999)
    assert found(await reconciler.run(days=1)) == ["amount_differs"]


async def test_the_order_of_a_stray_tells_whether_it_is_in_progress(
    shop: Shop, account: Account, reconciler: Reconciler
) -> None:
    shop.add("", provider="none", in_progress=True)
    await account.charge(order_id=shop.books[0]["order_id"])
    report = await reconciler.run(days=1)
    (difference,) = report.differences
    assert (difference.code, difference.order_number) == ("unknown_here", 1)
    assert difference.in_progress
    assert report.wrong == []
    assert report.as_alarm() is None


async def test_currencies_that_stripe_counts_in_hundredths(
    shop: Shop, account: Account, reconciler: Reconciler
) -> None:
    shop.add(await account.charge(99_900, "isk", order_id="a"), currency="ISK", captured=999)
    assert found(await reconciler.run(days=1)) == []


async def test_what_differs_only_once_is_no_difference(shop: Shop, reconciler: Reconciler) -> None:
    shop.add("", provider="none")
    stock = {"code": "stock_balance", "product_id": str(uuid.uuid4()), "detail": "why"}
    total = {"code": "order_total", "order_id": shop.books[0]["order_id"], "detail": "why"}
    shop.internal = [[stock, total], [total, stock | {"code": "stock_of_order"}]]
    report = await reconciler.run(days=1)
    assert [(one.code, one.order_number) for one in report.wrong] == [("order_total", 1)]
    await reconciler.tell(report, 1)
    shop.internal = [[stock], []]
    await reconciler.tell(await reconciler.run(days=1), 1)
    assert shop.reports == [
        {"days": 1, "report": {"differences": {"order_total": 1}, "order_numbers": [1]}},
        {"days": 1, "report": None},
    ]


async def test_the_account_of_somebody_else(shop: Shop, reconciler: Reconciler) -> None:
    for number in range(101):
        shop.add(f"pi_{number}")
    with pytest.raises(WrongAccountError, match="does not list 101 of 101"):
        await reconciler.run(days=1)
