"""Checking what a channel subscribes to before it is promised."""

import json
from collections.abc import Sequence
from typing import cast

import psycopg

from local_stack.realtime.catalog import Catalog, Column, TableView
from local_stack.realtime.database import Database
from local_stack.realtime.filters import ORDINARY, Condition, MalformedFilterError, parse
from local_stack.realtime.requests import ChangesRequest
from local_stack.realtime.subscriptions import ANY, Subscriber, Subscription, TypedCondition

_CANONICAL = "select realtime.canonical(%(role)s, %(type)s, %(wanted)s::text[])"
_TRY = "select realtime.filters_hold(%(role)s, %(conditions)s::jsonb, true)"


class SubscriptionRefusedError(Exception):
    """The channel cannot have these changes; the message is for the client."""


class SubscriptionCheck:
    """Turns requests into subscriptions, or refuses them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._catalog = Catalog(database)

    async def resolve(
        self, subscriber: Subscriber, requests: Sequence[tuple[int, ChangesRequest]]
    ) -> list[Subscription]:
        """The subscriptions of the (id, request) pairs: all of them or none.

        Raises:
            SubscriptionRefusedError: table not published, unknown column, value of another type.
            psycopg.OperationalError: the database is not there.
        """
        role = subscriber.credentials.role
        return [await self._one(subscriber, role, id_, request) for id_, request in requests]

    async def _one(
        self, subscriber: Subscriber, role: str, id_: int, request: ChangesRequest
    ) -> Subscription:
        try:
            if not await self._catalog.role_exists(role):
                raise _refused(request, f'role "{role}" is not permitted')
            tables = await self._catalog.published(*request.names)
            if not tables:
                raise _refused(request)
            conditions, select = await self._details(role, request, tables[0])
        except MalformedFilterError as error:
            raise _refused(request, str(error)) from error
        except (psycopg.errors.QueryCanceled, UnicodeError) as error:
            raise _refused(request, str(error)) from error
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            raise _refused(request, str(error).partition("\n")[0]) from error
        schema, table = request.names
        return Subscription(id_, subscriber, schema, table, request.event, conditions, select)

    async def _details(
        self, role: str, request: ChangesRequest, oid: int
    ) -> tuple[tuple[TypedCondition, ...], frozenset[str] | None]:
        if not request.filter and not request.select:
            return (), None
        if ANY in request.names:
            raise _refused(request, "filter and select need a schema and a table")
        view = await self._catalog.view(oid, role)
        if view is None:
            raise _refused(request)
        conditions = [
            await self._typed(role, condition, _column(request, view, condition.column))
            for condition in parse(request.filter)
        ]
        for name in request.select or ():
            _column(request, view, name)
        return tuple(conditions), frozenset(request.select) if request.select else None

    async def _typed(self, role: str, condition: Condition, column: Column) -> TypedCondition:
        """The condition with canonical values, tried once: it raises what its use would raise."""
        wanted = condition.wanted
        if condition.operator in ORDINARY:
            parameters = {"role": role, "type": column.sql_type, "wanted": list(wanted)}
            (canonical,) = (await self._database.rows(_CANONICAL, parameters))[0]
            wanted = tuple(cast("list[str]", canonical))
        typed = TypedCondition(
            Condition(condition.column, condition.operator, condition.negated, wanted),
            column.sql_type,
            column.exact,
        )
        actual = None if condition.operator == "is" else wanted[0]
        await self._database.rows(
            _TRY, {"role": role, "conditions": json.dumps([typed.question(actual)])}
        )
        return typed


def _column(request: ChangesRequest, view: TableView, name: str) -> Column:
    column = view.columns.get(name)
    if column is None or not column.selectable:
        raise _refused(request, f"invalid column for filter {name}")
    return column


def _refused(request: ChangesRequest, reason: str = "") -> SubscriptionRefusedError:
    if reason:
        return SubscriptionRefusedError(
            "Unable to subscribe to changes with given parameters. An exception happened so please "
            f"check your connect parameters: [{request}]. Exception: {reason}"
        )
    return SubscriptionRefusedError(
        "Unable to subscribe to changes with given parameters. Please check Realtime is enabled "
        f"for the given connect parameters: [{request}]"
    )
