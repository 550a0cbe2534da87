"""Lambda's runtime, as a handler sees it: a process that is handed an event at a time.

    python -m tests.aws.runtime functions.aws.orders

Each line on standard input is `{"event": …, "milliseconds": …}`, the time that is left. Each line
on standard output is `{"reply": …}`, or `{"error": …}`, the error's type. Between them the process
waits for its input, and its event loop stands still: as when it is frozen.
"""

import importlib
import json
import os
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Context:
    """What of Lambda's context a handler looks at."""

    deadline: float
    aws_request_id: str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def get_remaining_time_in_millis(self) -> int:
        """Until the process would be killed."""
        return int((self.deadline - time.monotonic()) * 1000)


def main() -> None:
    """Answer events until the input ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the function's log
    handler = importlib.import_module(sys.argv[1]).handler
    for line in sys.stdin:
        call = json.loads(line)
        context = Context(time.monotonic() + call["milliseconds"] / 1000)
        try:
            said = {"reply": handler(call["event"], context)}
        except Exception as error:  # noqa: BLE001 - told as Lambda tells it
            said = {"error": type(error).__name__}
        print(json.dumps(said), file=replies, flush=True)


if __name__ == "__main__":
    main()
