"""Alarms: what the shop's staff should look at."""

from datetime import datetime
from operator import attrgetter
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from orderbase._blocking import Blocking, blocking
from orderbase._call import Call, rpc
from orderbase._each import EACH_TIME, AsyncEach, iterating
from orderbase._ids import as_uuid
from orderbase._keyset import Key
from orderbase._listing import Listing
from orderbase._page import Page
from orderbase.models.base import DEFERRED, Model
from orderbase.staff._columns import columns_of
from orderbase.staff._resource import StaffResource


class Alarm(Model, frozen=True):
    """Something that staff should look at.

    `kind` is stable, such as "dead_letter" or "job_failed"; `subject` says about what. It is open
    until `cleared_at`: by whoever acknowledges it, or by the shop, once its cause is gone.
    """

    id: UUID
    kind: str
    subject: str
    detail: dict[str, JsonValue]
    raised_at: datetime
    cleared_at: datetime | None


_ALARMS = TypeAdapter(list[Alarm], config=DEFERRED)
_COLUMNS = columns_of(Alarm)
_NEWEST: Listing[Alarm] = Listing(
    "alarms", (Key("raised_at", descending=True), Key("id")), attrgetter("raised_at", "id")
)


def _list_alarms(only_open: bool, limit: int, after: str | None) -> Call[Page[Alarm]]:
    conditions = ["cleared_at.is.null"] if only_open else []
    return _NEWEST.call(("alarms", _COLUMNS), _ALARMS, conditions, limit, after)


def _acknowledge(alarm_id: UUID | str) -> Call[Alarm]:
    arguments: dict[str, JsonValue] = {"alarm_id": str(as_uuid(alarm_id, "alarm_id"))}
    return rpc("acknowledge_alarm", Alarm.model_validate_json, arguments)


class AsyncAlarms(StaffResource):
    """What the shop's staff should look at."""

    async def list(
        self, *, only_open: bool = True, limit: int = 100, after: str | None = None
    ) -> Page[Alarm]:
        """Alarms, the newest first.

        Args:
            only_open: leave out those that are cleared.
            limit: at most this many, from 1 to 1000.
            after: `next` of the page before.

        Raises:
            InvalidRequest: "invalid_limit", "invalid_cursor".
        """
        return await self._call(_list_alarms(only_open, limit, after))

    def each(self, *, only_open: bool = True) -> AsyncEach[Alarm]:
        """All of them, to iterate over: read page by page. See `list`."""
        return AsyncEach(lambda after: self.list(only_open=only_open, limit=EACH_TIME, after=after))

    async def acknowledge(self, alarm_id: UUID | str) -> Alarm:
        """Clear an alarm; twice is once. It is raised anew if its cause is still there.

        Raises:
            NotFound: there is no such alarm.
        """
        return await self._call(_acknowledge(alarm_id))


class Alarms(Blocking[AsyncAlarms]):
    """See AsyncAlarms: the same, and each method waits."""

    list = blocking(AsyncAlarms.list)
    each = iterating(AsyncAlarms.each)
    acknowledge = blocking(AsyncAlarms.acknowledge)
