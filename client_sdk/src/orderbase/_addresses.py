"""The address book of whoever is signed in."""

from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from orderbase._call import ALL, Call, one, rpc, select, write
from orderbase._ids import as_uuid
from orderbase._resource import Resource
from orderbase.models import DEFERRED, Address, SavedAddress

_ADDRESSES = TypeAdapter(list[SavedAddress], config=DEFERRED)
_ONE = one(_ADDRESSES, "address_not_found", "There is no such address.")


class AsyncAddresses(Resource):
    """My address book: at most 50 addresses, one of which may be the default.

    Every method raises AuthError when nobody is signed in.
    """

    async def list(self) -> list[SavedAddress]:
        """All my addresses: the default first, then the newest."""
        params = {"user_id": f"eq.{self._me()}", "order": "is_default.desc,created_at.desc,id"}
        return await self._call(select("addresses", _ADDRESSES.validate_json, ALL, params))

    async def add(
        self, address: Address, *, label: str = "", default: bool = False
    ) -> SavedAddress:
        """Keep an address. It is sent once: after a lost connection, look whether it is there.

        Args:
            address: what an order could go to.
            label: what I call it, such as "Home"; a line of at most 100 characters.
            default: it takes the place of the default there is.

        Raises:
            InvalidRequest: "invalid_address", whose `context` may name the `field`, or
                "invalid_label".
            Conflict: "too_many_addresses".
        """
        self._me()
        row = _row(address, label) | {"is_default": default}
        call = write(select("addresses", _ONE, ALL, {}), "POST", row, repeatable=False)
        return await self._call(call)

    async def change(
        self, address_id: UUID | str, *, address: Address | None = None, label: str | None = None
    ) -> SavedAddress:
        """Replace an address, its label, or both; None leaves them as they are.

        Raises:
            NotFound: there is no such address.
            InvalidRequest: as of `add`.
        """
        mine, changes = self._mine(address_id), _row(address, label)
        return await self._call(write(mine, "PATCH", changes) if changes else mine)

    async def remove(self, address_id: UUID | str) -> None:
        """Remove an address. It is sent once: after a lost connection, it may be gone.

        Raises:
            NotFound: there is no such address.
        """
        await self._call(write(self._mine(address_id), "DELETE", repeatable=False))

    async def set_default(self, address_id: UUID | str) -> SavedAddress:
        """Make an address the default, instead of the one before.

        Raises:
            NotFound: there is no such address.
        """
        wanted = str(as_uuid(address_id, "address_id"))
        call = rpc("set_default_address", SavedAddress.model_validate_json, {"address_id": wanted})
        return await self._call(call)

    def _mine(self, address_id: UUID | str) -> Call[SavedAddress]:
        wanted = as_uuid(address_id, "address_id")
        params = {"id": f"eq.{wanted}", "user_id": f"eq.{self._me()}"}
        return select("addresses", _ONE, ALL, params)


def _row(address: Address | None, label: str | None) -> dict[str, JsonValue]:
    row: dict[str, JsonValue] = {}
    if address is not None:
        row["address"] = address.model_dump(exclude_none=True)
    if label is not None:
        row["label"] = label
    return row
