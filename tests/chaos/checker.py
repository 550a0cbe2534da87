"""Judges the evidence: what must hold after whatever happened. Pure, so that it can be judged."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from functions.orders.payments import KEY_NAME
from functions.orders.saga import SAGA
from tests.chaos.evidence import Evidence
from tests.chaos.shop import Row

ENDED_UNPAID = {"payment_failed", "out_of_stock", "shipping_failed", "cancelled", "refunded"}
TERMINAL = ENDED_UNPAID | {"completed"}
_LEFT = {"shipped", "completed", "refunded"}
_HELD = {"placed", "paid"}
_ATTENTION = "needs_attention"
_SETTLED_MAILS = {"sent", "failed", "unknown", "unwanted"}


@dataclass(frozen=True)
class Violation:
    """Something that must never be."""

    invariant: str
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.detail}"


@dataclass(frozen=True)
class Expected:
    """What the test knows of the world by itself."""

    acknowledged: Collection[str]
    """Orders that the shop said yes to."""
    stock: Mapping[str, int]
    """What was there of each product in the beginning."""


def violations(evidence: Evidence, expected: Expected) -> list[Violation]:
    """Everything that is wrong; nothing may be still in progress."""
    found = [
        *_money(evidence),
        *_stock(evidence, expected),
        *_terminal(evidence, expected),
        *_events(evidence),
        *_effects(evidence),
        *_mails(evidence),
        *_legality(evidence),
        *(Violation("ledgers", str(row["difference"])) for row in evidence.rows["differences"]),
    ]
    return sorted(found, key=str)


def _money(evidence: Evidence) -> Iterator[Violation]:
    """I1: at most one capture; what is kept is what the order's end says, in its currency."""
    captures = _by_order(charge for charge in evidence.charges if charge["captured"])
    orders = {order["id"]: order for order in evidence.rows["orders"]}
    for stranger in captures.keys() - orders.keys():
        yield Violation("I1", f"{stranger} was charged and is no order")
    for name, order in orders.items():
        charges = captures.get(name, [])
        if len(charges) > 1:
            yield Violation("I1", f"{name} was charged {len(charges)} times")
        for charge in charges:
            taken = (charge["amount_captured"], charge["currency"].upper())
            if taken != (order["total"], order["currency"]):
                yield Violation("I1", f"{name} was charged {taken}")
    yield from _kept(evidence, captures)


def _kept(evidence: Evidence, captures: Mapping[str, list[Row]]) -> Iterator[Violation]:
    given_back = Counter[str]()
    for refund in evidence.rows["refunds"]:
        given_back[refund["order_id"]] += refund["amount"]
    authorised = {
        intent["metadata"].get("order_id")
        for intent in evidence.intents
        if intent["status"] == "requires_capture"
    }
    for order in evidence.rows["orders"]:
        name, status = order["id"], order["status"]
        kept = sum(
            charge["amount_captured"] - charge["amount_refunded"]
            for charge in captures.get(name, [])
        )
        if status in ENDED_UNPAID and kept:
            yield Violation("I1", f"{name} is {status}, but {kept} is kept")
        if status in TERMINAL and name in authorised:
            yield Violation("I1", f"{name} is {status}, but its authorisation is open")
        if status == "completed" and kept != order["total"] - given_back[name]:
            yield Violation("I1", f"{name} is completed, but {kept} is kept")


def _stock(evidence: Evidence, expected: Expected) -> Iterator[Violation]:
    """I2: initial = free + reserved + sold, by what the orders have come to."""
    orders = {order["id"]: order for order in evidence.rows["orders"]}
    reserved, sold = Counter[str](), Counter[str]()
    for item in evidence.rows["items"]:
        order = orders[item["order_id"]]
        status = order["interrupted_status"] if order["status"] == _ATTENTION else order["status"]
        if status in _HELD:
            reserved[item["product_id"]] += item["quantity"]
        if status in _LEFT:
            sold[item["product_id"]] += item["quantity"]
    stock = {row["product_id"]: row for row in evidence.rows["stock"]}
    for product, initial in expected.stock.items():
        row = stock[product]
        if row["on_hand"] - row["reserved"] < 0:
            yield Violation("I2", f"{product} is oversold")
        if (row["on_hand"], row["reserved"]) != (initial - sold[product], reserved[product]):
            yield Violation(
                "I2",
                f"{product} has {row['on_hand']}, {row['reserved']} reserved; of {initial},"
                f" {sold[product]} left and {reserved[product]} are promised",
            )


def _terminal(evidence: Evidence, expected: Expected) -> Iterator[Violation]:
    """I3: whoever got a yes has an order that has ended, or that a person was called for."""
    orders = {order["id"]: order for order in evidence.rows["orders"]}
    letters = defaultdict(list)
    for letter in evidence.rows["letters"]:
        letters[letter["order_id"]].append(f"dead letter {letter['id']}")
    alarms = {alarm["subject"] for alarm in evidence.rows["alarms"]}
    due = {row["order_id"] for row in evidence.rows["refunds"] if row["status"] == "requested"}
    for name in set(expected.acknowledged) - orders.keys():
        yield Violation("I3", f"{name} was acknowledged and is gone")
    for name, order in orders.items():
        if order["status"] == _ATTENTION:
            if not alarms.intersection(letters[name]):
                yield Violation("I3", f"{name} needs attention, and nobody was told")
        elif order["status"] not in TERMINAL or order["ending"]:
            yield Violation("I3", f"{name} is {order['status']}, ending {order['ending']}")
        elif name in due:
            yield Violation("I3", f"{name} is {order['status']}, and its refund is not done")


def _events(evidence: Evidence) -> Iterator[Violation]:
    """I4: what is committed arrives, in the queue that is tapped and in those that are read."""
    for row in evidence.rows["waiting"]:
        yield Violation("I4", f"left in {row['place']}: {row['message']}")
    tapped = {row["event_type"] for row in evidence.rows["tapped"]}
    arrived = {row["event_id"] for row in evidence.rows["tap"]}
    for event in evidence.rows["events"]:
        if event["type"] in tapped and event["id"] not in arrived:
            yield Violation("I4", f"event {event['id']} ({event['type']}) was not delivered")


def _effects(evidence: Evidence) -> Iterator[Violation]:
    """I4: each effect once per key, and no parcel of an order that was not shipped."""
    for kind, effects in (
        ("charge", [charge for charge in evidence.charges if charge["paid"]]),
        ("refund", evidence.repayments),
    ):
        keys = Counter(effect["metadata"].get(KEY_NAME) for effect in effects)
        for key, times in keys.items():
            if times > 1:
                yield Violation("I4", f"{kind} {key} happened {times} times")
    handed_over = defaultdict(set)
    for parcel in evidence.parcels:
        handed_over[parcel["order_id"]].add(parcel["key"])
    for order in evidence.rows["orders"]:
        keys_of_order, status = handed_over[order["id"]], order["status"]
        if len(keys_of_order) > 1:
            yield Violation("I4", f"{order['id']} was shipped {len(keys_of_order)} times")
        if status in TERMINAL and bool(keys_of_order) != (status in _LEFT):
            yield Violation("I4", f"{order['id']} is {status}: {len(keys_of_order)} parcels")


def _mails(evidence: Evidence) -> Iterator[Violation]:
    """I5: at most one sending per (event, template, recipient), and what was not sent is listed."""
    yield from _listed_mails(evidence)
    arrived = Counter(mail["MessageID"].partition("@")[0] for mail in evidence.mails)
    for mail in evidence.rows["emails"]:
        times, status = arrived[mail["id"]], mail["status"]
        named = f"{mail['template']} {mail['id']}"
        if times > 1:
            yield Violation("I5", f"{named} was sent {times} times")
        if status not in _SETTLED_MAILS:
            yield Violation("I5", f"{named} is {status}")
        if (status == "sent" and not times) or (status in ("failed", "unwanted") and times):
            yield Violation("I5", f"{named} is {status}, and came {times} times")


def _listed_mails(evidence: Evidence) -> Iterator[Violation]:
    templates = {row["event_type"]: row["template"] for row in evidence.rows["templates"]}
    listed = {(mail["event_id"], mail["template"]) for mail in evidence.rows["emails"]}
    for event in evidence.rows["events"]:
        template = templates.get(event["type"])
        if template and (event["id"], template) not in listed:
            yield Violation("I5", f"no mail {template} of event {event['id']}")
    keys = Counter(
        (mail["event"], mail["template"], mail["recipient"], mail["resend"])
        for mail in evidence.rows["emails"]
    )
    for key, times in keys.items():
        if times > 1:
            yield Violation("I5", f"{key} is listed {times} times")


def _legality(evidence: Evidence) -> Iterator[Violation]:
    """I10: along the edges of the saga only, one version after the other."""
    edges = set(SAGA.edges())
    history: dict[str, list[Row]] = defaultdict(list)
    for event in evidence.rows["events"]:
        history[event["order_id"]].append(event)
    for order in evidence.rows["orders"]:
        events = sorted(history[order["id"]], key=lambda event: int(event["version"]))
        if [event["version"] for event in events] != list(range(1, order["version"] + 1)):
            yield Violation("I10", f"{order['id']} has gaps in its versions")
        statuses = [SAGA.begins_in, *(event["status"] for event in events), order["status"]]
        interrupted = None
        for before, after in pairwise(statuses):
            resumed = before == _ATTENTION and after == interrupted
            if after == _ATTENTION and before != _ATTENTION:
                interrupted = before
            elif before != after and not resumed and (before, after) not in edges:
                yield Violation("I10", f"{order['id']} went from {before} to {after}")


def _by_order(charges: Iterator[Row]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = defaultdict(list)
    for charge in charges:
        grouped[charge["metadata"].get("order_id")].append(charge)
    return grouped
