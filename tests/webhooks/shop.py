"""Outgoing webhooks as the database sees them: staff register, tests play the function."""

from dataclasses import dataclass

import psycopg

from tests.database.conftest import RefusedError, Row
from tests.database.line import Line
from tests.webhooks.clock import let_pass

URL = "https://hooks.example.com/orders"


def delivered(job: Row) -> Row:
    return job | {"outcome": "delivered", "data": {"status_code": 204, "milliseconds": 3}}


def answered(status: int, **data: object) -> Row:
    """What makes a result of a job: the endpoint answered with this status."""
    return {"outcome": "failed", "data": {"status_code": status, "milliseconds": 3} | data}


NO_ANSWER: Row = {"outcome": "failed", "error": "not_connected", "data": {"milliseconds": 3}}
STOPPED: Row = {"outcome": "postponed", "error": "stopped", "delay_seconds": 1, "data": {}}
BROKEN: Row = {"outcome": "broken", "error": "unexpected KeyError", "data": {}}


@dataclass
class Hooks:
    """The webhooks of a line of orders."""

    line: Line

    def create(self, *event_types: str, url: str = URL) -> Row:
        """An endpoint: its `endpoint_id` and `secret`.

        Raises:
            RefusedError: the verb refused.
        """
        query = "select * from public.create_webhook_endpoint(%s, %s::text[])"
        try:
            [created] = self.line.staff.query(query, url, list(event_types) or ["*"])
        except psycopg.Error as error:
            raise RefusedError(error) from error
        return created

    def endpoint(self, created: Row) -> Row:
        query = "select * from public.webhook_endpoints where id = %s"
        return self.line.one(query, created["endpoint_id"])

    def verb(self, name: str, created: Row, **more: object) -> Row:
        """What a verb of the staff about the endpoint returns."""
        [row] = self.line.staff.call(f"public.{name}", endpoint_id=created["endpoint_id"], **more)
        return row

    def deliveries(self, created: Row, order: Row | None = None) -> list[Row]:
        return self.line.rows(
            "select *, extract(epoch from due_at - clock_timestamp())::float as due"
            " from public.webhook_deliveries where endpoint_id = %s"
            " and (%s::uuid is null or order_id = %s) order by id",
            created["endpoint_id"],
            *[order and order["id"]] * 2,
        )

    def statuses(self, created: Row) -> list[str]:
        return [row["status"] for row in self.deliveries(created)]

    def attempts(self, created: Row) -> list[Row]:
        return self.line.rows(
            "select attempt.* from public.webhook_attempts as attempt"
            " join public.webhook_deliveries as delivery on delivery.id = delivery_id"
            " where endpoint_id = %s order by delivery_id, number",
            created["endpoint_id"],
        )

    def claim(self, wanted: int = 100) -> list[Row]:
        return self.line.call("claim_webhooks", wanted, 0)

    def finish(self, *results: Row) -> list[str]:
        return [row["status"] for row in self.line.call("finish_webhooks", list(results))]

    def deliver(self) -> list[str]:
        """Deliver all that is due; the webhook ids, in the order in which they went out."""
        sent: list[str] = []
        while jobs := self.claim():
            assert set(self.finish(*map(delivered, jobs))) == {"finished"}
            sent += [job["webhook_id"] for job in jobs]
        return sent

    def fail(self, result: Row = NO_ANSWER) -> list[Row]:
        """Claim once, and have all that came fail; the jobs."""
        jobs = self.claim()
        assert set(self.finish(*[job | result for job in jobs])) <= {"retried"}
        return jobs

    def let_pass(self, interval: str, created: Row) -> None:
        let_pass(self.line.owner, interval, created["endpoint_id"])

    def leave(self) -> None:
        """No endpoint hears of the orders of the next test."""
        self.line.rows(
            "update public.webhook_endpoints set active = false, disabled_reason = 'staff'"
            " where active"
        )
        self.line.rows(
            "update public.webhook_deliveries set status = 'discarded'"
            " where status in ('pending', 'delivering')"
        )


def message_id(order: Row, version: int) -> str:
    """The webhook-id of an event of the order."""
    return f"msg_{order['id'].hex}_{version}"
