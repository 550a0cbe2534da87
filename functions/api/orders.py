"""/orders: placed by shoppers in their own name, seen by them and by the staff."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID, uuid4, uuid5

from fastapi import Query, Response

from functions.api.callers import AsCaller, Caller
from functions.api.clients import Clients
from functions.api.idempotency import REPLAYED, Key, Once
from functions.api.ids import OrderId, missing
from functions.api.models import Page
from functions.api.order_bodies import COLUMNS, NewOrder, Order, OrderStatus
from functions.api.pages import Wanted
from functions.api.problem_schema import problems
from functions.api.rest import UserClient
from functions.api.routing import api_router
from functions.api.tokens import User
from functions.kit.database import Row
from functions.kit.problems import Problem

router = api_router("orders")


@router.get("/orders", operation_id="listOrders", responses=problems(400))
async def list_orders(
    caller: Caller,
    rest: AsCaller,
    wanted: Wanted,
    status: Annotated[OrderStatus | None, Query(description="Only these.")] = None,
) -> Page[Order]:
    """My orders, the newest first; everybody's for staff."""
    query = {"select": COLUMNS, "order": "number.desc", "limit": str(wanted.wanted)}
    if not caller.is_staff:
        query["user_id"] = f"eq.{caller.id}"
    if status:
        query["status"] = f"eq.{status}"
    if wanted.after:
        query["number"] = f"lt.{wanted.after[0]}"
    rows = await rest.select("orders", query)
    return wanted.page([Order.of_row(row) for row in rows], lambda order: [order.number])


@router.post(
    "/orders",
    operation_id="createOrder",
    status_code=HTTPStatus.CREATED,
    responses=problems(400, 409, 413, 415),
)
async def create_order(
    caller: Caller,
    rest: AsCaller,
    api: Clients,
    wanted: NewOrder,
    response: Response,
    key: Key = None,
) -> Order:
    """Place an order: its stock is reserved, and its payment begins."""
    arguments = _arguments(wanted, api.settings.default_payment_method)
    placed = await rest.answer_of(
        "place_order", arguments | {"idempotency_key": str(_order_key(caller, key))}
    )
    if placed.headers.get(REPLAYED):
        response.headers[REPLAYED] = "true"
    order = await _find(rest, UUID(placed.body["id"]))
    response.headers["Location"] = f"/orders/{order.id}"
    return order


@router.get("/orders/{order_id}", operation_id="getOrder", responses=problems(404))
async def get_order(_caller: Caller, rest: AsCaller, order_id: OrderId) -> Order:
    """One of my orders; anybody's for staff."""
    return await _find(rest, order_id)


@router.post("/orders/{order_id}/cancel", operation_id="cancelOrder", responses=problems(404, 409))
async def cancel_order(_caller: Caller, rest: AsCaller, order_id: OrderId, once: Once) -> Order:
    """Cancel an order that is not yet handed over. `ending` says so until its money is back."""

    async def cancel() -> Order:
        await rest.call("cancel_order", {"order_id": str(order_id)})
        return await _find(rest, order_id)

    return await once(Order, cancel)


async def _find(rest: UserClient, order_id: UUID) -> Order:
    rows = await rest.select("orders", {"id": f"eq.{order_id}", "select": COLUMNS})
    if not rows:
        raise missing("order")
    return Order.of_row(rows[0])


def _arguments(wanted: NewOrder, default_payment_method: str | None) -> Row:
    """The verb's; what is not given is left to it."""
    arguments = wanted.model_dump(mode="json", exclude_none=True)
    if not arguments.setdefault("payment_method", default_payment_method):
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid_payment_method",
            "The payment method must be a Stripe id (pm_…).",
        )
    return arguments


def _order_key(caller: User, key: str | None) -> UUID:
    """The verb takes UUIDs: other texts stand for one, for each user another."""
    if key is None:
        return uuid4()
    try:
        return UUID(key)
    except ValueError:
        return uuid5(caller.id, key)
