"""An order's way through the database: tests play the shopper, the functions and the staff."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

import psycopg
from psycopg.types.json import Jsonb

from local_stack.settings import Settings
from tests.database.conftest import ADDRESS, Caller, Row

Answer = Callable[[Row], Row]


def lines(product: object, quantity: object = 1) -> list[Row]:
    return [{"product_id": product, "quantity": quantity}]


def stock_of(owner: psycopg.Connection[Row], product: str) -> tuple[int, int]:
    """On hand and reserved."""
    query = "select on_hand, reserved from public.inventory where product_id = %s"
    [row] = owner.execute(query, (product,)).fetchall()
    return row["on_hand"], row["reserved"]


def charged(job: Row) -> Row:
    """Money was taken, or authorised where it is taken on shipment."""
    data: Row = {"provider": "stripe", "reference": f"pi_{job['order_id']}"}
    data |= {"amount": job["amount"], "currency": job["currency"]}
    return job | {"outcome": "succeeded", "data": data | {"captured": job["capture"] == "at_once"}}


def declined(job: Row) -> Row:
    data = {"provider": "stripe", "reference": f"pi_{job['order_id']}"}
    failure = {"failure_code": "card_declined", "failure_message": "Your card was declined."}
    return job | {"outcome": "failed", "data": data | failure}


def forestalled(job: Row) -> Row:
    data = {"provider": "stripe", "reference": f"pi_{job['order_id']}", "failure_code": "canceled"}
    return job | {"outcome": "failed", "data": data | {"failure_message": "Canceled."}}


def asks_the_shopper(job: Row) -> Row:
    data = {"provider": "stripe", "reference": f"pi_{job['order_id']}", "client_secret": "secret_1"}
    return job | {"outcome": "waiting", "data": data}


def shipped(job: Row) -> Row:
    data = {"carrier": "test", "tracking_number": f"T{job['order_id']}", "delivered": True}
    return job | {"outcome": "succeeded", "data": data}


def on_its_way(job: Row) -> Row:
    data = {"carrier": "test", "tracking_number": f"T{job['order_id']}", "delivered": False}
    return job | {"outcome": "succeeded", "data": data}


def unshippable(job: Row) -> Row:
    data = {"failure_code": "address_unknown", "failure_message": "Nobody lives there."}
    return job | {"outcome": "failed", "data": data}


def out_of_stock(job: Row) -> Row:
    data = {"failure_code": "out_of_stock", "failure_message": "The shelf is empty."}
    return job | {"outcome": "failed", "data": data}


def captured(job: Row) -> Row:
    data = {"provider": job["provider"], "reference": job["payment_reference"], "captured": True}
    money = {"amount": job["amount"], "currency": job["currency"]}
    return job | {"outcome": "succeeded", "data": data | money}


def refunded(job: Row) -> Row:
    return job | {"outcome": "succeeded", "data": {"reference": f"re_{job['key']}"}}


def refund_refused(job: Row) -> Row:
    data = {"failure_code": "expired_card", "failure_message": "The refund failed."}
    return job | {"outcome": "failed", "data": data}


def waits(job: Row) -> Row:
    return job | {"outcome": "waiting", "data": {}}


def timed_out(job: Row) -> Row:
    return job | {"outcome": "retry", "error": "timed out"}


def broken(job: Row) -> Row:
    return job | {"outcome": "broken", "error": "unexpected KeyError"}


def postponed(job: Row, seconds: float | None = 7) -> Row:
    return job | {"outcome": "postponed", "error": "closed", "delay_seconds": seconds}


def payment_news(order: Row, status: str, **changed: object) -> Row:
    """A webhook of the payment provider about the order's own charge."""
    payment: Row = {
        "provider": "stripe",
        "reference": f"pi_{order['id']}",
        "key": f"order-{order['id']}-charge-1",
        "status": status,
        "amount": order["total"],
        "currency": order["currency"],
    }
    event = {"id": f"evt_{uuid.uuid4()}", "type": f"payment_intent.{status}"}
    return event | {"order_id": str(order["id"]), "payment": payment | changed}


def sent(mail: Row) -> Row:
    return mail | {"outcome": "sent" if mail["status"] == "claimed" else "settled"}


SUCCESS: dict[str, Answer] = {
    "charge": charged, "ship": shipped, "capture": captured, "refund": refunded,
}  # fmt: skip


@dataclass
class Line:
    """Who takes part: a shopper, the staff, the functions, and `owner`, who sees everything."""

    owner: psycopg.Connection[Row]
    functions: psycopg.Connection[Row]
    shopper: Caller
    staff: Caller
    new_product: Callable[..., str]

    # What the database holds.

    def rows(self, query: str, *arguments: object) -> list[Row]:
        cursor = self.owner.execute(query.encode(), arguments)
        return cursor.fetchall() if cursor.description else []

    def one(self, query: str, *arguments: object) -> Row:
        [row] = self.rows(query, *arguments)
        return row

    def order(self, order: Row) -> Row:
        return self.one("select * from public.orders where id = %s", order["id"])

    def status(self, order: Row) -> str:
        return str(self.order(order)["status"])

    def step_of(self, order: Row, step: str, revision: int = 1) -> Row:
        return self.one(
            "select * from private.order_steps where order_id = %s and step = %s and revision = %s",
            order["id"],
            step,
            revision,
        )

    def events(self, order: Row) -> list[str]:
        query = "select type from public.order_events where order_id = %s order by version"
        return [row["type"].removeprefix("order.") for row in self.rows(query, order["id"])]

    def money(self, order: Row) -> tuple[int, int]:
        """Captured and refunded."""
        row = self.one(
            "select coalesce(sum(captured), 0)::bigint as captured,"
            " coalesce(sum(refunded), 0)::bigint as refunded"
            " from public.payments where order_id = %s",
            order["id"],
        )
        return row["captured"], row["refunded"]

    def stock(self, product: str) -> tuple[int, int]:
        return stock_of(self.owner, product)

    def letters(self) -> list[Row]:
        query = "select * from private.dead_letters where resolution is null order by id"
        return self.rows(query)

    def alarms(self) -> list[Row]:
        return self.rows("select * from public.alarms where cleared_at is null order by raised_at")

    def messages(self, queue: str) -> list[Row]:
        """What waits in a queue, once the outbox is routed; `due` says in how many seconds."""
        self.rows("select private.route_events()")
        return self.rows(
            "select msg_id, message, extract(epoch from vt - clock_timestamp())::float as due"
            f" from pgmq.q_{queue} order by msg_id"
        )

    # Time.

    def come_due(self, queue: str = "orders") -> None:
        """Every message of the queue is due: leases ran out, pauses are over.

        But for one that somebody is reading or removing just now: nobody waits for anybody here.
        """
        self.rows(
            f"update pgmq.q_{queue} set vt = clock_timestamp() where msg_id in"
            f" (select msg_id from pgmq.q_{queue} for update skip locked)"
        )

    def expire_leases(self) -> None:
        """Workers have died, and their leases ran out."""
        self.come_due()
        self.rows(
            "update private.order_steps set leased_until = clock_timestamp() - interval '1 second'"
            " where leased_until is not null"
        )

    def run_out(self, order: Row) -> None:
        """The shopper did not confirm in time, and the clock finds it."""
        self.rows(
            "update public.orders set reserved_until = clock_timestamp() - interval '1 second'"
            " where id = %s and reserved_until is not null",
            order["id"],
        )
        self.rows("select private.expire_reservations()")

    # What the functions do.

    def call(self, verb: str, *arguments: object) -> list[Row]:
        """Rows of a verb of the schema `engine`."""
        placeholders = ", ".join(["%s"] * len(arguments))
        cursor = self.functions.execute(
            f"select engine.{verb}({placeholders}) as reply".encode(),
            [Jsonb(a) if isinstance(a, list | dict) else a for a in arguments],
        )
        return [row["reply"] for row in cursor]

    def claim(self, wanted: int = 100, looks_again: float = 0) -> list[Row]:
        return self.call("claim_orders", wanted, Decimal(str(looks_again)))

    def finish(self, *results: Row) -> list[str]:
        return [row["status"] for row in self.call("finish_orders", list(results))]

    def renew(self, *jobs: Row) -> list[str]:
        return [row["status"] for row in self.call("renew_orders", list(jobs))]

    def step(self, **answers: Answer) -> list[Row]:
        """Claim once, and finish all that came; as a success unless said otherwise."""
        jobs = self.claim()
        results = [(answers.get(job["step"]) or SUCCESS[job["step"]])(job) for job in jobs]
        assert set(self.finish(*results)) <= {"finished", "retried"}
        return jobs

    def drain(self, **answers: Answer) -> None:
        """Work off the orders until nothing is due."""
        deadline = time.monotonic() + 20
        while self.step(**answers):
            assert time.monotonic() < deadline

    def claim_mails(self) -> list[Row]:
        return self.call("claim_emails", 100, 0)

    def finish_mails(self, *results: Row) -> list[str]:
        return [row["status"] for row in self.call("finish_emails", list(results))]

    def send_mails(self) -> list[str]:
        """Send all mails that are due; the templates of those that were sent."""
        templates: list[str] = []
        while mails := self.claim_mails():
            assert set(self.finish_mails(*[sent(mail) for mail in mails])) == {"finished"}
            templates += [mail["template"] for mail in mails if mail["status"] == "claimed"]
        return templates

    def receive(self, *events: Row) -> list[str]:
        """Effects of webhooks of the payment provider."""
        return [row["effect"] for row in self.call("receive_payment_events", list(events))]

    # What people do.

    def place(self, quantity: int = 1, product: str | None = None, price: int = 1000) -> Row:
        product = product or self.new_product(price=price)
        return self.shopper.place(lines(product, quantity))

    def place_many(self, count: int) -> list[Row]:
        """So many orders of one thing each, over one connection."""
        basket = Jsonb(lines(self.new_product(stock=count)))
        place = "select * from public.place_order(%s, %s, 'pm_card_visa', gen_random_uuid())"
        with connected(self.shopper.url, self.shopper.role, self.shopper.claims) as connection:
            return [
                row
                for _ in range(count)
                for row in connection.execute(place, (basket, Jsonb(ADDRESS))).fetchall()
            ]

    def cancel(self, order: Row) -> Row:
        [row] = self.shopper.call("public.cancel_order", order_id=order["id"])
        return row

    # Where tests begin.

    def paid(self, quantity: int = 1, product: str | None = None, price: int = 1000) -> Row:
        """An order that was charged and not shipped; its next message waits."""
        order = self.place(quantity, product, price)
        self.step()
        assert self.status(order) == "paid"
        return order

    def arrived(self, price: int = 1000) -> Row:
        """An order that is shipped, and has no mail sent yet."""
        order = self.paid(price=price)
        self.step()
        assert self.status(order) == "shipped"
        return order

    def waiting_for_bank(self) -> Row:
        """An order whose shopper is asked by the bank."""
        order = self.place()
        self.step(charge=asks_the_shopper)
        return order

    def dead(self, order: Row, answer: Answer) -> Row:
        """Let the order's due step fail until it is a dead letter."""
        for _ in range(20):
            self.come_due()
            jobs = self.claim()
            self.finish(*[answer(job) for job in jobs])
            if self.status(order) == "needs_attention":
                break
        [letter] = [letter for letter in self.letters() if letter["order_id"] == order["id"]]
        return letter

    @contextmanager
    def another_worker(self) -> Iterator["Line"]:
        """The same, with a connection of its own for the functions, that sees nothing else."""
        with connected(self.shopper.url, "service_role", {"role": "service_role"}) as functions:
            yield Line(functions, functions, self.shopper, self.staff, self.new_product)

    def set_shop(self, **settings: object) -> None:
        for name, value in settings.items():
            self.rows(f"update private.shop set {name} = %s", value)


@contextmanager
def connected(url: str, role: str, claims: Row) -> Iterator[psycopg.Connection[Row]]:
    """A connection that keeps somebody's role and claims; every statement commits."""
    with psycopg.connect(url, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
        connection.execute(
            "select set_config('request.jwt.claims', %s, false), set_config('role', %s, false)",
            (json.dumps(claims), role),
        )
        yield connection


@contextmanager
def holding(database: Settings, order: Row) -> Iterator[psycopg.Connection[Row]]:
    """Somebody is at work on the order."""
    url = database.database_url()
    with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as holder:
        holder.execute("select private.lock_orders(%s)", ([order["id"]],))
        yield holder


def wait_until_blocked(owner: psycopg.Connection[Row], pid: int) -> None:
    """Until the server process waits for a lock."""
    deadline = time.monotonic() + 10
    blocked = "select 1 from pg_locks where not granted and pid = %s"
    while not owner.execute(blocked, (pid,)).fetchall():
        assert time.monotonic() < deadline
