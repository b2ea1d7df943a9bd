"""Requests to object stores: what passes is tried again, what lasts is said at once, and nothing short is taken for whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faulty_store import ClientPayloadError, FaultyStore, faulty_store, throttled
from hypothesis import given
from hypothesis import strategies as st
from program import Invoke
from shard_engine import Here

from nlptool.cli.shards import local
from nlptool.errors import RunError
from nlptool.storage import store_requests, stores


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FaultyStore]]:
    monkeypatch.setattr(store_requests, "WAITS", (0.0, 0.0, 0.0, 0.0))
    monkeypatch.setattr(store_requests, "_answered", {"faulty"})
    with faulty_store() as store:
        yield store


def failing(error: Exception, n_times: int, of: str) -> Callable[[str, str], None]:
    """Return a fault that comes ``n_times`` to requests of one name."""
    n = 0

    def fault(name: str, path: str) -> None:
        nonlocal n
        if name == of and n < n_times:
            n += 1
            raise error

    return fault


PASSING = (
    throttled(), ClientPayloadError("not all of it has come"), ConnectionResetError(104, "reset"), TimeoutError("no answer"),
    OSError(121, "We encountered an internal error."), OSError(5, "An error occurred (BadDigest)"),
)  # fmt: skip


@pytest.mark.parametrize("error", PASSING, ids=repr)
@pytest.mark.parametrize("of", ["info", "get", "put"])
def test_what_passes_is_tried_again(error: Exception, of: str, store: type[FaultyStore], tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"0123456789")
    store.fault = staticmethod(failing(error, 4, of))
    stores.put(str(tmp_path / "x"), "faulty://b/x")
    assert stores.read("faulty://b/x") == b"0123456789"
    assert len([name for name, _ in store.requests if name == of]) >= 5
    store.fault = staticmethod(failing(error, 100, of))
    with pytest.raises((OSError, RunError)):
        stores.put(str(tmp_path / "x"), "faulty://b/x")
        stores.read("faulty://b/x")


@pytest.mark.parametrize("error", [PermissionError("Access Denied"), FileNotFoundError("no bucket"), ValueError("bad")])
def test_what_lasts_is_not_tried_again(error: Exception, store: type[FaultyStore]) -> None:
    store.fault = staticmethod(failing(error, 100, "info"))
    with pytest.raises((OSError, RunError)):
        stores.read("faulty://b/x")
    assert len(store.requests) == 1


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("bad\n  in the second line"), "faulty://b/x: ValueError: bad"),
        (ValueError("\nafter a blank line"), "faulty://b/x: ValueError: after a blank line"),
        (ValueError(), "faulty://b/x: ValueError"),
        (ImportError("Install s3fs"), "faulty://b/x: Install s3fs"),
        (ImportError(), "faulty://b/x: ImportError"),
    ],
    ids=repr,
)
def test_what_a_library_says_is_said_in_one_line(error: Exception, message: str, store: type[FaultyStore]) -> None:
    store.fault = staticmethod(failing(error, 100, "info"))
    with pytest.raises(RunError) as raised:
        stores.read("faulty://b/x")
    assert raised.value.message == message


def test_a_store_that_has_never_answered_is_not_waited_for(
    store: type[FaultyStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_requests, "_answered", set())
    store.fault = staticmethod(failing(ConnectionRefusedError(111, "refused"), 100, "info"))
    with pytest.raises(OSError, match="refused"):
        stores.read("faulty://b/x")
    assert len(store.requests) == 3
    store.requests.clear()
    store.fault = staticmethod(failing(throttled(), 100, "info"))  # which is an answer
    with pytest.raises(OSError, match="request rate"):
        stores.read("faulty://b/x")
    assert len(store.requests) == 5


def test_a_body_that_is_cut_is_asked_for_again_and_never_taken_for_whole(store: type[FaultyStore]) -> None:
    store().pipe("/b/x", b"0123456789")
    cuts = [b"", b"01234", b"0123456789"]
    store.cut = staticmethod(lambda path, data: cuts.pop(0))
    assert stores.read("faulty://b/x") == b"0123456789"
    store.cut = staticmethod(lambda path, data: data[:-1])
    with pytest.raises(OSError, match="9 of 10 bytes have come"):
        stores.read("faulty://b/x")


def test_an_object_that_becomes_shorter_is_said_at_once(store: type[FaultyStore]) -> None:
    store().pipe("/b/x", b"0123456789")
    with stores.opened("faulty://b/x") as file:
        store().pipe("/b/x", b"0123")
        with pytest.raises(RunError, match="has become shorter"):
            file.read()


def test_an_upload_that_comes_short_is_an_error(store: type[FaultyStore], tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"0123456789")
    put_file = FaultyStore.put_file

    def put_half(self: FaultyStore, lpath: str, rpath: str) -> None:
        put_file(self, lpath, rpath)
        self.pipe(rpath, b"01234")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FaultyStore, "put_file", put_half)
        with pytest.raises(OSError, match="5 of 10 bytes have been written"):
            stores.put(str(tmp_path / "x"), "faulty://b/x")


def test_an_object_of_unknown_size_is_refused(store: type[FaultyStore]) -> None:
    store().pipe("/b/x", b"0123456789")
    info = FaultyStore.info
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FaultyStore, "info", lambda self, path: {**info(self, path), "size": None})
        with pytest.raises(RunError, match="does not say how large it is"):
            stores.opened("faulty://b/x")


@given(
    data=st.binary(max_size=60),
    block=st.integers(1, 20),
    reads=st.lists(st.integers(0, 25), max_size=20),
    start=st.integers(0, 70),
)
def test_reading_in_blocks_of_any_size_gives_the_bytes(data: bytes, block: int, reads: list[int], start: int) -> None:
    with faulty_store() as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "_BLOCK", block)
        store().pipe("/b/x", data)
        with stores.opened("faulty://b/x") as file:
            assert file.read() == data
            file.seek(start)
            got = b"".join(file.read(n) for n in reads)
            assert data[start:].startswith(got)
            assert got + file.read() == data[start:]


def test_what_another_has_changed_is_seen(store: type[FaultyStore]) -> None:
    """fsspec's lists are remembered, and would hide it."""
    other = store()
    other.pipe("/b/x", b"0123")
    before = stores.below("faulty://b")
    other.pipe("/b/x", b"01234")
    assert before is not None
    assert before["faulty:///b/x"].size == 4
    assert stores.state_of("faulty://b/x") != before["faulty:///b/x"]


@pytest.mark.parametrize("size", ["4", "1M"])
def test_a_short_input_is_not_taken_for_whole(
    size: str, store: type[FaultyStore], invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "LocalEngine", Here)
    store().pipe({"/in/a.txt": "猫\n犬\n鳥\n".encode(), "/in/b.txt": b"x\n"})
    store.cut = staticmethod(lambda path, data: data[:4] if path.endswith("a.txt") else data)
    run = (
        "shards",
        "run",
        "faulty://in",
        "--output",
        str(tmp_path / "out"),
        "--shard-size",
        size,
        "-j1",
        "--",
        "tokenize",
    )
    done = invoke(*run)
    assert done.exit_code == (1 if size == "4" else 3)
    assert "4 of 12 bytes have come" in done.stderr
    assert "faulty:///in/a.txt" in done.stderr
    written = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "out").glob("shard-*"))
    assert "猫" not in written
