"""``evaluate mlm``: passages, masks and figures on letters, and the command with random BERTs against transformers."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from letter_model import MASK, NUMBERS, PIECES, LetterModel, Letters, by_chance
from program import Invoke, records
from random_berts import JAPANESE, SENTENCES, saved
from scipy.special import log_softmax
from scipy.stats import binomtest

from nlptool.errors import ModelError
from nlptool.models.masked import loading as masked_loading
from nlptool.models.masked.mlm_evaluation import Evaluation, Passages, Tally, ranked
from nlptool.specs import MaskedModelSpec

ODD = [
    *("", " ", "　", "[MASK]は[SEP]猫", "猫[MASK][MASK]", "[ MASK ]", "[CLS][PAD]"),
    *("㍿と①と㌔", "ｶﾞｷﾞ", "ＡＢＣ　ＤＥＦ", "ｗｗｗｗ" * 50, "﷽", "e\u0301e\u0301"),
    *(
        "猫 犬\t魚",
        "\0\x1b猫\x7f",
        "a\u2028b",
        "\u200b猫",
        "\ufeff吾輩",
        "\U0001f408\u200d\u2b1bと\U0001f1ef\U0001f1f5",
    ),
]


def spelled(passage: Any) -> str:
    return " ".join(PIECES[id] for id in passage.ids).replace(" ##", "")


def cut(lines: Sequence[str], texts: Any = None) -> list[tuple[str, Any]]:
    """The lines, each with its pieces."""
    return list(zip(lines, (texts or Letters()).tokenize(lines), strict=True))


def passages(lines: Sequence[str], *, max_length: int = 10, **more: Any) -> list[Any]:
    made = Passages(Letters(max_length), **more)  # type: ignore[arg-type]
    return [*made.add(cut(lines)), *made.end()]


class Verbs:
    """Words for which those of more than two letters are verbs."""

    def parts_of_speech(self, text: str) -> list[str]:
        return ["動詞" if len(word) > 2 else "助詞" for word in text.split()]


def evaluated(model: Any, lines: Sequence[str], **more: Any) -> Evaluation:
    evaluation = Evaluation(model, **more)
    evaluation.add(cut(lines, model.texts))
    evaluation.finish()
    return evaluation


def test_lines_of_a_document_fill_a_passage_and_a_word_is_never_cut() -> None:
    found = passages(["ab c", "def g", "hi"])  # room for 8 pieces; the ninth would be the second half of hi
    assert [spelled(each) for each in found] == ["ab c def g", "hi"]
    assert found[0].continues.tolist() == [False, True, False, False, True, True, False]


def test_an_empty_line_ends_a_document_and_many_are_as_one() -> None:
    assert [spelled(each) for each in passages(["", "a b", "", "", "c", " "])] == ["a b", "c"]


def test_a_line_can_be_a_passage_of_its_own() -> None:
    found = passages(["ab c", "d", "", "a b c d e f g h i"], by_line=True)
    assert [spelled(each) for each in found] == ["ab c", "d", "a b c d e f g h", "i"]


def test_a_long_line_goes_on_in_the_next_passage() -> None:
    found = passages(["a b c d e f g hij k"])
    assert [spelled(each) for each in found] == ["a b c d e f g", "hij k"]


def test_a_word_that_is_longer_than_a_passage_is_cut() -> None:
    found = passages(["abcdefghijklmnopqrst u"])
    assert [len(each.ids) for each in found] == [8, 8, 5]
    assert "".join(PIECES[id].removeprefix("##") for each in found for id in each.ids) == "abcdefghijklmnopqrstu"


def test_nothing_is_lost_or_seen_twice_however_the_lines_arrive() -> None:
    rng = np.random.default_rng(1)
    letters = list("abcdefghij")
    lines = [
        " ".join("".join(rng.choice(letters, rng.integers(1, 12))) for _ in range(rng.integers(0, 9)))
        for _ in range(60)
    ]
    together = passages(lines)
    made = Passages(Letters(10))  # type: ignore[arg-type]
    alone = [each for line in lines for each in made.add(cut([line]))] + list(made.end())
    assert [each.ids.tolist() for each in together] == [each.ids.tolist() for each in alone]
    expected = [id for cut in Letters().tokenize(lines) for id in cut.ids]
    assert [id for each in together for id in each.ids] == expected
    assert max(len(each.ids) for each in together) == 8


def figures(found: Evaluation) -> dict[str, Any]:
    """What is said of all pieces, without the intervals."""
    return {name: value for name, value in found.every.said().items() if not name.endswith("_interval")}


def test_the_figures_equal_a_slow_loop_over_what_the_model_was_asked() -> None:
    lines = ["the quick brown fox", "jumps over", "", "the lazy dog and THE cat"]
    model = LetterModel(max_length=16)
    found = evaluated(model, lines, share=0.6)
    texts = {len(each.ids) + 2: each.ids for each in passages(lines, max_length=16)}  # no two are of the same length
    assert len(texts) == found.n_sequences == 4
    assert len(model.asked) >= 3
    n_first = n_five = n = 0
    total = 0.0
    for row in model.asked:
        whole = texts[len(row.ids)]
        for place in row.positions:
            assert row.ids[place] == MASK
            logits = by_chance(row.ids, place)
            right = int(whole[place - 1])
            best = np.argsort(-logits, kind="stable")[:5].tolist()
            n, n_first, n_five = n + 1, n_first + (best[0] == right), n_five + (right in best)
            total += float(log_softmax(logits.astype(np.float64))[right])
        shown = [id for place, id in enumerate(row.ids[1:-1]) if place + 1 not in row.positions]
        assert MASK not in shown
    assert found.every.n_pieces == n
    assert (found.every.n_first, found.every.n_first_five) == (n_first, n_five)
    assert figures(found) == {
        "n_pieces": n,
        "top1": round(n_first / n, 4),
        "top5": round(n_five / n, 4),
        "perplexity": round(math.exp(-total / n), 2),
    }


def test_a_model_that_knows_everything_scores_one_and_perplexity_one() -> None:
    def knowing(ids: Sequence[int], place: int) -> np.ndarray:
        logits = np.full(len(PIECES), -1e4, np.float32)
        logits[NUMBERS["abc"[(place - 1) % 3]]] = 0
        return logits

    lines = ["a b c a b c"] * 40
    found = evaluated(LetterModel(knowing), lines)
    assert figures(found) == {"n_pieces": found.every.n_pieces, "top1": 1.0, "top5": 1.0, "perplexity": 1.0}
    assert found.every.n_pieces == pytest.approx(0.15 * 240, abs=12)


def test_a_model_that_knows_nothing_scores_nothing_but_chance() -> None:
    """Equal logits are no right guess: the first five of all are special tokens."""
    found = evaluated(LetterModel(lambda ids, place: np.zeros(len(PIECES), np.float32)), ["a b c d e f g h"] * 9)
    assert found.every.said()["top1"] == 0
    assert found.every.said()["top5"] == 0
    assert found.every.said()["perplexity"] == round(float(len(PIECES)), 2)


def test_all_pieces_of_a_word_are_masked_together() -> None:
    model = LetterModel()
    evaluated(model, ["abc de fgh i jkl mn"] * 50, by_line=True, share=0.3)
    assert len(model.asked) == 50
    words = [{1, 2, 3}, {4, 5}, {6, 7, 8}, {9}, {10, 11, 12}, {13, 14}]
    for row in model.asked:
        assert all(word <= set(row.positions) or not word & set(row.positions) for word in words)
    assert len({tuple(row.positions) for row in model.asked}) > 10
    assert np.mean([len(row.positions) for row in model.asked]) == pytest.approx(0.3 * 14, abs=0.5)


def test_unknown_pieces_and_special_tokens_are_never_to_be_guessed() -> None:
    model = LetterModel()
    found = evaluated(model, ["CAT a [SEP] DOG [MASK]"] * 20, by_line=True, share=1.0)
    assert {tuple(row.positions) for row in model.asked} == {(2,)}
    assert found.n_unknown == 40
    assert found.every.n_pieces == 20


def test_a_text_of_unknown_words_alone_has_sequences_and_no_figures() -> None:
    model = LetterModel()
    found = evaluated(model, ["CAT DOG"])
    assert model.asked == []
    assert found.n_sequences == 1
    assert figures(found) == {"n_pieces": 0, "top1": None, "top5": None, "perplexity": None}
    assert found.every.said()["top1_interval"] is None


def test_content_words_are_counted_apart() -> None:
    def knows_long_words(ids: Sequence[int], place: int) -> np.ndarray:
        logits = np.zeros(len(PIECES), np.float32)
        logits[NUMBERS["c"] if place == 1 else NUMBERS["##a"] if place == 2 else NUMBERS["##t"]] = 9
        return logits

    model = LetterModel(knows_long_words)
    model.texts.words = Verbs()  # type: ignore[assignment]
    found = evaluated(model, ["cat of"] * 7, by_line=True, share=1.0)
    assert found.knows_content
    assert found.content.said()["n_pieces"] == 21
    assert found.content.said()["top1"] == 1.0
    assert found.every.said()["n_pieces"] == 35
    assert found.every.said()["top1"] == 0.6


def test_the_seed_decides_what_is_masked_and_nothing_else_does() -> None:
    lines = ["the quick brown fox jumps over the lazy dog", "", "a cat and a dog"] * 30

    def asked(seed: int, size: int) -> list[tuple[list[int], list[int]]]:
        model = LetterModel(max_length=20)
        evaluation = Evaluation(model, seed=seed)  # type: ignore[arg-type]
        for start in range(0, len(lines), size):
            evaluation.add(cut(lines[start : start + size]))
        evaluation.finish()
        return [(row.ids, row.positions) for row in model.asked]

    assert asked(1, 90) == asked(1, 7)
    assert asked(1, 90) != asked(2, 90)


def test_a_limit_draws_from_the_whole_text() -> None:
    lines = [letter * (1 + number % 9) for number, letter in enumerate("abcdefghijklmnopqrst" * 20)]
    model = LetterModel()
    found = evaluated(model, lines, by_line=True, limit=50, share=1.0)
    assert found.n_sequences == len(model.asked) == 50
    drawn: list[int] = []
    for seed in range(200):
        evaluation = Evaluation(LetterModel(), by_line=True, limit=5, seed=seed)  # type: ignore[arg-type]
        evaluation.add(cut(["a " * (1 + number) for number in range(20)]))
        drawn += [len(passage.ids) - 1 for passage in evaluation._waiting]
    counts = np.bincount(drawn, minlength=20)
    assert counts.sum() == 1000
    assert counts.min() > 25  # of 50 each
    assert counts.max() < 80


def test_fewer_sequences_than_the_limit_are_all_used() -> None:
    assert evaluated(LetterModel(), ["a", "b", "c"], by_line=True, limit=50).n_sequences == 3


def test_memory_does_not_grow_with_the_text() -> None:
    model = LetterModel()
    evaluation = Evaluation(model, by_line=True)  # type: ignore[arg-type]
    for _ in range(1000):
        evaluation.add(cut(["a b"]))
        assert len(evaluation._waiting) < 256
    evaluation.finish()
    assert evaluation.n_sequences == len(model.asked) == 1000


def test_a_model_that_answers_nan_is_an_error() -> None:
    model = LetterModel(lambda ids, place: np.full(len(PIECES), np.nan, np.float32))
    with pytest.raises(ModelError, match="NaN"):
        evaluated(model, ["a b c"])


def test_ranks_are_those_of_a_stable_sort() -> None:
    rng = np.random.default_rng(1)
    logits = rng.integers(0, 5, (200, 20)).astype(np.float32)  # many equals
    right = rng.integers(0, 20, 200)
    orders = np.argsort(-logits, axis=1, kind="stable")
    expected = [order.tolist().index(token) for order, token in zip(orders, right, strict=True)]
    assert ranked(logits, right).tolist() == expected


@pytest.mark.parametrize(("n", "k"), [(1, 0), (1, 1), (10, 3), (1000, 400), (7, 7)])
def test_the_interval_is_scipys(n: int, k: int) -> None:
    interval = binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert Tally(n_pieces=n, n_first=k).said()["top1_interval"] == pytest.approx(
        [interval.low, interval.high], abs=6e-5
    )


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, str]:
    folder = tmp_path_factory.mktemp("models") / "model"
    return *saved("bert", folder), str(folder)


@pytest.fixture(scope="module")
def japanese(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, str]:
    folder = tmp_path_factory.mktemp("models") / "model"
    return *saved("bert-japanese", folder), str(folder)


def test_the_figures_are_those_of_transformers_on_the_same_masks(bert: tuple[Any, Any, str]) -> None:
    peer, tokenizer, folder = bert
    model = masked_loading.load(MaskedModelSpec(folder, threads=1, offline=True))
    asked: list[Any] = []
    answer = model.logits
    model.logits = lambda rows: (asked.extend(rows), answer(rows))[1]  # type: ignore[method-assign,assignment,func-returns-value]
    lines = SENTENCES * 3
    found = evaluated(model, lines, by_line=True, share=0.3)
    values, ranks = [], []
    originals = {len(ids): ids for ids in tokenizer(SENTENCES)["input_ids"]}
    assert len(originals) == len(SENTENCES)
    assert len(asked) > 10
    for row in asked:
        original = originals[len(row.ids)]
        assert [id for place, id in enumerate(row.ids) if place not in row.positions] == [
            id for place, id in enumerate(original) if place not in row.positions
        ]
        with torch.inference_mode():
            logits = peer(input_ids=torch.tensor([row.ids])).logits[0].double()
        for place in row.positions:
            values.append(torch.log_softmax(logits[place], -1)[original[place]].item())
            ranks.append(int((logits[place] > logits[place, original[place]]).sum()))
    assert found.every.n_pieces == len(values)
    assert found.every.n_first == sum(rank == 0 for rank in ranks)
    assert found.every.n_first_five == sum(rank < 5 for rank in ranks)
    assert found.every.log_probability == pytest.approx(sum(values), abs=1e-3)


def test_the_record_says_the_figures_and_the_rules(invoke: Invoke, bert: tuple[Any, Any, str], tmp_path: Path) -> None:
    folder = bert[2]
    path = tmp_path / "text.txt"
    path.write_text("\n".join([*SENTENCES, "", *SENTENCES]) + "\n", encoding="utf-8")
    (found,) = records(invoke("evaluate", "mlm", "-m", folder, "--threads", "1", str(path)))
    assert list(found) == [
        "file", "n_sequences", "n_pieces", "top1", "top5", "perplexity", "top1_interval", "top5_interval", "content",
        "n_unknown", "n_unseen_script", "model", "max_length", "share", "by", "limit", "seed",
    ]  # fmt: skip
    assert {name: found[name] for name in ("file", "content", "model", "max_length", "share", "by", "limit", "seed")} == {
        "file": str(path), "content": None, "model": folder, "max_length": 40, "share": 0.15, "by": "document",
        "limit": None, "seed": 1,
    }  # fmt: skip
    n = 2 * sum(len(bert[1](text)["input_ids"]) - 2 for text in SENTENCES)
    assert found["n_sequences"] >= math.ceil(n / 38)
    assert found["n_pieces"] == pytest.approx(0.15 * n, abs=0.06 * n)
    assert found["top1"] <= found["top5"]
    for name in ("top1", "top5"):
        low, high = found[f"{name}_interval"]
        assert low <= found[name] <= high
    assert found["perplexity"] > 1
    again = records(invoke("evaluate", "mlm", "-m", folder, "--threads", "1", stdin=path.read_bytes()))
    assert again == [{**found, "file": "<stdin>"}]
    assert (
        records(invoke("evaluate", "mlm", "-m", folder, "--seed", "2", str(path)))[0]["perplexity"]
        != found["perplexity"]
    )


def test_content_words_are_known_where_mecab_cuts(invoke: Invoke, japanese: tuple[Any, Any, str]) -> None:
    stdin = "猫が魚を食べる。\n".encode()
    (found,) = records(invoke("evaluate", "mlm", "-m", japanese[2], "--share", "1", stdin=stdin))
    assert found["n_pieces"] == 6
    assert found["content"]["n_pieces"] == 3  # 猫, 魚, 食べる
    assert 0 <= found["content"]["top1"] <= found["content"]["top5"] <= 1
    assert found["content"]["perplexity"] > 1


def test_every_word_of_odd_japanese_has_a_part_of_speech(japanese: tuple[Any, Any, str]) -> None:
    """Compatibility forms, special tokens, blanks, control characters, emoji: words and parts of speech stay in step."""
    texts = masked_loading.load(MaskedModelSpec(japanese[2], threads=1, offline=True)).texts
    assert texts.words is not None
    for text in [*JAPANESE, *ODD]:
        (cut,) = texts.tokenize([text])
        assert len(texts.words.parts_of_speech(text)) == (cut.words[-1] + 1 if cut.words else 0), text


def test_several_files_have_a_record_each_and_a_missing_one_is_said(
    invoke: Invoke, bert: tuple[Any, Any, str], tmp_path: Path
) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("\n".join(SENTENCES), encoding="utf-8")
    (tmp_path / "empty.txt").write_text("\n\n", encoding="utf-8")
    names = [str(tmp_path / name) for name in ("a.txt", "nothing.txt", "empty.txt", "b.txt")]
    done = invoke("evaluate", "mlm", "-m", bert[2], *names)
    first, second = records(done, code=1)
    assert (first["file"], second["file"]) == (names[0], names[3])
    assert first["perplexity"] == second["perplexity"]
    assert "nothing.txt" in done.stderr


def test_of_a_missing_file_alone_only_that_is_said(invoke: Invoke, bert: tuple[Any, Any, str], tmp_path: Path) -> None:
    done = invoke("evaluate", "mlm", "-m", bert[2], str(tmp_path / "nothing.txt"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "nothing.txt: No such file or directory" in done.stderr
    assert "there is no text" not in done.stderr


def test_a_table_shows_the_figures_to_a_person(invoke: Invoke, japanese: tuple[Any, Any, str]) -> None:
    stdin = "\n".join(JAPANESE).encode()
    done = invoke("evaluate", "mlm", "-m", japanese[2], "--share", "0.5", "-f", "table", stdin=stdin)
    (found,) = records(invoke("evaluate", "mlm", "-m", japanese[2], "--share", "0.5", stdin=stdin))
    head, every, content = done.stdout.splitlines()
    assert head.split() == ["file", "words", "pieces", "top1", "top5", "perplexity", "model"]
    assert "{} ({}–{})".format(found["top1"], *found["top1_interval"]) in every
    assert "{} ({}–{})".format(found["content"]["top5"], *found["content"]["top5_interval"]) in content
    assert str(found["perplexity"]) in every
    assert " content " in content
    assert str(found["content"]["perplexity"]) in content
    assert str(found["content"]["perplexity"]) not in every


@pytest.mark.parametrize(
    "stdin", [b"", b"\n\n\n", b'{"text": ""}\n', " 　\n".encode()], ids=["nothing", "lines", "json", "blanks"]
)
def test_no_text_is_an_error_with_a_hint(invoke: Invoke, bert: tuple[Any, Any, str], stdin: bytes) -> None:
    done = invoke("evaluate", "mlm", "-m", bert[2], stdin=stdin)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "there is no text" in done.stderr


def test_a_text_without_a_known_word_is_said(invoke: Invoke, bert: tuple[Any, Any, str]) -> None:
    done = invoke("evaluate", "mlm", "-m", bert[2], stdin="猫\n犬\n".encode())
    (found,) = records(done)
    assert (found["n_pieces"], found["top1"], found["perplexity"], found["n_unknown"]) == (0, None, None, 2)
    assert "no word to be guessed" in done.stderr


def test_lines_that_cannot_be_read_are_left_out_and_counted(invoke: Invoke, bert: tuple[Any, Any, str]) -> None:
    stdin = b"the man went\n\xff\xfe\nbirds over milk\n"
    done = invoke("evaluate", "mlm", "-m", bert[2], "--by", "line", stdin=stdin)
    (found,) = records(done, code=3)
    assert found["n_sequences"] == 2
    assert "1 of 3 records failed" in done.stderr
    failed = invoke("evaluate", "mlm", "-m", bert[2], "--on-error", "fail", stdin=stdin)
    assert failed.exit_code == 1
    assert failed.stdout == ""


def test_records_of_json_are_lines_too(invoke: Invoke, bert: tuple[Any, Any, str]) -> None:
    texts = ["the man went over", "", "birds!"]
    plain = records(invoke("evaluate", "mlm", "-m", bert[2], stdin="\n".join(texts).encode()))
    stdin = "".join(json.dumps({"id": 1, "text": text}) + "\n" for text in texts).encode()
    assert records(invoke("evaluate", "mlm", "-m", bert[2], stdin=stdin)) == plain
    whole = json.dumps({"text": "\n".join(texts)}).encode()
    assert records(invoke("evaluate", "mlm", "-m", bert[2], stdin=whole)) == plain


def test_a_file_that_is_no_text_is_refused(invoke: Invoke, bert: tuple[Any, Any, str], tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"\x80\xff\xfe\n" * 50)
    done = invoke("evaluate", "mlm", "-m", bert[2], str(path))
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "most records failed" in done.stderr


def test_one_line_of_a_hundred_thousand_characters_is_cut_into_sequences(
    invoke: Invoke, bert: tuple[Any, Any, str]
) -> None:
    text = "the man went over " * 5556
    (found,) = records(invoke("evaluate", "mlm", "-m", bert[2], "--limit", "20", stdin=text.encode()))
    assert found["n_sequences"] == found["limit"] == 20


@pytest.mark.parametrize(
    "arguments",
    [["--share", "0"], ["--share", "nan"], ["--share", "1.5"], ["--by", "word"], ["--limit", "-1"], ["--seed", "x"], ["-o", "x"]],
    ids="-".join,
)  # fmt: skip
def test_wrong_usage_is_exit_2(invoke: Invoke, bert: tuple[Any, Any, str], arguments: list[str]) -> None:
    assert invoke("evaluate", "mlm", "-m", bert[2], *arguments, stdin=b"the man\n").exit_code == 2


def test_a_sentence_encoder_is_refused(invoke: Invoke) -> None:
    done = invoke("evaluate", "mlm", "-m", "static-ja-en", stdin=b"the man\n")
    assert done.exit_code == 4
    assert "static-ja-en is a model for embed" in done.stderr
