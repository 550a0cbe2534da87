"""Orders: what staff can see of them, and do with them."""

import argparse
import uuid

from admin import order_history
from admin.command import Commands, Options, Session, add_yes, confirm, identifier
from admin.errors import AdminError, RefusedError
from admin.money import format_money, parse_money
from admin.shop import Row, Shop, UnansweredError

# No name, no address: who needs those asks for them elsewhere.
_COLUMNS = (
    "id,number,status,ending,interrupted_status,total,currency,capture,failure_code,failure_message,"
    "reserved_until,created_at,updated_at,"
    "order_items(product_id,name,quantity,unit_price),"
    "payments(provider,reference,status,amount,captured,refunded),"
    "refunds(id,amount,status,reason,reference,created_at),"
    "shipments(carrier,tracking_number,created_at,delivered_at)"
)


def declare(commands: Commands) -> None:
    """Add the commands."""
    noun = commands.group("orders", "See an order, ship it, give money back.")
    for name, run in (("show", show), ("deliver", deliver)):
        _add_order(noun.add(name, run))
    parcel = noun.add("ship", ship)
    _add_order(parcel)
    parcel.add_argument("--carrier", required=True)
    parcel.add_argument("--tracking-number", required=True)
    _declare_cancel_shipping(noun.add("cancel-shipping", cancel_shipping))
    _declare_refund(noun.add("refund", refund))


def _declare_cancel_shipping(parser: argparse.ArgumentParser) -> None:
    _add_order(parser)
    parser.add_argument("--code", required=True, choices=["out_of_stock", "shipping_failed"])
    parser.add_argument("--message", required=True, help="why, for the shopper and the history")
    add_yes(parser)


def _declare_refund(parser: argparse.ArgumentParser) -> None:
    _add_order(parser)
    parser.add_argument("--reason", required=True, help="why, for the history")
    parser.add_argument("--amount", help="such as 12.50, in the order's currency (default: all)")
    parser.add_argument(
        "--idempotency-key",
        type=identifier,
        metavar="KEY",
        help="the same key gives money back once (default: a new one)",
    )
    add_yes(parser)


def _add_order(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("order", type=_order_filter, metavar="ORDER", help="number or ID")


async def show(session: Session, options: Options) -> None:
    """Show an order and its history."""
    order = await _find(session.shop, options)
    history = await session.shop.call("order_history", order_id=order["id"])
    if session.output.as_json:
        session.output.json({"order": order, "history": history})
    else:
        order_history.show(session.output, order, history)


async def ship(session: Session, options: Options) -> None:
    """Say that a paid order's parcel was handed over. The same parcel twice is once."""
    await _do(
        session, options, "ship_order",
        carrier=options.carrier, tracking_number=options.tracking_number,
    )  # fmt: skip


async def deliver(session: Session, options: Options) -> None:
    """Say that an order's parcel has arrived."""
    await _do(session, options, "deliver_order")


async def cancel_shipping(session: Session, options: Options) -> None:
    """Say that a paid order cannot be shipped: its money goes back, then its stock is free."""
    order = await _find(session.shop, options)
    total = format_money(order["total"], order["currency"])
    confirm(f"Order {order['number']} ends as {options.code}, and {total} go back. Go on?", options)
    await _do(session, options, "fail_shipping", code=options.code, message=options.message)


async def refund(session: Session, options: Options) -> None:
    """Give money back.

    All that is left ends the order: as refunded, or as cancelled if it was not shipped yet.
    """
    order = await _find(session.shop, options)
    currency = order["currency"]
    amount = parse_money(options.amount, currency) if options.amount else None
    shown = format_money(amount, currency) or "all that is left"
    confirm(f"Order {order['number']}: {shown} will go back. Go on?", options)
    given = await _refund(session.shop, order, amount, options)
    if session.output.as_json:
        session.output.json(given)
    else:
        shown = format_money(given["amount"], given["currency"])
        session.output.say(f"Order {order['number']}: the refund of {shown} is {given['status']}.")


async def _refund(shop: Shop, order: Row, amount: int | None, options: Options) -> Row:
    key = options.idempotency_key or str(uuid.uuid4())
    wanted = {"order_id": order["id"], "amount": amount, "reason": options.reason}
    try:
        given: Row = await shop.call("refund_order", **wanted, idempotency_key=key)
    except UnansweredError as error:
        raise AdminError(f"{error} To ask again safely: --idempotency-key {key}") from error
    names = ("id", "amount", "currency", "status", "reason", "idempotency_key", "created_at")
    return {name: given[name] for name in names}


async def _do(session: Session, options: Options, verb: str, **arguments: object) -> None:
    order = await _find(session.shop, options)
    changed = await session.shop.call(verb, order_id=order["id"], **arguments)
    if session.output.as_json:
        session.output.json({name: changed[name] for name in ("id", "number", "status", "ending")})
    elif changed["ending"]:
        text = f"Order {changed['number']} is {changed['status']}, and will be {changed['ending']}."
        session.output.say(text)
    else:
        session.output.say(f"Order {changed['number']} is {changed['status']}.")


async def _find(shop: Shop, options: Options) -> Row:
    column, value = options.order
    found = await shop.select("orders", select=_COLUMNS, **{column: f"eq.{value}"})
    if not found:
        raise RefusedError(f"There is no order {value}.", "order_not_found")
    return found[0]


def _order_filter(text: str) -> tuple[str, str]:
    if text.isascii() and text.isdecimal() and len(text) <= 18:
        return "number", text
    try:
        return "id", identifier(text)
    except argparse.ArgumentTypeError as error:
        message = f"{text} is neither the number nor the ID of an order"
        raise argparse.ArgumentTypeError(message) from error
