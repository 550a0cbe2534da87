"""The process of the embedded stack's own services: gateway, auth, realtime, mail, pg_net, cron."""

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

from local_stack import cron, gateway, mail, net
from local_stack.settings import Settings


async def run(home: Path) -> None:
    """Serve until SIGTERM or SIGINT; a service that fails ends all of them."""
    settings = Settings.of_home(home)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as services:
        for service in (mail, net, cron, gateway):
            await services.enter_async_context(service.serve(settings))
        await stopped.wait()
