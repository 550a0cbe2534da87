"""The routes of Storage."""

from collections.abc import Iterator

from aiohttp import web
from aiohttp.typedefs import Handler

from local_stack.settings import Settings
from local_stack.storage import (
    buckets,
    downloads,
    listings,
    objects,
    resumable,
    signing,
    uploads,
)
from local_stack.storage.context import CONTEXT, Context
from local_stack.storage.database import OPERATION
from local_stack.storage.errors import answer_errors, not_implemented


def create_app(settings: Settings) -> web.Application:
    """An application to mount under `/storage/v1`; it holds its connections while it runs."""
    context = Context(settings)
    app = web.Application(middlewares=[answer_errors])
    app[CONTEXT] = context
    app.cleanup_ctx.append(context.run)
    app.on_response_prepare.append(resumable.expose_headers)
    app.add_routes(_routes())
    return app


_BUCKET, _OBJECT = "/{bucket}", "/{bucket}/{key:(?s:.+)}"
_TUS, _SIGNED_TUS = "/upload/resumable", "/upload/resumable/sign"

# Method, path, what policies see as storage.operation(), handler.
_OPERATIONS: tuple[tuple[str, str, str, Handler], ...] = (
    ("POST", "/bucket", "bucket.create", buckets.create),
    ("GET", "/bucket", "bucket.list", buckets.list_all),
    ("GET", f"/bucket{_BUCKET}", "bucket.get", buckets.get),
    ("PUT", f"/bucket{_BUCKET}", "bucket.update", buckets.update),
    ("DELETE", f"/bucket{_BUCKET}", "bucket.delete", buckets.delete),
    ("POST", f"/bucket{_BUCKET}/empty", "bucket.empty", buckets.empty),
    ("POST", "/object/move", "object.move", objects.move),
    ("POST", "/object/copy", "object.copy", objects.copy),
    ("POST", f"/object/list{_BUCKET}", "object.list", listings.search),
    ("POST", f"/object/list-v2{_BUCKET}", "object.list_v2", listings.page),
    ("POST", f"/object/sign{_BUCKET}", "object.sign_many", signing.sign_downloads),
    ("POST", f"/object/sign{_OBJECT}", "object.sign", signing.sign_download),
    ("GET", f"/object/sign{_OBJECT}", "object.get_signed", downloads.get_signed),
    ("POST", f"/object/upload/sign{_OBJECT}", "object.sign_upload_url", signing.sign_upload),
    ("PUT", f"/object/upload/sign{_OBJECT}", "object.upload_signed", uploads.create_signed),
    ("GET", f"/object/public{_OBJECT}", "object.get_public", downloads.get_public),
    (
        "GET",
        f"/object/authenticated{_OBJECT}",
        "object.get_authenticated",
        downloads.get_authenticated,
    ),
    ("GET", f"/object/info/public{_OBJECT}", "object.info_public", downloads.info_public),
    (
        "GET",
        f"/object/info/authenticated{_OBJECT}",
        "object.get_authenticated_info",
        downloads.info_authenticated,
    ),
    ("GET", f"/object/info{_OBJECT}", "object.get_authenticated_info", downloads.info),
    ("POST", f"/object{_OBJECT}", "object.upload", uploads.create),
    ("PUT", f"/object{_OBJECT}", "object.upload_update", uploads.update),
    ("GET", f"/object{_OBJECT}", "object.get_authenticated", downloads.get_visible),
    ("DELETE", f"/object{_BUCKET}", "object.delete_many", objects.remove_many),
    ("DELETE", f"/object{_OBJECT}", "object.delete", objects.remove),
)
_TUS_OPERATIONS: tuple[tuple[str, str, str, resumable.Handler], ...] = (
    ("OPTIONS", "", "tus.options", resumable.options),
    ("POST", "", "tus.upload.create", resumable.create),
    ("OPTIONS", "/{upload}", "tus.options", resumable.options),
    ("HEAD", "/{upload}", "tus.upload.get", resumable.head),
    ("PATCH", "/{upload}", "tus.upload.part", resumable.patch),
    ("DELETE", "/{upload}", "tus.upload.delete", resumable.delete),
)
_NOT_HERE = {
    "/render/image": "Image transformation",
    "/cdn": "The CDN",
    "/s3": "The S3 protocol",
    "/iceberg": "Analytics (Iceberg)",
    "/vector": "Vector storage",
}


def _routes() -> Iterator[web.RouteDef]:
    yield web.get("/status", _status)
    for method, path, operation, handler in _OPERATIONS:
        yield web.route(method, path, _named(f"storage.{operation}", handler))
    for base in (_SIGNED_TUS, _TUS):
        for method, path, operation, handler in _TUS_OPERATIONS:
            named = _named(f"storage.{operation}", resumable.speaks_tus(handler))
            yield web.route(method, base + path, named)
    for prefix, name in _NOT_HERE.items():
        yield web.route("*", prefix + "{rest:(/.*)?}", _not_here(name))


def _named(operation: str, handler: Handler) -> Handler:
    async def named(request: web.Request) -> web.StreamResponse:
        request[OPERATION] = operation
        return await handler(request)

    return named


def _not_here(name: str) -> Handler:
    async def refuse(_: web.Request) -> web.StreamResponse:
        raise not_implemented(name)

    return refuse


async def _status(_: web.Request) -> web.Response:
    return web.Response()
