"""``nlptool search`` and ``nlptool index``: what is found, whose vectors are compared, and damaged or foreign indexes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interruptions import interrupted, resumed_after_every_list
from numpy.typing import NDArray
from program import Invoke, Run, Start, parse_records, records

import nlptool
from nlptool.geometry.index import Index
from nlptool.geometry.index_builder import Builder
from nlptool.storage import npy

CORPUS = (
    "夕暮れのハーバーに汽船が浮かんでいる\n停められた船の近くで水鳥が泳いでいる\n"
    "株価が三日続けて下がった\n彼女は毎朝パンを焼く\n"
)
PLANE = b'{"text":"right","embedding":[2,0]}\n{"text":"up","embedding":[0,1]}\n{"text":"left","embedding":[-1,0]}\n'


def lines(*shown: dict[str, str]) -> list[bytes]:
    """The lines of items in an index."""
    return [json.dumps(fields).encode() + b"\n" for fields in shown]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text(CORPUS, encoding="utf-8")
    return path


@pytest.fixture
def index(invoke: Invoke, corpus: Path) -> Path:
    folder = corpus.with_suffix(".index")
    assert invoke("index", "build", "-o", str(folder), str(corpus)).exit_code == 0
    return folder


def test_the_nearest_sentence_is_found(invoke: Invoke, corpus: Path) -> None:
    done = invoke("search", "a bird on the water", "株が値下がりした", "--corpus", str(corpus), "-k", "2")
    first, second = parse_records(done.stdout_bytes)
    assert first["query"] == "a bird on the water"
    assert first["neighbors"][0] == {
        "index": 1,
        "file": str(corpus),
        "line": 2,
        "text": "停められた船の近くで水鳥が泳いでいる",
        "similarity": first["neighbors"][0]["similarity"],
    }
    assert first["neighbors"][0]["similarity"] > first["neighbors"][1]["similarity"]
    assert second["neighbors"][0]["index"] == 2
    assert first["nlptool"]["search"] == {"model": "sbert-mini-ja-en", "measure": "cosine"}


def test_argument_stdin_and_jsonl_give_the_same_answers(invoke: Invoke, corpus: Path) -> None:
    run = ["search", "--corpus", str(corpus), "-k", "3"]
    by_argument = parse_records(invoke(*run, "水鳥").stdout_bytes)[0]["neighbors"]
    assert parse_records(invoke(*run, stdin="水鳥\n".encode()).stdout_bytes)[0]["neighbors"] == by_argument
    assert parse_records(invoke(*run, stdin='{"query":"水鳥","n":1}\n'.encode()).stdout_bytes)[0] | {"nlptool": 0} == {
        "query": "水鳥", "n": 1, "neighbors": by_argument, "nlptool": 0}  # fmt: skip
    embedded = invoke("embed", stdin="水鳥\n".encode()).stdout_bytes
    found = parse_records(invoke(*run, stdin=embedded).stdout_bytes)[0]["neighbors"]
    assert [each["index"] for each in found] == [each["index"] for each in by_argument]


def test_an_index_answers_as_its_corpus_does(invoke: Invoke, corpus: Path, index: Path) -> None:
    queries = "水鳥\nパン\n\n株\n".encode()
    plain = invoke("search", "--corpus", str(corpus), stdin=queries)
    assert invoke("search", "--corpus", str(index), stdin=queries).stdout_bytes == plain.stdout_bytes
    found = parse_records(plain.stdout_bytes)
    assert [record["neighbors"] is None for record in found] == [False, False, True, False]
    assert found[2]["nlptool"]["search"]["reason"] == "the query has no vector, or one of zeros"
    assert plain.exit_code == 0


def test_several_files_and_stdin_are_one_corpus(invoke: Invoke, corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("新しいパン屋\n", encoding="utf-8")
    done = invoke("search", "パン屋", "--corpus", str(corpus), "--corpus", str(tmp_path / "more.txt"), "-k", "1")
    assert parse_records(done.stdout_bytes)[0]["neighbors"][0]["index"] == 4
    done = invoke("search", "パン", "--corpus", "-", "-k", "1", stdin=CORPUS.encode())
    assert parse_records(done.stdout_bytes)[0]["neighbors"][0]["index"] == 3
    assert invoke("search", "--corpus", "-", stdin=CORPUS.encode()).exit_code == 2


def test_k_threshold_and_ids(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_bytes(
        b'{"id":7,"text":"right","embedding":[2,0]}\n{"id":"b","text":"up","embedding":[0,1]}\n'
    )
    run = ["search", "--corpus", str(tmp_path / "c.jsonl"), "--id-field", "id"]
    found = parse_records(invoke(*run, "-k", "99", stdin=b'{"embedding":[3,0]}\n').stdout_bytes)[0]
    place = {"file": str(tmp_path / "c.jsonl")}
    assert found["neighbors"] == [{"index": 0, **place, "line": 1, "id": 7, "text": "right", "similarity": 1},
                                  {"index": 1, **place, "line": 2, "id": "b", "text": "up", "similarity": 0}]  # fmt: skip
    found = parse_records(invoke(*run, "--threshold", "0.5", stdin=b'{"embedding":[3,0]}\n').stdout_bytes)[0]
    assert [each["id"] for each in found["neighbors"]] == [7]


def test_an_npy_is_a_corpus_and_becomes_an_index(invoke: Invoke, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array([[2, 0], [0, 1], [-1, 0]], np.float16))
    query = b'{"embedding":[0,5]}\n'
    plain = parse_records(invoke("search", "--corpus", str(tmp_path / "v.npy"), "-k", "1", stdin=query).stdout_bytes)[0]
    assert plain["neighbors"] == [{"index": 1, "similarity": 1}]
    assert invoke("index", "build", "-o", str(tmp_path / "i"), str(tmp_path / "v.npy")).exit_code == 2
    assert invoke("index", "build", "-m", "mine", "-o", str(tmp_path / "i"), str(tmp_path / "v.npy")).exit_code == 0
    assert (
        parse_records(invoke("search", "--corpus", str(tmp_path / "i"), "-k", "1", stdin=query).stdout_bytes)[0][
            "neighbors"
        ]
        == plain["neighbors"]
    )
    assert Index(tmp_path / "i").about["model"] == "mine"


def test_texts_cannot_ask_vectors_whose_model_is_not_known(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_bytes(PLANE)
    done = invoke("search", "x", "--corpus", str(tmp_path / "c.jsonl"))
    assert done.exit_code == 3
    assert parse_records(done.stdout_bytes)[0]["nlptool"]["error"]["type"] == "NoEmbedding"


def test_a_query_is_one_string(invoke: Invoke, corpus: Path) -> None:
    done = invoke("search", "--corpus", str(corpus), stdin=b'{"query":["a","b"]}\n{"query":null,"text":"a"}\n')
    assert done.exit_code == 3
    found = parse_records(done.stdout_bytes)
    assert found[0]["nlptool"]["error"]["type"] == "BadQuery"
    assert (
        found[1]["neighbors"]
        == parse_records(invoke("search", "a", "--corpus", str(corpus)).stdout_bytes)[0]["neighbors"]
    )


def test_queries_are_cut_to_the_components_of_the_corpus(invoke: Invoke, corpus: Path, tmp_path: Path) -> None:
    """What `embed --dim` has said of its records holds for the queries, in an index too."""
    (tmp_path / "c.jsonl").write_bytes(invoke("embed", "--dim", "64", str(corpus)).stdout_bytes)
    done = invoke("search", "水鳥", "--corpus", str(tmp_path / "c.jsonl"), "-k", "1")
    assert done.exit_code == 0
    assert parse_records(done.stdout_bytes)[0]["neighbors"][0]["index"] == 1
    assert invoke("index", "build", "-o", str(tmp_path / "i"), str(tmp_path / "c.jsonl")).exit_code == 0
    assert invoke("search", "水鳥", "--corpus", str(tmp_path / "i"), "-k", "1").stdout_bytes == done.stdout_bytes


def test_tokens_are_not_left_out_in_silence_by_a_model_that_takes_none(invoke: Invoke, tmp_path: Path) -> None:
    tokens = '{"tokens":[{"surface":"猫"}]}\n'.encode()
    done = invoke("index", "build", "-o", str(tmp_path / "i"), stdin=tokens)
    assert done.exit_code == 1
    assert "the record has no text, and sbert-mini-ja-en takes no tokens" in done.stderr
    done = invoke("index", "build", "-m", "aozora-100d", "-o", str(tmp_path / "i"), stdin=tokens)
    assert done.exit_code == 0


def test_another_model_is_refused(invoke: Invoke, index: Path) -> None:
    done = invoke("search", "-m", "static-ja-en", "--corpus", str(index), "水鳥")
    assert done.exit_code == 1
    assert "the vectors are of sbert-mini-ja-en, and static-ja-en would make others" in done.stderr
    embedded = invoke("embed", "-m", "static-ja-en", stdin="水鳥\n".encode()).stdout_bytes
    done = invoke("search", "--corpus", str(index), stdin=embedded)
    assert done.exit_code == 3
    assert parse_records(done.stdout_bytes)[0]["nlptool"]["error"]["type"] == "OtherModel"


def test_a_model_that_has_changed_under_its_name_is_refused(invoke: Invoke, corpus: Path, tmp_path: Path) -> None:
    built_in = Path(nlptool.__file__).parent / "builtin/static-ja-en"
    shutil.copytree(built_in, tmp_path / "mine")
    model, folder = str(tmp_path / "mine"), str(tmp_path / "i")
    assert invoke("index", "build", "-m", model, "-o", folder, str(corpus)).exit_code == 0
    assert invoke("search", "--corpus", folder, "水鳥").exit_code == 0
    weights = bytearray((tmp_path / "mine" / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "mine" / "model.safetensors").write_bytes(weights)
    done = invoke("search", "--corpus", folder, "水鳥")
    assert done.exit_code == 1
    assert "the vectors were made by another" in done.stderr


def test_a_model_with_prompts_gets_those_of_documents_and_queries(invoke: Invoke, corpus: Path, tmp_path: Path) -> None:
    folder = str(tmp_path / "i")
    assert invoke("index", "build", "-m", "multilingual-e5-small", "-o", folder, str(corpus)).exit_code == 0
    assert Index(Path(folder)).about["prompt"] == "passage: "
    found = parse_records(invoke("search", "--corpus", folder, "-k", "1", "水鳥").stdout_bytes)[0]["neighbors"][0]
    vectors = [
        parse_records(
            invoke("embed", "-m", "multilingual-e5-small", "--as", role, stdin=f"{text}\n".encode()).stdout_bytes
        )[0]["embedding"]
        for role, text in (("query", "水鳥"), ("document", found["text"]))
    ]
    assert found["similarity"] == pytest.approx(float(np.dot(*vectors)), abs=1e-5)


@pytest.mark.parametrize(
    ("queries", "more", "shown"),
    [
        ("水鳥\n\n", [], ["", "   sbert-mini-ja-en", "the query has no vector, or one of zeros"]),
        ("水鳥\n \n", [], ["", "    sbert-mini-ja-en", "the query has no vector, or one of zeros"]),
        (
            '{"query":"水鳥"}\n{"query":""}\n',
            [],
            ["", "   sbert-mini-ja-en", "the query has no vector, or one of zeros"],
        ),
        ("水鳥\n水鳥\n", ["--threshold", "0.999"], ["", "水鳥   sbert-mini-ja-en", "no answers"]),
    ],
)
def test_the_table_says_why_there_is_no_answer(
    invoke: Invoke, corpus: Path, queries: str, more: list[str], shown: list[str]
) -> None:
    done = invoke("search", "--corpus", str(corpus), "-k", "1", *more, "-f", "table", stdin=queries)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[2 + (not more) : 5 + (not more)] == shown


def test_the_table_shows_query_and_answers(invoke: Invoke, corpus: Path) -> None:
    table = invoke("search", "水鳥", "--corpus", str(corpus), "-k", "1", "-f", "table").stdout.splitlines()
    assert table[0] == "水鳥   sbert-mini-ja-en"
    assert table[1].split() == ["place", "text", "similarity"]
    assert table[2].split()[:2] == [f"{corpus}:2", "停められた船の近くで水鳥が泳いでいる"]


def test_a_corpus_with_nothing_in_it(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n\n")
    for path, message in (
        (tmp_path / "empty", "there is nothing to search in"),
        (tmp_path / "nowhere", "No such file"),
    ):
        done = invoke("search", "x", "--corpus", str(path))
        assert done.exit_code == 1
        assert message in done.stderr
    done = invoke("index", "build", "-o", str(tmp_path / "i"), str(tmp_path / "empty"))
    assert done.exit_code == 1
    assert "there is nothing to search in" in done.stderr
    assert not (tmp_path / "i").exists()


@pytest.mark.parametrize(
    ("format", "more", "said"),
    [("npz", [], "a zip archive"), ("parquet", ["-I", "text"], "is a Parquet file\n  -I parquet reads it")],
)
def test_files_of_arrays_are_no_texts(
    invoke: Invoke, corpus: Path, tmp_path: Path, format: str, more: list[str], said: str
) -> None:
    path = tmp_path / f"e.{format}"
    assert invoke("embed", "-f", format, "-o", str(path), str(corpus)).exit_code == 0
    for run in (["search", "x", "--corpus"], ["index", "build", "-o", str(tmp_path / "i")], ["similarity"], ["map"]):
        done = invoke(*run, str(path), *more)
        assert done.exit_code == 1
        assert said in done.stderr
    np.save(tmp_path / "v.npy", np.eye(2))
    done = invoke("index", "build", "-o", str(tmp_path / "i"), stdin=(tmp_path / "v.npy").read_bytes())
    assert done.exit_code == 1
    assert "is an .npy, which is read from a file alone" in done.stderr


def test_an_index_is_searched_and_compared_and_nothing_else(invoke: Invoke, corpus: Path, index: Path) -> None:
    done = invoke("map", str(index))
    assert done.exit_code == 1
    assert f"nlptool search --corpus {index}" in done.stderr
    for more in (["-k", "2"], ["-k", "2", "--against", "{}"], ["--threshold", "0.1"], []):
        found, expected = (
            records(invoke("similarity", str(name), *(word.format(name) for word in more))) for name in (index, corpus)
        )
        for record in [*found, *expected]:
            del record["nlptool"]  # where the record comes from, and what was said of its text when it was embedded
        assert found == expected


def test_a_threshold_that_is_no_number(invoke: Invoke, corpus: Path) -> None:
    assert invoke("search", "x", "--corpus", str(corpus), "--threshold", "nan").exit_code == 2


def test_a_query_of_zeros_has_no_neighbors(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_bytes(PLANE)
    asked = b'{"embedding":[0,0]}\n{"embedding":[0,1]}\n'
    none, up = parse_records(invoke("search", "--corpus", str(tmp_path / "c.jsonl"), stdin=asked).stdout_bytes)
    assert none["neighbors"] is None
    assert none["nlptool"]["search"]["reason"] == "the query has no vector, or one of zeros"
    assert up["neighbors"][0]["text"] == "up"


def test_an_index_stands_alone(invoke: Invoke, corpus: Path, index: Path) -> None:
    assert invoke("search", "x", "--corpus", str(index), "--corpus", str(corpus)).exit_code == 2
    (corpus.parent / "empty").mkdir()
    done = invoke("search", "x", "--corpus", str(corpus.parent / "empty"))
    assert done.exit_code == 1
    assert "a folder without text files" in done.stderr
    (found,) = parse_records(invoke("search", "x", "--corpus", str(corpus.parent), "-k", "99").stdout_bytes)
    assert {each["file"] for each in found["neighbors"]} == {str(corpus)}  # the index beside it is no text


def test_info_says_what_an_index_holds(invoke: Invoke, index: Path) -> None:
    found = parse_records(invoke("index", "info", str(index), "-f", "jsonl").stdout_bytes)[0]
    assert found["n_items"] == 4
    assert found["dimension"] == 256
    assert found["model"] == "sbert-mini-ja-en"
    assert found["bytes"] > 4 * 4 * 256
    assert "sha256" not in found
    assert invoke("index", "info", str(index.parent)).exit_code == 1


def test_an_index_keeps_ids_texts_and_unit_vectors(invoke: Invoke, tmp_path: Path) -> None:
    given = b'{"id":"a","embedding":[2,0]}\n{"id":"b","embedding":[0,0],"text":"x\\u2028y"}\n{"embedding":[1,1],"text":"z"}\n'
    assert invoke("index", "build", "--id-field", "id", "-o", str(tmp_path / "i"), stdin=given).exit_code == 0
    index = Index(tmp_path / "i")
    np.testing.assert_allclose(index.vectors, [[1, 0], [0, 0], [0.5**0.5, 0.5**0.5]], atol=1e-7)
    assert [index.shown(i) for i in range(3)] == [
        {"index": 0, "line": 1, "id": "a"}, {"index": 1, "line": 2, "id": "b", "text": "x\u2028y"},
        {"index": 2, "line": 3, "text": "z"},
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["vectors.npy", "records.jsonl", "offsets.npy", "index.json"])
@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_a_damaged_index_is_refused(invoke: Invoke, index: Path, name: str, harm: str) -> None:
    path = index / name
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-2])
    else:
        path.unlink()
    done = invoke("search", "--corpus", str(index), "水鳥")
    assert done.exit_code == 4
    assert " is damaged: " in done.stderr


@pytest.mark.parametrize("more", [[], ["-m", "static-ja-en"]])
def test_an_interrupted_build_goes_on(invoke: Invoke, tmp_path: Path, more: list[str]) -> None:
    """After the first records the build is stopped; what it then makes is what an uninterrupted one makes."""
    source, out = tmp_path / "in", tmp_path / "i"
    source.write_bytes(("猫が鳴く。\n\n".encode() + b"\xff\n" + "パンを焼く。\n水鳥\n".encode()) * 3)
    run = lambda *resume: invoke("index", "build", *more, *resume, "-o", str(out), str(source))  # noqa: E731
    assert resumed_after_every_list(run, out) == 3


def test_what_is_left_out_before_an_interruption_is_said_at_the_end(invoke: Invoke, tmp_path: Path) -> None:
    run = lambda *resume: invoke("index", "build", *resume, "-o", str(tmp_path / "i"), stdin=b"a\n\n\nb\n\nc\n\nd\n")  # noqa: E731
    interrupted(run, tmp_path / "i", 2)
    assert "which have no vector and were left out: 4" in run("--resume").stderr


def test_another_build_is_not_gone_on_with(invoke: Invoke, corpus: Path, tmp_path: Path) -> None:
    run = ["index", "build", "-m", "static-ja-en", "-o", str(tmp_path / "i"), str(corpus)]
    interrupted(lambda: invoke(*run), tmp_path / "i")
    for more, said in (
        (["--dim", "3"], "--dim was not given, is now 3"),
        (["-m", "all-MiniLM-L6-v2"], "--model was static-ja-en, is now all-MiniLM-L6-v2"),
        (["--field", "x"], "--field was not given, is now x"),
    ):
        done = invoke(*run, *more, "--resume")
        assert done.exit_code == 2
        assert f"i.part is of another run: {said}" in done.stderr
    text = corpus.read_text()
    corpus.write_text("another\n" + text)
    done = invoke(*run, "--resume")
    assert done.exit_code == 2
    assert "this is another input than that of the interrupted run: its first" in done.stderr
    corpus.write_text(text)
    assert invoke(*run, "--resume").exit_code == 0
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("i")] == ["i"]


def test_a_build_whose_records_were_all_read_still_knows_its_model(
    invoke: Invoke, corpus: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when the index is put together, and the texts have been embedded before."""
    other = tmp_path / "other.index"
    with monkeypatch.context() as patch:
        patch.setattr(
            "nlptool.storage.folders.seal", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left"))
        )
        done = invoke("index", "build", "-o", str(other), str(corpus))
    assert done.exit_code == 1
    assert "--resume goes on from there" in done.stderr
    assert "is not finished" in invoke("search", "x", "--corpus", str(other) + ".part").stderr
    assert invoke("index", "build", "--resume", "-o", str(other), str(corpus)).exit_code == 0
    assert Index(other).about == Index(index).about
    assert (
        parse_records(invoke("search", "水鳥", "--corpus", str(other), "-k", "1").stdout_bytes)[0]["neighbors"][0][
            "index"
        ]
        == 1
    )


def test_a_build_of_an_npy_goes_on_with_the_same_file_alone(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, out = tmp_path / "in.npy", tmp_path / "i"
    np.save(given, np.eye(5, dtype=np.float32))
    monkeypatch.setattr("nlptool.tasks.index._ROWS", 2)
    run = lambda *resume: invoke("index", "build", "-m", "mine", *resume, "-o", str(out), str(given))  # noqa: E731
    assert resumed_after_every_list(run, out) == 3
    interrupted(run, out)
    np.save(given, np.eye(3, dtype=np.float32))
    done = run("--resume")
    assert done.exit_code == 2
    assert f"the file {given} was" in done.stderr


def test_what_a_build_goes_on_with_must_fit(invoke: Invoke, tmp_path: Path) -> None:
    """The vectors that are there are of another length, or of another model."""
    more = (
        b'{"embedding":[1,0],"nlptool":{"embed":{"model":"mine"}}}\n{"embedding":[1,0,0]}\n'
        b'{"embedding":[0,1],"nlptool":{"embed":{"model":"other"}}}\n'
    )
    run = lambda *resume: invoke("index", "build", *resume, "-o", str(tmp_path / "i"), stdin=more)  # noqa: E731
    interrupted(run, tmp_path / "i")
    done = run("--resume")
    assert done.exit_code == 3
    assert "2 of 3 records failed" in done.stderr
    assert "the vector has 3 components, those before it have 2" in done.stderr
    assert "the embedding is of other, the others are of mine" in done.stderr
    assert len(Index(tmp_path / "i")) == 1


def test_two_processes_do_not_build_one_index(invoke: Invoke, corpus: Path, tmp_path: Path) -> None:
    with Builder(tmp_path / "i", {}, resume=False) as builder:
        for resume in ([], ["--resume"]):
            done = invoke("index", "build", *resume, "-o", str(tmp_path / "i"), str(corpus))
            assert done.exit_code == 1
            assert f"another process ({os.getpid()}) is writing" in done.stderr
        builder.add(np.eye(2, dtype=np.float32), lines({"text": "a"}, {"text": "b"}))
        builder.finish({"model": "m"})
    assert Index(tmp_path / "i").shown(1) == {"index": 1, "text": "b"}
    assert invoke("index", "build", "-o", str(tmp_path / "i"), str(corpus)).exit_code == 0
    assert len(Index(tmp_path / "i")) == 4


def test_a_folder_that_is_no_build_is_not_emptied(invoke: Invoke, corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "i.part").mkdir()
    (tmp_path / "i.part" / "precious").write_text("x")
    done = invoke("index", "build", "-o", str(tmp_path / "i"), str(corpus))
    assert done.exit_code == 1
    assert "i.part is a folder that holds something else" in done.stderr
    assert (tmp_path / "i.part" / "precious").exists()


@pytest.mark.parametrize("later", [False, True])
def test_an_index_can_be_opened_while_another_takes_its_place(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    """The new one comes before or after the first file is opened."""

    new = tmp_path / "new"
    with Builder(new, {}, resume=False) as builder:
        builder.add(np.eye(4, 256, dtype=np.float32), lines({"text": "new"}) * 4)
        builder.finish({"model": "m"})
    plain = npy.mapped

    def mapped(path: Path) -> NDArray[Any]:
        found = plain(path) if later else None
        if new.exists():
            shutil.rmtree(path.parent)
            new.rename(path.parent)
        return plain(path) if found is None else found

    monkeypatch.setattr(npy, "mapped", mapped)
    opened = Index(index)
    assert opened.shown(3) == {"index": 3, "text": "new"}
    np.testing.assert_array_equal(opened.vectors, np.eye(4, 256))


def test_a_full_disk_is_said_of_the_index(run: Run, tmp_path: Path) -> None:
    """Of whatever writes last; that nothing more can be kept does not hide it."""
    script = (
        "import resource, runpy, signal, sys; sys.dont_write_bytecode = True\n"  # it would be cut off
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n"
        "sys.argv = ['nlptool', 'index', 'build', '-m', 'static-ja-en', '-o', sys.argv[1], sys.argv[2]]\n"
        "runpy.run_module('nlptool', run_name='__main__')\n"
    )
    (tmp_path / "in.txt").write_text("".join(f"猫 {i}\n" for i in range(200)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "i"), str(tmp_path / "in.txt")],
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"cannot write {tmp_path / 'i'}: File too large" in done.stderr.decode()
    assert (
        run(
            "index", "build", "-m", "static-ja-en", "--resume", "-o", str(tmp_path / "i"), str(tmp_path / "in.txt")
        ).returncode
        == 0
    )
    assert len(Index(tmp_path / "i")) == 200


def test_what_goes_wrong_first_is_what_is_said(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though what was made cannot be kept either."""
    monkeypatch.setattr(Builder, "save", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    done = invoke(
        "index", "build", "--on-error", "fail", "-o", str(tmp_path / "i"), stdin=PLANE + b'{"embedding":[1]}\n'
    )
    assert done.exit_code == 1
    assert "the vector has 1 components" in done.stderr
    assert "No space" not in done.stderr


def test_ctrl_c_keeps_what_was_made(start: Start, tmp_path: Path) -> None:
    process = start("index", "build", "-o", str(tmp_path / "i"), "--max-latency", "10", "-m", "static-ja-en")
    assert process.stdin is not None
    process.stdin.write("猫\n犬\n".encode())
    deadline = time.monotonic() + 60
    while not (tmp_path / "i.part" / "vectors.npy").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == -signal.SIGINT
    assert (tmp_path / "i.part" / "state.json").exists()
    assert not (tmp_path / "i").exists()


def test_an_index_replaces_an_index_and_nothing_else(invoke: Invoke, corpus: Path, index: Path, tmp_path: Path) -> None:
    assert invoke("index", "build", "-o", str(index), stdin="ひとつ\n".encode()).exit_code == 0
    assert len(Index(index)) == 1
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "precious").write_text("x")
    for target in (corpus, tmp_path / "folder", tmp_path / "nowhere" / "i"):
        done = invoke("index", "build", "-o", str(target), stdin=b"a\n")
        assert done.exit_code == 1
        assert (tmp_path / "folder" / "precious").exists()
    assert invoke("index", "build", stdin=b"a\n").exit_code == 2


def test_bad_records_are_left_out_of_an_index_and_counted(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke(
        "index", "build", "-o", str(tmp_path / "i"), stdin=PLANE + b'{"embedding":[1]}\n{"text":""}\n{nonsense\n'
    )
    assert done.exit_code == 3
    assert "2 of 6 records failed" in done.stderr
    assert len(Index(tmp_path / "i")) == 3


def test_each_side_tells_of_its_own_failures(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_bytes(PLANE + b'{"embedding":[1]}\n{"embedding":[2]}\n')
    queries = b'{"embedding":[1,2]}\n{"embedding":[1,2,3]}\n'
    for run, failed in ((["search", "--corpus"], "1 of 2"), (["similarity", "-k", "1", "--against"], "1 of 2")):
        done = invoke(*run, str(tmp_path / "c.jsonl"), stdin=queries)
        assert done.exit_code == 3
        assert [line.split(": ")[1] for line in done.stderr.splitlines() if "records failed" in line] == [
            "2 of 5 records failed; the first", f"{failed} records failed; the first"]  # fmt: skip
        assert "the first: <stdin>:2: the vector has 3 components" in done.stderr
    done = invoke("search", "--corpus", str(tmp_path / "c.jsonl"), stdin=b'{"embedding":[1,2]}\n')
    assert done.exit_code == 3
    assert done.stderr.count("records failed") == 1


def test_queries_that_were_answered_are_not_answered_again(invoke: Invoke, corpus: Path, tmp_path: Path) -> None:
    out, queries = tmp_path / "out", "水鳥\nパン\n\n株\n" * 3
    run = lambda *resume: invoke("search", "--corpus", str(corpus), "-o", str(out), *resume, stdin=queries)  # noqa: E731
    assert resumed_after_every_list(run, out) == 3
    assert [record["query"] for record in parse_records(out.read_bytes())][:4] == ["水鳥", "パン", "", "株"]
    interrupted(run, out)
    corpus.write_text(corpus.read_text() + "もう一つ\n")
    done = run("--resume")
    assert done.exit_code == 2
    assert f"the file {corpus} was" in done.stderr


def test_the_field_of_the_id_is_the_corpuss_and_queries_may_be_text(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text('{"id":7,"text":"猫"}\n', encoding="utf-8")
    for run in (
        ["search", "--corpus", str(tmp_path / "c.jsonl")],
        ["similarity", "-k", "1", "--against", str(tmp_path / "c.jsonl")],
    ):
        done = invoke(*run, "--id-field", "id", stdin="犬\n".encode())
        assert done.exit_code == 0
        assert parse_records(done.stdout_bytes)[0]["neighbors"][0]["id"] == 7


def test_a_folder_of_texts_is_a_corpus(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("猫\n\n犬\n", encoding="utf-8")
    (found,) = parse_records(invoke("search", "犬", "--corpus", str(tmp_path / "notes"), "-k", "1").stdout_bytes)
    assert (found["neighbors"][0]["file"], found["neighbors"][0]["line"]) == (str(tmp_path / "notes" / "a.txt"), 3)


def test_a_file_in_the_place_of_a_query_is_said(invoke: Invoke, corpus: Path) -> None:
    done = invoke("search", str(corpus), "--corpus", str(corpus))
    assert done.exit_code == 0
    assert f"{corpus} is a file, and its name was taken as a query" in done.stderr
