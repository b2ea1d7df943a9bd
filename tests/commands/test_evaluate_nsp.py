"""``nlptool evaluate nsp``: which pairs are made, what is counted, and a model that knows the answer."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from program import Invoke
from random_berts import random_bert
from sklearn.metrics import roc_auc_score

from nlptool.geometry import correlation
from nlptool.models.masked import nsp_evaluation
from nlptool.models.masked.nsp_evaluation import NEAR, Documents
from nlptool.models.masked.tokenizer import ModelInput, TokenizedText


class Numbers:
    """Every piece of a corpus is a number of its own, so that each says where it stands."""

    def __init__(self, room: int) -> None:
        self._room = room

    def tokenize(self, texts: list[str]) -> list[TokenizedText]:
        ids = [[int(word) for word in text.split()] for text in texts]
        return [TokenizedText(each, list(range(len(each))), 0) for each in ids]

    def max_pieces(self, *, pair: bool = False) -> int:
        return self._room

    def model_input(self, first: list[int], second: list[int]) -> ModelInput:
        return ModelInput([*first, *second], [0] * len(first) + [1] * len(second), [])


class Judge:
    """Answers by a rule, and remembers what it was asked."""

    name, device = "judge", "cpu"

    def __init__(self, room: int = 12) -> None:
        self.texts = Numbers(room)
        self.asked: list[tuple[list[int], list[int]]] = []

    def margin(self, first: list[int], second: list[int]) -> float:
        """Larger where B comes soon behind A, and often wrong."""
        return float(np.sin(first[0] * 7.3 + second[0] * 1.7) + 0.8 * (second[0] == first[-1] + 1) - 0.4)

    def next_sentence(self, rows: list[ModelInput]) -> np.ndarray:
        pairs = [(row.ids[: row.types.index(1)], row.ids[row.types.index(1) :]) for row in rows]
        self.asked += pairs
        return np.array([[self.margin(*pair) + 5, 5.0] for pair in pairs], np.float32)


def corpus(lengths: list[list[int]]) -> Documents:
    """Documents of lines of so many pieces, numbered through."""
    documents, numbers = Documents(), itertools.count()
    for lines in lengths:
        for length in lines:
            documents.add(list(itertools.islice(numbers, length)))
        documents.end()
    return documents


MANY = [[3, 4, 2, 5, 1, 6, 3] * 12, [2, 2, 2, 9] * 15, [30, 40, 50], [4, 4], [1], [5] * 40]


def documents_of(lengths: list[list[int]]) -> tuple[list[int], set[int]]:
    """Of each piece its document, and the pieces that a line begins with."""
    owners = [number for number, lines in enumerate(lengths) for _ in range(sum(lines))]
    starts = {0, *itertools.accumulate(length for lines in lengths for length in lines)}
    return owners, starts


@pytest.mark.parametrize("room", [5, 12, 40, 1000])
def test_pairs_are_runs_of_lines_that_fill_the_sequence_and_text_from_elsewhere(room: int) -> None:
    judge = Judge(room)
    found = nsp_evaluation.evaluate(judge, corpus(MANY), n_pairs=10_000, seed=1)  # type: ignore[arg-type]
    owners, starts = documents_of(MANY)
    n = found["runs"]
    following, others = judge.asked[:n], judge.asked[n:]
    runs = sorted((first[0], second[0], second[-1]) for first, second in following)
    assert (found["documents"], found["skipped"]) == (5, 1)  # one has a single piece
    for first, second in following:
        whole = [*first, *second]
        assert whole == list(range(whole[0], whole[-1] + 1))  # B is what follows A
        assert len({owners[piece] for piece in whole}) == 1
        assert 2 <= len(whole) <= room
        end = owners.index(owners[whole[0]] + 1) if owners[whole[0]] < 5 else len(owners)
        assert len(whole) == room or whole[-1] + 1 == end  # it fills the sequence, or ends with the document
        within = [piece for piece in whole[1:] if piece in starts]
        assert second[0] in within or not within  # divided at the end of a line, if there is one
    assert len({first[0] for first, _ in following}) == n
    beginnings = {begin for _, begin, _ in runs}
    whole_of = {first[0]: (first, second) for first, second in following}
    number = {begin: index for index, (begin, *_) in enumerate(runs)}
    by_middle = {middle: index for index, (_, middle, _) in enumerate(runs)}
    n_another = found["another_document"]["pairs"] // 2
    assert n_another == n
    for place, (first, second) in enumerate(others):
        assert second[0] in beginnings  # where the B of another run begins
        assert second == list(range(second[0], second[-1] + 1))
        assert len({owners[piece] for piece in second}) == 1
        own_first, own_second = whole_of[first[0]]
        assert first == own_first
        assert len(second) <= len(own_second)
        if len(second) < len(own_second):
            assert second[-1] + 1 == len(owners) or owners[second[-1] + 1] != owners[second[0]]
        assert (owners[first[0]] != owners[second[0]]) == (place < n_another)
        if place >= n_another:
            assert abs(number[first[0]] - by_middle[second[0]]) > NEAR
    if found["same_document"] is not None:
        assert len(others) == n_another + found["same_document"]["pairs"] // 2
    assert (found["same_document"] is None) == (room == 1000)


def test_what_is_counted_is_what_a_slow_loop_counts() -> None:
    judge = Judge()
    found = nsp_evaluation.evaluate(judge, corpus(MANY), n_pairs=120, seed=3)  # type: ignore[arg-type]
    n = 60
    following = {first[0]: judge.margin(first, second) for first, second in judge.asked[:n]}
    assert len(following) == n
    for name, asked in (("another_document", judge.asked[n : 2 * n]), ("same_document", judge.asked[2 * n :])):
        said = found[name]
        others = [judge.margin(*pair) for pair in asked]
        trues = [following[first[0]] for first, _ in asked]
        assert said["pairs"] == 2 * len(asked)
        right = sum(margin >= 0 for margin in trues) + sum(margin < 0 for margin in others)
        assert said["accuracy"] == pytest.approx(right / said["pairs"], abs=5e-5)
        assert 0.4 < said["accuracy"] < 0.9
        labels = [1] * len(trues) + [0] * len(others)
        assert said["auc"] == pytest.approx(roc_auc_score(labels, trues + others), abs=1e-4)
        wins = np.mean([(a > b) + 0.5 * (a == b) for a in trues for b in others])
        assert said["auc"] == pytest.approx(wins, abs=1e-4)
        assert said["next"]["mean_margin"] == pytest.approx(np.mean(trues), abs=1e-3)
        assert said["not_next"]["mean_margin"] == pytest.approx(np.mean(others), abs=1e-3)
        assert said["next"]["accuracy"] == pytest.approx(np.mean(np.array(trues) >= 0), abs=1e-3)
        low, high = said["accuracy_interval"]
        assert 0 < low < said["accuracy"] < high < 1
    assert found["same_document"]["pairs"] < 120  # some documents have no run that is far enough


def test_the_interval_is_wilsons() -> None:
    from scipy.stats import binomtest

    for right, n in ((0, 10), (10, 10), (7, 10), (850, 1000)):
        expected = binomtest(right, n).proportion_ci(method="wilson")
        assert correlation.wilson(right, n) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_ties_are_half_a_win_and_an_undecided_pair_is_next() -> None:
    said = nsp_evaluation.judged(np.zeros(4, np.float32), np.zeros(4, np.float32))
    assert (said["auc"], said["accuracy"]) == (0.5, 0.5)
    assert (said["next"]["accuracy"], said["not_next"]["accuracy"]) == (1.0, 0.0)
    perfect = nsp_evaluation.judged(np.array([1, 2], np.float32), np.array([-1, -2], np.float32))
    assert (perfect["auc"], perfect["accuracy"]) == (1.0, 1.0)


def test_the_seed_decides_which_pairs_are_asked() -> None:
    def asked(seed: int) -> list[Any]:
        judge = Judge()
        nsp_evaluation.evaluate(judge, corpus(MANY), n_pairs=40, seed=seed)  # type: ignore[arg-type]
        return judge.asked

    assert asked(1) == asked(1) != asked(2)
    assert len(asked(1)[:20]) == 20


NOUNS = ["rose", "ship", "kettle", "owl", "teacher", "bee", "anchor", "knife", "fox", "bell"]
ONE_WORD = "\n\n".join("\n".join([" ".join([NOUNS[seed % 10]] * 3)] * 20) for seed in range(30)) + "\n"


def answers(done: Any, code: int = 0) -> list[dict[str, Any]]:
    assert done.exit_code == code, done.stderr
    return [json.loads(line) for line in done.stdout.split("\n") if line]


@pytest.fixture(scope="module")
def random(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_bert(tmp_path_factory.mktemp("model") / "random", "wordpiece")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, invoke: Invoke) -> Path:
    """A BERT that has learned that a document has one word."""
    place = tmp_path_factory.mktemp("trained")
    sizes = {
        "layers": 1,
        "hidden-size": 32,
        "heads": 2,
        "intermediate-size": 64,
        "max-length": 16,
        "batch-size": 32,
        "max-steps": 400,
    }
    options = itertools.chain(*((f"--{name}", str(value)) for name, value in sizes.items()))
    arguments = [
        *options,
        "--learning-rate",
        "5e-3",
        "--vocab-size",
        "80",
        "--threads",
        "1",
        "--device",
        "cpu",
        "--tokenizer",
        "wordpiece",
    ]
    done = invoke("train", "bert", *arguments, "-o", str(place / "bert"), stdin=ONE_WORD.encode())
    assert done.exit_code == 0, done.stderr
    return place / "bert"


def test_a_bert_that_was_trained_here_knows_other_documents_and_cannot_know_the_same(
    invoke: Invoke, trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "corpus").write_text(ONE_WORD)
    (found,) = answers(invoke("evaluate", "nsp", "-m", str(trained), "--pairs", "600", str(tmp_path / "corpus")))
    assert found["file"] == str(tmp_path / "corpus")
    assert found["documents"] == 30
    assert found["max_length"] == 16
    assert found["another_document"]["pairs"] == 2 * min(300, found["runs"])
    assert found["another_document"]["accuracy"] > 0.85
    assert found["another_document"]["auc"] > 0.9
    assert found["another_document"]["next"]["mean_margin"] > 0 > found["another_document"]["not_next"]["mean_margin"]
    assert found["same_document"]["auc"] == pytest.approx(0.5, abs=0.1)
    table = invoke(
        "evaluate", "nsp", "-m", str(trained), "--pairs", "600", "-f", "table", str(tmp_path / "corpus")
    ).stdout
    head, *rows = table.rstrip("\n").split("\n")
    assert head.split("  ")[0] == "file"
    assert "another document" in rows[0]
    assert "same document" in rows[1]
    interval = "({}–{})".format(*found["another_document"]["accuracy_interval"])
    assert interval in rows[0]


def test_a_head_that_always_says_next_is_right_half_of_the_time(invoke: Invoke, tmp_path: Path) -> None:
    def change(network: Any) -> None:
        import torch

        with torch.no_grad():
            network.cls.seq_relationship.weight.zero_()
            network.cls.seq_relationship.bias.copy_(torch.tensor([1.5, -1.0]))

    folder = random_bert(tmp_path / "rigged", "wordpiece", max_length=16, layers=1, change=change)
    (found,) = answers(invoke("evaluate", "nsp", "-m", str(folder), "--pairs", "100", stdin=ONE_WORD.encode()))
    for question in ("another_document", "same_document"):
        said = found[question]
        assert (said["accuracy"], said["auc"]) == (0.5, 0.5)
        assert (said["next"]["accuracy"], said["not_next"]["accuracy"]) == (1.0, 0.0)
        assert said["next"]["mean_margin"] == said["not_next"]["mean_margin"] == 2.5
    assert found["file"] == "<stdin>"


def test_jsonl_and_text_are_the_same_and_each_file_has_its_record(invoke: Invoke, random: Path, tmp_path: Path) -> None:
    lines = ONE_WORD.split("\n")[:-1]
    records = "".join(json.dumps({"s": line}) + "\n" for line in lines)
    whole = json.dumps({"s": ONE_WORD}) + "\n"
    for name, content in (("text", ONE_WORD), ("jsonl", records), ("whole", whole)):
        (tmp_path / name).write_text(content)
    run = ("evaluate", "nsp", "-m", str(random), "--pairs", "40", "--max-length", "20")
    (expected,) = answers(invoke(*run, str(tmp_path / "text")))
    found = answers(invoke(*run, "--field", "s", str(tmp_path / "jsonl"), str(tmp_path / "whole")))
    assert found == [{**expected, "file": str(tmp_path / name)} for name in ("jsonl", "whole")]
    (seeded,) = answers(invoke(*run, "--seed", "2", str(tmp_path / "text")))
    assert seeded["another_document"] != expected["another_document"]
    assert (expected["seed"], seeded["seed"]) == (1, 2)


def test_one_document_has_no_other_and_short_ones_nothing_that_is_far(invoke: Invoke, random: Path) -> None:
    one = ("the cat sat on the mat\n" * 100).encode()
    done = invoke("evaluate", "nsp", "-m", str(random), stdin=one)
    (found,) = answers(done)
    assert found["another_document"] is None
    assert found["same_document"]["pairs"] > 10
    assert "<stdin>: no text of another document: an empty line between two makes them two" in done.stderr
    done = invoke("evaluate", "nsp", "-m", str(random), stdin=b"the cat\nsat\n\nhe bought\nmilk\n")
    (found,) = answers(done)
    assert found["same_document"] is None
    assert (found["documents"], found["runs"], found["another_document"]["pairs"]) == (2, 2, 4)
    assert "no text of the same document that is far enough" in done.stderr


def test_a_file_that_is_not_there_is_said_and_the_others_are_done(invoke: Invoke, random: Path, tmp_path: Path) -> None:
    (tmp_path / "there").write_text(ONE_WORD)
    (tmp_path / "empty").write_text("\n\n")
    done = invoke(
        "evaluate",
        "nsp",
        "-m",
        str(random),
        "--pairs",
        "10",
        *(str(tmp_path / name) for name in ("none", "empty", "there")),
    )
    assert [found["file"] for found in answers(done, code=1)] == [str(tmp_path / "there")]
    assert "none: No such file or directory" in done.stderr
    done = invoke("evaluate", "nsp", "-m", str(random), str(tmp_path / "none"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "there is no text" not in done.stderr


def test_lines_that_cannot_be_read_are_counted(invoke: Invoke, random: Path) -> None:
    done = invoke("evaluate", "nsp", "-m", str(random), "--pairs", "10", stdin=b"\xff\n" + ONE_WORD.encode())
    assert len(answers(done, code=3)) == 1
    assert "1 of 630 records failed" in done.stderr
    assert invoke("evaluate", "nsp", "-m", str(random), "--on-error", "fail", stdin=b"\xff\n").exit_code == 1


@pytest.mark.parametrize(
    ("stdin", "arguments", "code", "message"),
    [
        (b"", [], 1, "there is no text to evaluate on"),
        (b"\n\n \n", [], 1, "there is no text to evaluate on"),
        (b"a\n\nb\n", [], 1, "there is no text to evaluate on"),
        (bytes(range(128, 256)) + b"\n" + b"\xff\n" * 9, [], 1, "most records failed"),
        (b"the cat\n", ["--pairs", "1"], 2, "--pairs"),
        (b"the cat\n", ["-f", "npy"], 2, "-f"),
        (b"the cat\n", ["-m", "no-such-model", "--offline"], 4, "no-such-model"),
        (b"the cat\n", ["-m", "static-ja-en"], 4, "static-ja-en"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    invoke: Invoke, random: Path, stdin: bytes, arguments: list[str], code: int, message: str
) -> None:
    done = invoke("evaluate", "nsp", "-m", str(random), *arguments, stdin=stdin)
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
