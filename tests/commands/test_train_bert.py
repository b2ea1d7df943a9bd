"""``train bert``: the folder is a model of transformers, it learns, an interrupted training ends as an uninterrupted one."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from program import Invoke, Run, Start, largest_file, records, succeeded
from safetensors.torch import save

from nlptool.cli import main
from nlptool.errors import RunError, WrongUsage
from nlptool.models.encoders import loading as encoder_loading
from nlptool.models.japanese import dictionaries
from nlptool.models.masked import masking
from nlptool.specs import EncoderSpec
from nlptool.text import scripts
from nlptool.training import wordpiece
from nlptool.training.bert import network as bert_network
from nlptool.training.bert import tokenizer as bert_tokenizers
from nlptool.training.bert.corpus import Documents, Store
from nlptool.training.bert.examples import IS_NEXT, NOT_NEXT, Batch, Examples
from nlptool.training.bert.trainer import BertSettings, BertTraining
from nlptool.training.tokenized_corpus import Corpus

SAMPLE = Path(__file__).parent.parent / "data" / "yume_juya.txt"
TOPICS = {  # each noun has its verb, each topic its place
    "the garden": {"rose": "blooms", "bee": "hums", "snail": "creeps"},
    "the harbour": {"ship": "sails", "gull": "cries", "anchor": "sinks"},
    "the kitchen": {"kettle": "boils", "knife": "cuts", "oven": "glows"},
    "the school": {"teacher": "explains", "pupil": "writes", "bell": "rings"},
    "the forest": {"owl": "hunts", "oak": "grows", "fox": "hides"},
}
ADJECTIVES = ["old", "small", "red", "quiet"]
WORDS = bert_tokenizers.words("wordpiece", lowercase=True)
SMALL = BertSettings(
    layers=2, hidden_size=32, heads=2, intermediate_size=64, max_length=24, batch_size=16, learning_rate=5e-3,
    max_steps=20, warmup_ratio=0.1, init_embeddings="random", nsp_warmup_ratio=0.0,
)  # fmt: skip
SIZES = {
    "layers": 1,
    "hidden-size": 32,
    "heads": 2,
    "intermediate-size": 64,
    "max-length": 24,
    "batch-size": 16,
    "max-steps": 20,
    "threads": 1,
}
ARGUMENTS = [*itertools.chain(*((f"--{name}", str(value)) for name, value in SIZES.items())), "--device", "cpu"]


def document(seed: int) -> list[str]:
    """Ten sentences of one topic."""
    rng = random.Random(seed)
    place = list(TOPICS)[seed % len(TOPICS)]
    nouns = TOPICS[place]
    said = [(rng.choice(ADJECTIVES), noun) for noun in rng.choices(list(nouns), k=10)]
    return [f"The {adjective} {noun} {nouns[noun]} in {place}." for adjective, noun in said]


DOCUMENTS = [document(seed) for seed in range(60)]


def stored(folder: Path, documents: Sequence[Sequence[str]], *, size: int = 120, **more: Any) -> Store:
    """Documents of lines as a work folder keeps them."""
    corpus, cut = Corpus(), WORDS.splitter()
    for lines in documents:
        for line in [*lines, ""]:
            corpus.add(cut(line))
    folder.mkdir(exist_ok=True)
    store = Store(folder, "k")
    options: dict[str, Any] = {"dev": 0.1, "info": {}, "report": lambda *_: None, "stop": lambda: False}
    store.write(corpus, WORDS, vocab_size=size, **options | more)
    return store


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[bert_tokenizers.BertTokenizer, Documents, Documents]:
    tokenizer, documents, dev, _ = stored(tmp_path_factory.mktemp("data"), DOCUMENTS).load()
    return tokenizer, documents, dev


Data = tuple[bert_tokenizers.BertTokenizer, Documents, Documents]


def examples(data: Data, **more: Any) -> Examples:
    options: dict[str, Any] = {"batch_size": 16, "max_length": 24, "seed": 1}
    return Examples(data[1], data[0], **options | more)


def pretrained(data: Data, work: Path, settings: BertSettings = SMALL, **more: Any) -> BertTraining:
    """A training in this process, done."""
    torch.set_num_threads(1)
    work.mkdir(exist_ok=True)
    tokenizer, documents, dev = data
    training = BertTraining(documents, dev, tokenizer, settings, work, data="k", **more)
    training.run()
    return training


def state(training: BertTraining) -> bytes:
    return save({name: each.detach().contiguous() for name, each in training.network.named_parameters()})


def test_the_vocabulary_is_the_special_tokens_the_characters_and_the_most_frequent_pairs() -> None:
    counts = {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}  # the worked example of Hugging Face's course
    pieces = wordpiece.learn(counts, 19, stop=lambda: False)
    assert pieces[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert pieces[5:12] == ["##g", "##n", "##s", "##u", "b", "h", "p"]
    # ##ug 20, ##un 16, hug 15 (its ##ug), pun 12
    assert pieces[12:16] == ["##ug", "##un", "hug", "pun"]
    assert pieces[16:] == ["hugs", "pug", "bun"]
    assert wordpiece.learn(counts, 1000, stop=lambda: False) == pieces
    starts, ids = wordpiece.segment(["hugs", "bug", "pugs", "xyz", ""], pieces)
    found = [[pieces[token] for token in ids[a:b]] for a, b in itertools.pairwise(starts)]
    assert found == [["hugs"], ["b", "##ug"], ["pug", "##s"], ["[UNK]"], []]


def test_each_piece_is_the_most_frequent_pair_of_its_time() -> None:
    """Against a loop that counts all pairs anew before each merge."""
    text = SAMPLE.read_text(encoding="utf-8")[:6000]
    counts = Counter(re.findall("[ぁ-ん]+|[一-龠]+", text))
    pieces = wordpiece.learn(counts, 1200, stop=lambda: False)
    words = [([word[0], *(f"##{letter}" for letter in word[1:])], count) for word, count in counts.items()]
    words = [(parts, count) for parts, count in words if {*pieces}.issuperset(parts)]
    learned = [piece for piece in pieces[5:] if len(piece.removeprefix("##")) > 1]
    assert len(learned) > 150
    expected = []
    while len(expected) < len(learned):
        pairs: Counter[tuple[str, str]] = Counter()
        for parts, count in words:
            for pair in itertools.pairwise(parts):
                pairs[pair] += count
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        piece = best[0] + best[1].removeprefix("##")
        expected += [] if piece in expected else [piece]
        for parts, _ in words:
            at = 0
            while at < len(parts) - 1:
                if (parts[at], parts[at + 1]) == best:
                    parts[at : at + 2] = [piece]
                at += 1
    assert learned == expected


def test_the_vocabulary_is_the_same_in_every_process() -> None:
    code = (
        "from nlptool.training import wordpiece\nfrom collections import Counter\n"
        f"text = open({str(SAMPLE)!r}, encoding='utf-8').read()\n"
        "words = Counter(text[at : at + 3] for at in range(0, len(text), 3))\n"
        "print(wordpiece.learn(words, 2000, stop=lambda: False))"
    )
    said = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=120,
                       env=os.environ | {"PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(said) == 1
    assert len(said.pop()) > 10_000


def test_a_vocabulary_that_has_room_for_characters_alone_is_refused() -> None:
    counts = {chr(0x4E00 + n): 1 for n in range(100)}
    with pytest.raises(RunError, match="no room for words beside 100 characters") as refused:
        wordpiece.learn(counts, 105, stop=lambda: False)
    assert refused.value.hint == "--vocab-size 200"
    assert len(wordpiece.learn(counts, 200, stop=lambda: False)) == 105


def test_rare_characters_and_words_of_a_hundred_characters_have_no_pieces() -> None:
    counts = {"あい": 10_000, "𩸽": 1, "x" * 101: 50}
    assert wordpiece.learn(counts, 50, stop=lambda: False)[5:] == ["##い", "あ", "あい"]


@pytest.mark.parametrize("share", [0.15, 0.4])
def test_15_percent_are_chosen_80_10_10(share: float) -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(10, 1000, (2000, 60))
    allowed = np.ones(ids.shape, bool)
    allowed[:, [0, 20, 59]] = False
    chosen = masking.choose(allowed, np.zeros(ids.shape, bool), rng, share=share)
    assert not chosen[~allowed].any()
    assert chosen.sum() / allowed.sum() == pytest.approx(share, abs=0.002)
    assert np.ptp(chosen.sum(axis=1)) <= 1  # as many in every row
    shown = masking.corrupt(ids, chosen, rng, mask=4, pieces=np.arange(5, 1000))
    assert np.array_equal(shown[~chosen], ids[~chosen])
    masked = (shown == 4)[chosen].mean()
    kept = (shown == ids)[chosen].mean()
    assert masked == pytest.approx(0.8, abs=0.015)
    assert kept == pytest.approx(0.1, abs=0.015)
    replaced = shown[chosen & (shown != 4) & (shown != ids)]
    assert replaced.min() >= 5
    assert np.ptp(replaced) > 900
    always = masking.corrupt(ids, chosen, rng, mask=4, pieces=np.arange(5, 1000), replacement=masking.ALWAYS_MASKED)
    assert (always[chosen] == 4).all()


@pytest.mark.parametrize(
    ("text", "shares"), [("80/10/10", (0.8, 0.1)), ("0/100/0", (0.0, 1.0)), ("60/0/40", (0.6, 0.0))]
)
def test_what_stands_in_the_places_can_be_chosen(text: str, shares: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(10, 100_000, (200, 100))
    replacement = masking.Replacement.parse(text)
    shown = masking.corrupt(
        ids, np.ones(ids.shape, bool), rng, mask=4, pieces=np.arange(5, 100_000), replacement=replacement
    )
    assert ((shown == 4).mean(), ((shown != 4) & (shown != ids)).mean()) == pytest.approx(shares, abs=0.01)


@pytest.mark.parametrize(
    "text", ["", "80", "80/20", "80/10/10/0", "80/10/20", "-10/100/10", "a/b/c", "1e2/0/0", "nan/0/0"]
)
def test_other_shares_are_wrong_usage(invoke: Invoke, text: str) -> None:
    result = invoke("train", "bert", "--mask-replacement", text, "-o", "never", str(SAMPLE))
    assert result.exit_code == 2
    assert "--mask-replacement" in result.stderr
    assert ("not to 100" if text == "80/10/20" else "such as 80/10/10") in result.stderr


def test_all_are_masked_in_training_where_that_is_asked_for_and_always_in_evaluation(data: Data) -> None:
    mask = data[0].pieces.index(wordpiece.MASK)
    shares = {}
    for text in ("100/0/0", "50/0/50"):
        for evaluating in (False, True):
            found = examples(data, replacement=masking.Replacement.parse(text), evaluating=evaluating)
            batches = list(itertools.islice(found.batches(), 20))
            shown = np.concatenate([batch.ids.flat[batch.positions] for batch in batches])
            shares[text, evaluating] = (shown == mask).mean()
    assert shares.pop(("50/0/50", False)) == pytest.approx(0.5, abs=0.07)
    assert set(shares.values()) == {1.0}


def test_the_manifest_tells_what_stood_in_the_places(invoke: Invoke, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n\n".join("\n".join(lines) for lines in DOCUMENTS), encoding="utf-8")
    options = [*ARGUMENTS, "--max-steps", "2", "--vocab-size", "120", "--no-nsp", "--mask-replacement", "100/0/0"]
    succeeded(invoke("train", "bert", "-q", *options, "-o", str(tmp_path / "made"), str(corpus)))
    manifest = json.loads((tmp_path / "made" / "pretraining.json").read_text(encoding="utf-8"))
    assert manifest["options"]["mask_replacement"] == "100/0/0"


def test_whole_words_are_chosen_with_all_their_pieces_and_the_share_is_kept() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.choice([1, 1, 1, 2, 3, 6], 40_000)
    continues = np.ones(lengths.sum(), bool)
    continues[np.cumsum(lengths) - lengths] = False
    n = len(continues) // 50 * 50
    continues = continues[:n].reshape(-1, 50)
    allowed = rng.random(continues.shape) > 0.05  # a piece that cannot be chosen parts a word
    chosen = masking.choose(allowed, continues, rng)
    assert chosen.sum() / allowed.sum() == pytest.approx(0.15, abs=0.003)
    together = continues[:, 1:] & allowed[:, 1:] & allowed[:, :-1]
    assert (chosen[:, 1:] == chosen[:, :-1])[together].all()
    assert (chosen[:, 1:] != chosen[:, :-1])[~continues[:, 1:]].any()


def test_rows_of_few_tokens_or_none_are_no_trouble() -> None:
    allowed = np.array([[True, False, False], [False, False, False], [True, True, True]])
    for seed in range(20):
        chosen = masking.choose(allowed, np.zeros((3, 3), bool), np.random.default_rng(seed))
        assert chosen.sum(axis=1).tolist() == [1, 0, 1]
    nothing = np.zeros((2, 4), bool)
    assert not masking.choose(nothing, nothing, np.random.default_rng(0)).any()


def spelled(data: Data, ids: Any) -> str:
    return " ".join(data[0].pieces[token] for token in ids).replace(" ##", "")


def whole(batch: Batch) -> Any:
    """The ids without masks."""
    ids = batch.ids.copy()
    ids.reshape(-1)[batch.positions] = batch.targets
    return ids


def test_examples_are_two_runs_of_tokens_and_half_of_the_second_runs_follow(data: Data) -> None:
    made = examples(data)
    corpus = f" {' '.join(map(str, data[1].tokens))} "
    pad, start, end = (data[0].pieces.index(token) for token in ("[PAD]", "[CLS]", "[SEP]"))
    follows: Counter[int] = Counter()
    n_batches = made.n_batches(0)
    assert n_batches > 5
    for batch in itertools.islice(made.batches(), n_batches):
        for ids, types, follow in zip(whole(batch), batch.token_types, batch.nsp_labels, strict=True):
            kept = ids[ids != pad].tolist()
            assert set(ids[len(kept) :].tolist()) <= {pad}
            middle = kept.index(end)
            assert (kept[0], kept[-1], kept.count(end)) == (start, end, 2)
            assert types.tolist() == [0] * (middle + 1) + [1] * (len(kept) - middle - 1) + [0] * (len(ids) - len(kept))
            first, second = (" ".join(map(str, run)) for run in (kept[1:middle], kept[middle + 1 : -1]))
            assert f" {first} " in corpus
            assert f" {second} " in corpus
            assert follow == NOT_NEXT or f" {first} {second} " in corpus
            follows[int(follow)] += 1
    assert abs(follows[IS_NEXT] - follows[NOT_NEXT]) <= 1


def test_what_does_not_follow_is_from_another_document_and_begins_as_what_does(data: Data) -> None:
    plan = examples(data).epoch(0)
    documents = data[1].lines[data[1].documents]
    of_first, of_second = (np.searchsorted(documents, plan.starts[:, side], side="right") for side in (0, 1))
    other = plan.nsp_labels == NOT_NEXT
    assert other.sum() == len(other) // 2 > 50
    assert (of_first[other] != of_second[other]).all()
    assert (of_first[~other] == of_second[~other]).all()
    ends = plan.starts + plan.lengths
    assert (plan.starts[~other, 1] == ends[~other, 0]).all()
    assert (ends[:, 1] <= documents[of_second]).all()  # no run goes beyond its document
    assert plan.lengths.min() >= 1
    at_line = [float(np.isin(plan.starts[chosen, 1], data[1].lines).mean()) for chosen in (other, ~other)]
    assert at_line[0] == pytest.approx(at_line[1], abs=0.15)
    assert plan.lengths.sum(1).max() == 24 - 3


def test_sequences_are_full_but_for_the_short_ones_and_the_ends_of_documents(data: Data) -> None:
    batches = list(
        itertools.islice(
            examples(data, short_sequence_probability=0.0).batches(),
            examples(data, short_sequence_probability=0.0).n_batches(0),
        )
    )
    full = sum(batch.mask is None and batch.ids.shape[1] == 24 for batch in batches)
    assert full >= len(batches) / 2
    for batch in batches:
        lengths = np.full(len(batch.ids), batch.ids.shape[1]) if batch.mask is None else batch.mask.sum(1)
        assert batch.n_tokens == lengths.sum()
        assert (whole(batch)[np.arange(len(lengths)), lengths - 1] == data[0].pieces.index("[SEP]")).all()
    shorter = examples(data, short_sequence_probability=1.0).epoch(0).lengths.sum(1)
    assert 8 < shorter.mean() < 15


def test_masks_differ_from_epoch_to_epoch_and_are_the_same_for_a_seed(data: Data) -> None:
    first, second = examples(data), examples(data)
    n = first.n_batches(0)
    for ours, theirs in zip(itertools.islice(first.batches(), 2 * n), second.batches(), strict=False):
        assert np.array_equal(ours.ids, theirs.ids)
        assert np.array_equal(ours.positions, theirs.positions)
    for start in (0, 3, n, n + 2):  # to go on is to begin there
        ours, theirs = next(second.batches(start)), next(itertools.islice(first.batches(), start, None))
        assert np.array_equal(ours.ids, theirs.ids)
    for other in (examples(data, seed=2).batch(0, 0), first.batch(1, 0)):
        assert not np.array_equal(other.ids, first.batch(0, 0).ids)
    assert {len(first.epoch(0).starts), len(first.epoch(1).starts)} != {0}


def test_unknown_pieces_and_special_tokens_are_never_asked_for(data: Data, tmp_path: Path) -> None:
    strange = [[*lines, "今日は ☃ good"] for lines in DOCUMENTS]
    tokenizer, documents, _, _ = stored(tmp_path / "s", strange, tokenizer=data[0]).load()
    unknown = tokenizer.pieces.index("[UNK]")
    assert (documents.tokens == unknown).sum() > 50
    made = Examples(documents, tokenizer, batch_size=16, max_length=24, seed=1)
    targets = np.concatenate([batch.targets for batch in itertools.islice(made.batches(), made.n_batches(0))])
    assert targets.min() >= len(wordpiece.SPECIAL)


def test_without_next_sentences_a_sequence_is_one_run_of_lines(data: Data) -> None:
    made = examples(data, nsp=False)
    for batch in itertools.islice(made.batches(), made.n_batches(0)):
        assert not batch.token_types.any()
        for ids in whole(batch):
            assert re.fullmatch(r"\[CLS\] [^\[]+ \[SEP\]( \[PAD\])*", spelled(data, ids))


def test_lines_longer_than_a_sequence_are_gone_on_with(tmp_path: Path) -> None:
    long = [[" ".join(f"{word}" for word in lines)] for lines in DOCUMENTS]  # ten sentences a line
    tokenizer, documents, _, _ = stored(tmp_path / "long", long, dev=0.0).load()
    plan = Examples(
        documents, tokenizer, batch_size=16, max_length=24, seed=1, nsp=False, short_sequence_probability=0.0
    ).epoch(0)
    assert len(documents.lines) == 61
    assert plan.lengths.sum() > 0.8 * documents.n_tokens
    assert len(plan.starts) > 150


def test_one_document_has_text_that_does_not_follow_elsewhere_and_a_short_one_has_none(tmp_path: Path) -> None:
    tokenizer, documents, _, _ = stored(tmp_path / "one", [list(itertools.chain(*DOCUMENTS[:20]))]).load()
    plan = Examples(documents, tokenizer, batch_size=16, max_length=24, seed=1).epoch(0)
    other = plan.nsp_labels == NOT_NEXT
    assert other.sum() == len(other) // 2 > 10
    assert (np.abs(plan.starts[other, 1] - plan.starts[other, 0]) > 24).all()
    tokenizer, documents, _, _ = stored(tmp_path / "short", [DOCUMENTS[0][:4]]).load()
    with pytest.raises(RunError, match="one short document") as refused:
        Examples(documents, tokenizer, batch_size=16, max_length=24, seed=1)
    assert "--no-nsp" in refused.value.hint


def test_whole_documents_are_held_out_and_their_words_are_not_learned(tmp_path: Path) -> None:
    rare = ["zzz qqq zzz qqq zzz qqq"] * 2
    _, documents, dev, said = stored(tmp_path / "held", [*DOCUMENTS, rare]).load()
    place = said["dev_documents"][0]
    assert documents.n_documents + dev.n_documents == 61
    assert dev.n_documents == len(said["dev_documents"])
    assert dev.n_tokens <= 0.12 * (documents.n_tokens + dev.n_tokens)
    tokenizer, documents, dev, said = stored(tmp_path / "rare", [*DOCUMENTS[:place], rare, *DOCUMENTS[place:]]).load()
    assert place in said["dev_documents"]
    assert "z" not in tokenizer.pieces
    assert (dev.tokens == tokenizer.pieces.index("[UNK]")).sum() == 12
    tokenizer, documents, dev, said = stored(tmp_path / "last", [*DOCUMENTS, rare], dev=1).load()
    assert said["dev_documents"] == [60]
    assert dev.n_documents == 1


@pytest.mark.parametrize("nsp", [True, False])
def test_the_loss_is_that_of_transformers_on_the_same_batch(data: Data, tmp_path: Path, nsp: bool) -> None:
    settings = replace(SMALL, max_steps=1, nsp=nsp)
    training = pretrained(data, tmp_path / "w", settings)
    for batch in itertools.islice(examples(data, nsp=nsp).batches(), 6):
        labels = np.full(batch.ids.size, -100)
        labels[batch.positions] = batch.targets
        more = {"next_sentence_label": torch.from_numpy(batch.nsp_labels)} if nsp else {}
        theirs = training.network(
            input_ids=torch.from_numpy(batch.ids), token_type_ids=torch.from_numpy(batch.token_types),
            attention_mask=None if batch.mask is None else torch.from_numpy(batch.mask),
            labels=torch.from_numpy(labels.reshape(batch.ids.shape)), **more,
        )  # fmt: skip
        ours = sum(training._losses(batch).values())
        assert ours.item() == pytest.approx(theirs.loss.item(), rel=1e-5)


def test_accumulated_batches_are_one_large_one(data: Data, tmp_path: Path) -> None:
    training = pretrained(data, tmp_path / "w", replace(SMALL, max_steps=1))
    batches = list(itertools.islice(examples(data, short_sequence_probability=0.0).batches(), 3))
    optimizer = torch.optim.SGD(training.network.parameters(), lr=0.0)
    said = training._step(optimizer, batches, 0)
    gradients = [each.grad.clone() for each in training.network.parameters() if each.grad is not None]
    expected = torch.stack([torch.stack(list(training._losses(batch).values())).sum() for batch in batches]).mean()
    optimizer.zero_grad()
    expected.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(training.network.parameters(), 1.0)
    assert float(said["loss"]) == pytest.approx(expected.item())
    for ours, theirs in zip(gradients, training.network.parameters(), strict=True):
        assert torch.allclose(ours, theirs.grad, atol=1e-6)


def test_it_learns_the_grammar(data: Data, tmp_path: Path) -> None:
    training = pretrained(data, tmp_path / "w", replace(SMALL, max_steps=400))
    shares = np.bincount(data[1].tokens) / data[1].n_tokens
    unigrams = -float((shares[shares > 0] * np.log(shares[shares > 0])).sum())
    scores, lines = training.scores, training.curves
    assert scores["mlm_loss"] < 0.6 * unigrams
    assert scores["top5"] > 0.7
    assert scores["top1"] > 2 * shares.max()
    assert [line["step"] for line in lines] == list(range(50, 401, 50))
    assert lines[-1]["mlm_loss"] < 0.6 * lines[0]["mlm_loss"]
    for line in lines:
        assert line["loss"] == pytest.approx(line["mlm_loss"] + line["nsp_loss"], abs=1e-4)
    assert lines[-1]["tokens"] == training.n_tokens > 400 * 16 * 12


def test_it_learns_which_text_follows_where_documents_have_one_word_each(tmp_path: Path) -> None:
    nouns = [noun for topic in TOPICS.values() for noun in topic][:12]
    documents = [[" ".join([nouns[seed % 12]] * 3)] * 20 for seed in range(36)]
    data = stored(tmp_path / "data", documents, size=80).load()[:3]
    training = pretrained(data, tmp_path / "w", replace(SMALL, max_steps=400, batch_size=32, max_length=16))
    assert training.curves[0]["nsp_loss"] == pytest.approx(np.log(2), abs=0.05)
    assert training.curves[-1]["nsp_loss"] < 0.35
    assert training.scores["nsp_accuracy"] > 0.85
    batch = training._dev[0]  # and index 0 is "is next"
    _, logits = training._logits(batch)
    assert logits is not None
    assert ((logits[:, 0] > logits[:, 1]).numpy() == (batch.nsp_labels == 0)).mean() > 0.85


def test_the_learning_rate_rises_and_falls_in_lines(data: Data, tmp_path: Path) -> None:
    training = pretrained(data, tmp_path / "w", replace(SMALL, max_steps=100, warmup_ratio=0.2, learning_rate=1e-3))
    rates = [training.learning_rate(step, 100) for step in range(100)]
    assert rates[:3] == pytest.approx([5e-5, 1e-4, 1.5e-4])
    assert rates[20] == max(rates) == pytest.approx(1e-3)
    assert rates[60] == pytest.approx(5e-4)
    assert rates[99] == pytest.approx(1e-3 / 80)
    assert [line["learning_rate"] for line in training.curves] == [rates[49], rates[99]]


def test_what_ends_a_training_is_what_comes_first(data: Data, tmp_path: Path) -> None:
    n_epoch = examples(data).n_batches(0)
    for changed, expected in (
        ({"max_steps": 7}, 7),
        ({"max_steps": None, "epochs": 2}, 2 * n_epoch),
        ({"max_steps": 5, "epochs": 2}, 5),
        ({"max_steps": None, "epochs": 1, "gradient_accumulation": 4}, -(-n_epoch // 4)),
        ({"max_steps": 3, "max_minutes": 100.0}, 3),
        ({"max_steps": 50, "max_minutes": 1e-6}, 1),
    ):
        notes: list[str] = []
        training = pretrained(data, tmp_path / str(expected), replace(SMALL, **changed), note=notes.append)
        assert training.n_steps == expected
        assert training.curves[-1]["step"] == expected
        assert notes[-1].startswith(f"steps: {expected}, of "), notes


class Stops:
    """Says no ``patience`` times, and then yes."""

    def __init__(self, patience: float = np.inf) -> None:
        self.asked = 0
        self._patience = patience

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked > self._patience


def without_times(curves: list[dict[str, Any]]) -> list[Any]:
    return [{name: value for name, value in line.items() if name != "seconds"} for line in curves]


LONGER = replace(SMALL, max_steps=60, dropout=0.1, gradient_accumulation=2)


@pytest.fixture(scope="module")
def uninterrupted(data: Data, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[Any]]:
    training = pretrained(data, tmp_path_factory.mktemp("work"), LONGER)
    return state(training), without_times(training.curves)


@pytest.mark.parametrize("steps", [0, 1, 49, 50, 55, 59])
def test_an_interrupted_training_ends_as_one_that_was_not(
    data: Data, tmp_path: Path, uninterrupted: tuple[bytes, list[Any]], steps: int
) -> None:
    measured = 3
    with pytest.raises(KeyboardInterrupt):
        pretrained(data, tmp_path, LONGER, stop=Stops(measured + steps))
    notes: list[str] = []
    training = pretrained(data, tmp_path, LONGER, resume=True, note=notes.append)
    assert state(training) == uninterrupted[0]
    assert without_times(training.curves) == uninterrupted[1]
    said = "there is no checkpoint yet" if steps == 0 else f"going on after {steps} of 60 steps"
    assert any(said in note for note in notes) or steps == 0


def test_an_interrupted_training_with_muon_in_bfloat16_ends_as_one_that_was_not(data: Data, tmp_path: Path) -> None:
    settings = replace(LONGER, optimizer="muon", precision="bfloat16")
    whole = pretrained(data, tmp_path / "whole", settings)
    with pytest.raises(KeyboardInterrupt):
        pretrained(data, tmp_path / "cut", settings, stop=Stops(3 + 31))
    resumed = pretrained(data, tmp_path / "cut", settings, resume=True)
    assert state(resumed) == state(whole)
    assert without_times(resumed.curves) == without_times(whole.curves)


@pytest.mark.parametrize(("precision", "attention"), [("float32", "sdpa"), ("bfloat16", "eager")])
def test_attention_is_computed_in_the_way_that_trains_fastest_and_the_folder_does_not_say_so(
    data: Data, tmp_path: Path, precision: str, attention: str
) -> None:
    training = pretrained(data, tmp_path / "work", replace(SMALL, max_steps=2, precision=precision))
    assert training.network.config._attn_implementation == attention
    training.network.save_pretrained(tmp_path / "saved")
    assert attention not in (tmp_path / "saved" / "config.json").read_text(encoding="utf-8")


def test_one_that_is_interrupted_again_and_again_does_too(
    data: Data, tmp_path: Path, uninterrupted: tuple[bytes, list[Any]]
) -> None:
    for _ in range(20):
        try:
            training = pretrained(data, tmp_path, LONGER, resume=True, stop=Stops(17))
        except KeyboardInterrupt:
            continue
        break
    assert state(training) == uninterrupted[0]
    assert without_times(training.curves) == uninterrupted[1]


def test_a_checkpoint_that_is_cut_off_is_said_and_the_training_begins_anew(
    data: Data, tmp_path: Path, uninterrupted: tuple[bytes, list[Any]]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        pretrained(data, tmp_path, LONGER, stop=Stops(40))
    (checkpoint,) = tmp_path.glob("bert-*.safetensors")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1000])
    notes: list[str] = []
    training = pretrained(data, tmp_path, LONGER, resume=True, note=notes.append)
    assert any(f"the checkpoint {checkpoint} is damaged: beginning anew" in note for note in notes)
    assert state(training) == uninterrupted[0]


def test_a_checkpoint_of_other_settings_is_not_gone_on_from(data: Data, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pretrained(data, tmp_path, LONGER, stop=Stops(20))
    said = "another one: --learning-rate was 0.005, is now 0.001; --max-steps was 60, is now 300. Without --resume"
    with pytest.raises(WrongUsage, match=said):
        pretrained(data, tmp_path, replace(LONGER, learning_rate=1e-3, max_steps=300), resume=True)
    assert pretrained(data, tmp_path, LONGER, resume=True).n_steps == 60
    assert pretrained(data, tmp_path, replace(LONGER, max_steps=3), resume=True).n_steps == 3  # none is unfinished now


def test_a_training_that_goes_wrong_is_stopped_and_the_last_checkpoint_is_kept(data: Data, tmp_path: Path) -> None:
    training = pretrained(data, tmp_path / "a", replace(SMALL, max_steps=2))
    with torch.no_grad():
        training.network.bert.encoder.layer[0].output.dense.weight[0, 0] = torch.nan
    folder = tmp_path / "broken"
    folder.mkdir()
    bert_network.save(training.network, data[0], folder, "float32")
    with pytest.raises(RunError, match=r"not finite in step 1$") as refused:
        pretrained(data, tmp_path / "b", replace(SMALL, max_steps=60, init=str(folder)))
    assert "--learning-rate" in refused.value.hint
    assert not [*(tmp_path / "b").glob("*.safetensors")]


def train(place: Path, *arguments: str, stdin: str | bytes = "") -> Result:
    """``nlptool train bert`` in ``place``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return CliRunner().invoke(main.root, ["train", "bert", *arguments], input=stdin)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an English corpus and a Japanese one."""
    place = tmp_path_factory.mktemp("place")
    (place / "english.txt").write_text("\n\n".join("\n".join(lines) for lines in DOCUMENTS) + "\n")
    lines = SAMPLE.read_text(encoding="utf-8").split("\n")
    japanese = "\n".join(f"\n{line}" if re.fullmatch("第.夜", line) else line for line in lines)
    (place / "japanese.txt").write_text(japanese, encoding="utf-8")
    return place


JAPANESE = [*ARGUMENTS, "--vocab-size", "2500", "--dev", "0.2"]
ENGLISH = [*ARGUMENTS, "--vocab-size", "150", "--lowercase", "--dev", "0.1"]


@pytest.fixture(scope="module", params=["japanese", "english"])
def trained(request: pytest.FixtureRequest, place: Path) -> Path:
    options = JAPANESE if request.param == "japanese" else ENGLISH
    before = {path.name for path in place.iterdir()}  # other tests may have been there
    result = succeeded(train(place, *options, "-o", request.param, f"{request.param}.txt", "--plot", "curves.svg"))
    kind = {"japanese": "unidic: Japanese", "english": "wordpiece: letters of other languages"}[request.param]
    assert f"--tokenizer {kind}" in result.stderr
    assert re.search(
        r"documents: \d+, of [\d,]+ tokens; held out: \d+, of [\d,]+; pieces: [\d,]+; param", result.stderr
    )
    assert "top1" in result.stderr
    for name in ("MLM loss", "NSP loss", "top1", "NSP accuracy", "epochs"):
        assert f"<!-- {name} -->" in (place / "curves.svg").read_text()
    assert {path.name for path in place.iterdir()} - before - {"curves.svg"} == {request.param}
    return place / request.param


TEXTS = {
    "japanese": ["吾輩は猫である。名前はまだ無い。", "ﾃﾞｰﾀ①　㍿", "死にますと、静かな声で云った。", "Ａbc", "雪" * 120],
    "english": ["The old OWL hunts in the forest.", "naïve café!", "a" * 120, "unknown ☃ letters"],
}


def test_transformers_loads_the_folder_as_it_is(trained: Path) -> None:
    from transformers import AutoTokenizer, BertForPreTraining, BertJapaneseTokenizer

    network, about = BertForPreTraining.from_pretrained(str(trained), output_loading_info=True)
    assert not any(about[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    names = {name for name, _ in network.named_parameters()}
    assert {"cls.seq_relationship.weight", "bert.pooler.dense.weight"} <= names
    assert network.cls.predictions.decoder.weight is network.bert.embeddings.word_embeddings.weight
    theirs = (BertJapaneseTokenizer if trained.name == "japanese" else AutoTokenizer).from_pretrained(str(trained))
    assert theirs.mask_token == "[MASK]"
    own = bert_tokenizers.read(trained)
    assert len(own.pieces) == len(theirs) == network.config.vocab_size
    cut = own.words.splitter()
    for text in TEXTS[trained.name]:
        words = cut(text)
        _, ids = wordpiece.segment(words, own.pieces)
        assert theirs(text)["input_ids"][1:-1] == ids.tolist()
        assert theirs(text, text)["token_type_ids"].count(1) == len(ids) + 1
    assert theirs.tokenize("[MASK]") == ["[MASK]"]
    assert theirs.model_max_length == 24
    if trained.name == "japanese":
        settings = json.loads((trained / "tokenizer_config.json").read_text())
        assert settings["word_tokenizer_type"] == "mecab"
        assert settings["mecab_kwargs"]["mecab_dic"] == "unidic_lite"


def test_the_model_remembers_its_dictionary(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "dictionary"
    shutil.copytree(dictionaries.locate(None).folder, folder)
    options = [*JAPANESE, "--max-steps", "2", "japanese.txt"]
    succeeded(train(place, *options, "-o", "by-default"))
    succeeded(train(place, *options, "--dictionary", str(folder), "-o", "by-folder"))
    for name, dictionary in (("by-default", "unidic_lite"), ("by-folder", str(folder))):
        assert bert_tokenizers.read(place / name).words.dictionary == dictionary
    about = json.loads((place / "by-folder" / "pretraining.json").read_text())
    assert about["dictionary"] == str(folder)
    vectors = [
        encoder_loading.load(EncoderSpec(str(place / name))).encode(TEXTS["japanese"]).vectors
        for name in ("by-default", "by-folder")
    ]
    assert np.array_equal(*vectors)
    result = train(place, *options, "--dictionary", str(tmp_path), "-o", "no-dictionary")
    assert result.exit_code == 4
    assert f"no MeCab dictionary in {tmp_path}" in result.stderr


def test_embed_takes_the_folder(trained: Path) -> None:
    from sentence_transformers import SentenceTransformer

    ours = encoder_loading.load(EncoderSpec(str(trained))).encode(TEXTS[trained.name]).vectors
    theirs = SentenceTransformer(str(trained), device="cpu").encode(TEXTS[trained.name])
    assert np.allclose(ours, theirs, atol=1e-4)


def test_the_manifest_the_curves_and_the_card_say_what_was_done(trained: Path) -> None:
    about = json.loads((trained / "pretraining.json").read_text(encoding="utf-8"))
    lines = [json.loads(line) for line in (trained / "curves.jsonl").read_text().split("\n")[:-1]]
    n_documents = {"japanese": 10, "english": 60}[trained.name]
    assert about["n_documents"] + about["n_dev_documents"] == n_documents
    assert len(about["dev_documents"]) == about["n_dev_documents"] > 0
    assert about["n_corpus_tokens"] > about["n_dev_tokens"] > 0
    assert about["options"]["layers"] == 1
    assert about["options"]["max_steps"] == about["n_steps"] == lines[-1]["step"] == 20
    assert about["n_tokens"] == lines[-1]["tokens"]
    assert about["tokenizer"] == {"japanese": "unidic", "english": "wordpiece"}[trained.name]
    assert about["scripts"] == {"japanese": ["Japanese"], "english": ["Latin"]}[trained.name]
    assert about["versions"]["torch"] == torch.__version__
    assert about["n_pieces"] == len((trained / "vocab.txt").read_text(encoding="utf-8").split("\n")) - 1
    assert about["scores"] == {name[4:]: value for name, value in lines[-1].items() if name[:4] == "dev_"}
    assert set(about["scores"]) == {"mlm_loss", "top1", "top5", "nsp_accuracy"}
    listed = {path.relative_to(trained).as_posix() for path in trained.rglob("*") if path.is_file()}
    assert {*about["files"], "pretraining.json"} == listed
    card = (trained / "README.md").read_text(encoding="utf-8")
    assert f"A BERT of {about['n_parameters']:,} parameters (BertForPreTraining)" in card
    assert f"| top1 | {about['scores']['top1']} |" in card
    assert "| max-length | 24 |" in card


def test_the_same_corpus_from_stdin_as_jsonl_or_compressed_gives_the_same_model(place: Path) -> None:
    import gzip

    text = (place / "english.txt").read_text()
    options = [*ENGLISH, "--max-steps", "3"]
    records = "".join(json.dumps({"id": 1, "t": line}) + "\n" for line in text.split("\n")[:-1])
    (place / "english.txt.gz").write_bytes(gzip.compress(text.encode()))
    whole = "".join(json.dumps({"text": "\n".join([*lines, ""])}) + "\n" for lines in DOCUMENTS)
    (place / "parts").mkdir()
    parts = [place / "parts" / f"{number}.txt" for number in range(3)]
    for number, part in enumerate(parts):
        part.write_text("\n\n".join("\n".join(lines) for lines in DOCUMENTS[20 * number : 20 * number + 20]))
    succeeded(train(place, *options, "-o", "a", "english.txt"))
    succeeded(train(place, *options, "-o", "b", stdin=text.replace("\n\n", "\r\n \r\n\r\n")))
    succeeded(train(place, *options, "-o", "c", "--field", "t", "-I", "jsonl", stdin=records))
    succeeded(train(place, *options, "-o", "d", "english.txt.gz", "-j", "2"))
    succeeded(train(place, *options, "-o", "e", stdin=whole))
    succeeded(train(place, *options, "-o", "f", *map(str, parts)))
    models = {(place / name / "model.safetensors").read_bytes() for name in "abcdef"}
    assert len(models) == 1
    succeeded(train(place, *options, "-o", "a", "--seed", "2", "english.txt"))  # replaced
    assert (place / "a" / "model.safetensors").read_bytes() not in models


def test_the_token_ids_are_kept_between_trainings(place: Path) -> None:
    options = [*ENGLISH, "--checkpoint-dir", "kept", "english.txt"]
    first = succeeded(train(place, *options, "-o", "k1", "--max-steps", "2"))
    second = succeeded(train(place, *options, "-o", "k2", "--max-steps", "2"))
    assert "the corpus is in kept already" not in first.stderr
    assert "the corpus is in kept already" in second.stderr
    assert (place / "k1" / "model.safetensors").read_bytes() == (place / "k2" / "model.safetensors").read_bytes()
    third = succeeded(train(place, *options, "-o", "k3", "--max-steps", "2", "--vocab-size", "140"))
    assert "the corpus is in kept already" not in third.stderr
    assert len([*(place / "kept").glob("corpus-*.json")]) == 2


def test_a_file_of_ones_own_is_held_out(place: Path) -> None:
    (place / "dev.txt").write_text("\n\n".join("\n".join(document(seed)) for seed in range(100, 110)))
    options = [*ARGUMENTS, "--vocab-size", "150", "--dev", "dev.txt", "english.txt", "-o", "apart"]
    succeeded(train(place, *options))
    about = json.loads((place / "apart" / "pretraining.json").read_text())
    assert (about["n_documents"], about["n_dev_documents"]) == (60, 10)
    assert about["dev_documents"] == list(range(60, 70))
    options[options.index("dev.txt")] = "0"
    succeeded(train(place, *options))
    about = json.loads((place / "apart" / "pretraining.json").read_text())
    assert (about["n_documents"], about["n_dev_documents"], about["scores"]) == (60, 0, {})
    (place / "unknown.txt").write_text("今日 は\n今日 は\n\n明日 も\n明日 も\n")
    options[options.index("--dev") + 1] = "unknown.txt"  # of its words none has pieces
    succeeded(train(place, *options))
    about = json.loads((place / "apart" / "pretraining.json").read_text())
    assert about["scores"].keys() == {"nsp_accuracy"}


def test_another_seed_holds_out_the_same_documents(place: Path, trained: Path) -> None:
    about = json.loads((trained / "pretraining.json").read_text())
    same = ["--max-length", "24", "--batch-size", "16", "--threads", "1", "--device", "cpu", "--dev", str(about["dev"])]
    corpus = f"{trained.name}.txt"
    succeeded(
        train(place, *same, "--max-steps", "1", "--seed", "9", "--init", trained.name, corpus, "-o", "other-seed")
    )
    assert (
        json.loads((place / "other-seed" / "pretraining.json").read_text())["dev_documents"] == about["dev_documents"]
    )


def test_the_commands_ask_the_folder(trained: Path, invoke: Invoke) -> None:
    text = {"japanese": "吾輩は[MASK]である。", "english": "the old owl [MASK] in the forest"}[trained.name]
    filled = invoke("fill-mask", "-m", str(trained), "-k", "3", stdin=f"{text}\n".encode())
    assert filled.exit_code == 0, filled.stderr
    (mask,) = json.loads(filled.stdout)["masks"]
    probabilities = [each["probability"] for each in mask["candidates"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0 < sum(probabilities) < 1
    judged = invoke("nsp", "-m", str(trained), stdin=f"{text}\t{text}\n".encode())
    assert json.loads(judged.stdout)["label"] in ("IsNext", "NotNext")
    scored = invoke("score", "-m", str(trained), stdin=text.replace("[MASK]", "").encode())
    assert json.loads(scored.stdout)["pseudo_log_likelihood"] < 0


def test_another_training_begins_where_one_ended(place: Path, trained: Path) -> None:
    corpus = f"{trained.name}.txt"
    about = json.loads((trained / "pretraining.json").read_text())
    same = ["--max-length", "24", "--batch-size", "16", "--threads", "1", "--device", "cpu", "--dev", str(about["dev"])]
    succeeded(
        train(place, *same, "--max-steps", "2", "--learning-rate", "1e-9", "--init", trained.name, corpus, "-o", "on")
    )
    after = json.loads((place / "on" / "pretraining.json").read_text())
    assert after["scores"] == pytest.approx(about["scores"], abs=1e-3)
    assert (place / "on" / "vocab.txt").read_bytes() == (trained / "vocab.txt").read_bytes()
    for name in ("tokenizer_config.json", "tokenizer.json"):
        if (trained / name).is_file():
            assert json.loads((place / "on" / name).read_text()) == json.loads((trained / name).read_text())
    about = json.loads((place / "on" / "pretraining.json").read_text())
    assert about["options"]["init"] == trained.name
    assert set(about["scripts"]) == {"japanese": {"Japanese", *scripts.JAPANESE}, "english": {"Latin"}}[trained.name]
    assert "layers" not in about["options"]


def test_a_trained_bert_notes_texts_in_scripts_that_it_has_not_seen(invoke: Invoke, trained: Path) -> None:
    other, name = {"japanese": ("the old owl", "Latin"), "english": ("猫が鳴く。", "Japanese")}[trained.name]
    done = invoke("score", "-m", str(trained), "--no-pieces", stdin=f"{TEXTS[trained.name][0]}\n{other}\n안녕\n")
    assert [each["nlptool"]["score"].get("unseen_script") for each in records(done)] == [None, name, "Hangul"]
    assert f"no language of {trained} (" in done.stderr


def test_a_bert_of_the_hub_can_be_gone_on_with(place: Path) -> None:
    from transformers import BertConfig, BertForMaskedLM, BertTokenizer

    folder = place / "theirs"
    torch.manual_seed(0)
    pieces = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz.", "the", "in"]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join([*pieces, *(f"##{letter}" for letter in pieces[6:32])]) + "\n")
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(str(folder))
    config = BertConfig(
        vocab_size=64, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32,
    )  # fmt: skip
    BertForMaskedLM(config).save_pretrained(str(folder))
    options = ["--init", "theirs", "--max-steps", "4", "--threads", "1", "--device", "cpu", "english.txt", "-o", "ours"]
    said = succeeded(train(place, *options, "--max-length", "32")).stderr
    assert "theirs has no bert.pooler, cls.seq_relationship: they begin at random" in said
    assert json.loads((place / "ours" / "config.json").read_text())["vocab_size"] == 64
    said = succeeded(train(place, *options, "--max-length", "32", "--no-nsp")).stderr
    assert "at random" not in said
    result = train(place, *options)
    assert result.exit_code == 4
    assert "theirs takes 32 tokens, fewer than --max-length 128" in result.stderr


def test_weights_of_half_the_size_and_without_next_sentences(place: Path) -> None:
    from transformers import BertForMaskedLM

    options = [*ENGLISH, "--no-nsp", "english.txt"]
    succeeded(train(place, *options, "-o", "whole"))
    succeeded(train(place, *options, "-o", "half", "--save-dtype", "float16"))
    sizes = [(place / name / "model.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.6 * sizes[0]
    about = json.loads((place / "half" / "config.json").read_text())
    assert about["architectures"] == ["BertForMaskedLM"]
    found = [
        BertForMaskedLM.from_pretrained(str(place / name), dtype=torch.float32).eval() for name in ("whole", "half")
    ]
    ids = torch.tensor([[2, 10, 4, 12, 3]])
    with torch.no_grad():
        first, second = (network(input_ids=ids).logits for network in found)
    assert torch.allclose(first, second, atol=0.02)
    lines = [json.loads(line) for line in (place / "half" / "curves.jsonl").read_text().split("\n")[:-1]]
    assert "nsp_loss" not in lines[-1]
    assert "dev_nsp_accuracy" not in lines[-1]


def test_an_interrupt_of_the_real_program_and_its_resume(place: Path, start: Start) -> None:
    options = ["train", "bert", *ENGLISH, "--max-steps", "60", "english.txt", "-o", "stopped"]
    process = start(*options, "--progress", "always", cwd=place)
    assert process.stderr is not None
    shown = b""
    while b"training" not in shown and (chunk := process.stderr.read(4096)):
        shown += chunk
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate()
    assert process.returncode == -signal.SIGINT
    assert "stopping; what is done stays in stopped.work: --resume" in rest.decode()
    assert not (place / "stopped").exists()
    assert [*(place / "stopped.work").glob("bert-*.safetensors")]
    resumed = succeeded(train(place, *options[2:], "--resume"))
    assert re.search(r"going on after \d+ of 60 steps", resumed.stderr)
    assert "the corpus is in stopped.work already" in resumed.stderr
    assert not (place / "stopped.work").exists()
    succeeded(train(place, *options[2:-1], "went-through"))
    for name in ("model.safetensors", "vocab.txt", "tokenizer.json"):
        assert (place / "stopped" / name).read_bytes() == (place / "went-through" / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["/dev/null"], 1, "the corpus has no words"),
        (["blank.txt"], 1, "the corpus has no words"),
        (["line.txt"], 1, "the corpus is one short document"),
        (["word.txt", "--no-nsp"], 1, "there is too little text to learn from; its tokens: 1"),
        (["english.txt", "--vocab-size", "30"], 1, "a vocabulary of 30 pieces has no room for words beside"),
        (["english.txt", "--vocab-size", "10"], 2, "10 is not in the range"),
        (["english.txt", "--hidden-size", "30", "--heads", "4"], 2, "--hidden-size 30 cannot be shared by --heads 4"),
        (["english.txt", "--init", "x", "--layers", "3"], 2, "--init x makes no use of --layers"),
        (["english.txt", "--init", "x", "--tokenizer", "unidic"], 2, "--init x makes no use of --tokenizer"),
        (["english.txt", "--init", "x", "--nsp-warmup-ratio", "0"], 2, "--init x makes no use of --nsp-warmup-ratio"),
        (["english.txt", "--no-nsp", "--nsp-warmup-ratio", "0"], 2, "--no-nsp makes no use of --nsp-warmup-ratio"),
        (["english.txt", "--tokenizer", "wordpiece", "--dictionary", "x"], 2, "wordpiece makes no use of --dictionary"),
        (["english.txt", "--dropout", "nan"], 2, "nan is no number"),
        (["english.txt", "--init", "none"], 4, "none: its tokenizer cannot be loaded"),
        (["english.txt", "--dev", "0.95"], 2, "a share is 0 to 0.9"),
        (["english.txt", "-o", "english.txt"], 1, "english.txt is a file, and is not replaced"),
        (["english.txt", "-o", "own"], 1, "own is a folder that holds something else"),
        (["english.txt", "-o", "none/m"], 1, "cannot write none/m: there is no folder"),
        (["english.txt", "-o", "busy"], 1, "busy.work, where the work is kept until it is done, holds something else"),
        (["english.txt", "--plot", "c.gif"], 1, "c.gif: a picture is a .png, .svg, .pdf file"),
        (["english.txt", "--checkpoint-dir", "english.txt"], 1, "cannot write english.txt: File exists"),
        ([sys.executable], 1, "most records failed: this is no corpus"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused_with_a_reason(
    place: Path, arguments: list[str], code: int, message: str
) -> None:
    (place / "blank.txt").write_text("\n\u3000\n \n")
    (place / "line.txt").write_text("The old owl hunts in the forest.\n")
    (place / "word.txt").write_text("w")
    for name in ("own", "busy.work"):
        (place / name).mkdir(exist_ok=True)
        (place / name / "thesis.txt").write_text("years of work")
    sizes = (
        []
        if {"--hidden-size", "--init", "--vocab-size"} & {*arguments}
        else ["--layers", "1", "--hidden-size", "16", "--heads", "2"]
    )
    output = [] if "-o" in arguments else ["-o", "refused"]
    more = [] if "--vocab-size" in arguments or "--init" in arguments else ["--vocab-size", "100"]
    result = train(place, *sizes, *more, "--threads", "1", "--max-steps", "1", "--batch-size", "4", *arguments, *output)
    assert result.exit_code == code, result.stderr
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert "internal error" not in result.stderr
    assert (place / "own" / "thesis.txt").read_text() == "years of work"
    assert not [*place.glob("refused*")]


def test_a_file_that_is_not_there_is_said_and_the_rest_is_learned_from(place: Path) -> None:
    for more in (["none.txt"], ["--dev", "none.txt"]):
        result = train(place, *ENGLISH, "--max-steps", "1", "-o", "rest", "english.txt", *more)
        assert result.exit_code == 1
        assert "none.txt: No such file or directory" in result.stderr
        about = json.loads((place / "rest" / "pretraining.json").read_text())
        assert about["n_documents"] + about["n_dev_documents"] == 60


def test_a_single_long_line_can_be_learned_from_without_next_sentences(place: Path) -> None:
    text = " ".join(itertools.chain(*DOCUMENTS[:5]))
    said = succeeded(train(place, *ENGLISH, "--no-nsp", "-o", "line", stdin=text)).stderr
    assert "documents: 1, of" in said
    assert "no documents were held out" in said


def test_a_vocabulary_larger_than_the_corpus_gives_is_said(place: Path) -> None:
    said = succeeded(train(place, *ARGUMENTS, "--vocab-size", "5000", "-o", "larger", "english.txt")).stderr
    n_pieces = json.loads((place / "larger" / "pretraining.json").read_text())["n_pieces"]
    assert n_pieces < 300
    assert f"the corpus gives {n_pieces} pieces, fewer than --vocab-size 5000" in said


def test_records_that_fail_are_counted_and_the_rest_is_learned_from(place: Path) -> None:
    odd = ["a\0b", "\u3000", "x" * 20_000, "今" * 500, "\x1b[31m", "﷽", "[MASK] [SEP]", "e\u0301"]
    lines = [*itertools.chain(*DOCUMENTS[:20]), *odd]
    records = "".join(json.dumps({"text": line}) + "\n" for line in lines) + '{"text":"\\ud800 half"}\n{"text":1}\nno\n'
    result = train(place, *ARGUMENTS, "--vocab-size", "200", "-o", "odd", "--max-steps", "2", stdin=records)
    assert result.exit_code == 3, result.stderr
    assert "3 of 211 records failed" in result.stderr
    assert (place / "odd" / "model.safetensors").is_file()


@pytest.mark.parametrize("limit", [3_000, 60_000])
def test_a_full_disk_is_said_and_what_is_there_stays(place: Path, limit: int) -> None:
    """The limit is on the size of a file: the token ids do not fit, or the checkpoint."""
    with largest_file(limit):
        done = train(place, *ENGLISH, "--checkpoint-dir", f"full-{limit}", "-o", f"full-{limit}-model", "english.txt")
    message = done.stderr
    assert done.exit_code == 1, message
    assert "internal error" not in message
    assert "Traceback" not in message
    assert "File too large" in message
    assert not (place / f"full-{limit}-model").exists()


def test_help_comes_at_once(run: Run) -> None:
    done = run("train", "bert", "--help")
    assert done.returncode == 0
    assert b"--gradient-accumulation" in done.stdout
