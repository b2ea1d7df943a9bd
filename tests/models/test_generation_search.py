"""Greedy search, beam search and sampling over small tables of probabilities, where the answer is known by hand or can be
found by trying everything."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nlptool.errors import ModelError
from nlptool.models.generation import sampling
from nlptool.models.generation import search as decoding_search
from nlptool.models.generation.constraints import DECODER, ENCODER_DECODER, DecoderConstraints
from nlptool.models.generation.decoder import LENGTH, MAX_NEW_TOKENS, STOP
from nlptool.models.generation.decoding import Decoding, Hypothesis

A, B, C, D, END, START, LANGUAGE = range(7)
RULES = DecoderConstraints(ENCODER_DECODER, 7, start_ids=(START,), end_ids=(END,))

Table = Callable[[tuple[int, ...], tuple[int, ...]], Sequence[float]]


class Texts(list[tuple[tuple[int, ...], tuple[int, ...]]]):
    """The state of ``Fake``: source and text of each row."""

    def reorder(self, rows: Tensor) -> Texts:
        return Texts(self[row] for row in rows.tolist())


class Fake:
    """A decoder that looks the probabilities of A to END up in ``table(source, text)``; the others have none."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows: list[int] = []

    def begin(self, sources: Sequence[Sequence[int]]) -> tuple[Tensor, Texts]:
        return self._said(Texts((tuple(source), ()) for source in sources))

    def step(self, tokens: Tensor, state: Texts) -> tuple[Tensor, Texts]:
        following = zip(state, tokens.tolist(), strict=True)
        return self._said(Texts((source, (*text, token)) for (source, text), token in following))

    def _said(self, state: Texts) -> tuple[Tensor, Texts]:
        self.rows.append(len(state))
        logits = torch.tensor([[*self.table(*row), 0, 0] for row in state], dtype=torch.float32).log()
        return logits + 3, state  # a constant changes no probability


def deceptive(source: tuple[int, ...], text: tuple[int, ...]) -> Sequence[float]:
    """A looks better than B, but what follows B is surer."""
    after = {(): (0.6, 0.4, 0, 0, 0), (A,): (0.2, 0.2, 0.1, 0.1, 0.4), (B,): (0, 0, 0.1, 0, 0.9)}
    return after.get(text, (0, 0, 0, 0, 1))


def random_table(source: tuple[int, ...], text: tuple[int, ...]) -> Sequence[float]:
    numbers = np.random.default_rng([*source, 77, *text]).gumbel(size=5)
    chances: list[float] = (np.exp(numbers) / np.exp(numbers).sum()).tolist()
    return chances


def log_probability(table: Table, source: Sequence[int], text: Hypothesis, end: int = END) -> float:
    ids = (*text.ids, end) if text.finish_reason == STOP else tuple(text.ids)
    return sum(math.log(table(tuple(source), ids[:place])[id]) for place, id in enumerate(ids))


def find(
    table: Table, decoding: Decoding, sources: Any = ([1],), constraints: DecoderConstraints = RULES, **more: Any
) -> Any:
    return decoding_search.search(Fake(table), sources, decoding, constraints, **more)


def test_greedy_search_takes_the_most_probable_token_and_misses_the_best_text() -> None:
    ((text,),) = find(deceptive, Decoding())
    assert (text.ids, text.finish_reason) == ([A], "stop")
    assert text.log_probability == pytest.approx(math.log(0.6 * 0.4), abs=1e-6)


def test_beam_search_finds_the_best_text_where_greedy_search_is_wrong() -> None:
    ((first, second),) = find(deceptive, Decoding(beams=2, n_return=2))
    assert (first.ids, second.ids) == ([B], [A])
    assert first.log_probability == pytest.approx(math.log(0.4 * 0.9), abs=1e-6)
    assert second.log_probability == pytest.approx(math.log(0.6 * 0.4), abs=1e-6)
    assert {first.finish_reason, second.finish_reason} == {"stop"}


def every_text(source: Sequence[int], limit: int, penalty: float) -> Iterator[tuple[float, list[int], str]]:
    """All texts there are, with what they are ranked by."""
    for length in range(limit + 1):
        for ids in itertools.product(range(END), repeat=length):
            reason = LENGTH if length == limit else STOP
            total = log_probability(random_table, source, Hypothesis(list(ids), 0, reason))
            yield total / (length + (reason == STOP)) ** penalty, list(ids), reason


@pytest.mark.parametrize("penalty", [-1.0, 0.0, 0.7, 1.0, 2.0])
def test_a_beam_as_wide_as_everything_finds_all_texts_in_the_order_of_an_exhaustive_search(penalty: float) -> None:
    sources = [[3], [1, 4], [2]]
    decoding = Decoding(beams=700, n_return=700, max_new_tokens=4, length_penalty=penalty)
    for source, texts in zip(sources, find(random_table, decoding, sources), strict=True):
        expected = sorted(every_text(source, 4, penalty), reverse=True)
        assert [(text.ids, text.finish_reason) for text in texts] == [(ids, reason) for _, ids, reason in expected]
        for text in texts:
            assert text.log_probability == pytest.approx(log_probability(random_table, source, text), abs=1e-5)


def test_narrow_beams_give_texts_in_order_without_a_text_twice() -> None:
    for width in (2, 3, 4, 8):
        for source in range(20):
            (texts,) = find(random_table, Decoding(beams=width, n_return=width, max_new_tokens=6), [[source]])
            ranks = [t.log_probability / (len(t.ids) + (t.finish_reason == "stop")) for t in texts]
            assert ranks == sorted(ranks, reverse=True)
            assert len({(tuple(text.ids), text.finish_reason) for text in texts}) == len(texts) == width


def test_the_length_penalty_decides_between_a_short_and_a_long_text() -> None:
    def table(source: tuple[int, ...], text: tuple[int, ...]) -> Sequence[float]:
        return (0.5, 0, 0, 0, 0.5) if not text else (0.7, 0, 0, 0, 0.3) if len(text) < 4 else (0, 0, 0, 0, 1)

    short, long = math.log(0.5), math.log(0.5 * 0.7**3)  # of 1 and of 5 tokens
    for penalty, best in ((0.0, []), (1.0, [A] * 4)):
        ((text,),) = find(table, Decoding(beams=6, length_penalty=penalty))
        assert text.ids == best
    assert short > long
    assert short / 1 < long / 5


def test_a_beam_search_is_over_when_nothing_under_way_can_become_better() -> None:
    def table(source: tuple[int, ...], text: tuple[int, ...]) -> Sequence[float]:
        return (0.06, 0.04, 0.0, 0.0, 0.9)

    decoder = Fake(table)
    ((first, second),) = decoding_search.search(
        decoder, [[1]], Decoding(beams=2, n_return=2, length_penalty=0.0), RULES
    )
    # After two tokens, two texts have ended: the empty one (0.9) and A (0.054); what is under way has 0.0036.
    assert (first.ids, second.ids, len(decoder.rows)) == ([], [A], 2)


def test_a_source_that_is_done_leaves_the_batch() -> None:
    def table(source: tuple[int, ...], text: tuple[int, ...]) -> Sequence[float]:
        return (0, 0, 0, 0, 1) if len(text) == source[0] else (0.9, 0.1, 0, 0, 0)

    greedy, beams = Fake(table), Fake(table)
    sources = [[2], [0], [3], [2]]
    texts = decoding_search.search(greedy, sources, Decoding(), RULES)
    assert [len(text.ids) for (text,) in texts] == [2, 0, 3, 2]
    assert greedy.rows == [4, 3, 3, 1]
    texts = decoding_search.search(beams, sources, Decoding(beams=2), RULES)
    assert [text.ids for (text,) in texts] == [[A, A], [], [A, A, A], [A, A]]
    assert beams.rows == [4, 6, 6, 2]


def test_a_text_that_does_not_end_is_cut_and_its_reason_is_length() -> None:
    for decoding in (Decoding(max_new_tokens=3), Decoding(max_new_tokens=3, beams=2)):
        ((text,),) = find(lambda source, text: (0.9, 0.1, 0, 0, 0), decoding)
        assert (text.ids, text.finish_reason) == ([A, A, A], "length")
        assert text.log_probability == pytest.approx(3 * math.log(0.9), abs=1e-6)


def test_an_end_token_in_the_last_place_is_an_end() -> None:
    for decoding in (Decoding(max_new_tokens=1), Decoding(max_new_tokens=1, beams=2)):
        ((text,),) = find(lambda source, text: (0.3, 0, 0, 0, 0.7), decoding)
        assert (text.ids, text.finish_reason) == ([], "stop")
        assert text.log_probability == pytest.approx(math.log(0.7), abs=1e-6)


def test_where_nobody_says_how_long_a_text_may_be_it_ends_after_128_tokens() -> None:
    ((text,),) = find(lambda source, text: (1, 0, 0, 0, 0), Decoding())
    assert (len(text.ids), text.finish_reason) == (MAX_NEW_TOKENS, "length")


@pytest.mark.parametrize("beams", [1, 3])
def test_a_text_does_not_end_before_the_least_length_and_its_probability_is_still_the_models(beams: int) -> None:
    def table(source: tuple[int, ...], text: tuple[int, ...]) -> Sequence[float]:
        return (0.06, 0.03, 0.01, 0, 0.9)

    ((text,),) = find(table, Decoding(min_new_tokens=3, beams=beams))
    assert (text.ids, text.finish_reason) == ([A, A, A], "stop")
    assert text.log_probability == pytest.approx(3 * math.log(0.06) + math.log(0.9), abs=1e-5)


def test_any_of_several_end_tokens_ends_a_text() -> None:
    constraints = replace(RULES, end_ids=(C, END))
    for decoding in (Decoding(), Decoding(beams=2)):
        ((text,),) = find(
            lambda source, text: (0.8, 0, 0.2, 0, 0) if not text else (0, 0, 0.9, 0, 0.1),
            decoding,
            constraints=constraints,
        )
        assert text.ids == [A]
        assert text.log_probability == pytest.approx(math.log(0.8 * 0.9), abs=1e-6)
        ((text,),) = find(random_table, replace(decoding, min_new_tokens=5), constraints=constraints)
        assert not {C, END} & set(text.ids[:5])
        assert len(text.ids) >= 5


def ngrams(ids: Sequence[int], size: int) -> list[tuple[int, ...]]:
    return [tuple(ids[at : at + size]) for at in range(len(ids) - size + 1)]


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("beams", [1, 4])
def test_no_tokens_in_a_row_come_twice(size: int, beams: int) -> None:
    texts = find(random_table, Decoding(no_repeat_ngram=size, beams=beams, n_return=beams, max_new_tokens=40))[0]
    for text in texts:
        assert len(set(ngrams(text.ids, size))) == len(ngrams(text.ids, size))
    longest = max(texts, key=lambda text: len(text.ids))
    assert size > 1 or len(longest.ids) <= 4


def test_the_prompt_of_a_decoder_counts_for_repetitions_and_the_source_of_an_encoder_decoder_does_not() -> None:
    def table(source: tuple[int, ...], text: tuple[int, ...]) -> Sequence[float]:
        return (0.7, 0.2, 0.1, 0, 0) if not text else (0, 0, 0, 0, 1)

    decoding = Decoding(no_repeat_ngram=2)
    ((alone,),) = find(table, decoding, [[B, A, B]])
    ((prompted,),) = find(table, decoding, [[B, A, B]], DecoderConstraints(DECODER, 7, end_ids=(END,)))
    assert (alone.ids, prompted.ids) == ([A], [B])


def test_suppressed_tokens_and_sequences_are_never_said() -> None:
    constraints = replace(RULES, suppressed=((A,), (B, C), (START, D)))
    for decoding in (Decoding(max_new_tokens=30), Decoding(max_new_tokens=30, beams=4, n_return=4)):
        for source in range(10):
            for text in find(random_table, replace(decoding, min_new_tokens=30), [[source]], constraints)[0]:
                assert A not in text.ids
                assert (B, C) not in ngrams(text.ids, 2)
                assert text.ids[0] != D
                assert text.log_probability == pytest.approx(log_probability(random_table, [source], text), abs=1e-4)


def test_a_text_ends_where_everything_is_ruled_out() -> None:
    for decoding in (Decoding(), Decoding(beams=3), Decoding(sample=True)):
        decoding = replace(decoding, no_repeat_ngram=1, min_new_tokens=20, max_new_tokens=20)
        ((text,),) = find(random_table, decoding, seeds=[[1]])
        assert sorted(text.ids) == [A, B, C, D]
        assert text.finish_reason == "length"
        assert text.log_probability == pytest.approx(log_probability(random_table, [1], text), abs=1e-5)


def test_a_beam_wider_than_the_vocabulary_gives_as_many_texts_as_there_are() -> None:
    (texts,) = find(random_table, Decoding(beams=50, n_return=50, max_new_tokens=2))
    assert len(texts) == 1 + 4 + 4 * 4  # the empty one, A, B, C, D, and two letters, with no room for an end
    (texts,) = find(random_table, Decoding(beams=50, n_return=50, max_new_tokens=1))
    assert sorted(text.ids for text in texts) == [[], [A], [B], [C], [D]]


def test_the_language_that_a_text_starts_with_counts_in_the_length_alone() -> None:
    # By the log-probability alone A is best, divided by 1 or 2 tokens it is the empty text, by 2 or 3 A again.
    def table(source: tuple[int, ...], text: tuple[int, ...]) -> Sequence[float]:
        return (0.2, 0, 0.5, 0, 0.3) if not text else (0, 0, 0.5, 0, 0.5) if text == (A,) else (0, 0, 1, 0, 0)

    decoding = Decoding(beams=8, n_return=8, max_new_tokens=2)
    short, long = math.log(0.3), math.log(0.2 * 0.5)
    assert short / 1 < long / 2
    assert short / 2 > long / 3
    for start, best in (((START,), [A]), ((START, LANGUAGE), [])):
        (texts,) = find(table, decoding, constraints=replace(RULES, start_ids=start))
        ended = [text for text in texts if text.finish_reason == "stop"]
        assert ended[0].ids == best
        assert ended[0].log_probability == pytest.approx(short if not best else long, abs=1e-6)


def test_a_text_ends_where_the_model_has_no_more_positions_whatever_its_neighbours_need() -> None:
    constraints = DecoderConstraints(DECODER, 7, end_ids=(END,), max_positions=6)
    for decoding in (Decoding(max_new_tokens=9), Decoding(max_new_tokens=9, beams=2)):
        found = find(lambda source, text: (0.9, 0.1, 0, 0, 0), decoding, [[1] * 5, [1], [1] * 3], constraints)
        assert [len(texts[0].ids) for texts in found] == [1, 5, 3]
        assert {texts[0].finish_reason for texts in found} == {"length"}
    with pytest.raises(ModelError, match="7 tokens, and the model has room for 6"):
        find(random_table, Decoding(), [[1] * 7], constraints)


def test_a_model_that_gives_no_numbers_is_an_error() -> None:
    for decoding in (Decoding(), Decoding(beams=2), Decoding(sample=True)):
        with pytest.raises(ModelError, match="gives no numbers"):
            find(lambda source, text: (math.nan,) * 5, decoding)


def test_no_sources_have_no_texts() -> None:
    assert find(random_table, Decoding(), []) == []


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7])
@pytest.mark.parametrize("top_k", [0, 1, 3, 40, 1000])
@pytest.mark.parametrize("top_p", [0.05, 0.5, 0.93, 1.0])
def test_the_tokens_kept_and_their_probabilities_are_those_of_transformers(
    temperature: float, top_k: int, top_p: float
) -> None:
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    logits = torch.randn(16, 60, generator=torch.Generator().manual_seed(5)) * 3
    logits[0, :30] = 1.5  # equals at the border
    logits[1, 5:] = -torch.inf
    expected = TemperatureLogitsWarper(temperature)(None, logits)
    if top_k:
        expected = TopKLogitsWarper(top_k)(None, expected)
    if top_p < 1:
        expected = TopPLogitsWarper(top_p)(None, expected)
    got = sampling.filter_logits(logits, Decoding(sample=True, temperature=temperature, top_k=top_k, top_p=top_p))
    assert torch.equal(got[1:].isneginf(), expected[1:].isneginf())
    torch.testing.assert_close(got[1:].softmax(-1), expected[1:].softmax(-1))
    # Which of equal tokens are kept is chance in transformers, whose sort is not stable.
    torch.testing.assert_close(got[0].sort().values, expected[0].sort().values)


def test_the_token_drawn_is_the_first_where_the_probabilities_sum_up_to_more_than_the_number() -> None:
    scores = torch.tensor([[0.0, 0.25, 0.25, 0.0, 0.5, 0.0]]).log()
    numbers = [0.0, 0.2499, 0.25, 0.4999, 0.5, 0.9, float(np.nextafter(1, 0))]
    drawn = [int(sampling.sample(scores, torch.tensor([number], dtype=torch.float64))) for number in numbers]
    assert drawn == [1, 1, 2, 2, 4, 4, 4]


@pytest.mark.parametrize(
    ("more", "chances"),
    [
        ({}, (0.4, 0.3, 0.15, 0.1, 0.05)),
        ({"temperature": 0.5}, (0.16 / 0.285, 0.09 / 0.285, 0.0225 / 0.285, 0.01 / 0.285, 0.0025 / 0.285)),
        ({"top_k": 2}, (4 / 7, 3 / 7, 0, 0, 0)),
        ({"top_p": 0.8}, (8 / 17, 6 / 17, 3 / 17, 0, 0)),
    ],
)
def test_the_frequencies_of_5000_draws_are_the_probabilities(more: Any, chances: Sequence[float]) -> None:
    decoding = Decoding(sample=True, n_return=5000, max_new_tokens=1, **more)
    (texts,) = find(lambda source, text: (0.4, 0.3, 0.15, 0.1, 0.05), decoding, seeds=[[42]])
    counts = np.bincount([text.ids[0] if text.ids else END for text in texts], minlength=5)
    expected = 5000 * np.array(chances)
    assert np.all(counts[expected == 0] == 0)
    there = expected > 0
    chi_squared = float(((counts - expected)[there] ** 2 / expected[there]).sum())
    assert chi_squared < 18.5  # that of 4 degrees of freedom is larger once in a thousand seeds


def samples(sources: Sequence[Sequence[int]], n_return: int = 2, **more: Any) -> list[list[Hypothesis]]:
    decoding = Decoding(sample=True, n_return=n_return, max_new_tokens=12, temperature=1.3, top_p=0.95, **more)
    found: list[list[Hypothesis]] = find(random_table, decoding, sources, seeds=[[7, *source] for source in sources])
    return found


def test_what_is_drawn_depends_neither_on_the_batch_nor_on_its_order() -> None:
    sources = [[source] for source in range(12)]
    together = samples(sources)
    assert [samples([source])[0] for source in sources] == together
    assert samples(sources[::-1])[::-1] == together
    assert len({tuple(text.ids) for texts in together for text in texts}) > 12


def test_another_seed_draws_other_texts_and_the_same_seed_the_same() -> None:
    decoding = Decoding(sample=True, max_new_tokens=12, min_new_tokens=12)
    texts = [find(random_table, decoding, seeds=[[seed]])[0][0].ids for seed in (1, 2, 3, 1)]
    assert texts[0] == texts[3]
    assert len({tuple(text) for text in texts}) == 3


def test_more_samples_do_not_change_the_first_ones_and_the_most_probable_comes_first() -> None:
    few, many = samples([[3]], 2)[0], samples([[3]], 9)[0]
    assert all(text in many for text in few)
    assert len(many) == 9
    probable = [text.log_probability for text in many]
    assert probable == sorted(probable, reverse=True)
    for text in many:  # the model's own probability: no temperature, no top-p
        assert text.log_probability == pytest.approx(log_probability(random_table, [3], text), abs=1e-5)


def test_samples_keep_to_the_rules_too() -> None:
    constraints = replace(RULES, suppressed=((A,),))
    decoding = Decoding(sample=True, n_return=50, max_new_tokens=12, min_new_tokens=4, no_repeat_ngram=2)
    for text in find(random_table, decoding, constraints=constraints, seeds=[[0]])[0]:
        assert A not in text.ids
        assert len(text.ids) >= 4
        assert len(set(ngrams(text.ids, 2))) == len(text.ids) - 1


@pytest.mark.parametrize("sample", [False, True])
def test_a_stream_gives_the_tokens_one_by_one_and_then_the_text_that_a_search_finds(sample: bool) -> None:
    for source in range(10):
        decoding = Decoding(sample=sample, max_new_tokens=6)
        *tokens, last = decoding_search.stream(Fake(random_table), [source], decoding, RULES, [5, source])
        ((expected,),) = find(random_table, decoding, [[source]], seeds=[[5, source]])
        assert last == expected
        assert tokens == expected.ids


def test_a_token_is_told_before_the_next_one_is_looked_for() -> None:
    decoder = Fake(lambda source, text: (1, 0, 0, 0, 0))
    stream = decoding_search.stream(decoder, [1], Decoding(), RULES)
    for n_steps in (1, 2, 3):
        assert next(stream) == A
        assert len(decoder.rows) == n_steps
    stream.close()  # type: ignore[attr-defined]
    assert not torch.is_inference_mode_enabled()
