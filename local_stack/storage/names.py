"""Which names buckets, objects and media types may have."""

import re
from collections.abc import Iterable

from local_stack.storage.errors import StorageError, unsupported_type

MAX_KEY = 1024
_BUCKET = re.compile(r"[A-Za-z0-9_!.*'() &$=@;:+,?-]{1,100}")
_KEY = re.compile(r"[A-Za-z0-9_/!.*'() &$=@;:+,?-]+")
_MEDIA_TYPE = re.compile(r"([a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+)[ \t]*(?:;[^,]*)?")
_ALLOWED_TYPE = re.compile(r"[A-Za-z0-9.+-]+/(?:[A-Za-z0-9.+-]+|\*)|\*|\*/\*")
_NOT_SEGMENTS = {"", ".", ".."}


def check_bucket(name: str) -> None:
    """Refuse a name that no bucket can have.

    Raises:
        StorageError: 400.
    """
    if not _BUCKET.fullmatch(name) or name != name.strip() or name in _NOT_SEGMENTS:
        raise StorageError(400, "InvalidBucketName", "Bucket name invalid", "Invalid Input")


def check_key(key: str) -> None:
    """Refuse a key that could be read as another path, or that Supabase does not take.

    Raises:
        StorageError: 400.
    """
    well_formed = len(key) <= MAX_KEY and _KEY.fullmatch(key)
    if not well_formed or not _NOT_SEGMENTS.isdisjoint(key.split("/")):
        raise StorageError(400, "InvalidKey", f"Invalid key: {key[:MAX_KEY]}")


def essence(media_type: str) -> str | None:
    """`type/subtype` in lower case, without parameters; None if that is not what it is."""
    match = _MEDIA_TYPE.fullmatch(media_type.strip().lower())
    return match[1] if match else None


def check_media_type(media_type: str, allowed: Iterable[str] | None) -> None:
    """Refuse a media type that is not on the bucket's list, where it has one.

    Raises:
        StorageError: 415.
    """
    patterns = {pattern.lower() for pattern in allowed or ()}
    if not patterns or not patterns.isdisjoint({"*", "*/*"}):
        return
    wanted = essence(media_type)
    if wanted is None or patterns.isdisjoint({wanted, wanted.split("/")[0] + "/*"}):
        raise unsupported_type(media_type)


def check_allowed_types(patterns: Iterable[str]) -> None:
    """Refuse a list entry that is neither `type/subtype` nor `type/*`.

    Raises:
        StorageError: 415.
    """
    for pattern in patterns:
        if not _ALLOWED_TYPE.fullmatch(pattern):
            raise unsupported_type(pattern[:MAX_KEY])
