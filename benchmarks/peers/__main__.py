"""Run one action of one peer, in the environment of the functions."""

import argparse
import importlib
import os


def main() -> None:
    """Do it; `work` ends by a signal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("peer")
    parser.add_argument("action", choices=["set_up", "place", "work"])
    parser.add_argument("--count", type=int, default=0, help="orders to place")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between them")
    options = parser.parse_args()
    peer = importlib.import_module(f"benchmarks.peers.{options.peer}")
    url = os.environ["DATABASE_URL"]
    if options.action == "place":
        peer.place(url, options.count, options.pause)
    else:
        getattr(peer, options.action)(url)


main()
