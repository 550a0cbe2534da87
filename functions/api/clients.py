"""What the routes speak through. A route asks for no more than it needs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends

from functions.api.client_address import Proxies
from functions.api.geo import Countries
from functions.api.privileged import Privileged
from functions.api.product_cache import ProductCache
from functions.api.rate_limits import RateLimits
from functions.api.settings import ApiSettings
from functions.api.tokens import Tokens
from functions.kit.app import clients_of
from functions.kit.database import Database
from functions.kit.http import Http

if TYPE_CHECKING:
    from redis.asyncio import Redis


@dataclass(frozen=True)
class Api:
    """The clients of a running API, shared by all requests."""

    settings: ApiSettings
    http: Http
    database: Database
    """The verbs of the schema `engine`."""
    privileged: Privileged
    """For `StaffAccounts` alone."""
    tokens: Tokens
    proxies: Proxies
    countries: Countries
    products: ProductCache
    limits: RateLimits
    redis: "Redis | None"
    """What processes share, if they do."""


Clients = Annotated[Api, Depends(clients_of(Api))]
