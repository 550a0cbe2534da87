"""An order and everything that happened to it, for people."""

from collections.abc import Iterator, Mapping, Sequence

from admin.money import format_money
from admin.output import Output, details, local_time
from admin.shop import Row

_SAID_ELSEWHERE = ("key", "updated_at", "version", "at")
_MONEY = ("amount", "refunded")


def show(output: Output, order: Row, history: Sequence[Row]) -> None:
    """The order, its items and its history by time."""
    output.facts(_facts(order))
    output.say("")
    output.table((">", "item", ">each"), _items(order))
    output.say("")
    names = {item["product_id"]: item["name"] for item in order["order_items"]}
    output.table(
        ("when", "", "what", "details"),
        (
            (local_time(row["at"]), row["kind"], row["what"], _details(row, order, names))
            for row in history
        ),
    )


def _facts(order: Row) -> dict[str, object]:
    return {
        "Order": order["number"],
        "ID": order["id"],
        "Status": order["status"],
        "Becomes": order["ending"],
        "Was": order["interrupted_status"],
        "Because": ": ".join(filter(None, (order["failure_code"], order["failure_message"]))),
        "Total": format_money(order["total"], order["currency"]),
        "Placed": local_time(order["created_at"]),
        "Confirm until": local_time(order["reserved_until"]),
        **{f"Payment {one['reference']}": _payment(one, order) for one in order["payments"]},
        **{
            f"Refund {one['reference'] or ''}".strip(): _refund(one, order)
            for one in order["refunds"]
        },
        **_parcel(order["shipments"]),
    }


def _payment(payment: Row, order: Row) -> str:
    sums = {
        "taken": format_money(payment["captured"], order["currency"]),
        "given back": format_money(payment["refunded"] or None, order["currency"]),
    }
    return f"{payment['status']}, {details(sums)}"


def _refund(refund: Row, order: Row) -> str:
    amount = format_money(refund["amount"], order["currency"])
    return f"{refund['status']}, {amount}, {refund['reason']}"


def _parcel(shipment: Row | None) -> dict[str, object]:
    """An order has one, or none yet."""
    if not shipment:
        return {}
    arrived = local_time(shipment["delivered_at"])
    parcel = f"{shipment['carrier']} {shipment['tracking_number']}"
    return {"Parcel": parcel, "Arrived": arrived or "not yet"}


def _items(order: Row) -> Iterator[tuple[object, ...]]:
    for item in order["order_items"]:
        each = format_money(item["unit_price"], order["currency"])
        yield f"{item['quantity']} x", item["name"], each


def _details(row: Row, order: Row, names: Mapping[str, str]) -> str:
    data: Row = {name: row["data"][name] for name in row["data"] if name not in _SAID_ELSEWHERE}
    if row["kind"] == "stock":
        return _stock(data, names)
    for name in _MONEY:
        if isinstance(data.get(name), int):
            data[name] = format_money(data[name], order["currency"])
    data.pop("currency", None)
    return details({name: _shown(value) for name, value in data.items()})


def _stock(data: Row, names: Mapping[str, str]) -> str:
    changes = {
        "on hand": data["on_hand_change"],
        "reserved": data["reserved_change"],
    }
    shown = ", ".join(f"{name} {change:+}" for name, change in changes.items() if change)
    return f"{names.get(data['product_id'], data['product_id'])}: {shown}"


def _shown(value: object) -> object:
    return None if value in (0, "") else value
