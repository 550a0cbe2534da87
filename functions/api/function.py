"""The API function: routes for shoppers, staff and whoever looks around."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from functions.api import redis
from functions.api.caches import open_product_cache
from functions.api.client_address import Proxies
from functions.api.clients import Api
from functions.api.geo import Countries
from functions.api.keys import KeySet
from functions.api.privileged import Privileged
from functions.api.product_cache import CHANGES
from functions.api.product_hits import ProductHits
from functions.api.rate_limits import OwnBacklogs, RateLimits
from functions.api.routers import ROUTERS
from functions.api.settings import ApiSettings
from functions.api.shared_backlogs import SharedBacklogs
from functions.api.tokens import Tokens
from functions.kit.app import Function, Running
from functions.kit.database import Database
from functions.kit.http import Http
from functions.kit.webhooks import Webhook

_NAME = "api"
_PREFLIGHT_SECONDS = 600
_METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")
_SENT = (
    *("Authorization", "Content-Type", "Idempotency-Key"),
    *("If-Match", "If-None-Match", "X-Request-Id", "X-Visitor-Id"),
)
_SHOWN = (
    *("ETag", "Idempotency-Replayed", "Location", "Retry-After", "X-Cache", "X-Request-Id"),
    *("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
)


def api(settings: ApiSettings) -> Function:
    """Answers for users, orders and products."""
    webhook = Webhook(settings.webhook_secret)

    @asynccontextmanager
    async def running(database: Database) -> AsyncIterator[Running]:
        async with (
            Http.connect() as http,
            redis.connect(settings.redis_url) as shared,
            open_product_cache(settings, database, shared) as products,
            aclosing(KeySet(http, f"{settings.address}/auth/v1/.well-known/jwks.json")) as keys,
        ):
            proxies = Proxies(settings.trusted_proxies)
            yield Running(
                clients=Api(
                    settings=settings,
                    http=http,
                    database=database,
                    privileged=Privileged(http, settings),
                    tokens=Tokens(keys, settings.issuer, settings.supabase_jwt_secret),
                    proxies=proxies,
                    countries=Countries(
                        proxies, settings.country_headers, settings.default_country
                    ),
                    products=products,
                    limits=RateLimits(
                        settings, OwnBacklogs(), SharedBacklogs(shared) if shared else None
                    ),
                    redis=shared,
                ),
                receivers={CHANGES: partial(products.hear, webhook)},
                check=partial(database.call, "queue_policy", {"queue": "orders"}),
            )

    return Function(
        _NAME,
        running,
        receives=(CHANGES,),
        wakes=False,
        routers=ROUTERS,
        middleware=(Middleware(ProductHits), _cors(settings)),
    )


def _cors(settings: ApiSettings) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=settings.origins,
        allow_methods=_METHODS,
        allow_headers=_SENT,
        expose_headers=_SHOWN,
        max_age=_PREFLIGHT_SECONDS,
    )
