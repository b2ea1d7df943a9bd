"""Leases of folders in object stores: two runs exclude each other, and one that was killed does not stand in the way for long."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty_store import FaultyStore, faulty_store
from program import Invoke

from nlptool.errors import RunError
from nlptool.storage import folder_files, leases, stores

URL = "faulty://b/out"


@pytest.fixture
def store() -> Iterator[type[FaultyStore]]:
    with faulty_store() as store:
        yield store


def there(store: type[FaultyStore]) -> list[str]:
    return [path for path in store.store if "lease" in path]


def of_another(store: type[FaultyStore], **about: Any) -> str:
    """Leave the lease of a run on another machine."""
    path = "/b/out/.nlptool-lease-of-another"
    store().pipe(path, json.dumps({"host": "far", "process": 7, "machine": "m", "begun": "1", **about}).encode())
    return path


def test_who_comes_second_is_refused_until_the_first_ends(store: type[FaultyStore]) -> None:
    with leases.held(URL) as lease:
        assert len(there(store)) == 1
        leases.check(lease)
        with pytest.raises(RunError, match="another run") as refused, leases.held(URL):
            pass
        assert "if it was killed, the folder is free at" in refused.value.hint
        assert [f"faulty:/{path}" for path in there(store)] == [lease]
    assert there(store) == []
    with leases.held(URL):
        assert len(there(store)) == 1


def test_the_lease_of_another_machine_counts_for_its_time(
    store: type[FaultyStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    of_another(store)
    with pytest.raises(RunError, match="process 7 on far"), leases.held(URL):
        pass
    monkeypatch.setattr(leases, "LENGTH", 0.0)
    with leases.held(URL) as lease:
        assert [f"faulty:/{path}" for path in there(store)] == [lease]


def test_shares_are_held_together_and_all_of_it_alone(store: type[FaultyStore]) -> None:
    with leases.held(URL, "-0-of-2"), leases.held(URL, "-1-of-2"):
        assert len(there(store)) == 2
        for share in ("-0-of-2", "-1-of-2", ""):
            with pytest.raises(RunError, match="another run"), leases.held(URL, share):
                pass
        assert len(there(store)) == 2
    with leases.held(URL), pytest.raises(RunError, match="another run"), leases.held(URL, "-0-of-2"):
        pass
    assert there(store) == []


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"process":"x"}', b"\xff"])
def test_a_lease_that_cannot_be_read_counts_too(data: bytes, store: type[FaultyStore]) -> None:
    store().pipe("/b/out/.nlptool-lease-x", data)
    with pytest.raises(RunError, match="another run"), leases.held(URL):
        pass


def test_the_lease_of_a_process_of_this_machine_that_has_ended_counts_for_nothing(store: type[FaultyStore]) -> None:
    mine = leases._this_process()
    if not mine["machine"]:
        pytest.fail("the tests run on Linux")
    of_another(store, **{**mine, "begun": "another process had that number"})
    with leases.held(URL) as lease:
        assert [f"faulty:/{path}" for path in there(store)] == [lease]
    of_another(store, **mine)
    with pytest.raises(RunError, match="another run"), leases.held(URL):
        pass


def test_a_lease_is_renewed_while_it_is_held(store: type[FaultyStore], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEWED", 0.01)
    with leases.held(URL) as lease:
        path = lease.removeprefix("faulty:/")
        first = store.store[path].created
        deadline = time.monotonic() + 60
        while store.store[path].created == first:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    time.sleep(0.05)
    assert there(store) == []  # nor does it come back


def test_who_has_lost_the_folder_writes_nothing(store: type[FaultyStore], tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    with leases.held(URL) as lease:
        folder = folder_files.folder(URL, lease=lease)
        folder.write("a", b"1")
        store().rm_file(lease)
        for act in (
            lambda: folder.write("a", b"2"),
            lambda: folder.take(str(tmp_path / "x"), "b"),
            lambda: folder.remove("a"),
        ):
            with pytest.raises(RunError, match="another run has taken"):
                act()
        folder.close()
    assert stores.read(f"{URL}/a") == b"1"


def test_of_many_at_once_no_two_hold_it(store: type[FaultyStore]) -> None:
    holding: list[int] = []
    most: list[int] = []

    def hold() -> None:
        try:
            with leases.held(URL):
                holding.append(1)
                most.append(len(holding))
                time.sleep(0.02)
                holding.pop()
        except RunError:
            pass

    for _ in range(5):
        threads = [threading.Thread(target=hold) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(most) <= {1}
    assert there(store) == []


def test_a_run_into_a_folder_that_is_held_is_refused(store: type[FaultyStore], invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("猫\n", encoding="utf-8")
    of_another(store)
    done = invoke("shards", "run", str(tmp_path / "a.txt"), "--output", URL, "-j1", "--", "tokenize")
    assert done.exit_code == 1
    assert "another run (process 7 on far) is writing faulty://b/out" in done.stderr
    assert list(store.store) == ["/b/out/.nlptool-lease-of-another"]
