"""Logs as one JSON object per line, on standard output."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

from functions.kit.requests import request_id


class JsonFormatter(logging.Formatter):
    """Errors show their type and place only: their text may hold personal data or secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON; `extra={"fields": {...}}` adds members to it."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if name := request_id():
            entry["request_id"] = name
        entry |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1]:
            entry |= _describe(record.exc_info[1])
        return json.dumps(entry, default=str)


def _describe(error: BaseException) -> dict[str, object]:
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__qualname__,
        "stack": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def configure() -> None:
    """Take over logging for the whole process, uvicorn's included; requests are logged by us."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("functions", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
