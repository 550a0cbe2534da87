"""Mails that the shop has sent, or is about to."""

import re
from collections.abc import Callable, Collection
from datetime import datetime
from operator import attrgetter
from typing import Any, Literal, TypeAlias, TypedDict, Unpack
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from orderbase._blocking import Blocking, blocking
from orderbase._call import Call, rpc
from orderbase._each import EACH_TIME, AsyncEach, iterating
from orderbase._filters import compared, like, moment, one_of
from orderbase._ids import as_uuid
from orderbase._keyset import Key
from orderbase._listing import Listing, filtered
from orderbase._page import Page
from orderbase.models.base import DEFERRED, Model, Told
from orderbase.staff._columns import columns_of
from orderbase.staff._resource import StaffResource

EmailStatus: TypeAlias = Literal["queued", "claimed", "sent", "failed", "unknown", "unwanted"]


class Email(Model, frozen=True):
    """A mail, which tells of an `event`, such as an order's.

    It is "queued" until it is tried, "claimed" while it is. "unknown": whoever sent it died
    meanwhile, so it may or may not have arrived; it is not sent again unless you say so.
    "unwanted": the recipient wants no such mails, or the address has refused mail before.

    `resend` counts those that staff had sent again; `failures` are attempts, of which `error` is
    the last.
    """

    id: UUID
    event: str
    event_id: int | None
    order_id: UUID | None
    user_id: UUID | None
    alarm_id: UUID | None
    report_id: UUID | None
    template: str
    recipient: str
    resend: int
    status: Told[EmailStatus]
    failures: int
    error: str | None
    created_at: datetime
    updated_at: datetime


class EmailFilters(TypedDict, total=False):
    """Which mails are wanted: those that fulfil all that is given. By default all.

    Attributes:
        statuses: only those that have one of these now.
        order_id: only those about this order.
        user_id: only those to this account.
        recipient: only those to this address, in whatever case.
        template: only those of this kind, such as "order_shipped".
        since: only those made at this moment or later; it needs a time zone.
        before: only those made earlier than this moment; it needs a time zone.
    """

    statuses: Collection[EmailStatus] | None
    order_id: UUID | str | None
    user_id: UUID | str | None
    recipient: str | None
    template: str | None
    since: datetime | None
    before: datetime | None


_EMAILS = TypeAdapter(list[Email], config=DEFERRED)
_NEWEST: Listing[Email] = Listing(
    "emails",
    (Key("created_at", descending=True), Key("id", descending=True)),
    attrgetter("created_at", "id"),
)


def _literally(text: str) -> str:
    """The pattern that only this text fits."""
    return re.sub(r"[%_\\]", r"\\\g<0>", text)


_CONDITIONS: dict[str, Callable[[Any], str]] = {
    "statuses": lambda statuses: one_of("status", statuses),
    "order_id": lambda order: compared("order_id", "eq", as_uuid(order)),
    "user_id": lambda user: compared("user_id", "eq", as_uuid(user, "user_id")),
    "recipient": lambda address: like("recipient", _literally(address), any_case=True),
    "template": lambda template: compared("template", "eq", template),
    "since": lambda at: compared("created_at", "gte", moment(at, "since")),
    "before": lambda at: compared("created_at", "lt", moment(at, "before")),
}


def _list_emails(
    limit: int, after: str | None, **wanted: Unpack[EmailFilters]
) -> Call[Page[Email]]:
    conditions = filtered(_CONDITIONS, wanted)
    return _NEWEST.call(("emails", columns_of(Email)), _EMAILS, conditions, limit, after)


class AsyncEmails(StaffResource):
    """Mails that the shop has sent, or is about to."""

    async def list(
        self, *, limit: int = 100, after: str | None = None, **wanted: Unpack[EmailFilters]
    ) -> Page[Email]:
        """A page of mails, newest first.

        Args:
            limit: at most this many, from 1 to 1000.
            after: `next` of the page before.
            **wanted: see EmailFilters.

        Raises:
            InvalidRequest: "invalid_limit", "invalid_cursor", or a filter makes no sense.
        """
        return await self._call(_list_emails(limit, after, **wanted))

    def each(self, **wanted: Unpack[EmailFilters]) -> AsyncEach[Email]:
        """All mails, to iterate over: read page by page.

        Args:
            **wanted: see EmailFilters.
        """
        return AsyncEach(lambda after: self.list(limit=EACH_TIME, after=after, **wanted))

    async def resend(self, email_id: UUID | str) -> Email:
        """Send a mail once more, as a new one: what it says is up to date.

        Each time is another mail, so after a lost connection nothing is sent again: look in
        `list` whether it is there.

        Raises:
            NotFound: there is no such mail.
        """
        arguments: dict[str, JsonValue] = {"email_id": str(as_uuid(email_id, "email_id"))}
        call = rpc("resend_email", Email.model_validate_json, arguments, repeatable=False)
        return await self._call(call)


class Emails(Blocking[AsyncEmails]):
    """See AsyncEmails: the same, and each method waits."""

    list = blocking(AsyncEmails.list)
    each = iterating(AsyncEmails.each)
    resend = blocking(AsyncEmails.resend)
