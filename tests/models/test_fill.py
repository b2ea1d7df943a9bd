"""The best pieces behind masks equal those of slow loops; filled texts are the user's own."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from nlptool.errors import RecordError
from nlptool.models.masked import fill as masked_fill
from nlptool.models.masked import model as masked_model
from nlptool.models.masked.fill import Answer, Candidate, Fill, Question, Targets
from nlptool.models.masked.templates import FillTexts
from nlptool.models.masked.tokenizer import MaskedLmTokenizer, ModelInput, TokenizedText

V = 12
MASK = 0


class NumberTokenizer:
    """Numbers are pieces, 0 is the mask, 11 stands at both ends."""

    mask_id, size = MASK, V

    def __init__(self, room: int) -> None:
        self._room = room
        self.unspelled: set[int] = set()

    def piece(self, id: int) -> str:
        return "" if id in self.unspelled else str(id)

    def max_pieces(self) -> int:
        return self._room

    def model_input(self, ids: Sequence[int], *, positions: Sequence[int] = ()) -> ModelInput:
        assert len(ids) <= self._room
        return ModelInput([11, *ids, 11], [0] * (len(ids) + 2), [place + 1 for place in positions])


class NumberModel:
    """Random logits that depend on the whole row and on the place."""

    def __init__(self, room: int = 20) -> None:
        self.texts = NumberTokenizer(room)
        self.rows: list[ModelInput] = []

    def logits(self, rows: Sequence[ModelInput]) -> Iterator[tuple[int, Any]]:
        self.rows += rows
        for index, row in reversed(list(enumerate(rows))):
            yield index, np.stack([self.at(row.ids, place) for place in row.positions])

    def at(self, ids: Sequence[int], place: int) -> Any:
        return np.random.default_rng([*ids, place]).normal(0, 2, V).astype(np.float32)

    def log_p(self, ids: Sequence[int], place: int) -> Any:
        """The plain log-softmax at a place of a text."""
        logits = self.at([11, *ids, 11], place + 1).astype(np.float64)
        return logits - np.log(np.exp(logits).sum())


TEXT = [3, MASK, 5, 7, MASK, MASK, 2]
PLACES = [1, 4, 5]


def answer(model: NumberModel, question: Question, **more: Any) -> Answer:
    (found,) = masked_fill.fill(model, [question], **({"k": 5} | more))  # type: ignore[arg-type]
    return found


def pieces(found: Sequence[Fill]) -> list[tuple[tuple[int, ...], ...]]:
    return [tuple(choice.ids for choice in fill.choices) for fill in found]


def same(found: Sequence[Fill], expected: Sequence[tuple[float, Sequence[Sequence[int]]]]) -> None:
    """Fills are as expected, and in the same order."""
    assert pieces(found) == [tuple(map(tuple, choices)) for _, choices in expected]
    assert [fill.log_probability for fill in found] == pytest.approx([score for score, _ in expected], abs=1e-5)


def best(scored: Any, k: int) -> list[Any]:
    return sorted(scored, key=lambda each: -each[0])[:k]


def with_pieces(positions: Sequence[int], known: dict[int, int], text: Sequence[int] = TEXT) -> list[int]:
    ids = list(text)
    for mask, piece in known.items():
        ids[positions[mask]] = piece
    return ids


def chained(model: NumberModel, order: Sequence[int], choice: Sequence[int]) -> float:
    """The chain rule, with the masks in this order."""
    known: dict[int, int] = {}
    score = 0.0
    for mask in order:
        score += model.log_p(with_pieces(PLACES, known), PLACES[mask])[choice[mask]]
        known[mask] = choice[mask]
    return score


@pytest.mark.parametrize("joint", masked_fill.JOINT)
def test_the_candidates_of_a_mask_are_the_best_of_the_softmax(joint: str) -> None:
    model = NumberModel()
    found = answer(model, Question(TEXT, PLACES), joint=joint)
    for place, of_mask in zip(PLACES, found.masks, strict=True):
        log_p = model.log_p(TEXT, place)
        same(of_mask, best(((log_p[piece], [[piece]]) for piece in range(V)), 5))
    assert (found.n_tokens, found.n_windows, found.truncated) == (9, 1, False)


def test_independent_fills_are_the_best_products_of_all_combinations() -> None:
    model = NumberModel()
    log_p = [model.log_p(TEXT, place) for place in PLACES]
    every = (
        (sum(scores[piece] for scores, piece in zip(log_p, choice, strict=True)), [[piece] for piece in choice])
        for choice in itertools.product(range(V), repeat=3)
    )
    found = answer(model, Question(TEXT, PLACES), k=100, joint="independent").fills
    same(found, best(every, 100))


def test_a_beam_as_wide_as_there_are_fills_finds_the_best_of_all() -> None:
    model = NumberModel()
    every = (
        (chained(model, [0, 1, 2], choice), [[piece] for piece in choice])
        for choice in itertools.product(range(V), repeat=3)
    )
    same(answer(model, Question(TEXT, PLACES), k=30, beams=V * V).fills, best(every, 30))


@pytest.mark.parametrize("beams", [1, 3])
def test_a_narrow_beam_keeps_the_best_beginnings(beams: int) -> None:
    model = NumberModel()
    kept: list[tuple[float, list[int]]] = [(0.0, [])]
    for mask in range(3):
        longer = []
        for score, choice in kept:
            log_p = model.log_p(with_pieces(PLACES, dict(enumerate(choice))), PLACES[mask])
            longer += [(score + log_p[piece], [*choice, piece]) for piece in range(V)]
        kept = best(longer, beams if mask < 2 else 7)
    found = answer(model, Question(TEXT, PLACES), k=7, beams=beams).fills
    same(found, [(score, [[piece] for piece in choice]) for score, choice in kept])


def test_greedy_fills_the_surest_mask_first_and_gives_a_fill_for_each_of_its_best_pieces() -> None:
    in_order = []
    for first_piece in range(1, 10):
        model = NumberModel()
        text = [first_piece, *TEXT[1:]]
        log_p = [model.log_p(text, place) for place in PLACES]
        first = max(range(3), key=lambda mask: log_p[mask].max())
        expected = []
        for piece in np.argsort(-log_p[first])[:4]:
            known = {first: int(piece)}
            score = log_p[first][piece]
            while len(known) < 3:
                ids = with_pieces(PLACES, known, text)
                left = {mask: model.log_p(ids, PLACES[mask]) for mask in range(3) if mask not in known}
                surest = max(left, key=lambda mask: left[mask].max())
                known[surest] = int(left[surest].argmax())
                score += left[surest].max()
            expected.append((score, [[known[mask]] for mask in range(3)]))
        same(answer(model, Question(text, PLACES), k=4, joint="greedy").fills, best(expected, 4))
        in_order.append(expected == best(expected, 4))
    assert not all(in_order)  # the best first piece need not lead to the best fill


def test_with_one_mask_all_ways_give_its_candidates() -> None:
    question = Question([4, 4, MASK, 9], [2])
    of_each = [answer(NumberModel(), question, k=V + 3, joint=joint, beams=2) for joint in masked_fill.JOINT]
    assert len(of_each[0].fills) == V
    for found in of_each:
        assert found.masks == [found.fills] == of_each[0].masks
    assert sum(math.exp(fill.log_probability) for fill in of_each[0].fills) == pytest.approx(1)


TARGETS = Targets(
    [
        Candidate((4,), "d"),
        Candidate((4, 6), "df"),
        Candidate((4, 6, 1), "dfa"),
        Candidate((4, 6, 2), "dfb"),
        Candidate((8, 9), "hi"),
    ]
)


def of_target(model: NumberModel, ids: Sequence[int], place: int, choice: Candidate) -> float:
    """One piece after the other, with a mask for each."""
    n = len(choice.ids)
    score = 0.0
    for known in range(n):
        standing = [*choice.ids[:known], *[MASK] * (n - known)]
        score += model.log_p([*ids[:place], *standing, *ids[place + 1 :]], place + known)[choice.ids[known]]
    return score


def test_targets_of_one_to_three_pieces_are_scored_piece_by_piece() -> None:
    model = NumberModel()
    found = answer(model, Question(TEXT, PLACES, [TARGETS] * 3), k=5)
    for place, of_mask in zip(PLACES, found.masks, strict=True):
        expected = [(of_target(model, TEXT, place, choice), [choice.ids]) for choice in TARGETS.choices]
        same(of_mask, best(expected, 5))
        assert {fill.choices[0].word for fill in of_mask} == {"d", "df", "dfa", "dfb", "hi"}


def test_targets_that_begin_alike_share_what_is_computed() -> None:
    model = NumberModel()
    answer(model, Question([MASK, 3], [0], [TARGETS]))
    # d; df, hi: two masks, and the second piece behind each first; dfa, dfb: three masks, and behind d, and behind df
    assert len(model.rows) == 1 + 3 + 3


def test_targets_of_one_piece_need_one_reading_of_the_text_whatever_the_number_of_masks() -> None:
    model = NumberModel()
    alone = Targets([Candidate((piece,), str(piece)) for piece in range(1, 6)])
    answer(model, Question(TEXT, PLACES, [alone] * 3), joint="independent")
    assert len(model.rows) == 1


def test_a_wide_beam_of_targets_finds_the_best_of_all() -> None:
    model = NumberModel()
    ids, positions = [3, MASK, 5, MASK], [1, 3]
    every = []
    for first, second in itertools.product(TARGETS.choices, repeat=2):
        score = of_target(model, ids, 1, first)
        filled = [3, *first.ids, 5, MASK]
        score += of_target(model, filled, len(filled) - 1, second)
        every.append((score, [first.ids, second.ids]))
    same(answer(model, Question(ids, positions, [TARGETS] * 2), k=25, beams=5).fills, best(every, 25))


@pytest.mark.parametrize("joint", ["greedy", "independent"])
def test_targets_go_with_every_way(joint: str) -> None:
    found = answer(NumberModel(), Question(TEXT, PLACES, [TARGETS] * 3), joint=joint).fills
    assert len(found) == 5
    assert all({choice.word for choice in fill.choices} <= {"d", "df", "dfa", "dfb", "hi"} for fill in found)


def test_each_mask_may_have_targets_of_its_own() -> None:
    few = Targets([Candidate((2,), "b")])
    found = answer(NumberModel(), Question([MASK, MASK], [0, 1], [few, TARGETS]))
    assert [len(of_mask) for of_mask in found.masks] == [1, 5]
    assert {fill.choices[0].word for fill in found.fills} == {"b"}


def test_masks_that_fit_into_one_window_stay_together() -> None:
    model = NumberModel(room=10)
    ids = [1, 2, 3, 4, 5, 6, 7, MASK, 9, 1, MASK, 3, 4, 5, 6, 7, 8, 9, 1, 2]
    found = answer(model, Question(ids, [7, 10]), k=4, beams=4)
    assert model.rows[0].ids[1:-1] == ids[4:14]  # as much before as behind
    assert (found.n_tokens, found.n_windows, found.truncated) == (12, 1, True)
    inside = answer(NumberModel(room=10), Question(ids[4:14], [3, 6]), k=4, beams=4)
    assert (found.masks, found.fills) == (inside.masks, inside.fills)


@pytest.mark.parametrize(("place", "start"), [(0, 0), (2, 0), (15, 10), (19, 10)])
def test_a_window_at_an_end_of_the_text_is_full(place: int, start: int) -> None:
    model = NumberModel(room=10)
    ids = [1 + number % 10 for number in range(20)]
    ids[place] = MASK
    answer(model, Question(ids, [place]))
    assert model.rows[0].ids[1:-1] == ids[start : start + 10]


def test_masks_far_apart_have_windows_of_their_own_and_none_is_lost() -> None:
    model = NumberModel(room=6)
    ids = [1 + number % 10 for number in range(60)]
    positions = [0, 3, 20, 40, 42, 59]
    for place in positions:
        ids[place] = MASK
    found = answer(model, Question(ids, positions), k=3)
    assert found.n_windows == 4
    assert len(found.masks) == 6
    assert all(len(of_mask) == 3 for of_mask in found.masks)
    log_p = model.log_p(ids[18:24], 2)  # the window around the mask at 20
    same(found.masks[2], best(((log_p[piece], [[piece]]) for piece in range(V)), 3))


@pytest.mark.parametrize("joint", masked_fill.JOINT)
@pytest.mark.parametrize("shift", range(10))
def test_fills_of_several_windows_are_the_best_products_of_theirs(joint: str, shift: int) -> None:
    ids = [1 + (number + shift) % 10 for number in range(40)]
    positions = [2, 4, 6, 20, 22, 24, 39]
    for place in positions:
        ids[place] = MASK
    found = answer(NumberModel(room=6), Question(ids, positions), k=12, joint=joint)
    windows = [(ids[2:8], [0, 2, 4]), (ids[20:26], [0, 2, 4]), (ids[34:], [5])]
    assert found.n_windows == len(windows)
    alone = [answer(NumberModel(room=6), Question(*window), k=12, joint=joint).fills for window in windows]
    every = (
        (sum(fill.log_probability for fill in some), [choice.ids for fill in some for choice in fill.choices])
        for some in itertools.product(*alone)
    )
    same(found.fills, best(every, 12))


def test_other_masks_in_a_window_stay_masks() -> None:
    model = NumberModel(room=4)
    ids = [MASK] * 6
    found = answer(model, Question(ids, list(range(6))), k=2, joint="independent")
    assert found.n_windows == 2
    assert sorted((row.ids, row.positions) for row in model.rows) == [
        ([11, *[MASK] * 4, 11], [1, 2, 3, 4]),
        ([11, *[MASK] * 4, 11], [3, 4]),
    ]


def test_a_window_leaves_room_for_the_longest_target() -> None:
    model = NumberModel(room=8)  # and NumberTokenizer.row refuses what is longer
    ids = [1, 2, 3, MASK, 4, MASK, 5, 6]
    found = answer(model, Question(ids, [3, 5], [TARGETS] * 2))
    assert found.truncated
    assert found.n_windows == 1
    assert max(len(row.ids) for row in model.rows) == 8 + 2
    assert answer(NumberModel(room=12), Question(ids, [3, 5], [TARGETS] * 2)).truncated is False


def test_masks_that_fit_but_for_their_targets_have_windows_of_their_own() -> None:
    model = NumberModel(room=8)
    ids = [1 + number % 10 for number in range(30)]
    ids[10] = ids[15] = MASK
    assert answer(NumberModel(room=8), Question(ids, [10, 15])).n_windows == 1
    found = answer(model, Question(ids, [10, 15], [TARGETS] * 2))
    assert found.n_windows == 2
    assert max(len(row.ids) for row in model.rows) == 8 + 2


def test_a_word_as_long_as_the_room_is_scored_alone() -> None:
    model = NumberModel(room=3)
    found = answer(model, Question([5, MASK, 6], [1], [TARGETS]), k=9)
    longest = next(fill for fill in found.masks[0] if fill.choices[0].word == "dfa")
    assert longest.log_probability == pytest.approx(of_target(model, [MASK], 0, TARGETS.choices[2]), abs=1e-5)


@pytest.mark.parametrize("joint", masked_fill.JOINT)
def test_two_hundred_masks_are_answered(joint: str) -> None:
    model = NumberModel(room=30)
    positions = list(range(0, 400, 2))
    ids = [MASK if place % 2 == 0 else 3 for place in range(400)]
    found = answer(model, Question(ids, positions), k=2, beams=2, joint=joint)
    assert len(found.masks) == 200
    assert len(found.fills) == 2
    assert all(len(fill.choices) == 200 for fill in found.fills)
    assert found.fills[0].log_probability >= found.fills[1].log_probability
    assert len(model.rows) <= 14 + 2 * 200  # each window once, and then each fill that is kept for each mask


@pytest.mark.parametrize("joint", masked_fill.JOINT)
def test_answers_do_not_depend_on_what_is_computed_together(joint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = [
        Question(
            [1 + (place + number) % 10 if place % (number + 2) else MASK for place in range(12)],
            list(range(0, 12, number + 2)),
        )
        for number in range(8)
    ]
    together = list(masked_fill.fill(NumberModel(), questions, k=3, joint=joint, beams=2))  # type: ignore[arg-type]
    monkeypatch.setattr(masked_fill, "_HELD", 7)
    monkeypatch.setattr(masked_model, "_TOGETHER", 30)
    assert list(masked_fill.fill(NumberModel(), questions, k=3, joint=joint, beams=2)) == together  # type: ignore[arg-type]
    assert together == [answer(NumberModel(), question, k=3, joint=joint, beams=2) for question in questions]


def test_no_questions_have_no_answers() -> None:
    assert list(masked_fill.fill(NumberModel(), [], k=3)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("joint", masked_fill.JOINT)
def test_nan_is_no_answer_and_minus_infinity_no_candidate(joint: str) -> None:
    class Broken(NumberModel):
        def at(self, ids: Sequence[int], place: int) -> Any:
            logits = super().at(ids, place)
            logits[:4] = -np.inf
            return logits * np.nan if 9 in ids else logits

    found = answer(Broken(), Question([1, MASK, MASK], [1, 2]), k=V, joint=joint)
    assert all(min(fill.choices[0].ids) >= 4 for of_mask in found.masks for fill in of_mask)
    assert [len(of_mask) for of_mask in found.masks] == [V - 4] * 2
    broken = answer(Broken(), Question([9, MASK, MASK], [1, 2]), k=V, joint=joint)
    assert (broken.masks, broken.fills) == ([[], []], [])


@given(
    st.lists(st.lists(st.integers(-40, 0).map(lambda n: n / 4), min_size=1, max_size=6), max_size=4),
    st.integers(1, 30),
)
def test_combinations_are_the_best_of_all(scores: list[list[float]], k: int) -> None:
    lists = [
        [Fill(score, (Candidate((number,)),)) for number, score in enumerate(sorted(each, reverse=True))]
        for each in scores
    ]
    every = [sum(fill.log_probability for fill in some) for some in itertools.product(*lists)]
    found = masked_fill.combined(lists, k)
    assert [fill.log_probability for fill in found] == sorted(every, reverse=True)[:k]
    assert len(set(pieces(found))) == len(found)
    for fill in found:
        own = [lists[place][choice.ids[0]].log_probability for place, choice in enumerate(fill.choices)]
        assert fill.log_probability == sum(own)


LETTERS = [*"abcdefghijklmnopqrstuvwxyz", ".", "猫"]


def texts(tokenizer: Any, mask: str, **flags: Any) -> MaskedLmTokenizer:
    tokenizer.add_special_tokens([AddedToken(mask, **flags)])
    about = {
        "size": tokenizer.get_vocab_size(),
        "max_length": 64,
        "mask_token": mask,
        "unknown_id": tokenizer.token_to_id("[UNK]"),
        "special_ids": [tokenizer.token_to_id(mask)],
    }
    return MaskedLmTokenizer(tokenizer, about)


def wordpiece() -> MaskedLmTokenizer:
    vocabulary = [
        "[UNK]",
        "[MASK]",
        "##",
        "the",
        "walk",
        "##ing",
        "##s",
        "Un",
        *LETTERS,
        *(f"##{letter}" for letter in LETTERS),
    ]
    tokenizer = Tokenizer(models.WordPiece({piece: id for id, piece in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return texts(tokenizer, "[MASK]")


def byte_level(**flags: Any) -> MaskedLmTokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("Ġ", "c"), ("Ġc", "a"), ("Ġca", "t"), ("c", "a"), ("ca", "t")]
    vocabulary = [*alphabet, *("".join(merge) for merge in merges)]
    tokenizer = Tokenizer(models.BPE({piece: id for id, piece in enumerate(vocabulary)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return texts(tokenizer, "<mask>", **({"lstrip": True} | flags))


def metaspace() -> MaskedLmTokenizer:
    scores = [
        ("[UNK]", 0.0),
        ("▁", -2.0),
        ("▁猫", -1.5),
        *((letter, -4.0) for letter in LETTERS),
        ("▁cat", -1.0),
        ("cat", -1.0),
    ]
    tokenizer = Tokenizer(models.Unigram(scores, 0, False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return texts(tokenizer, "<mask>", lstrip=True)


def ids(of: MaskedLmTokenizer, *spelled: str) -> list[Candidate]:
    numbers = {of.piece(id): id for id in range(of.size)}
    return [Candidate((numbers[piece],)) for piece in spelled]


@pytest.mark.parametrize(
    ("text", "pieces", "filled"),
    [
        ("the [MASK] walks", ["a"], "the a walks"),
        ("I walk [MASK]. ", ["##ing"], "I walking. "),
        ("I walk[MASK].", ["##ing"], "I walking."),
        ("[MASK] x", ["##ing"], "ing x"),
        ("  [MASK] x", ["##ing"], "  ing x"),
        ("　[MASK]　Ｘ", ["猫"], "　猫　Ｘ"),
        ("<mask>[MASK] ok", ["walk", "##ing"], "walking ok"),
        ("[MASK] [MASK] [MASK]", ["walk", "##ing", "##s"], "walkings"),
        ("[MASK] [MASK]", ["##", "##s"], "##s"),
        ("[MASK][MASK]", ["猫", "猫"], "猫猫"),
        ("é [MASK]  Ａ\tb", ["[UNK]"], "é [UNK]  Ａ\tb"),
        ("[MASK]", ["a"], "a"),
    ],
)
def test_pieces_that_go_on_with_a_word_join_it_and_nothing_else_changes(
    text: str, pieces: list[str], filled: str
) -> None:
    own = wordpiece()
    fill_texts = FillTexts(own)
    assert fill_texts.filled(fill_texts.split(text), ids(own, *pieces)) == filled


@pytest.mark.parametrize(
    ("text", "pieces", "filled"),
    [
        ("The <mask> sat", ["Ġcat"], "The cat sat"),
        ("The<mask> sat", ["Ġcat"], "The cat sat"),
        ("The [MASK] sat", ["cat"], "Thecat sat"),
        ("<mask> sat", ["Ġcat"], "cat sat"),
        ("The <mask> <mask> sat", ["Ġcat", "Ġcat"], "The cat cat sat"),
        ("The <mask><mask>", ["Ġcat", "cat"], "The catcat"),
        ("The cat <mask>", ["."], "The cat."),
        ("The\u3000<mask>", ["Ġcat"], "The\u3000cat"),
        ("吾輩は<mask><mask><mask>である", ["ç", "Į", "«"], "吾輩は猫である"),
        ("吾輩は <mask> <mask> <mask>である", ["ç", "Į", "«"], "吾輩は猫である"),
    ],
)
def test_pieces_that_bring_a_blank_do_not_double_it(text: str, pieces: list[str], filled: str) -> None:
    own = byte_level()
    fill_texts = FillTexts(own)
    assert fill_texts.filled(fill_texts.split(text), ids(own, *pieces)) == filled


def test_where_the_blank_before_a_mask_is_a_piece_it_stays() -> None:
    own = byte_level(lstrip=False)
    fill_texts = FillTexts(own)
    for piece in ("cat", "Ġcat"):
        assert fill_texts.filled(fill_texts.split("The <mask> sat"), ids(own, piece)) == "The cat sat"
    assert fill_texts.context(["The ", " sat"], 0) == "inside"


def test_pieces_of_metaspace_are_joined_by_their_blanks() -> None:
    own = metaspace()
    fill_texts = FillTexts(own)
    assert fill_texts.filled(["a ", "."], ids(own, "▁cat")) == "a cat."
    assert fill_texts.filled(["吾輩は", "。"], ids(own, "猫")) == "吾輩は猫。"
    assert fill_texts.filled(["吾輩は", "。"], ids(own, "▁猫")) == "吾輩は 猫。"


def test_targets_have_a_blank_where_one_stands_before_the_mask() -> None:
    own = byte_level()
    fill_texts = FillTexts(own)
    targets = fill_texts.targets(["cat", "sky"])
    for text, spelled in [
        ("<mask> sat", ["cat"]),
        ("the <mask> sat", ["Ġcat"]),
        ("the <mask> <mask>", ["Ġcat", "Ġcat"]),
        ('"<mask>"', ["cat"]),
        ("bob<mask>", ["cat"]),
    ]:
        parts = fill_texts.split(text)
        chosen = [targets[fill_texts.context(parts, mask)].choices[0] for mask in range(len(parts) - 1)]
        assert [fill_texts.pieces(choice) for choice in chosen] == [[piece] for piece in spelled]
        assert [choice.word for choice in chosen] == ["cat"] * len(chosen)
    assert fill_texts.pieces(targets["blank"].choices[1]) == ["Ġ", "s", "k", "y"]
    assert (
        fill_texts.filled(["the ", "", ""], [targets["blank"].choices[0], targets["inside"].choices[1]]) == "the catsky"
    )
    parts = ["the ", ' "', '"']
    assert fill_texts.filled(parts, [targets["blank"].choices[0], targets["inside"].choices[1]]) == 'the cat "sky"'


def test_targets_inside_a_japanese_sentence_have_no_blank() -> None:
    own = metaspace()
    fill_texts = FillTexts(own)
    targets = fill_texts.targets(["猫", "cat", "猫cat", "sky"])
    assert [fill_texts.pieces(choice) for choice in targets["start"].choices] == [
        ["▁猫"],
        ["▁cat"],
        ["▁猫", "cat"],
        ["▁", "s", "k", "y"],
    ]
    assert [fill_texts.pieces(choice) for choice in targets["inside"].choices] == [
        ["猫"],
        ["cat"],
        ["猫", "cat"],
        ["s", "k", "y"],
    ]
    assert fill_texts.filled(["吾輩は", "だ"], [targets["inside"].choices[0]]) == "吾輩は猫だ"


def test_targets_of_wordpiece_are_cut_alone() -> None:
    fill_texts = FillTexts(wordpiece())
    targets = fill_texts.targets(["walking", "the"])
    assert [fill_texts.pieces(choice) for choice in targets["inside"].choices] == [["walk", "##ing"], ["the"]]
    assert targets["start"] is targets["blank"] is targets["inside"]
    assert targets["start"].longest == 2


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("犬", "no pieces for '犬'"),
        ("walk犬", "no pieces for 'walk犬'"),
        ("\u200b", "no pieces for"),
        ("[MASK]", "is no word"),
        ("a[MASK]", "is no word"),
        ("a" * 65, "'aaaaaaaaaaaaaaaaaaaa'... has 65 pieces, more than the model takes"),
    ],
)
def test_a_target_that_cannot_be_scored_is_refused(word: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        FillTexts(wordpiece()).targets(["walk", word])


def test_a_word_that_is_too_long_with_the_blank_before_it_is_refused() -> None:
    assert FillTexts(byte_level()).targets(["z" * 63])["blank"].longest == 64
    with pytest.raises(ValueError, match="65 pieces, more than the model takes"):
        FillTexts(byte_level()).targets(["z" * 64])


def test_a_target_for_which_the_network_has_no_logit_is_refused() -> None:
    own = wordpiece()
    fill_texts = FillTexts(own)
    own.size = 4  # [UNK], [MASK], ##, the
    assert fill_texts.targets(["the"])["start"].longest == 1
    with pytest.raises(RecordError, match="no embedding for the token 'walk'"):
        fill_texts.targets(["walk"])


def test_three_spellings_of_a_mask_are_understood() -> None:
    fill_texts = FillTexts(byte_level())
    assert fill_texts.split("a [MASK]<mask> b [mask]") == ["a ", "", " b [mask]"]
    assert fill_texts.join(["a ", "", " b"]) == "a <mask><mask> b"
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    assert FillTexts(texts(tokenizer, "(?)")).split("a (?) [MASK] b") == ["a ", " ", " b"]


def test_the_fake_has_the_interface_of_the_real_one() -> None:
    own = wordpiece()
    assert own.tokenize(["the [MASK]"]) == [TokenizedText([3, 1], [0, 1], 0)]
    row = own.model_input([3, 1], positions=[1])
    assert (row.positions, row.ids) == ([1], [3, 1])


@given(st.integers(1, 2 * V), st.sets(st.integers(1, V - 1)), st.sampled_from(masked_fill.JOINT))
def test_a_row_without_a_piece_is_no_candidate(k: int, unspelled: set[int], joint: str) -> None:
    model = NumberModel()
    model.texts.unspelled = unspelled
    found = answer(model, Question(TEXT, PLACES), k=k, beams=5, joint=joint)
    for place, of_mask in zip(PLACES, found.masks, strict=True):
        log_p = model.log_p(TEXT, place)  # a probability is that among all rows
        same(of_mask, best(((log_p[piece], [[piece]]) for piece in range(V) if piece not in unspelled), k))
    assert found.fills
    assert unspelled.isdisjoint(id for fill in found.fills for choice in fill.choices for id in choice.ids)


@pytest.mark.parametrize("joint", masked_fill.JOINT)
def test_a_network_without_numbers_has_no_answer(joint: str) -> None:
    model = NumberModel()
    model.at = lambda ids, place: np.full(V, np.nan, np.float32)  # type: ignore[method-assign]
    found = answer(model, Question(TEXT, PLACES), joint=joint)
    assert (found.masks, found.fills) == ([[], [], []], [])
