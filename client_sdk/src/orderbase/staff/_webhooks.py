"""Webhook endpoints: who is told of events, signed with which secrets."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from pydantic import SecretStr

from orderbase._auth import AsyncAuth
from orderbase._blocking import Blocking, blocking
from orderbase._portal import Portal
from orderbase._send import Sender
from orderbase.staff import _webhook_endpoints
from orderbase.staff._resource import StaffResource
from orderbase.staff._webhook_deliveries import AsyncWebhookDeliveries, WebhookDeliveries
from orderbase.staff._webhook_models import NewWebhookEndpoint, WebhookDelivery, WebhookEndpoint


class AsyncWebhooks(StaffResource):
    """Who is told of events. What they are told: see `deliveries`."""

    def __init__(self, sender: Sender, auth: AsyncAuth) -> None:
        super().__init__(sender, auth)
        self.deliveries = AsyncWebhookDeliveries(sender, auth)

    async def event_types(self) -> list[str]:
        """The events that endpoints can be told of, such as "order.paid".

        They are not quite those that `orders.watch` tells: the guide has a table of both at
        [`OrderEventType`][orderbase.OrderEventType].
        """
        return await self._call(_webhook_endpoints.list_event_types())

    async def list(self) -> list[WebhookEndpoint]:
        """All endpoints, the oldest first."""
        return await self._call(_webhook_endpoints.list_endpoints())

    async def get(self, endpoint_id: UUID | str) -> WebhookEndpoint:
        """One endpoint.

        Raises:
            NotFound: there is no such endpoint.
        """
        return await self._call(_webhook_endpoints.get_endpoint(endpoint_id))

    async def create(
        self, url: str, *, event_types: Sequence[str] = ("*",), description: str = ""
    ) -> NewWebhookEndpoint:
        """Register an endpoint. Its secret is in the answer, and nowhere else ever again.

        It is sent once: when the answer is lost, look with `list` whether there is one whose
        secret nobody knows, and remove it or rotate its secret.

        Args:
            url: an https address of the public internet, of at most 2000 characters.
            event_types: those that it is told of; `shop.staff.webhooks.event_types()` lists what
                there is, see [`OrderEventType`][orderbase.OrderEventType]. "*" is all.
            description: for people; at most 500 characters.

        Raises:
            InvalidRequest: "invalid_webhook_url", `context` has the `reason`;
                "unknown_event_type": none is given, or there is no such; `context` has the
                `event_types` that there are not; "invalid_description".
        """
        return await self._call(_webhook_endpoints.create_endpoint(url, event_types, description))

    async def change(
        self,
        endpoint_id: UUID | str,
        *,
        url: str | None = None,
        event_types: Sequence[str] | None = None,
        description: str | None = None,
    ) -> WebhookEndpoint:
        """Change an endpoint; what is None stays. Deliveries that wait go to the new address.

        Raises:
            NotFound: there is no such endpoint.
            InvalidRequest: see `create`.
        """
        return await self._call(
            _webhook_endpoints.change_endpoint(endpoint_id, url, event_types, description)
        )

    async def rotate_secret(
        self, endpoint_id: UUID | str, *, overlap: timedelta = timedelta(days=1)
    ) -> SecretStr:
        """A new secret, which is shown this once; `get_secret_value()` is its text.

        It is sent once: when the answer is lost, nobody knows the new secret. Rotate again then;
        the last one that you know ends at that moment, as only two sign at a time.

        Args:
            endpoint_id: the endpoint's.
            overlap: for how long the secret before signs too: whole hours, from 0 to 168.

        Raises:
            NotFound: there is no such endpoint.
            InvalidRequest: "invalid_overlap".
        """
        return await self._call(_webhook_endpoints.rotate_secret(endpoint_id, overlap))

    async def enable(self, endpoint_id: UUID | str) -> WebhookEndpoint:
        """Send again; what waits is due at once. Twice is once.

        Events of the time in between: see `deliveries.replay`.

        Raises:
            NotFound: there is no such endpoint.
        """
        return await self._call(
            _webhook_endpoints.set_endpoint(endpoint_id, "enable_webhook_endpoint")
        )

    async def disable(self, endpoint_id: UUID | str) -> WebhookEndpoint:
        """Send nothing; what waits goes on waiting. Twice is once.

        Raises:
            NotFound: there is no such endpoint.
        """
        return await self._call(
            _webhook_endpoints.set_endpoint(endpoint_id, "disable_webhook_endpoint")
        )

    async def remove(self, endpoint_id: UUID | str) -> None:
        """Send nothing any more, drop what waits, and forget the secrets.

        It is sent once: when the answer is lost, NotFound at the next attempt means it is done.

        Raises:
            NotFound: there is no such endpoint.
        """
        await self._call(_webhook_endpoints.delete_endpoint(endpoint_id))

    async def test(self, endpoint_id: UUID | str) -> WebhookDelivery:
        """Send the event "webhook.test"; `deliveries.get` says what became of it.

        Raises:
            NotFound: there is no such endpoint.
            Conflict: "webhook_endpoint_disabled": enable it first.
        """
        return await self._call(_webhook_endpoints.test_endpoint(endpoint_id))


class Webhooks(Blocking[AsyncWebhooks]):
    """See AsyncWebhooks: the same, and each method waits."""

    event_types = blocking(AsyncWebhooks.event_types)
    list = blocking(AsyncWebhooks.list)
    get = blocking(AsyncWebhooks.get)
    create = blocking(AsyncWebhooks.create)
    change = blocking(AsyncWebhooks.change)
    rotate_secret = blocking(AsyncWebhooks.rotate_secret)
    enable = blocking(AsyncWebhooks.enable)
    disable = blocking(AsyncWebhooks.disable)
    remove = blocking(AsyncWebhooks.remove)
    test = blocking(AsyncWebhooks.test)

    def __init__(self, portal: Portal, asynchronous: AsyncWebhooks) -> None:
        super().__init__(portal, asynchronous)
        self.deliveries = WebhookDeliveries(portal, asynchronous.deliveries)
