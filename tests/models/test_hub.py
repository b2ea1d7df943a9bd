"""The hub's cache and its protocol, against a small hub on this machine and against ``huggingface_hub`` itself."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from hub_server import HubServer, git_hash, sha256
from huggingface_hub import constants

from nlptool import catalog
from nlptool.errors import ModelError, RunError
from nlptool.models.store import hub_cache, hub_client, locate, model_folder
from nlptool.models.store.card import Reads
from nlptool.storage import safetensors

Run = Callable[..., subprocess.CompletedProcess[bytes]]
Start = Callable[..., subprocess.Popen[bytes]]

PATIENCE = 120  # seconds; a guard against hanging, not a measure
WEIGHTS = np.random.default_rng(0).bytes(300_000)
FILES = {
    "README.md": b"---\nlanguage: ja\n---\n# a model",
    "modules.json": b"[]",
    "config.json": b'{"model_type": "bert"}',
    "tokenizer.json": b"{}",
    "1_Pooling/config.json": b'{"pooling_mode_cls_token": true}',
    "model.safetensors": WEIGHTS,
}
TOTAL = sum(map(len, FILES.values()))
NOT_NEEDED = {
    "docs/README.md": b"# a model",
    "onnx/model.onnx": b"onnx",
    "onnx/config.json": b"{}",
    "openvino/openvino_model.json": b"{}",
    "pytorch_model.bin": b"pickle",
    "tf_model.h5": b"h5",
    "flax_model.msgpack": b"flax",
    "rust_model.ot": b"rust",
    "model.gguf": b"gguf",
    "logo.png": b"png",
    "modeling_own.py": b"raise SystemExit",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of our own, and no settings of the user's."""
    for name in list(os.environ):
        if (
            name.startswith("HF_")
            or name.upper().endswith("_PROXY")
            or name in ("TRANSFORMERS_OFFLINE", "XDG_CACHE_HOME")
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "1")
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "home" / "token"))
    return tmp_path / "home"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setattr(constants, "ENDPOINT", server.url)  # the library reads the variable when it is imported
        yield server


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def is_content(path: str) -> bool:
    return path.startswith("/content/")


def nothing_is_taken_for_whole(name: str = "org/tiny") -> bool:
    folder = hub_cache.repository_folder(name)
    blobs = [path for path in folder.glob("blobs/*") if not path.name.endswith(".incomplete")]
    return hub_cache.cached(name) is None and all(path.read_bytes() in FILES.values() for path in blobs)


def test_a_model_is_fetched_with_those_files_alone_that_it_needs(server: HubServer) -> None:
    commit = server.add("org/tiny", FILES | NOT_NEEDED)
    reports: list[tuple[int, int, int]] = []
    folder = hub_cache.fetch("org/tiny", report=lambda *report: reports.append(report))
    assert contents(folder) == FILES
    assert folder == hub_cache.cached("org/tiny")
    assert folder.name == commit
    assert Reads.of_model("org/tiny").languages == ("ja",)
    assert server.n_bytes == TOTAL
    assert reports[-1] == (TOTAL, TOTAL, TOTAL)
    assert reports == sorted(reports)
    assert len(server.paths("GET")) == 1 + len(FILES) + 1  # the list, the files, and one redirect


def test_huggingface_hub_finds_what_we_fetched(server: HubServer, home: Path) -> None:
    commit = server.add("org/tiny", FILES)
    folder = hub_cache.fetch("org/tiny")
    found = huggingface_hub.snapshot_download("org/tiny", cache_dir=home / "hub", local_files_only=True)
    assert Path(found) == folder
    file = huggingface_hub.try_to_load_from_cache("org/tiny", "1_Pooling/config.json", cache_dir=home / "hub")
    assert file == str(folder / "1_Pooling/config.json")
    (scanned,) = huggingface_hub.scan_cache_dir(home / "hub").repos
    (ours,) = hub_cache.repositories()
    assert (ours.name, ours.size, ours.folder) == (scanned.repo_id, scanned.size_on_disk, scanned.repo_path)
    assert ours.revisions == {"main": commit}
    assert {revision.commit_hash for revision in scanned.revisions} == {commit}


def test_we_find_what_huggingface_hub_fetched(server: HubServer, home: Path) -> None:
    commit = server.add("org/tiny", FILES)
    server.content_url = server.url.replace("127.0.0.1", "localhost")  # another host to it, as on the hub
    program = "from huggingface_hub import snapshot_download; print(snapshot_download('org/tiny'))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True, timeout=PATIENCE)
    found = done.stdout.strip()
    assert found.startswith(str(home))
    assert hub_cache.cached("org/tiny") == Path(found)
    assert contents(Path(found)) == FILES
    assert hub_cache.check("org/tiny") == (len(FILES), [])
    server.forget()
    assert hub_cache.fetch("org/tiny") == Path(found)
    assert server.paths() == ["/api/models/org/tiny/revision/main"]
    assert [repository.revisions for repository in hub_cache.repositories()] == [{"main": commit}]


def test_a_second_fetch_brings_only_what_has_changed(server: HubServer) -> None:
    server.add("org/tiny", FILES)
    first = hub_cache.fetch("org/tiny")
    server.forget()
    second = server.add("org/tiny", FILES | {"config.json": b'{"changed": 1}'})
    folder = hub_cache.fetch("org/tiny")
    assert folder.name == second
    assert server.paths()[1:] == [f"/org/tiny/resolve/{second}/config.json"]
    assert contents(folder)["config.json"] == b'{"changed": 1}'
    assert contents(first) == FILES


@pytest.mark.parametrize("revision", ["v1.0", "feature/long-texts", "refs/pr/1"])
def test_a_revision_is_a_branch_a_tag_or_a_pull_request(revision: str, server: HubServer) -> None:
    main = server.add("org/tiny", FILES)
    other = server.add("org/tiny", FILES | {"config.json": b"{ }"}, revision)
    folder = hub_cache.fetch("org/tiny", revision)
    assert folder.name == other
    assert hub_cache.cached("org/tiny", revision) == folder
    assert hub_cache.cached("org/tiny") is None
    assert hub_cache.fetch("org/tiny").name == main
    (repository,) = hub_cache.repositories()
    assert repository.revisions == {"main": main, revision: other}
    assert repository.size == TOTAL + len(b"{ }")  # blobs count once


def test_a_revision_is_a_commit(server: HubServer) -> None:
    first = server.add("org/tiny", FILES)
    server.add("org/tiny", FILES | {"config.json": b"new"})
    assert contents(hub_cache.fetch("org/tiny", first)) == FILES
    assert hub_cache.cached("org/tiny", first) is not None
    assert hub_cache.cached("org/tiny") is None
    assert [repository.revisions for repository in hub_cache.repositories()] == [{first: first}]


def test_a_plain_transformer_costs_no_round_trip_at_the_next_start(server: HubServer) -> None:
    server.add("org/tiny", {name: content for name, content in FILES.items() if name != "modules.json"})
    folder = locate.find("org/tiny")
    assert model_folder.missing(folder) == []
    server.forget()
    assert locate.find("org/tiny") == folder
    assert server.requests == []
    assert (
        huggingface_hub.try_to_load_from_cache("org/tiny", "modules.json", cache_dir=hub_cache.cache_folder())
        is not None
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"HF_HUB_CACHE": "/a/b", "HF_HOME": "/c"}, "/a/b"),
        ({"HF_HOME": "/c"}, "/c/hub"),
        ({"HF_HOME": "~/c", "HOME": "/h"}, "/h/c/hub"),
        ({"HF_HOME": "$HOME/d", "HOME": "/h"}, "/h/d/hub"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub"),
        ({"HOME": "/h"}, "/h/.cache/huggingface/hub"),
    ],
)
def test_the_cache_is_where_huggingface_hub_has_it(
    settings: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HOME")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert str(hub_cache.cache_folder()) == expected
    program = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
    theirs = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert theirs.stdout.strip() == expected


def test_looking_into_the_cache_imports_no_library(server: HubServer) -> None:
    server.add("org/tiny", FILES)
    folder = hub_cache.fetch("org/tiny")
    program = "import sys; from nlptool.models.store import hub_cache; print(hub_cache.cached('org/tiny')); print(*sys.modules)"
    found, modules = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    ).stdout.splitlines()
    assert found == str(folder)
    assert not {"huggingface_hub", "httpx", "httpx2", "filelock", "numpy", "requests"} & set(modules.split())


def test_an_empty_file_is_one_too(server: HubServer) -> None:
    server.add("org/tiny", FILES | {"vocab.txt": b""})
    assert contents(hub_cache.fetch("org/tiny"))["vocab.txt"] == b""
    assert hub_cache.check("org/tiny") == (len(FILES) + 1, [])


def test_a_broken_download_is_gone_on_with(server: HubServer) -> None:
    server.add("org/tiny", FILES)
    server.faults.cut = lambda path: 100_000 if is_content(path) else None
    with pytest.raises(ModelError, match="broke off") as caught:
        hub_cache.fetch("org/tiny")
    assert "nlptool models pull org/tiny goes on" in caught.value.hint
    assert nothing_is_taken_for_whole()
    server.forget()
    reports: list[tuple[int, int, int]] = []
    assert contents(hub_cache.fetch("org/tiny", report=lambda *report: reports.append(report))) == FILES
    assert [request.range for request in server.requests if is_content(request.path)] == ["bytes=100000-"]
    assert server.n_bytes == 200_000
    assert reports[-1][2] == 200_000


def test_a_download_that_was_killed_is_gone_on_with(server: HubServer) -> None:
    server.add("org/tiny", FILES)
    server.faults.stall = lambda path: 70_000 if is_content(path) else None
    program = "from nlptool.models.store import hub_cache; hub_cache.fetch('org/tiny')"
    child = subprocess.Popen([sys.executable, "-c", program], env=os.environ | {"HF_HUB_DOWNLOAD_TIMEOUT": "100"})
    part = hub_cache.repository_folder("org/tiny") / "blobs" / f"{sha256(WEIGHTS)}.incomplete"
    end = time.monotonic() + PATIENCE
    while not (part.exists() and part.stat().st_size > 60_000):
        assert time.monotonic() < end
        time.sleep(0.02)
    child.kill()
    child.wait()
    assert nothing_is_taken_for_whole()
    kept = part.stat().st_size
    server.forget()
    assert contents(hub_cache.fetch("org/tiny")) == FILES
    assert [request.range for request in server.requests if is_content(request.path)] == [f"bytes={kept}-"]


def test_a_hub_that_knows_no_ranges_sends_all_again(server: HubServer) -> None:
    server.add("org/tiny", FILES)
    server.faults.cut = lambda path: 100_000 if is_content(path) else None
    with pytest.raises(ModelError):
        hub_cache.fetch("org/tiny")
    server.forget()
    server.faults.ranges = False
    assert contents(hub_cache.fetch("org/tiny")) == FILES
    assert server.n_bytes == len(WEIGHTS)


@pytest.mark.parametrize(
    "left", [b"\0" * 100_000, b"\0" * len(WEIGHTS), b"\0" * 400_000], ids=["short", "full", "long"]
)
def test_a_beginning_that_is_not_the_files_is_thrown_away(left: bytes, server: HubServer) -> None:
    server.add("org/tiny", FILES)
    part = hub_cache.repository_folder("org/tiny") / "blobs" / f"{sha256(WEIGHTS)}.incomplete"
    part.parent.mkdir(parents=True)
    part.write_bytes(left)
    assert contents(hub_cache.fetch("org/tiny")) == FILES
    assert not part.exists()


def test_a_commit_whose_download_broke_off_is_not_taken_for_whole(server: HubServer) -> None:
    commit = server.add("org/tiny", FILES)
    server.faults.cut = lambda path: 10 if is_content(path) else None
    with pytest.raises(ModelError):
        hub_cache.fetch("org/tiny", commit)
    assert hub_cache.cached("org/tiny", commit) is None


@pytest.mark.parametrize("where", ["/api/", "/org/", "/content/"])
def test_a_hub_that_never_answers_is_left_after_one_try(where: str, server: HubServer) -> None:
    server.add("org/tiny", FILES)
    server.faults.hang = lambda path: path.startswith(where)
    with pytest.raises(ModelError, match="has been silent for 1 s") as caught:
        hub_cache.fetch("org/tiny")
    assert "nlptool models pull org/tiny" in caught.value.hint
    assert len([path for path in server.paths() if path.startswith(where)]) == 1
    assert nothing_is_taken_for_whole()


@pytest.mark.parametrize("where", ["/api/", "/content/"])
def test_a_hub_that_falls_silent_in_the_middle_is_left(where: str, server: HubServer) -> None:
    server.add("org/tiny", FILES)
    server.faults.stall = lambda path: 100 if path.startswith(where) else None
    with pytest.raises(ModelError, match="has been silent for 1 s"):
        hub_cache.fetch("org/tiny")
    assert nothing_is_taken_for_whole()


def test_a_hub_that_is_not_there_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    with pytest.raises(ModelError, match=f"{url} cannot be reached") as caught:
        hub_cache.fetch("org/tiny")
    assert "nlptool models list" in caught.value.hint


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 200 OK\r\nContent-Le", b"\0" * 100])
def test_a_server_that_speaks_another_protocol_is_left(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def speak(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=speak, args=(listening,), daemon=True)
        thread.start()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{listening.getsockname()[1]}")
        with pytest.raises(ModelError, match=r"the connection to .* broke off"):
            hub_cache.fetch("org/tiny")
        thread.join(PATIENCE)


def test_a_model_that_does_not_exist_and_a_revision_that_does_not(server: HubServer) -> None:
    server.add("org/tiny", FILES)
    with pytest.raises(ModelError, match="has no model org/large, or it is private") as caught:
        hub_cache.fetch("org/large")
    assert "hf auth login" in caught.value.hint
    with pytest.raises(ModelError, match="org/tiny has no revision v2"):
        hub_cache.fetch("org/tiny", "v2")
    with pytest.raises(ModelError, match=f"has no revision {'0' * 40}"):
        hub_cache.fetch("org/tiny", "0" * 40)
    assert list(hub_cache.repositories()) == []


def test_a_gated_or_private_model_needs_a_token(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add("org/gated", FILES)
    server.add("org/private", FILES)
    server.gated.add("org/gated")
    server.private.add("org/private")
    server.tokens.add("hf_right")
    with pytest.raises(ModelError, match="only to those who agreed to its terms") as caught:
        hub_cache.fetch("org/gated")
    assert "hf auth login" in caught.value.hint
    with pytest.raises(ModelError, match="or it is private"):
        hub_cache.fetch("org/private")
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    assert contents(hub_cache.fetch("org/gated")) == contents(hub_cache.fetch("org/private")) == FILES


def test_a_token_is_not_sent_to_another_host(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    server.add("org/tiny", FILES)
    with HubServer() as other:
        other.add("org/tiny", FILES)
        server.content_url = other.url
        assert contents(hub_cache.fetch("org/tiny")) == FILES
        assert [request.path for request in other.requests] == [f"/content/{sha256(WEIGHTS)}"]
        assert "authorization" not in other.requests[0].headers
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer hf_secret"}


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (500, {}, r"answers with an error \(500\)"),
        (429, {"Retry-After": "300"}, r"answers with an error \(429\)"),
        (404, {}, "has no model org/tiny"),
        (401, {"X-Error-Message": "Invalid credentials in Authorization header"}, "does not know the token"),
        (404, {"X-Error-Code": "EntryNotFound"}, "lists a file of org/tiny and does not have it"),
        (302, {"Location": "/api/models/org/tiny/revision/main"}, "does not answer as a model hub does"),  # for ever
        (302, {"Location": "file:///etc/passwd"}, "does not answer as a model hub does"),
        (302, {"Location": "http://[::"}, "broke off"),
        (302, {}, r"answers with an error \(302\)"),
    ],
)
def test_an_error_of_the_hub_is_said_after_one_try(
    status: int, headers: dict[str, str], said: str, server: HubServer
) -> None:
    server.add("org/tiny", FILES)
    server.faults.status = lambda path: (status, headers)
    with pytest.raises(ModelError, match=said):
        hub_cache.fetch("org/tiny")
    assert len(server.requests) == (21 if said.startswith("does not answer") and "/api" in headers["Location"] else 1)
    assert list(hub_cache.repositories()) == []


def changed(**fields: Any) -> Callable[[dict[str, Any]], Any]:
    """A listing in which the first file has these fields."""
    return lambda about: {**about, "siblings": [about["siblings"][0] | fields, *about["siblings"][1:]]}


@pytest.mark.parametrize(
    "listing",
    [
        lambda about: [about],
        lambda about: None,
        lambda about: {},
        lambda about: {**about, "sha": "main"},
        lambda about: {**about, "sha": "../../../../evil"},
        lambda about: {**about, "siblings": None},
        lambda about: {**about, "siblings": [1, 2]},
        changed(size=-1),
        changed(size="many"),
        changed(size=float("inf")),
        changed(blobId="0"),
        changed(blobId="../" * 13 + "a"),
        changed(blobId=None),
        changed(lfs=[1]),
    ],
)  # fmt: skip
def test_a_listing_that_is_none_is_garbage(listing: Callable[[Any], Any], server: HubServer) -> None:
    server.add("org/tiny", FILES)
    server.faults.listing = listing
    with pytest.raises(ModelError, match="does not answer as a model hub does"):
        hub_cache.fetch("org/tiny")
    assert list(hub_cache.repositories()) == []


@pytest.mark.parametrize("body", [b"<html>Log in</html>", b"", b'{"sha": ', b"\xff\xfe", b"[" * 100_000])
def test_a_page_that_is_no_json_is_garbage(body: bytes, server: HubServer) -> None:
    server.faults.body = lambda path: body
    with pytest.raises(ModelError, match="is no description of a model") as caught:
        hub_cache.fetch("org/tiny")
    assert "login page" in caught.value.hint


@pytest.mark.parametrize(("limit", "value"), [("LARGEST_LISTING", 10_000), ("LONGEST_LISTING", 0)])
def test_a_listing_without_an_end_is_left(
    limit: str, value: int, server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_client, limit, value)
    server.faults.body = lambda path: b" " * 10_001
    with pytest.raises(ModelError, match="has no end"):
        hub_cache.fetch("org/tiny")


@pytest.mark.parametrize(
    "name",
    [
        "../../evil.json", "/etc/evil.json", "a/../../evil.json", "./evil.json", "a//evil.json", "..", "", "evil\0.json",
        "evil\n.json", "\\evil.json", "evil\ud800.json",
    ],
)  # fmt: skip
def test_a_file_name_that_leads_elsewhere_is_never_written(name: str, server: HubServer, tmp_path: Path) -> None:
    server.add("org/tiny", FILES)
    server.faults.listing = changed(rfilename=name)
    with pytest.raises(ModelError, match="lists a file"):
        hub_cache.fetch("org/tiny")
    assert [path for path in tmp_path.rglob("*") if "evil" in path.name] == []


@pytest.mark.parametrize("body", [b"\0" * len(WEIGHTS), WEIGHTS[:-1], WEIGHTS + b"\0", b"<html>", b""])
def test_a_content_other_than_announced_is_not_kept(body: bytes, server: HubServer) -> None:
    server.add("org/tiny", FILES)
    server.faults.body = lambda path: body if is_content(path) else None
    with pytest.raises(ModelError, match="the hub sent"):
        hub_cache.fetch("org/tiny")
    assert nothing_is_taken_for_whole()
    server.forget()
    assert contents(hub_cache.fetch("org/tiny")) == FILES


def test_a_small_file_with_another_content_is_noticed_too(server: HubServer) -> None:
    server.add("org/tiny", FILES)
    server.faults.body = lambda path: b"[9" if path.endswith("/modules.json") else None
    with pytest.raises(ModelError, match=r"modules\.json of org/tiny with another content than it announced"):
        hub_cache.fetch("org/tiny")
    assert nothing_is_taken_for_whole()


@pytest.mark.parametrize(
    "name", ["../evil", "org/..", "org/a--b", "org/a/b", "org", "-org/a", "org/a\n", "", "組織/模型"]
)
def test_a_name_that_no_model_can_have_is_refused(name: str, server: HubServer) -> None:
    with pytest.raises(ModelError, match="no model of the hub can be called"):
        hub_cache.fetch(name)
    assert hub_cache.cached(name) is None
    assert server.requests == []


@pytest.mark.parametrize("revision", ["../../../etc", "a/../b", "/etc", "-x", "a b", ".."])
def test_a_revision_that_leads_elsewhere_is_refused(revision: str, server: HubServer, home: Path) -> None:
    outside = home / "etc"
    outside.parent.mkdir(parents=True, exist_ok=True)
    outside.write_text("0" * 40)
    with pytest.raises(ModelError, match="no model of the hub can be called"):
        hub_cache.fetch("org/tiny", revision)
    assert hub_cache.cached("org/tiny", revision) is None
    assert server.requests == []


@pytest.mark.parametrize("reference", [b"", b"main", b"\xff\xfe", b"../../..", b"0" * 40])
def test_a_reference_that_points_nowhere_is_no_model(reference: bytes, server: HubServer) -> None:
    server.add("org/tiny", FILES)
    hub_cache.fetch("org/tiny")
    (hub_cache.repository_folder("org/tiny") / "refs" / "main").write_bytes(reference)
    assert hub_cache.cached("org/tiny") is None
    assert [list(repository.revisions) for repository in hub_cache.repositories()] != [["main"]]


def test_things_that_are_no_models_lie_in_the_cache(server: HubServer) -> None:
    server.add("org/tiny", FILES)
    hub_cache.fetch("org/tiny")
    cache = hub_cache.cache_folder()
    (cache / "models--org--file").write_text("no folder")
    (cache / "models--org--empty").mkdir()
    (cache / "datasets--org--data").mkdir()
    (cache / "version.txt").write_text("1")
    (hub_cache.repository_folder("org/tiny") / "refs" / "loop").symlink_to("loop")
    found = {repository.name: (repository.size, list(repository.revisions)) for repository in hub_cache.repositories()}
    assert found["org/tiny"] == (TOTAL, ["main"])
    assert found["org/empty"] == (0, [])
    assert set(found) == {"org/tiny", "org/empty"}


@pytest.mark.parametrize(
    "files",
    [
        {"config.json": b"{}", "pytorch_model.bin": b"pickle"},
        {"config.json": b"{}", "pytorch_model-00001-of-00002.bin": b"1", "pytorch_model-00002-of-00002.bin": b"2"},
        {"config.json": b"{}", "model.safetensors": b"safe", "2_Dense/pytorch_model.bin": b"pickle"},
    ],
)
def test_a_pickle_is_fetched_only_when_it_is_allowed(files: dict[str, bytes], server: HubServer) -> None:
    server.add("org/tiny", files | {"training_args.bin": b"pickle", "old/pytorch_model.bin": b"pickle"})
    with pytest.raises(ModelError, match=r"only a pickle \(.*pytorch_model.*\), which can run code") as caught:
        hub_cache.fetch("org/tiny")
    assert "--allow-pickle" in caught.value.hint
    assert list(hub_cache.repositories()) == []
    assert contents(hub_cache.fetch("org/tiny", allow_pickle=True)) == files


def test_where_there_are_safetensors_no_pickle_is_fetched(server: HubServer) -> None:
    server.add("org/tiny", FILES | {"pytorch_model.bin": b"pickle"})
    assert contents(hub_cache.fetch("org/tiny", allow_pickle=True)) == FILES


def test_a_repository_without_weights_is_refused(server: HubServer) -> None:
    server.add("org/tiny", {"config.json": b"{}", "model.gguf": b"gguf", "onnx/model.onnx": b"onnx"})
    with pytest.raises(ModelError, match="has no weights that nlptool can open"):
        hub_cache.fetch("org/tiny")


def test_a_full_disk_is_said_with_the_folder_and_what_was_kept_helps_later(server: HubServer) -> None:
    server.add("org/tiny", FILES)
    part = hub_cache.repository_folder("org/tiny") / "blobs" / f"{sha256(WEIGHTS)}.incomplete"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    with pytest.raises(RunError, match="No space left on device") as caught:
        hub_cache.fetch("org/tiny")
    assert caught.value.exit_code == 1
    assert str(hub_cache.cache_folder()) in caught.value.message
    assert "HF_HOME" in caught.value.hint
    assert nothing_is_taken_for_whole()
    part.unlink()
    server.forget()
    assert contents(hub_cache.fetch("org/tiny")) == FILES
    assert server.paths()[1:] == [  # the others have come before
        f"/org/tiny/resolve/{server.repositories['org/tiny'].revisions['main']}/model.safetensors",
        f"/content/{sha256(WEIGHTS)}",
    ]


def test_a_model_for_which_the_disk_has_no_room_is_not_begun(server: HubServer) -> None:
    server.add("org/tiny", FILES)
    server.faults.listing = changed(size=10**18)
    with pytest.raises(RunError, match=r"1,000,000,000,000,3\d\d,\d{3} bytes are to come, and the disk has room for"):
        hub_cache.fetch("org/tiny")
    assert server.n_bytes == 0


def test_a_limit_of_the_file_size_ends_the_command_with_1(server: HubServer, run: Run, home: Path) -> None:
    server.add("org/tiny", FILES)
    limit = (100_000, 100_000)
    done = run(
        "embed", "-m", "org/tiny", stdin=b"a\n", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert f"org/tiny cannot be kept in {home / 'hub'}: File too large".encode() in done.stderr
    assert b"HF_HOME" in done.stderr
    assert nothing_is_taken_for_whole()


def test_a_cache_that_cannot_be_written_is_named(
    server: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "file"))
    server.add("org/tiny", FILES)
    with pytest.raises(RunError, match=r"cannot be kept in .*: Not a directory"):
        hub_cache.fetch("org/tiny")


def test_processes_that_fetch_a_model_at_once_all_get_it_and_it_comes_once(server: HubServer) -> None:
    server.add("org/tiny", FILES)
    server.faults.pause = lambda path: 0.3 if is_content(path) else 0.0
    program = "from nlptool.models.store import hub_cache; print(hub_cache.fetch('org/tiny'))"
    children = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    done = [child.communicate(timeout=PATIENCE) for child in children]
    assert [child.returncode for child in children] == [0] * 4, done
    assert {Path(out.decode().strip()) for out, _ in done} == {hub_cache.cached("org/tiny")}
    assert server.n_bytes == TOTAL
    assert contents(Path(done[0][0].decode().strip())) == FILES


def test_two_pulls_of_a_model_at_once_both_succeed(server: HubServer, start: Start) -> None:
    commit = server.add("org/tiny", tiny_model())
    server.faults.pause = lambda path: 0.3 if is_content(path) else 0.0
    children = [start("models", "pull", "org/tiny", "-f", "jsonl") for _ in range(2)]
    done = [child.communicate(timeout=PATIENCE) for child in children]
    assert [child.returncode for child in children] == [0, 0], done
    records = [json.loads(out) for out, _ in done]
    assert {record["commit"] for record in records} == {commit}
    assert {record["folder"] for record in records} == {str(hub_cache.cached("org/tiny"))}
    assert server.n_bytes == sum(map(len, tiny_model().values()))


def test_a_pull_that_was_broken_off_tells_how_to_go_on_and_does(server: HubServer, run: Run) -> None:
    server.add("org/tiny", tiny_model())
    server.faults.cut = lambda path: (
        100_000 if path == f"/content/{sha256(tiny_model()['model.safetensors'])}" else None
    )
    broken = run("models", "pull", "org/tiny@main")
    assert (broken.returncode, broken.stdout) == (4, b"")
    assert b"broke off" in broken.stderr
    assert b"nlptool models pull org/tiny goes on from what has come" in broken.stderr
    server.forget()
    done = run("models", "pull", "org/tiny")
    assert done.returncode == 0, done.stderr
    assert "bytes=100000-" in [request.range for request in server.requests]
    assert contents(Path(json.loads(done.stdout)["folder"])) == tiny_model()


def test_damage_is_found_by_the_hashes(server: HubServer) -> None:
    server.add("org/tiny", FILES)
    folder = hub_cache.fetch("org/tiny")
    assert hub_cache.check("org/tiny") == (len(FILES), [])
    weights = (folder / "model.safetensors").resolve()
    weights.write_bytes(WEIGHTS[:-1] + bytes([WEIGHTS[-1] ^ 1]))  # one bit
    (folder / "config.json").resolve().unlink()
    assert hub_cache.check("org/tiny") == (len(FILES), ["config.json", "model.safetensors"])
    freed = hub_cache.remove("org/tiny")
    assert freed == TOTAL - len(FILES["config.json"])
    assert hub_cache.cached("org/tiny") is None
    assert list(hub_cache.repositories()) == []
    assert contents(hub_cache.fetch("org/tiny")) == FILES


def test_a_blob_that_was_cut_off_is_fetched_again(server: HubServer) -> None:
    server.add("org/tiny", FILES)
    folder = hub_cache.fetch("org/tiny")
    os.truncate(folder / "model.safetensors", 1000)
    assert contents(hub_cache.fetch("org/tiny")) == FILES


def test_a_file_whose_hash_is_not_known_is_not_called_damaged(server: HubServer) -> None:
    server.add("org/tiny", FILES)
    folder = hub_cache.fetch("org/tiny")
    (folder / "config.json").unlink()
    (folder / "config.json").write_text("a copy, where links cannot be made")
    assert hub_cache.check("org/tiny")[1] == []


def test_a_model_that_cannot_be_removed_is_an_error() -> None:
    with pytest.raises(RunError, match="cannot be removed"):
        hub_cache.remove("org/none")


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_no_socket_is_opened(variable: str, server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add("org/tiny", FILES)
    monkeypatch.setenv(variable, "1")
    with pytest.raises(ModelError, match="cannot be fetched offline") as caught:
        hub_cache.fetch("org/tiny")
    assert caught.value.hint == f"{variable} is set: unset it"
    assert hub_cache.is_offline()
    assert server.requests == []


def test_an_unknown_model_offline_ends_with_4_and_opens_no_socket(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    connections: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=lambda: connections.append(listening.accept()), daemon=True)
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listening.getsockname()[1]}")
        for arguments, env in ((["--offline"], {}), ([], {"HF_HUB_OFFLINE": "1"})):
            done = run("embed", "-m", "org/none", *arguments, stdin=b"a\n", env=env)
            assert (done.returncode, done.stdout) == (4, b"")
            assert b"org/none is not in the local cache" in done.stderr
            assert b"nlptool models pull org/none" in done.stderr
        assert connections == []
        socket.create_connection(listening.getsockname()).close()  # the listener does notice one
        thread.join(PATIENCE)
        assert len(connections) == 1
        connections[0][0].close()


@pytest.mark.parametrize(
    "env",
    [
        {"HF_TOKEN": "猫"},
        {"HF_ENDPOINT": "no address"},
        {"HF_ENDPOINT": "ftp://127.0.0.1"},
        {"HF_HUB_DOWNLOAD_TIMEOUT": "soon"},
        {"HTTP_PROXY": "nonsense://127.0.0.1"},
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_used_is_said_without_a_traceback(
    env: dict[str, str], server: HubServer, run: Run
) -> None:
    done = run("embed", "-m", "org/tiny", stdin=b"a\n", env=env)
    assert (done.returncode, done.stdout) == (4, b"")
    assert b"internal error" not in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"HF_" in done.stderr or b"cannot be reached" in done.stderr


def tiny_model() -> dict[str, bytes]:
    """The files of a BERT with one layer, 16 dimensions and random weights, made without torch."""
    folder = locate.packaged(catalog.KNOWN["all-MiniLM-L6-v2"])
    random = np.random.default_rng(1)
    layer = "encoder.layer.0"
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (30522, 16),
        "embeddings.position_embeddings.weight": (64, 16),
        "embeddings.token_type_embeddings.weight": (2, 16),
        f"{layer}.intermediate.dense.weight": (32, 16),
        f"{layer}.intermediate.dense.bias": (32,),
        f"{layer}.output.dense.weight": (16, 32),
        f"{layer}.output.dense.bias": (16,),
    }
    for norm in ("embeddings", f"{layer}.attention.output", f"{layer}.output"):
        shapes |= {f"{norm}.LayerNorm.{part}": (16,) for part in ("weight", "bias")}
    for dense in ("self.query", "self.key", "self.value", "output.dense"):
        shapes |= {f"{layer}.attention.{dense}.weight": (16, 16), f"{layer}.attention.{dense}.bias": (16,)}
    path = hub_cache.cache_folder().parent / "weights"
    path.parent.mkdir(parents=True, exist_ok=True)
    safetensors.write(
        path,
        [
            (name, shape, lambda shape=shape: random.normal(0, 0.5, shape).astype("f4"))
            for name, shape in shapes.items()
        ],
    )
    config = {
        "model_type": "bert", "architectures": ["BertModel"], "vocab_size": 30522, "hidden_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 64, "type_vocab_size": 2,
    }  # fmt: skip
    parts = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
    modules = [
        {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for index, (kind, path) in enumerate(parts)
    ]
    return {
        "modules.json": json.dumps(modules).encode(),
        "config.json": json.dumps(config).encode(),
        "sentence_bert_config.json": b'{"max_seq_length": 64, "do_lower_case": false}',
        "1_Pooling/config.json": b'{"word_embedding_dimension": 16, "pooling_mode_mean_tokens": true}',
        "model.safetensors": path.read_bytes(),
        **{name: (folder / name).read_bytes() for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt")},
    }


def test_embed_fetches_a_model_once_and_then_works_offline(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NLPTOOL_CACHE", str(tmp_path / "cache"))
    text = "A plane is taking off.\nかな\n".encode()
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        server.add("org/tiny", tiny_model(), "main", "v1")
        first = run("embed", "-m", "org/tiny@v1", stdin=text, env={"HF_HUB_DOWNLOAD_TIMEOUT": "10"})
        assert first.returncode == 0, first.stderr
        assert b"nlptool embed: fetching org/tiny@v1\n" in first.stderr
        n_requests = len(server.requests)
        again = run("embed", "-m", "org/tiny@v1", stdin=text)
        assert len(server.requests) == n_requests
    vectors = [json.loads(line)["embedding"] for line in first.stdout.splitlines()]
    assert [len(vector) for vector in vectors] == [16, 16]
    assert again.stdout == first.stdout
    offline = run("embed", "-m", "org/tiny@v1", "--offline", stdin=text)
    assert (offline.returncode, offline.stdout, offline.stderr) == (0, first.stdout, b"")
    other = run("embed", "-m", "org/tiny", "--offline", stdin=text)  # that revision has not been fetched
    assert other.returncode == 4
    assert b"nlptool models pull org/tiny" in other.stderr
    shutil.rmtree(hub_cache.cache_folder())
    assert run("embed", "-m", "org/tiny@v1", "--offline", stdin=text).returncode == 4


def test_the_hashes_of_this_hub_are_those_of_git(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(WEIGHTS)
    done = subprocess.run(["git", "hash-object", str(tmp_path / "file")], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == git_hash(WEIGHTS)
