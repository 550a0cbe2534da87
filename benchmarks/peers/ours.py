"""Our own saga: orders put themselves into the queue, `functions.main` works them off."""

import psycopg

from benchmarks.peers.effects import call_of_place, paced


def place(url: str, count: int, pause: float) -> None:
    """One transaction each."""
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in paced(count, pause):
            connection.execute("select bench.ours(%s, %s)", call_of_place())
