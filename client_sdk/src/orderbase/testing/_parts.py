"""The parts of a fake shop, put together."""

from orderbase.testing._auth import Auth
from orderbase.testing._caller import Caller
from orderbase.testing._catalogue import Catalogue
from orderbase.testing._clock import Clock
from orderbase.testing._faults import Faults
from orderbase.testing._feed import Feed, Hints
from orderbase.testing._ledger import Ledger
from orderbase.testing._people import People
from orderbase.testing._placing import Placing
from orderbase.testing._quotes import Quotes
from orderbase.testing._rest import Rest, Verb
from orderbase.testing._server import Server
from orderbase.testing._staff import Staff
from orderbase.testing._steps import Steps
from orderbase.testing._store import Store
from orderbase.testing._transport import FakeTransport
from orderbase.testing._writes import Writes

URL = "http://shop.invalid"
KEY = "sb_publishable_fake"
SECRET_KEY = "sb_secret_fake"  # noqa: S105 - it opens nothing but a fake


class Parts:
    """A shop's database, people, server and faults. `settles`: orders move on by themselves."""

    def __init__(self, *, settles: bool) -> None:
        self.settles = settles
        self.clock = Clock()
        self.store = Store(self.clock)
        self.people = People(self.store)
        self.catalogue = Catalogue(self.store)
        self.hints = Hints()
        self.faults = Faults()
        self.ledger = Ledger(self.store, self.hints.tell)
        self.steps = Steps(self.store, self.ledger)
        self.server = self._server()

    def transport(self) -> FakeTransport:
        """A line of its own for a client."""
        return FakeTransport(self.server, self.faults, self.hints)

    def begin(self, caller: Caller) -> None:
        """Somebody does something."""
        self.store.begin()
        self.ledger.actor = caller.user_id

    def finish(self) -> None:
        """It is done; the shop itself goes on from there."""
        self.ledger.actor = None
        if self.settles:
            self.steps.settle()

    def _server(self) -> Server:
        writes = Writes(self.store)
        self.verbs = self._verbs(writes)
        rest = Rest(self.store, writes, self.verbs, self.begin)
        keys = {KEY: "anon", SECRET_KEY: "service_role"}
        return Server(self.people, Auth(self.store, self.people), rest, keys, self.finish)

    def _verbs(self, writes: Writes) -> dict[str, Verb]:
        placing = Placing(self.store, self.ledger, Quotes(self.store))
        staff = Staff(self.store, self.ledger, self.steps)
        feed = Feed(self.store)
        return {
            verb.__name__: verb
            for verb in (
                placing.place_order,
                placing.cancel_order,
                placing.quote_order,
                staff.ship_order,
                staff.fail_shipping,
                staff.deliver_order,
                staff.refund_order,
                feed.order_feed,
                feed.order_feed_head,
                writes.set_default_address,
            )
        }
