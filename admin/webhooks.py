"""Webhooks: who is told of events, what came of it, and sending again."""

from admin.command import Commands, Options, Session, add_yes, confirm, identifier
from admin.output import local_time
from admin.shop import Row

_ENDPOINTS = "id,url,event_types,active,disabled_reason,failing_since,paused_until"
_DELIVERIES = "id,webhook_id,type,status,failures,error,created_at,delivered_at"


def declare(commands: Commands) -> None:
    """Add the commands."""
    noun = commands.group("webhooks", "Who is told of events.")
    noun.add("list", list_endpoints)
    create = noun.add("create", create_endpoint)
    create.add_argument("url", metavar="URL")
    create.add_argument("--event", action="append", metavar="TYPE", help="all, unless said")
    create.add_argument("--description", default="", metavar="TEXT")
    for name, run in (("enable", enable), ("disable", disable), ("test", test), ("rotate", rotate)):
        noun.add(name, run).add_argument("id", type=identifier, metavar="ID")
    delete = noun.add("delete", delete_endpoint)
    delete.add_argument("id", type=identifier, metavar="ID")
    add_yes(delete)
    deliveries = noun.add("deliveries", list_deliveries)
    deliveries.add_argument("id", type=identifier, metavar="ID")
    deliveries.add_argument("--failed", action="store_true", help="only those given up")
    for name, run in (("redeliver", redeliver), ("discard", discard)):
        noun.add(name, run).add_argument("delivery", type=int, metavar="DELIVERY")
    again = noun.add("replay", replay)
    again.add_argument("id", type=identifier, metavar="ID")
    again.add_argument("--after", required=True, metavar="POSITION", help="of the feed")
    again.add_argument("--until", metavar="POSITION", help="the last one; the end, unless said")


async def list_endpoints(session: Session, _: Options) -> None:
    """List endpoints and how they are."""
    query = {"or": "(disabled_reason.is.null,disabled_reason.neq.deleted)", "order": "created_at"}
    endpoints = await session.shop.select("webhook_endpoints", select=_ENDPOINTS, **query)
    if session.output.as_json:
        session.output.json(endpoints)
        return
    session.output.table(
        ("ID", "url", "events", "state", "failing since"),
        (
            (
                one["id"],
                one["url"],
                ", ".join(one["event_types"]),
                "active" if one["active"] else f"disabled: {one['disabled_reason']}",
                local_time(one["failing_since"]),
            )
            for one in endpoints
        ),
    )


async def create_endpoint(session: Session, options: Options) -> None:
    """Register an endpoint. Its secret is shown this once."""
    arguments = {"event_types": options.event or ["*"], "description": options.description}
    [created] = await session.shop.call("create_webhook_endpoint", url=options.url, **arguments)
    _tell(session, created, f"Endpoint {created['endpoint_id']}, secret {created['secret']}")


async def rotate(session: Session, options: Options) -> None:
    """Make a new secret, shown this once. The one before signs too, for a day."""
    secret = await session.shop.call("rotate_webhook_secret", endpoint_id=options.id)
    _tell(session, {"secret": secret}, f"Secret {secret}")


async def enable(session: Session, options: Options) -> None:
    """Send to an endpoint again: what waits for it is due at once."""
    endpoint = await session.shop.call("enable_webhook_endpoint", endpoint_id=options.id)
    _tell(session, endpoint, "It is sent to.")


async def disable(session: Session, options: Options) -> None:
    """Send nothing to an endpoint; what waits for it goes on waiting."""
    endpoint = await session.shop.call("disable_webhook_endpoint", endpoint_id=options.id)
    _tell(session, endpoint, "Nothing is sent to it.")


async def delete_endpoint(session: Session, options: Options) -> None:
    """Send nothing to an endpoint any more, and forget its secrets."""
    confirm("What waits for it is dropped, and its secrets are gone.", options)
    await session.shop.call("delete_webhook_endpoint", endpoint_id=options.id)
    _tell(session, {"id": options.id}, "It is deleted.")


async def test(session: Session, options: Options) -> None:
    """Send the event webhook.test."""
    delivery = await session.shop.call("test_webhook_endpoint", endpoint_id=options.id)
    _tell(session, delivery, f"Delivery {delivery['id']} is on its way.")


async def list_deliveries(session: Session, options: Options) -> None:
    """List the deliveries of an endpoint, newest first."""
    query = {"status": "eq.failed"} if options.failed else {}
    query |= {"endpoint_id": f"eq.{options.id}", "order": "id.desc", "limit": "100"}
    deliveries = await session.shop.select("webhook_deliveries", select=_DELIVERIES, **query)
    if session.output.as_json:
        session.output.json(deliveries)
        return
    session.output.table(
        (">ID", "event", "since", "status", ">failures", "error"),
        (
            (
                one["id"],
                one["type"],
                local_time(one["created_at"]),
                one["status"],
                one["failures"],
                one["error"],
            )
            for one in deliveries
        ),
    )


async def redeliver(session: Session, options: Options) -> None:
    """Deliver once more, with the same webhook-id and content."""
    delivery = await session.shop.call("redeliver_webhook", delivery_id=options.delivery)
    _tell(session, delivery, f"Delivery {delivery['id']} is {delivery['status']}.")


async def discard(session: Session, options: Options) -> None:
    """Give up a delivery that waits, so that the next of its order goes out."""
    delivery = await session.shop.call("discard_webhook", delivery_id=options.delivery)
    _tell(session, delivery, f"Delivery {delivery['id']} is {delivery['status']}.")


async def replay(session: Session, options: Options) -> None:
    """Deliver all events of a part of the feed, whether they were delivered or not."""
    arguments = {"after": options.after, "until": options.until}
    many = await session.shop.call("replay_webhooks", endpoint_id=options.id, **arguments)
    _tell(session, {"replayed": many}, f"Events that are delivered again: {many}.")


def _tell(session: Session, row: Row, text: str) -> None:
    if session.output.as_json:
        session.output.json({name: value for name, value in row.items() if name != "payload"})
    else:
        session.output.say(text)
