"""Operate a shop: dead letters, alarms, orders, mails, webhooks, queues, and the books.

The shop is the one of SUPABASE_URL and SUPABASE_SECRET_KEY, in the environment or in --env-file.
Exit codes: 0, done; 1, the shop refused, or the books differ; 2, the shop could not be asked.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from admin import alarms, dead_letters, emails, jobs, orders, queues, reconcile, webhooks
from admin.command import Commands, Options, Session
from admin.errors import AdminError
from admin.output import Output
from admin.settings import Settings
from admin.shop import Shop

NAME = "orderbase-admin"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=NAME, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    text = "dotenv lines, as `make env` prints them"
    parser.add_argument("--env-file", metavar="FILE", help=text)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--env-file", default=argparse.SUPPRESS, metavar="FILE", help=text)
    shared.add_argument("--json", action="store_true", help="for machines; amounts in minor units")
    commands = Commands(parser, shared)
    for noun in (dead_letters, alarms, orders, emails, webhooks, jobs, queues, reconcile):
        noun.declare(commands)
    return parser


async def _run(options: Options) -> int:
    async with Shop.connect(Settings(options.env_file)) as shop:
        session = Session(shop, Output(as_json=options.json))
        return await options.run(session, options) or 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_run(options))
    except AdminError as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
