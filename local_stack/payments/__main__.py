"""Run the test double: `python -m local_stack.payments --port N --ledger FILE`."""

import argparse
import os
import sqlite3
import sys
from pathlib import Path

import uvloop
from aiohttp import web

from local_stack.payments import create_app
from local_stack.payments.events import enabled
from local_stack.ports import HOST

_VARIABLES = ("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET")


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; a reason in one line if that is not possible."""
    parser = argparse.ArgumentParser(prog="python -m local_stack.payments")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ledger", type=Path, required=True, help="SQLite file, made if missing")
    parser.add_argument("--webhook-url", help="where signed events are sent")
    parser.add_argument(
        "--webhook-events", default="*", help="the events it wants, with commas; all by default"
    )
    parser.add_argument(
        "--fast",
        action="store_true",
        help="do not wait for the disk: a killed process loses nothing, but when the machine "
        "stops, charges that were answered may be missing",
    )
    options = parser.parse_args()
    missing = [name for name in _VARIABLES if not os.environ.get(name)]
    if missing:
        sys.exit(f"payments: set {' and '.join(missing)} in the environment.")
    try:
        events = enabled(options.webhook_events.split(","))
    except ValueError as error:
        sys.exit(f"payments: {error}.")
    os.umask(0o077)
    try:
        web.run_app(
            create_app(
                options.ledger,
                os.environ["STRIPE_API_KEY"],
                webhook_url=options.webhook_url,
                webhook_secret=os.environ["STRIPE_WEBHOOK_SECRET"],
                webhook_events=events,
                durable=not options.fast,
            ),
            host=HOST,
            port=options.port,
            access_log=None,
            # A charge goes on when its caller has left, as at Stripe.
            handler_cancellation=False,
            shutdown_timeout=1,
            loop=uvloop.new_event_loop(),
            print=lambda _: print(f"payments ready on http://{HOST}:{options.port}", flush=True),
        )
    except sqlite3.Error as error:
        sys.exit(f"payments: the ledger {options.ledger} cannot be used: {error}.")
    except OSError as error:
        sys.exit(f"payments: cannot listen on {HOST}:{options.port}: {error.strerror}.")


if __name__ == "__main__":
    main()
