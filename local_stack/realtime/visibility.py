"""A commit is in the stream a moment before it is visible to others."""

import asyncio
from collections.abc import Iterable

from local_stack.realtime.database import Database

_PAUSE = 0.001

# The stream tells 32 of an id's 64 bits; the others are those that bring it nearest to the ids in
# use.
_VISIBLE = """
select coalesce(bool_and(pg_visible_in_snapshot(
  (id + 4294967296 * round((pg_snapshot_xmax(snapshot)::text::bigint - id) / 4294967296.0))
    ::text::xid8,
  snapshot
)), true)
from pg_current_snapshot() as s (snapshot), unnest(%(ids)s::bigint[]) as id
"""


async def until_visible(database: Database, transactions: Iterable[int]) -> None:
    """Wait until everybody can read what these committed, given by 32 bits of their ids.

    Raises:
        psycopg.Error: the database is not there.
    """
    ids = list(transactions)
    while ids:
        ((visible,),) = await database.rows(_VISIBLE, {"ids": ids})
        if visible:
            return
        await asyncio.sleep(_PAUSE)
