"""What the analytics function does, played by tests, and what the read models then hold."""

import uuid
from collections import Counter

from tests.database.conftest import Row
from tests.database.line import Line

MODELS = {
    "order_counts": "select status, orders from public.order_counts order by status",
    "daily_sales": "select * from public.daily_sales order by day, currency",
    "product_sales": "select * from public.product_sales order by day, product_id, currency",
}
SALES = [
    "placed", "paid", "completed", "cancelled", "failed", "items", "gross", "refunded", "net",
]  # fmt: skip


def rebuild(line: Line) -> None:
    line.rows("select private.rebuild_read_models()")


def claim(line: Line) -> list[Row]:
    return line.call("claim_analytics", 100, 0)


def applied(job: Row) -> Row:
    receipt = {"message_id": job["message_id"], "starts": job["starts"]}
    return receipt | {"outcome": "applied", "data": {}}


def finish(line: Line, *results: Row) -> list[str]:
    return [row["status"] for row in line.call("finish_analytics", list(results))]


def count_all(line: Line) -> None:
    """Work off the queue, as the function does."""
    while jobs := claim(line):
        assert set(finish(line, *map(applied, jobs))) == {"finished"}


def models(line: Line) -> dict[str, list[Row]]:
    return {name: line.rows(query) for name, query in MODELS.items()}


def counts(line: Line) -> Counter[str]:
    return Counter({row["status"]: row["orders"] for row in line.rows(MODELS["order_counts"])})


def sales(line: Line, currency: str = "EUR") -> Counter[str]:
    """Sums over all days."""
    columns = ", ".join(f"coalesce(sum({name}), 0)::bigint as {name}" for name in SALES)
    query = f"select {columns} from public.daily_sales where currency = %s"
    return Counter(line.one(query, currency))


def difference(after: Counter[str], before: Counter[str]) -> dict[str, int]:
    return {key: after[key] - before[key] for key in after if after[key] != before[key]}


def completed(line: Line, **product: object) -> Row:
    order = line.place(2, line.new_product(**product))
    line.drain()
    line.send_mails()
    assert line.status(order) == "completed"
    return order


def refund(line: Line, order: Row, amount: int | None) -> None:
    key, reason = uuid.uuid4(), "a scratch"
    arguments = {"order_id": order["id"], "amount": amount, "reason": reason}
    line.staff.call("public.refund_order", **arguments, idempotency_key=key)
    line.drain()
