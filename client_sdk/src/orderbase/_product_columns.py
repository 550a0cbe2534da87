"""What is read of a product: its columns, its price in a market, and its pictures."""

import re

from orderbase._call import ALL
from orderbase.errors import InvalidRequest

_STOCK = ",inventory(on_hand,reserved)"
# Of many products all columns were too much: one holds the words of the description, to search.
COLUMNS = f"id,slug,name,description,price,currency,created_at,updated_at{_STOCK}"
ALL_COLUMNS = f"{ALL}{_STOCK}"
_MARKET = ",market:product_prices(price,currency)"
_IMAGES = ",images:product_images(id,path,alt,position,width,height,colour,placeholder,variants)"

Source = tuple[str, dict[str, str]]


def source(
    columns: str, country: str | None, *, images: bool, most_images: int | None = None
) -> Source:
    """All that is selected, and the parameters that choose among the rows of other tables.

    Raises:
        InvalidRequest: "invalid_country".
    """
    params = dict[str, str]()
    if country is not None:
        columns += _MARKET
        params["market.country"] = f"eq.{_checked(country)}"
    if images:
        columns += _IMAGES
        params["images.order"] = "position,id"
    if images and most_images is not None:
        params["images.limit"] = str(most_images)
    return columns, params


def _checked(country: str) -> str:
    if not re.fullmatch("[A-Z]{2}", country):
        raise InvalidRequest("country is two capital letters.", code="invalid_country")
    return country
