"""What is remembered between two commands: the shops, and who is signed in there.

One file per shop, which only its owner can read, and which is replaced as a whole: two commands
at a time never leave half a file, nor mix up two shops.
"""

import base64
import os
import tempfile
from pathlib import Path
from urllib.parse import quote

from platformdirs import user_config_path
from pydantic import BaseModel, ConfigDict, ValidationError

FOLDER_VARIABLE = "ORDERBASE_CONFIG_DIR"


class Remembered(BaseModel):
    """A shop. `session` holds tokens."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    url: str
    key: str | None = None
    session: str | None = None


class _Claims(BaseModel):
    role: str | None = None


class Memory:
    """The files of this user."""

    def __init__(self) -> None:
        own = os.environ.get(FOLDER_VARIABLE)
        self._folder = Path(own) if own else user_config_path("orderbase", appauthor=False)

    @property
    def current(self) -> str | None:
        """The address of the shop that is meant when none is named."""
        kept = _read(self._folder / "current.json")
        return kept.url if kept else None

    def of(self, url: str) -> Remembered:
        """What is known about a shop."""
        kept = _read(self._file(url))
        return kept if kept and kept.url == url else Remembered(url=url)

    def keep(self, shop: Remembered) -> None:
        """Remember it from now on; a secret key never."""
        if shop.key is not None and is_secret(shop.key):
            shop = shop.model_copy(update={"key": None})
        write_privately(self._file(shop.url), shop.model_dump_json())

    def make_current(self, url: str) -> None:
        """Mean this shop when none is named."""
        write_privately(self._folder / "current.json", Remembered(url=url).model_dump_json())

    def _file(self, url: str) -> Path:
        return self._folder / "shops" / f"{quote(url, safe='')}.json"


class FileStorage:
    """Keeps the session of one shop; see SessionStorage."""

    def __init__(self, memory: Memory, url: str, key: str) -> None:
        self._memory = memory
        self._url = url
        self._key = key

    def get(self) -> str | None:
        """See SessionStorage."""
        return self._memory.of(self._url).session

    def set(self, value: str) -> None:
        """See SessionStorage."""
        self._keep(value)
        if self._memory.current is None:
            self._memory.make_current(self._url)

    def remove(self) -> None:
        """See SessionStorage."""
        self._keep(None)

    def _keep(self, session: str | None) -> None:
        self._memory.keep(Remembered(url=self._url, key=self._key, session=session))


def is_secret(key: str) -> bool:
    """Whether the key opens everything: a secret one, or a token of the service role."""
    if key.startswith("sb_secret_"):
        return True
    try:
        payload = key.split(".")[1]
        claims = _Claims.model_validate_json(
            base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        )
    except (IndexError, ValueError):
        return False
    return claims.role != "anon"


def write_privately(path: Path, content: str) -> None:
    """Replace a file as a whole by one that only its owner can read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read(path: Path) -> Remembered | None:
    try:
        return Remembered.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:  # of another version, or not ours
        return None
