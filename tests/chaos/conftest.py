"""A stack to break, and what breaks it."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local_stack.settings import Settings
from local_stack.testing import running_stack
from tests.chaos.checker import Expected, Violation, violations
from tests.chaos.evidence import Inbox, gather
from tests.chaos.shop import Shop, Sql, shop_of
from tests.chaos.smtp_proxy import SmtpProxy, smtp_proxy
from tests.chaos.workers import Workers, workers_of
from tests.products import product_maker

STEP_TIMEOUT = 0.4
STOCK = 100_000


@dataclass
class World:
    """A shop whose functions a test starts and ends by itself."""

    settings: Settings
    shop: Shop
    sql: Sql
    workers: Workers
    folder: Path
    """Where they write."""
    mail: SmtpProxy
    inbox: Inbox
    product: str
    shopper: str
    """Their token."""
    staff: str

    known: set[Violation] = field(default_factory=set)

    async def violations(self, *acknowledged: str) -> list[Violation]:
        """What is wrong in the whole shop, now that nothing is in progress; only what is new."""
        evidence = await gather(self.shop, self.inbox, self.workers.parcels)
        found = violations(evidence, Expected(acknowledged, {self.product: STOCK}))
        new = [violation for violation in found if violation not in self.known]
        self.known.update(new)
        return new


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """A stack without functions: what another test's workers do here would hide ours."""
    with running_stack(without=["functions"]) as started:
        yield started


@pytest.fixture(scope="module")
async def world(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """One shop for a module: the checker looks at all that has ever happened in it.

    The queue `analytics` is read by nobody here. It is a tap: what does not arrive in it was lost.
    """
    folder = tmp_path_factory.mktemp("chaos")
    sql = Sql(settings)
    await sql.run(
        "update private.queues set active = true where name = 'analytics'",
        "update private.queues set max_starts = 100, attempts = 20",
    )
    async with (
        shop_of(settings) as shop,
        smtp_proxy(settings) as mail,
        workers_of(settings, folder, patience=STEP_TIMEOUT, smtp_url=mail.url) as workers,
    ):
        yield World(
            settings=settings,
            shop=shop,
            sql=sql,
            workers=workers,
            folder=folder,
            mail=mail,
            inbox=Inbox(shop),
            product=product_maker(settings)(stock=STOCK),
            shopper=await shop.sign_up(),
            staff=await shop.staff(),
        )
