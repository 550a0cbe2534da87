"""Webhook deliveries: what endpoints are told, what came of it, and sending again."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from orderbase._blocking import Blocking, blocking
from orderbase._each import EACH_TIME, AsyncEach, iterating
from orderbase._page import Page
from orderbase.staff import _delivery_calls
from orderbase.staff._resource import StaffResource
from orderbase.staff._webhook_models import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookDeliveryStatus,
)


class AsyncWebhookDeliveries(StaffResource):
    """What endpoints are told.

    Whatever sends again is sent to the shop once: when the answer is lost, look at the deliveries
    before you call again, lest the endpoint is told twice. (It knows: the `webhook_id` is the
    same.)
    """

    async def list(
        self,
        endpoint_id: UUID | str,
        *,
        status: WebhookDeliveryStatus | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Page[WebhookDelivery]:
        """Deliveries to an endpoint, the newest first; for a month also to one that is deleted.

        Args:
            endpoint_id: the endpoint's.
            status: only those that are so now.
            limit: at most this many, from 1 to 1000.
            after: `next` of the page before.

        Raises:
            NotFound: there is no such endpoint.
            InvalidRequest: "invalid_limit", "invalid_cursor".
        """
        page = await self._call(_delivery_calls.list_deliveries(endpoint_id, status, limit, after))
        if not page:
            await self._call(_delivery_calls.find_endpoint(endpoint_id))
        return page

    def each(
        self, endpoint_id: UUID | str, *, status: WebhookDeliveryStatus | None = None
    ) -> AsyncEach[WebhookDelivery]:
        """All of them, to iterate over: read page by page. See `list`."""
        return AsyncEach(
            lambda after: self.list(endpoint_id, status=status, limit=EACH_TIME, after=after)
        )

    async def get(self, delivery_id: int) -> WebhookDelivery:
        """One delivery.

        Raises:
            NotFound: there is no such delivery.
        """
        return await self._call(_delivery_calls.get_delivery(delivery_id))

    async def attempts(self, delivery_id: int) -> Sequence[WebhookAttempt]:
        """Attempts of a delivery that have ended, the first one first.

        Raises:
            NotFound: there is no such delivery.
        """
        return await self._call(_delivery_calls.list_attempts(delivery_id))

    async def redeliver(self, delivery_id: int) -> WebhookDelivery:
        """Deliver once more, with the same `webhook_id` and content.

        Raises:
            NotFound: there is no such delivery, or its endpoint is deleted.
            Conflict: "webhook_endpoint_disabled": enable the endpoint first.
        """
        return await self._call(_delivery_calls.redeliver(delivery_id))

    async def redeliver_all(
        self,
        endpoint_id: UUID | str,
        *,
        since: datetime,
        until: datetime | None = None,
        only_failed: bool = True,
    ) -> int:
        """Deliver once more what an endpoint did not take; how many.

        Args:
            endpoint_id: the endpoint's.
            since: of deliveries created from then on; with a time zone.
            until: and up to then; with a time zone.
            only_failed: leave out what was delivered.

        Raises:
            NotFound: there is no such endpoint.
            Conflict: "webhook_endpoint_disabled": enable it first.
            InvalidRequest: a moment has no time zone.
        """
        return await self._call(
            _delivery_calls.redeliver_all(endpoint_id, since, until, only_failed)
        )

    async def replay(self, endpoint_id: UUID | str, *, after: str, until: str | None = None) -> int:
        """Deliver all events of a part of the order feed, delivered before or not; how many.

        Args:
            endpoint_id: the endpoint's.
            after: events behind this position, such as `FeedEvent.position`.
            until: up to and with this one; by default up to now. At most 10000 events.

        Raises:
            NotFound: there is no such endpoint.
            Conflict: "webhook_endpoint_disabled": enable it first.
            InvalidRequest: "invalid_position"; "range_too_large": these are more events.
        """
        return await self._call(_delivery_calls.replay(endpoint_id, after, until))

    async def discard(self, delivery_id: int) -> WebhookDelivery:
        """Give up a delivery that is "pending", so that the next of its order goes out.

        Any other stays as it is: look at the `status` of what you get. Twice is once.

        Raises:
            NotFound: there is no such delivery, or its endpoint is deleted.
        """
        return await self._call(_delivery_calls.discard(delivery_id))


class WebhookDeliveries(Blocking[AsyncWebhookDeliveries]):
    """See AsyncWebhookDeliveries: the same, and each method waits."""

    list = blocking(AsyncWebhookDeliveries.list)
    each = iterating(AsyncWebhookDeliveries.each)
    get = blocking(AsyncWebhookDeliveries.get)
    attempts = blocking(AsyncWebhookDeliveries.attempts)
    redeliver = blocking(AsyncWebhookDeliveries.redeliver)
    redeliver_all = blocking(AsyncWebhookDeliveries.redeliver_all)
    replay = blocking(AsyncWebhookDeliveries.replay)
    discard = blocking(AsyncWebhookDeliveries.discard)
