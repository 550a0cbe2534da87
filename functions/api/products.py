"""/products: the catalogue, for everybody to look at and for staff to edit."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from functions.api.callers import AsAnyone, AsCaller, StaffCaller
from functions.api.clients import Clients
from functions.api.etags import Versions, etag
from functions.api.idempotency import Once
from functions.api.ids import ProductId
from functions.api.models import Page
from functions.api.pages import Place, Wanted
from functions.api.problem_schema import problems
from functions.api.product_bodies import COLUMNS, CatalogueProduct, NewProduct, ProductChanges
from functions.api.rest import UserClient
from functions.api.routing import api_router
from functions.kit.database import Row

router = api_router("products")


@dataclass(frozen=True)
class _Edit:
    """Answers whoever has edited a product."""

    response: Response
    api: Clients

    async def tell(self, product: CatalogueProduct) -> CatalogueProduct:
        """What is there now, which they will also find when they look."""
        await self.api.products.refresh()
        self.response.headers["ETag"] = etag(product.version)
        return product


Edit = Annotated[_Edit, Depends()]


@router.get("/products", operation_id="listProducts", responses=problems(400))
async def list_products(
    rest: AsAnyone,
    wanted: Wanted,
    search: Annotated[
        str | None,
        Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$", description="Words."),
    ] = None,
    active: Annotated[bool, Query(description="false: those not on sale, for staff.")] = True,
) -> Page[CatalogueProduct]:
    """Products by name."""
    query = {"select": COLUMNS, "order": "name,id", "limit": str(wanted.wanted)}
    query["active"] = f"is.{str(active).lower()}"
    if search:
        query["search"] = f"wfts(english).{search}"
    if wanted.after:
        query["or"] = _after(wanted.after)
    rows = await rest.select("products", query)
    found = [CatalogueProduct.model_validate(row) for row in rows]
    return wanted.page(found, lambda product: [product.name, str(product.id)])


@router.post(
    "/products",
    operation_id="createProduct",
    status_code=HTTPStatus.CREATED,
    responses=problems(400, 403, 409, 413, 415),
)
async def create_product(
    _staff: StaffCaller, rest: AsCaller, wanted: NewProduct, once: Once, edit: Edit
) -> CatalogueProduct:
    """Staff: put a product into the catalogue."""

    async def create() -> CatalogueProduct:
        made = await rest.call("create_product", {"product": wanted.model_dump(mode="json")})
        return CatalogueProduct.model_validate(made)

    product = await once(CatalogueProduct, create)
    edit.response.headers["Location"] = f"/products/{product.id}"
    return await edit.tell(product)


@router.patch(
    "/products/{product_id}",
    operation_id="updateProduct",
    responses=problems(400, 403, 404, 409, 412, 413, 415, 428),
)
async def update_product(
    _staff: StaffCaller,
    rest: AsCaller,
    product_id: ProductId,
    versions: Versions,
    changes: ProductChanges,
    once: Once,
    edit: Edit,
) -> CatalogueProduct:
    """Staff: change a product. Orders keep the price that they were placed at."""
    return await _change(rest, product_id, versions, changes.given(), once, edit)


@router.delete(
    "/products/{product_id}",
    operation_id="deactivateProduct",
    responses=problems(403, 404, 409, 412, 428),
)
async def deactivate_product(
    _staff: StaffCaller,
    rest: AsCaller,
    product_id: ProductId,
    versions: Versions,
    once: Once,
    edit: Edit,
) -> CatalogueProduct:
    """Staff: take a product off sale. It stays there for the orders that have it."""
    return await _change(rest, product_id, versions, {"active": False}, once, edit)


async def _change(
    rest: UserClient,
    product_id: UUID,
    versions: list[str] | None,
    changes: Row,
    once: Once,
    edit: Edit,
) -> CatalogueProduct:
    arguments = {"product_id": str(product_id), "changes": changes, "versions": versions}

    async def change() -> CatalogueProduct:
        return CatalogueProduct.model_validate(await rest.call("update_product", arguments))

    return await edit.tell(await once(CatalogueProduct, change))


def _after(place: Place) -> str:
    """What comes after a name and an id. The name is quoted: it may hold any character."""
    name = '"' + place[0].replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"(name.gt.{name},and(name.eq.{name},id.gt.{place[1]}))"
