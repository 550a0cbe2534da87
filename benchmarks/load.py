"""A load generator in a process of its own: as many calls as it can, so many in flight."""

import asyncio
import json
import sys
import time
from collections.abc import Mapping

import aiohttp
import uvloop

from benchmarks.report import percentile

_IN_FLIGHT = 16


async def load(url: str, headers: Mapping[str, str], seconds: float) -> dict[str, float]:
    """Calls per second, and the 99th percentile of their times in ms."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def caller(session: aiohttp.ClientSession) -> None:
        while (begun := time.perf_counter()) < end:
            async with session.get(url) as answer:
                await answer.read()
                answer.raise_for_status()
            times.append((time.perf_counter() - begun) * 1000)

    connector = aiohttp.TCPConnector(limit=_IN_FLIGHT)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        await asyncio.gather(*(caller(session) for _ in range(_IN_FLIGHT)))
    return {"per_second": len(times) / seconds, "p99": percentile(times, 99)}


def main() -> None:
    """Read what to do from standard input, as JSON; print the result as JSON."""
    print(json.dumps(uvloop.run(load(**json.load(sys.stdin)))))


if __name__ == "__main__":
    main()
