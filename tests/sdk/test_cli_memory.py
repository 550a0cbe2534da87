"""What the command remembers, and what it lets a terminal see."""

import base64
import json
from pathlib import Path

import pytest

from orderbase.cli.memory import FileStorage, Memory, Remembered, is_secret, write_privately
from orderbase.cli.render import safe
from tests.conftest import Stack
from tests.sdk.cli import Cli
from tests.sdk.worlds import StackWorld

URL = "https://shop.example.com"


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Memory:
    monkeypatch.setenv("ORDERBASE_CONFIG_DIR", str(tmp_path))
    return Memory()


def token(**claims: str) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{payload}.sig"


@pytest.mark.parametrize("key", ["sb_secret_x", token(role="service_role"), token(role="other")])
def test_a_secret_key_is_not_kept(memory: Memory, tmp_path: Path, key: str) -> None:
    assert is_secret(key)
    memory.keep(Remembered(url=URL, key=key, session="session"))
    assert memory.of(URL) == Remembered(url=URL, session="session")
    FileStorage(memory, URL, key).set("another")
    assert not any(key in path.read_text("utf-8") for path in tmp_path.rglob("*.json"))


@pytest.mark.parametrize("key", ["sb_publishable_x", token(role="anon"), "x.y.z", ""])
def test_a_publishable_key_is_none(key: str) -> None:
    assert not is_secret(key)


def test_shops_are_kept_apart(memory: Memory) -> None:
    for url in (URL, f"{URL}/../x", "http://127.0.0.1:54321"):
        memory.keep(Remembered(url=url, session=url))
    assert memory.of(URL).session == URL
    assert memory.of(f"{URL}/../x").session == f"{URL}/../x"
    assert memory.of("http://elsewhere").session is None
    assert memory.current is None


def test_a_file_that_makes_no_sense_is_as_none(memory: Memory, tmp_path: Path) -> None:
    memory.keep(Remembered(url=URL, session="session"))
    (file,) = (tmp_path / "shops").iterdir()
    file.write_text('{"url": ', "utf-8")
    assert memory.of(URL) == Remembered(url=URL)


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_privately(file, "old")
    before = file.open(encoding="utf-8")
    write_privately(file, "new")
    with before:
        assert before.read() == "old"  # who reads has the whole old one
    with pytest.raises(UnicodeEncodeError):
        write_privately(file, "\ud800")
    assert file.read_text("utf-8") == "new"
    assert list(tmp_path.iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: Stack
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    world = StackWorld(stack)
    said = Cli(in_the_way, monkeypatch).run("connect", world.url, world.key, exit_code=1)
    assert "Not a directory" in said.err


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Käse 🧀 für 2 €", "Käse 🧀 für 2 €"),
        ("\x1b[31m", r"\x1b[31m"),
        ("a\nb\r\t\x7f", r"a\nb\r\t\x7f"),
        ("\u009b1m", r"\x9b1m"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("a\u2028b\u00a0c", "a b c"),
        ("\ud800", r"\ud800"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),  # Persian needs the joiner
    ],
)
def test_a_terminal_is_only_shown_what_it_can_print(raw: str, shown: str) -> None:
    assert safe(raw) == shown
