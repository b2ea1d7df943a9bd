"""``nlptool train autoencoder``, and ``nlptool hash`` with what it has made."""

from __future__ import annotations

import json
import random
import resource
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import program
import pytest
from program import Invoke, Run, parse_records

from nlptool.tasks.train.autoencoder_plane import same_class

CODES = (
    "--layers",
    "16",
    "--code",
    "12",
    "--threads",
    "1",
    "--batch-size",
    "20",
    "--learning-rate",
    "0.01",
    "--noise",
    "2",
)
TOPICS = {
    "cat": ["cat", "kitten", "whisker", "purr", "tail", "fur", "paw", "milk", "mouse", "claw"],
    "sea": ["ship", "harbour", "wave", "sail", "anchor", "tide", "sailor", "captain", "deck", "storm"],
}


def texts(n_texts: int, seed: int = 1, *, as_tokens: bool = False) -> bytes:
    numbers = random.Random(seed)
    records = []
    for number in range(n_texts):
        topic = ("cat", "sea")[number % 2]
        words = numbers.choices(TOPICS[topic], k=8)
        text: dict[str, Any] = {"tokens": words} if as_tokens else {"text": "The " + " of the ".join(words) + "."}
        records.append({**text, "class": topic})
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "texts.jsonl"
    path.write_bytes(texts(200))
    return path


@pytest.fixture(scope="module")
def model(corpus: Path) -> Path:
    folder = corpus.parent / "hasher"
    done = program.invoke("train", "autoencoder", *CODES, "--epochs", "20", "-o", str(folder), str(corpus))
    assert done.exit_code == 0, done.stderr
    return folder


def code(record: dict[str, Any]) -> int:
    return int(record["code"], 16)


def test_the_folder_says_what_was_learned(model: Path) -> None:
    about = json.loads((model / "autoencoder.json").read_text())
    assert about["widths"] == [20, 16, 12]
    assert (about["n_texts"], about["n_dev_texts"]) == (180, 20)
    assert [layer["width"] for layer in about["layers"]] == [16, 12]
    assert about["scores"]["loss"] < about["scores"]["loss_without_code"] - 0.3
    assert sorted(json.loads((model / "vocabulary.json").read_text())) == sorted(TOPICS["cat"] + TOPICS["sea"])
    stages = dict.fromkeys(json.loads(line)["stage"] for line in (model / "curves.jsonl").read_text().splitlines())
    assert list(stages) == ["layer of 16", "layer of 12", "fine-tuning"]
    assert "binary code of 12" in (model / "README.md").read_text()


def test_texts_of_a_topic_have_codes_that_are_near(invoke: Invoke, model: Path) -> None:
    done = invoke("hash", "-m", str(model), stdin=texts(40, 7))
    records = parse_records(done.stdout_bytes)
    distances: dict[bool, list[int]] = {True: [], False: []}
    for number, first in enumerate(records):
        for second in records[:number]:
            distances[first["class"] == second["class"]].append((code(first) ^ code(second)).bit_count())
    assert np.mean(distances[True]) < 0.5 * np.mean(distances[False])
    assert records[0]["nlptool"]["hash"] == {
        "method": "autoencoder", "model": str(model), "bits": 12, "n_words": 8,
        "identity": json.loads((model / "autoencoder.json").read_text())["identity"],
    }  # fmt: skip


def test_tokens_that_are_given_are_used(invoke: Invoke, model: Path) -> None:
    of_texts, of_tokens = (
        parse_records(invoke("hash", "-m", str(model), stdin=texts(20, 7, as_tokens=given)).stdout_bytes)
        for given in (False, True)
    )
    assert [record["code"] for record in of_texts] == [record["code"] for record in of_tokens]


def test_what_holds_no_known_word_has_no_code(invoke: Invoke, model: Path) -> None:
    done = invoke("hash", "-m", str(model), stdin="\nxylophone of the\n犬が吠える\nThe CAT\n".encode())
    found = parse_records(done.stdout_bytes)
    assert [record["nlptool"]["hash"].get("reason") for record in found] == [
        "empty text", "no word of the vocabulary", "no word of the vocabulary", None,
    ]  # fmt: skip
    assert [record["code"] is None for record in found] == [True, True, True, False]
    assert "records without a code: 3 (no word of the vocabulary 2, empty text 1)" in done.stderr
    assert done.exit_code == 0


def test_search_hashes_the_query_with_the_model_of_the_corpus(invoke: Invoke, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "codes.jsonl"
    path.write_bytes(invoke("hash", "-m", str(model), stdin=texts(40, 7)).stdout_bytes)
    query = "the cat of the kitten, its paw and whisker"
    [expected] = parse_records(invoke("hash", "-m", str(model), stdin=query.encode()).stdout_bytes)
    corpus = [code(record) for record in parse_records(path.read_bytes())]
    [found] = parse_records(invoke("search", query, "--hamming", "3", "-k", "99", "--corpus", str(path)).stdout_bytes)
    distances = [(code(expected) ^ each).bit_count() for each in corpus]
    assert [(answer["distance"], answer["index"]) for answer in found["neighbors"]] == sorted(
        (distance, index) for index, distance in enumerate(distances) if distance <= 3
    )
    assert found["neighbors"]
    other = tmp_path / "moved"
    shutil.copytree(model, other)
    moved = invoke("search", query, "-m", str(other), "--hamming", "3", "--corpus", str(path), "-k", "99")
    assert parse_records(moved.stdout_bytes)[0]["neighbors"] == found["neighbors"]
    about = json.loads((other / "autoencoder.json").read_text())
    (other / "autoencoder.json").write_text(json.dumps({**about, "identity": "0"}))
    refused = invoke("search", query, "-m", str(other), "--hamming", "3", "--corpus", str(path))
    assert refused.exit_code == 2
    assert "the codes were made by another" in refused.stderr


def test_options_of_hyperplanes_are_refused(invoke: Invoke, model: Path) -> None:
    for option in (["--bits", "64"], ["--seed", "2"]):
        done = invoke("hash", "-m", str(model), *option, stdin=b"cat\n")
        assert done.exit_code == 2
        assert "an autoencoder, makes no use of" in done.stderr


def test_other_commands_say_what_the_folder_is(invoke: Invoke, model: Path) -> None:
    done = invoke("embed", "-m", str(model), stdin=b"cat\n")
    assert done.exit_code != 0
    assert f"nlptool hash -m {model}" in done.stderr
    shown = invoke("models", "show", str(model), "-f", "jsonl")
    assert json.loads(shown.stdout)["task"] == "hash"


def test_a_code_of_two_is_a_plane(invoke: Invoke, corpus: Path, tmp_path: Path) -> None:
    folder, picture = tmp_path / "plane", tmp_path / "plane.png"
    done = invoke(
        "train", "autoencoder", "--layers", "16", "--code", "2", "--threads", "1", "--batch-size", "20", "--epochs", "20",
        "--learning-rate", "0.01", "--group", "class", "--plot", str(picture), "--dev", "0.3", "-o", str(folder), str(corpus),
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert picture.read_bytes()[:4] == b"\x89PNG"
    about = json.loads((folder / "autoencoder.json").read_text())
    assert about["units"] == "linear"
    assert about["shares"]["code"] > 0.9
    assert about["shares"]["LSA"] > 0.5
    [record] = parse_records(invoke("hash", "-m", str(folder), stdin=b"cat and kitten\n").stdout_bytes)
    assert len(record["embedding"]) == 2
    assert record["nlptool"]["hash"]["dimension"] == 2
    assert "code" not in record


def test_the_encoder_and_its_prompt_are_remembered(invoke: Invoke, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    done = invoke(
        "train", "autoencoder", "--on", "embeddings", "-m", "static-ja-en", "--prompt", "about: ", "--dim", "32", "--layers",
        "16", "--code", "8", "--threads", "1", "--max-steps", "5", "--pretraining-epochs", "1", "-o", str(folder),
        stdin=texts(40),
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    about = json.loads((folder / "autoencoder.json").read_text())
    assert [about[name] for name in ("base", "prompt", "dim", "widths")] == ["static-ja-en", "about: ", 32, [32, 16, 8]]
    embedded = invoke(
        "embed", "-m", "static-ja-en", "--prompt", "about: ", "--dim", "32", stdin=texts(9, 3)
    ).stdout_bytes
    of_texts, of_vectors = (
        parse_records(invoke("hash", "-m", str(folder), stdin=given).stdout_bytes) for given in (texts(9, 3), embedded)
    )
    assert [record["code"] for record in of_texts] == [record["code"] for record in of_vectors]
    refused = invoke("hash", "-m", str(folder), "--prompt", "x", stdin=b"a\n")
    assert refused.exit_code == 2


def test_embeddings_can_be_learned_from(invoke: Invoke, tmp_path: Path) -> None:
    numbers = np.random.default_rng(1)
    centres = numbers.standard_normal((2, 6)) * 3
    rows = [centres[number % 2] + numbers.standard_normal(6) for number in range(120)]
    lines = [json.dumps({"embedding": row.tolist(), "nlptool": {"embed": {"model": "static-ja-en"}}}) for row in rows]
    folder = tmp_path / "model"
    done = invoke(
        "train", "autoencoder", "--on", "embeddings", "--layers", "", "--code", "8", "--threads", "1", "--epochs", "10",
        "--batch-size", "20", "-o", str(folder), stdin="\n".join(lines).encode(),
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    about = json.loads((folder / "autoencoder.json").read_text())
    assert (about["base"], about["widths"], about["reads"]) == ("static-ja-en", [6, 8], "embeddings")
    assert about["scores"]["loss"] < about["scores"]["loss_without_code"]
    found = parse_records(invoke("hash", "-m", str(folder), stdin="\n".join(lines[:2]).encode()).stdout_bytes)
    assert len({record["code"] for record in found}) == 2
    other = invoke("hash", "-m", str(folder), stdin=b'{"embedding":[1,2]}\n')
    assert parse_records(other.stdout_bytes)[0]["nlptool"]["error"]["type"] == "OtherDimension"
    foreign = b'{"embedding":[1,2,3,4,5,6],"nlptool":{"embed":{"model":"sbert-mini-ja-en"}}}\n'
    assert parse_records(invoke("hash", "-m", str(folder), stdin=foreign).stdout_bytes)[0]["nlptool"]["error"][
        "type"
    ] == ("OtherModel")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--code", "0"], "--code"),
        (["--layers", "5,x"], "no list of widths"),
        (["--layers", "0"], "no list of widths"),
        (["--layers", ",".join(["9"] * 21)], "more than 20 layers"),
        (["-m", "static-ja-en"], "--on words makes no use of --model"),
        (["--on", "embeddings", "--vocab-size", "5"], "makes no use of --vocab-size"),
        (["--units", "linear", "--noise", "1"], "a linear code makes no use of --noise"),
        (["--group", "class"], "makes no use of --group"),
        (["--dev", "0", "--patience", "1"], "--dev 0 makes no use of --patience"),
    ],
)
def test_what_makes_no_sense(invoke: Invoke, arguments: list[str], message: str, tmp_path: Path) -> None:
    done = invoke("train", "autoencoder", *arguments, "-o", str(tmp_path / "m"), stdin=b"a\n")
    assert done.exit_code == 2
    assert message in done.stderr


def test_too_little_text(invoke: Invoke, tmp_path: Path) -> None:
    for stdin, message in ((b"", "no texts are"), (b"the of\n", "no texts are"), (b"cat\n", "one text is")):
        done = invoke("train", "autoencoder", "--dev", "0", "-o", str(tmp_path / "m"), stdin=stdin)
        assert done.exit_code == 1
        assert message in done.stderr
        assert not (tmp_path / "m").exists()


def test_all_texts_equal_and_nothing_held_out(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke(
        "train", "autoencoder", *CODES, "--epochs", "1", "--pretraining-epochs", "1", "-o", str(tmp_path / "m"),
        stdin=b"cat and kitten\n" * 9,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "nothing was held out" in done.stderr
    found = parse_records(invoke("hash", "-m", str(tmp_path / "m"), stdin=b"cat kitten\nkitten cat\n").stdout_bytes)
    assert found[0]["code"] == found[1]["code"]


def test_the_share_of_neighbours_of_the_same_class() -> None:
    points = np.array([[0, 0], [0, 1], [0, 1.5], [9, 9], [9, 8]], np.float32)
    assert same_class(points, ["a", "a", "a", "b", "b"]) == 1
    assert same_class(points, ["a", "b", "a", "b", "b"]) == 0.4
    assert same_class(np.zeros((4, 2), np.float32), ["a"] * 4) == 1


def test_a_full_disk_before_the_first_checkpoint_leaves_nothing(run: Run, corpus: Path, tmp_path: Path) -> None:
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))  # noqa: E731
    more: dict[str, Any] = {
        "cwd": tmp_path,
        "preexec_fn": limit,
        "env": {"PYTHONDONTWRITEBYTECODE": "1"},
    }  # .pyc would be cut
    done = run("train", "autoencoder", "-q", "--epochs", "1", *CODES, str(corpus), "-o", "m", **more)
    assert done.returncode == 1
    said = done.stderr.decode()
    assert "cannot write m.work: " in said and "File too large" in said
    assert "--resume" not in said
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("m")] == []
