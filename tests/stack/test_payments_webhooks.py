"""The events of the Stripe test double, and how it delivers them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import stripe
from aiohttp import web

from local_stack.payments.book import new_id
from local_stack.payments.commits import Commits
from local_stack.payments.events import enabled
from local_stack.payments.ledger import Ledger
from local_stack.payments.webhooks import Endpoint, Webhooks
from tests.stack.test_payments import (
    WEBHOOK_SECRET,
    Answer,
    Double,
    refusal,
    running,
    serve,
)

OPTIONS: Answer = {"webhook_secret": WEBHOOK_SECRET, "retry_seconds": (0.05,)}


class Listener:
    """An endpoint that keeps what it got; `answer` says what it answers."""

    url: str

    def __init__(self, answer: Callable[[Answer], Awaitable[int]] | None = None) -> None:
        self._answer = answer
        self.got: asyncio.Queue[Answer] = asyncio.Queue()

    async def receive(self, request: web.Request) -> web.Response:
        signature = request.headers["Stripe-Signature"]
        event = stripe.Webhook.construct_event(await request.read(), signature, WEBHOOK_SECRET)
        status = await self._answer(event) if self._answer else 200
        if status == 200:
            self.got.put_nowait(event)
        return web.Response(status=status)

    async def until(self, *kinds: str) -> dict[str, Answer]:
        """The first of these kinds of events, waited for."""
        found: dict[str, Answer] = {}
        async with asyncio.timeout(20):
            while not set(kinds) <= set(found):
                event = await self.got.get()
                found.setdefault(event.type, event.data.object)
        return found


@asynccontextmanager
async def listening(
    answer: Callable[[Answer], Awaitable[int]] | None = None,
) -> AsyncIterator[Listener]:
    listener = Listener(answer)
    app = web.Application()
    app.router.add_post("/hook", listener.receive)
    async with serve(app) as url:
        listener.url = f"{url}/hook"
        yield listener


@asynccontextmanager
async def delivering(ledger: Path, listener: Listener, **options: Answer) -> AsyncIterator[Double]:
    async with running(ledger, webhook_url=listener.url, **(OPTIONS | options)) as double:
        yield double


async def test_webhooks_are_signed_and_retried(tmp_path: Path) -> None:
    refusals = [503]

    async def answer(_event: Answer) -> int:
        return refusals.pop() if refusals else 200

    async with listening(answer) as listener, delivering(tmp_path / "l.db", listener) as double:
        intent = await double.pay(metadata={"order_id": "o1"})
        await double.refund(payment_intent=intent.id)
        await refusal(double.pay("pm_card_chargeDeclined"), stripe.CardError)
        received = await listener.until(
            "payment_intent.created",
            "payment_intent.succeeded",
            "payment_intent.payment_failed",
            "charge.succeeded",
            "charge.failed",
            "charge.refunded",
            "refund.created",
        )
    assert received["payment_intent.succeeded"]["metadata"]["order_id"] == "o1"
    assert received["charge.succeeded"]["payment_intent"] == intent.id
    assert received["charge.succeeded"]["captured"]
    assert received["charge.failed"]["failure_code"] == "card_declined"
    assert received["charge.refunded"]["amount_refunded"] == 1999
    assert received["refund.created"]["amount"] == 1999
    assert received["payment_intent.payment_failed"]["status"] == "requires_payment_method"


async def test_an_event_shows_the_object_as_it_was(double: Double) -> None:
    await double.pay()
    listed = await double.client.events.list_async({"limit": 100})
    shown = {event.type: event.data.object.status for event in listed.data}
    assert shown["payment_intent.created"] == "requires_confirmation"
    assert shown["payment_intent.succeeded"] == "succeeded"


@pytest.fixture
async def double(tmp_path: Path) -> AsyncIterator[Double]:
    async with running(tmp_path / "ledger.db") as started:
        yield started


async def test_only_enabled_events_are_delivered(tmp_path: Path) -> None:
    wanted = ["refund.created", "payment_intent.succeeded"]
    async with (
        listening() as listener,
        delivering(tmp_path / "l.db", listener, webhook_events=wanted) as double,
    ):
        intent = await double.pay()
        await double.refund(payment_intent=intent.id)
        received = await listener.until(*wanted)
        assert set(received) == set(wanted)
        assert "charge.refunded" in await double.events(), "it happened all the same"
    with pytest.raises(ValueError, match=r"payment_intent\.suceeded"):
        enabled(["payment_intent.suceeded"])


async def test_one_slow_delivery_holds_up_no_other(tmp_path: Path) -> None:
    released = asyncio.Event()

    async def answer(event: Answer) -> int:
        if event.type == "payment_intent.created":
            await released.wait()
        return 200

    async with listening(answer) as listener, delivering(tmp_path / "l.db", listener) as double:
        for _ in range(20):
            await double.pay()
            await listener.until("payment_intent.succeeded")
        released.set()
        await listener.until("payment_intent.created")


async def test_a_delivery_survives_a_restart(tmp_path: Path) -> None:
    started = asyncio.Event()

    async def answer(_event: Answer) -> int:
        if started.is_set():
            return 200
        started.set()
        await asyncio.sleep(60)
        return 200

    only = {"webhook_events": ["payment_intent.succeeded"]}
    async with listening(answer) as listener:
        async with delivering(tmp_path / "l.db", listener, **only) as double:
            intent = await double.pay()
            await asyncio.wait_for(started.wait(), 5)
        async with delivering(tmp_path / "l.db", listener, **only):
            received = await listener.until("payment_intent.succeeded")
            assert received["payment_intent.succeeded"]["id"] == intent.id


async def test_deliveries_stop_also_when_something_has_just_changed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.db")
    commits = Commits(ledger)
    webhooks = Webhooks(ledger, commits, Endpoint("http://127.0.0.1", "", time.time))
    task = asyncio.create_task(webhooks.run())
    for _ in range(3):
        await commits.run(lambda: ledger.schedule(new_id("evt"), due=time.time() + 1000))
    assert commits.listener
    commits.listener()
    task.cancel()
    _, running_on = await asyncio.wait([task], timeout=5)
    ledger.close()
    assert not running_on


async def test_a_refund_is_settled_though_nobody_calls(tmp_path: Path) -> None:
    async with (
        listening() as listener,
        delivering(tmp_path / "l.db", listener, refund_seconds=0) as double,
    ):
        intent = await double.pay("pm_card_refundFail")
        await double.refund(payment_intent=intent.id)
        received = await listener.until("refund.updated", "refund.failed")
        assert received["refund.failed"]["status"] == "failed"


async def test_signatures_can_be_dated_wrongly(tmp_path: Path) -> None:
    dated: asyncio.Queue[int] = asyncio.Queue()

    async def receive(request: web.Request) -> web.Response:
        dated.put_nowait(int(request.headers["Stripe-Signature"].split(",")[0].removeprefix("t=")))
        return web.Response()

    app = web.Application()
    app.router.add_post("/", receive)
    async with (
        serve(app) as url,
        running(tmp_path / "l.db", webhook_url=url, webhook_events=["refund.created"]) as double,
    ):
        for settings, skew in [({}, 0), ({"webhook_offset_seconds": -3600}, -3600)]:
            await double.put("/_clock", {"offset_seconds": 90_000, **settings})
            intent = await double.pay()
            await double.refund(payment_intent=intent.id)
            date = await asyncio.wait_for(dated.get(), 5)
            assert abs(date - time.time() - skew) < 60


async def test_works_share_a_commit_but_not_their_failures(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.db")
    commits = Commits(ledger)

    def work(name: str, *, fails: bool = False) -> str:
        ledger.insert({"id": name, "object": "charge", "created": 1})
        if fails:
            raise ValueError(name)
        return name

    outcomes = await asyncio.gather(
        commits.run(lambda: work("a")),
        commits.run(lambda: work("b", fails=True)),
        commits.run(lambda: work("c")),
        return_exceptions=True,
    )
    assert [str(outcome) for outcome in outcomes] == ["a", "b", "c"]
    assert isinstance(outcomes[1], ValueError)
    assert [document["id"] for document in ledger.page("charge")] == ["c", "a"]
    ledger.close()
