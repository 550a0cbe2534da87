"""Where an order goes, as a command says it."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, TypeAdapter, ValidationError

from orderbase._sync import Orderbase
from orderbase.cli.shop import UsageError
from orderbase.models import DEFERRED, Address

_PARTS = TypeAdapter(dict[str, JsonValue], config=DEFERRED)


@dataclass(frozen=True)
class Wanted:
    """Parts of an address, and a file that has the others."""

    file: Path | None
    parts: dict[str, str | None]

    def of(self, shop: Orderbase) -> Address:
        """The whole address; by default the one that the address book calls so.

        Raises:
            UsageError: something is missing.
        """
        given = {name: value for name, value in self.parts.items() if value is not None}
        try:
            if self.file is not None:
                return Address.model_validate(_PARTS.validate_json(self.file.read_bytes()) | given)
            return Address.model_validate(given) if given else _default(shop)
        except ValidationError as error:
            raise UsageError(f"The address will not do: {_mistakes(error)}.") from None


def _default(shop: Orderbase) -> Address:
    saved = next((each for each in shop.account.addresses.list() if each.is_default), None)
    if saved is None:
        raise UsageError("Where to? Say it by --name, --line1 and so on, or --address FILE.json.")
    return saved.address


def _mistakes(error: ValidationError) -> str:
    """Names and reasons; not what was given, which is nobody else's business."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'the file'}: {each['msg']}" for each in found
    )
