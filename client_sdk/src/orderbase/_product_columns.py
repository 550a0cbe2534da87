"""What is read of a product: its columns, its price in a market, and its pictures."""

import re

from orderbase.errors import InvalidRequest

# Not all columns: one holds the words of the description, to search; and shops add their own.
COLUMNS = (
    "id,slug,name,description,price,currency,created_at,updated_at,inventory(on_hand,reserved)"
)
_MARKET = ",market:product_prices(price,currency)"
_IMAGES = ",images:product_images(id,path,alt,position,width,height,colour,placeholder,variants)"

Source = tuple[str, dict[str, str]]


def source(country: str | None, *, images: bool, most_images: int | None = None) -> Source:
    """The columns, and the parameters that choose among the rows of other tables.

    Raises:
        InvalidRequest: "invalid_country".
    """
    columns, params = COLUMNS, dict[str, str]()
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
