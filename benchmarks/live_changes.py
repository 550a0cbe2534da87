"""From an acknowledged commit to the change in a subscriber's hands, with few and many of them."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median

import aiohttp
import psycopg

from benchmarks.report import Report, percentile
from benchmarks.stack import stack
from local_stack.settings import Settings
from local_stack.tokens import Tokens, now

_CHANGES = 200
_TABLE = "public.bench_changes"


class Subscriber:
    """One socket with one subscription; notes when each change arrived."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, user: str) -> None:
        self._socket = socket
        self._user = user
        self.arrivals: dict[int, float] = {}

    async def join(self, token: str) -> None:
        """Return when changes flow."""
        change = {"event": "INSERT", "schema": "public", "table": _TABLE.split(".")[1]}
        config = {"postgres_changes": [change | {"filter": f"user_id=eq.{self._user}"}]}
        await self._socket.send_json(
            {
                "topic": "realtime:bench",
                "event": "phx_join",
                "payload": {"config": config, "access_token": token},
                "ref": "1",
                "join_ref": "1",
            }
        )
        async for message in self._socket:
            if message.json()["event"] == "system":
                return

    async def listen(self) -> None:
        """Until the socket closes."""
        async for message in self._socket:
            body = message.json()
            if body["event"] == "postgres_changes":
                self.arrivals[body["payload"]["data"]["record"]["id"]] = time.perf_counter()


@asynccontextmanager
async def subscribers(settings: Settings, users: list[str]) -> AsyncIterator[list[Subscriber]]:
    """One subscriber per user, all joined."""
    tokens = Tokens(settings.keys)
    url = f"{settings.api_url}/realtime/v1/websocket?apikey={settings.keys.publishable_key}"
    async with AsyncExitStack() as opened:
        session = await opened.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        joined = []
        for user in users:
            subscriber = Subscriber(await opened.enter_async_context(session.ws_connect(url)), user)
            claims = {"sub": user, "role": "authenticated", "exp": now() + 600}
            await subscriber.join(tokens.sign(claims))
            joined.append(subscriber)
        listening = [asyncio.create_task(subscriber.listen()) for subscriber in joined]
        yield joined
        for task in listening:
            task.cancel()


async def change(settings: Settings, user: str) -> dict[int, float]:
    """Insert rows of one user, one by one; when each commit was acknowledged, by id."""
    commits = {}
    query = f"insert into {_TABLE} (user_id) values (%s) returning id"  # noqa: S608 - our own name
    async with await psycopg.AsyncConnection.connect(
        settings.database_url(), autocommit=True
    ) as connection:
        for _ in range(_CHANGES):
            row = await (await connection.execute(query, (user,))).fetchone()
            assert row
            commits[row[0]] = time.perf_counter()
            await asyncio.sleep(0.02)
    return commits


async def measure(settings: Settings, audience: int, matching: int) -> list[float]:
    """Milliseconds per change and matching subscriber, of which `audience` are connected."""
    changed = str(uuid.uuid4())
    users = [changed] * matching + [str(uuid.uuid4()) for _ in range(audience - matching)]
    async with subscribers(settings, users) as joined:
        commits = await change(settings, changed)
        deadline = time.perf_counter() + 10
        while any(len(one.arrivals) < len(commits) for one in joined[:matching]):
            assert time.perf_counter() < deadline, "changes are missing"
            await asyncio.sleep(0.01)
        return [
            (one.arrivals[id_] - at) * 1000
            for id_, at in commits.items()
            for one in joined[:matching]
        ]


def prepare(settings: Settings) -> None:
    """A small table under row-level security, published."""
    with psycopg.connect(settings.database_url(), autocommit=True) as connection:
        connection.execute(
            "create table public.bench_changes (id bigint generated always as identity primary key,"
            " user_id uuid not null);"
            "alter table public.bench_changes enable row level security;"
            "create policy own on public.bench_changes for select to authenticated"
            " using (user_id = (select auth.uid()));"
            "alter publication supabase_realtime add table public.bench_changes"
        )


def main() -> None:
    """Measure on a stack of its own and print the table."""
    report = Report("Live changes, commit to event")
    with stack() as started:
        settings = started.settings
        prepare(settings)
        everyone = asyncio.run(measure(settings, 100, 100))
        report.add("100 subscribers, all match, p50", percentile(everyone, 50), "ms", at_most=15)
        report.add("100 subscribers, all match, p99", percentile(everyone, 99), "ms", at_most=80)
        few = median(asyncio.run(measure(settings, 10, 1)))
        many = median(asyncio.run(measure(settings, 1000, 1)))
        report.add("10 subscribers, one matches, p50", few, "ms")
        report.add("1,000 subscribers, one matches, p50", many, "ms")
        report.add("1,000 / 10 subscribers", many / few, "x", at_most=2)
    report.show()
