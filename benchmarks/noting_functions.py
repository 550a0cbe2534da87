"""All functions in one process, as `functions.main` runs them, with a note of each step's begin."""

import os
import sys
import time
from pathlib import Path

import uvicorn

from benchmarks.latency import NOTES
from functions.emails.function import emails
from functions.emails.settings import EmailSettings
from functions.kit import logs
from functions.kit.app import create_app
from functions.kit.hooks import Hooks
from functions.kit.queue import Job
from functions.kit.settings import Settings
from functions.orders.function import orders
from functions.orders.settings import OrderSettings
from local_stack.settings import HOME_VARIABLE


def main(host: str, port: str) -> None:
    """Serve until SIGTERM."""
    logs.configure()
    notes = (Path(os.environ[HOME_VARIABLE]) / NOTES).open("a", buffering=1)

    async def note(job: Job) -> None:
        notes.write(f"{job['order_id']} {job['step']} {time.time()}\n")

    app = create_app(
        "functions",
        Settings.load(),
        orders(OrderSettings.load(), Hooks(before_call=note)),
        emails(EmailSettings.load()),
    )
    uvicorn.run(app, host=host, port=int(port), access_log=False, log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
