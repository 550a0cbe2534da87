"""Stock: what comes in, what a count finds, and how much there is."""

from operator import attrgetter
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from orderbase._blocking import Blocking, blocking
from orderbase._call import Call, one, rpc, select
from orderbase._each import EACH_TIME, AsyncEach, iterating
from orderbase._filters import compared
from orderbase._ids import as_uuid, key_of
from orderbase._keyset import Key
from orderbase._listing import Listing
from orderbase._page import Page
from orderbase.models.base import DEFERRED
from orderbase.staff._columns import columns_of
from orderbase.staff._resource import StaffResource
from orderbase.staff._stock_models import StockLevel, StockMovement

_LEVELS = TypeAdapter(list[StockLevel], config=DEFERRED)
_MOVEMENTS = TypeAdapter(list[StockMovement], config=DEFERRED)
_LEVEL_COLUMNS = "id,slug,name,active,inventory!inner(on_hand,reserved)"
_BY_NAME: Listing[StockLevel] = Listing(
    "stock", (Key("name"), Key("id")), attrgetter("name", "product_id")
)
_NEWEST: Listing[StockMovement] = Listing(
    "stock movements", (Key("id", descending=True),), lambda movement: (movement.id,)
)


def _move(
    verb: str,
    product_id: UUID | str,
    idempotency_key: UUID | str | None,
    arguments: dict[str, JsonValue],
) -> Call[StockMovement]:
    key = key_of(idempotency_key)
    product = str(as_uuid(product_id, "product_id"))
    named = arguments | {"product_id": product, "idempotency_key": str(key)}
    return rpc(verb, StockMovement.model_validate_json, named, key)


def _list_levels(low: int | None, limit: int, after: str | None) -> Call[Page[StockLevel]]:
    extra = {} if low is None else {"inventory.available": f"lte.{low}"}
    return _BY_NAME.call(("products", _LEVEL_COLUMNS), _LEVELS, [], limit, after, extra)


def _get_level(product_id: UUID | str) -> Call[StockLevel]:
    parse = one(_LEVELS, "product_not_found", "There is no such product.")
    params = {"id": f"eq.{as_uuid(product_id, 'product_id')}"}
    return select("products", parse, _LEVEL_COLUMNS, params)


def _list_movements(
    product_id: UUID | str, limit: int, after: str | None
) -> Call[Page[StockMovement]]:
    conditions = [compared("product_id", "eq", as_uuid(product_id, "product_id"))]
    source = ("stock_movements", columns_of(StockMovement))
    return _NEWEST.call(source, _MOVEMENTS, conditions, limit, after)


class AsyncStock(StaffResource):
    """Stock of all products, in pieces. Orders reserve it, and take it when they are shipped."""

    async def list(
        self, *, low: int | None = None, limit: int = 100, after: str | None = None
    ) -> Page[StockLevel]:
        """A page of what there is of each product, by name.

        Args:
            low: only products of which this many or fewer are available.
            limit: at most this many, from 1 to 1000.
            after: `next` of the page before.

        Raises:
            InvalidRequest: "invalid_limit", "invalid_cursor".
        """
        return await self._call(_list_levels(low, limit, after))

    def each(self, *, low: int | None = None) -> AsyncEach[StockLevel]:
        """What there is of each product, to iterate over: read page by page.

        Args:
            low: see `list`.
        """
        return AsyncEach(lambda after: self.list(low=low, limit=EACH_TIME, after=after))

    async def get(self, product_id: UUID | str) -> StockLevel:
        """What there is of one product.

        Raises:
            NotFound: there is no such product.
        """
        return await self._call(_get_level(product_id))

    async def receive(
        self,
        product_id: UUID | str,
        quantity: int,
        *,
        note: str = "",
        idempotency_key: UUID | str | None = None,
    ) -> StockMovement:
        """Goods came in. After a lost connection it is said again under the same key.

        Args:
            product_id: which product.
            quantity: how many, 1 to 1,000,000,000.
            note: for people; up to 500 characters.
            idempotency_key: same key and contents, same movement, for ever. Give your own, such
                as one per delivery note, to be able to try again from another process.

        Raises:
            NotFound: there is no such product.
            InvalidRequest: "invalid_quantity", "invalid_note".
            IdempotencyMismatch: the key belongs to another movement.
        """
        arguments: dict[str, JsonValue] = {"quantity": quantity, "note": note}
        return await self._call(_move("receive_stock", product_id, idempotency_key, arguments))

    async def adjust(
        self,
        product_id: UUID | str,
        change: int,
        *,
        note: str,
        idempotency_key: UUID | str | None = None,
    ) -> StockMovement:
        """A count found more or fewer. After a lost connection it is said again under its key.

        Args:
            product_id: which product.
            change: how many more; negative: how many fewer. At most 1,000,000,000, and not 0.
            note: why, for people; up to 500 characters.
            idempotency_key: see `receive`.

        Raises:
            NotFound: there is no such product.
            Conflict: "stock_reserved": what is promised to orders cannot go away; `context` has
                `on_hand`, `reserved` and `available`.
            InvalidRequest: "invalid_quantity", "invalid_note".
            IdempotencyMismatch: the key belongs to another movement.
        """
        arguments: dict[str, JsonValue] = {"change": change, "note": note}
        return await self._call(_move("adjust_stock", product_id, idempotency_key, arguments))

    async def movements(
        self, product_id: UUID | str, *, limit: int = 100, after: str | None = None
    ) -> Page[StockMovement]:
        """A page of what moved of a product, newest first.

        Args:
            product_id: which product.
            limit: at most this many, from 1 to 1000.
            after: `next` of the page before.

        Raises:
            NotFound: there is no such product.
            InvalidRequest: "invalid_limit", "invalid_cursor".
        """
        page = await self._call(_list_movements(product_id, limit, after))
        if not page:  # nothing moved, or there is no such product
            await self.get(product_id)
        return page

    def each_movement(self, product_id: UUID | str) -> AsyncEach[StockMovement]:
        """All that moved of a product, to iterate over: read page by page. See `movements`."""
        return AsyncEach(lambda after: self.movements(product_id, limit=EACH_TIME, after=after))


class Stock(Blocking[AsyncStock]):
    """See AsyncStock: the same, and each method waits."""

    list = blocking(AsyncStock.list)
    each = iterating(AsyncStock.each)
    get = blocking(AsyncStock.get)
    receive = blocking(AsyncStock.receive)
    adjust = blocking(AsyncStock.adjust)
    movements = blocking(AsyncStock.movements)
    each_movement = iterating(AsyncStock.each_movement)
