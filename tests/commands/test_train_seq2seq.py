"""``train seq2seq``: what is learned from, the loss, free-running scores, early stopping, interruptions, the folder."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import random
import re
import shutil
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from program import Start, succeeded
from safetensors.torch import load_file, save
from torch import Tensor
from torch.nn import functional

from nlptool.cli import main
from nlptool.errors import RunError, WrongUsage
from nlptool.models.japanese import dictionaries
from nlptool.models.seq2seq import folder as seq2seq_folder
from nlptool.models.seq2seq import network as seq2seq_network
from nlptool.models.seq2seq.config import ARCHITECTURES
from nlptool.models.seq2seq.network import Memory, Seq2Seq
from nlptool.models.seq2seq.vocabulary import Vocabulary
from nlptool.tasks.train import seq2seq_corpus
from nlptool.training import splits
from nlptool.training.seq2seq import vocabulary as seq2seq_vocabulary
from nlptool.training.seq2seq.examples import Batch, Examples
from nlptool.training.seq2seq.trainer import Corpus, Pairs, Seq2SeqSettings, Seq2SeqTraining, smoothed, weights

BOS, EOS = 1, 2


def reversals(n: int, *, letters: str = "abcdef", longest: int = 6) -> list[tuple[str, str]]:
    """Words without the same letter twice in a row, and the same backwards."""
    rng = random.Random(1)
    words: dict[str, None] = {}
    while len(words) < n:
        word = "".join(rng.choices(letters, k=rng.randint(3, longest)))
        if all(a != b for a, b in itertools.pairwise(word)):
            words[word] = None
    return [(word, word[::-1]) for word in words]


PAIRS = reversals(800)
SYMBOLS = seq2seq_vocabulary.learn([source for source, _ in PAIRS], unit="characters", size=20)
SMALL = Seq2SeqSettings(
    layers=1, hidden_size=32, heads=2, intermediate_size=64, max_length=8, dropout=0.1, batch_tokens=300, learning_rate=5e-3,
    max_steps=40,
    evaluations=4,
)  # fmt: skip


def pairs(texts: Sequence[tuple[str, str]]) -> Pairs:
    ids = [tuple(line.ids for line in SYMBOLS.tokenize(pair)) for pair in texts]
    return Pairs([(source, target) for source, target in ids], [target for _, target in texts])


def corpus(learned: Sequence[tuple[str, str]] = PAIRS[80:], dev: Sequence[tuple[str, str]] = PAIRS[:80]) -> Corpus:
    return Corpus(pairs(learned), pairs(dev), SYMBOLS, SYMBOLS)


def trained(work: Path, settings: Seq2SeqSettings = SMALL, data: Corpus | None = None, **more: Any) -> Seq2SeqTraining:
    """A training in this process, done."""
    torch.set_num_threads(1)
    work.mkdir(exist_ok=True)
    training = Seq2SeqTraining(data or corpus(), settings, work, **more)
    training.run()
    return training


def state(training: Seq2SeqTraining) -> bytes:
    return save({name: each.detach().contiguous() for name, each in training.network.named_parameters()})


def test_the_decoder_sees_the_target_one_token_late() -> None:
    (batch,) = (batch for _, batch in Examples([([7, 8, 9], [5, 6]), ([7], [4])], batch_tokens=100).in_order())
    assert batch.source.tolist() == [[7, EOS, 0, 0], [7, 8, 9, EOS]]
    assert batch.inputs.tolist() == [[BOS, 4, 0], [BOS, 5, 6]]
    shown = batch.inputs.ravel()[batch.positions].tolist()
    assert list(zip(shown, batch.targets.tolist(), strict=True)) == [(BOS, 4), (4, EOS), (BOS, 5), (5, 6), (6, EOS)]
    assert batch.n_tokens == 2 + 4 + 2 + 3


def spelled(batch: Batch) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The pairs of a batch, without special tokens."""
    rows = [tuple(int(id) for id in row if id > EOS) for row in batch.source]
    return list(zip(rows, [tuple(int(id) for id in row if id > EOS) for row in batch.inputs], strict=True))


def random_pairs(n: int) -> list[tuple[list[int], list[int]]]:
    rng = np.random.default_rng(0)
    return [
        (rng.integers(4, 90, rng.integers(1, 12)).tolist(), rng.integers(4, 90, rng.integers(1, 12)).tolist())
        for _ in range(n)
    ]


def test_every_epoch_has_each_pair_once_in_batches_of_at_most_so_many_tokens() -> None:
    known = random_pairs(500)
    examples = Examples(known, batch_tokens=200, seed=3)
    epochs = [[examples.batch(epoch, n) for n in range(examples.n_batches)] for epoch in (0, 1)]
    for batches in epochs:
        found = Counter(pair for batch in batches for pair in spelled(batch))
        assert found == Counter((tuple(source), tuple(target)) for source, target in known)
        assert all(batch.source.size + batch.inputs.size <= 200 for batch in batches)
        assert sum(batch.n_tokens for batch in batches) == examples.n_tokens
        sizes = sum(batch.source.size + batch.inputs.size for batch in batches)
        assert examples.n_tokens > 0.85 * sizes  # little of it is padding
    assert spelled(epochs[0][0]) != spelled(epochs[1][0])


def test_batches_follow_from_the_seed_and_their_number_alone() -> None:
    known = random_pairs(200)
    at_once = list(itertools.islice(Examples(known, batch_tokens=150, seed=3).batches(), 60))
    later = list(itertools.islice(Examples(known, batch_tokens=150, seed=3).batches(31), 29))
    for one, other in zip(at_once[31:], later, strict=True):
        assert np.array_equal(one.source, other.source)
        assert np.array_equal(one.inputs, other.inputs)
    others = itertools.islice(Examples(known, batch_tokens=150, seed=4).batches(), 60)
    assert any(spelled(one) != spelled(other) for one, other in zip(at_once, others, strict=True))


def test_a_pair_that_is_longer_than_a_batch_has_one_of_its_own() -> None:
    known = [([5] * 50, [6] * 50), ([5], [6]), ([7], [8])]
    batches = [spelled(batch) for _, batch in Examples(known, batch_tokens=10).in_order()]
    assert [len(batch) for batch in batches] == [2, 1]


def test_label_smoothing_is_that_of_the_definition() -> None:
    probabilities = torch.tensor([[0.1, 0.2, 0.4, 0.2, 0.1]])  # K = 5, and of epsilon = 0.1 each has 0.02
    loss, plain = smoothed(probabilities.log(), torch.tensor([2]), 0.1)
    assert float(plain) == pytest.approx(0.916291, abs=1e-6)  # -ln 0.4
    # (0.9 + 0.02) * 0.916291 + 0.02 * (2 * 2.302585 + 2 * 1.609438)
    assert float(loss) == pytest.approx(0.999468, abs=1e-6)
    alone, same = smoothed(probabilities.log(), torch.tensor([2]), 0.0)
    assert float(alone) == float(same) == pytest.approx(0.916291, abs=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_the_loss_and_its_gradient_are_those_of_torch(smoothing: float) -> None:
    torch.manual_seed(0)
    logits, targets = 5 * torch.randn(40, 30), torch.randint(30, (40,))
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss, plain = smoothed(ours, targets, smoothing)
    expected = functional.cross_entropy(theirs, targets, label_smoothing=smoothing)
    loss.backward()  # type: ignore[no-untyped-call]
    expected.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-6)
    assert float(plain.detach()) == pytest.approx(float(functional.cross_entropy(logits, targets)), rel=1e-6)
    assert ours.grad is not None
    assert theirs.grad is not None
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-7)


class Copier(Seq2Seq):
    """Says the token that its decoder has just been given."""

    def encode(self, source: Tensor) -> Memory:
        return Memory(source, source != 0)

    def decode(self, memory: Memory, inputs: Tensor) -> Tensor:
        return inputs

    def project(self, states: Tensor) -> Tensor:
        return 50.0 * functional.one_hot(states, self.config.target_vocab_size).float()


def test_a_network_that_copies_its_input_is_never_right(tmp_path: Path) -> None:
    """With the target unshifted at the decoder's input it would be right at every token."""
    training = Seq2SeqTraining(corpus(), SMALL, tmp_path)
    training.network = Copier(training.config)
    scores = training._teacher_forced()
    assert scores["teacher_forced_token_accuracy"] == 0.0  # no word has the same letter twice in a row
    assert scores["loss"] == pytest.approx(50.0, abs=1e-3)
    assert math.isfinite(scores["perplexity"])


def test_losses_and_scores_are_those_of_one_pair_after_the_other(tmp_path: Path) -> None:
    training = trained(tmp_path / "w", replace(SMALL, max_steps=150, label_smoothing=0.1))
    losses, right = [], []
    for source, target in pairs(PAIRS[:80]).ids:
        with torch.no_grad():
            logits = training.network(torch.tensor([[*source, EOS]]), torch.tensor([[BOS, *target]]))[0]
        aims = torch.tensor([*target, EOS])
        losses += functional.cross_entropy(logits, aims, reduction="none").tolist()
        right += (logits.argmax(-1) == aims).tolist()
    scores = training.scores
    assert scores["loss"] == pytest.approx(np.mean(losses), abs=2e-5)
    assert scores["perplexity"] == pytest.approx(math.exp(np.mean(losses)), rel=1e-4)
    assert scores["teacher_forced_token_accuracy"] == pytest.approx(np.mean(right), abs=1e-5)
    for line in training.curves:
        if "dev_loss" in line:
            assert line["dev_perplexity"] == pytest.approx(math.exp(line["dev_loss"]), rel=1e-4)


@pytest.mark.parametrize(("architecture", "least"), [*zip(ARCHITECTURES, (0.6, 0.9, 0.9), strict=True)])
def test_it_learns_to_reverse_words_that_it_has_not_seen(tmp_path: Path, architecture: str, least: float) -> None:
    heads = 4 if architecture == "transformer" else 1
    settings = Seq2SeqSettings(
        architecture=architecture, layers=1, hidden_size=48, heads=heads, intermediate_size=96, max_length=8, dropout=0.0,
        label_smoothing=0.0, batch_tokens=900, learning_rate=5e-3 if heads == 4 else 1e-2, max_steps=400, evaluations=2,
    )  # fmt: skip
    known = reversals(1200)
    training = trained(tmp_path / "w", settings, corpus(known[100:], known[:100]))
    assert training.scores["exact_match"] > least
    assert training.scores["teacher_forced_token_accuracy"] > least
    assert training.curves[-1]["train_loss"] < 0.2 * training.curves[0]["train_loss"]
    said = training.generate(pairs(known[:100]).ids[0][:1], 8)
    assert SYMBOLS.decode(said[0]) == known[0][1] or least < 0.9

    folder = tmp_path / "model"
    folder.mkdir()
    seq2seq_folder.write(folder, weights(training.network), training.config, SYMBOLS, SYMBOLS)
    training.network = seq2seq_network.load(seq2seq_folder.read(folder))
    sources = [source for source, _ in pairs(known).ids[:300]]
    again = training.generate(sources, 8)
    assert again == [training.generate([source], 8)[0] for source in sources]  # whatever is beside it
    exact = np.mean([SYMBOLS.decode(ids) == known[number][1] for number, ids in enumerate(again[:100])])
    assert exact == pytest.approx(training.scores["exact_match"], abs=1e-9)


def test_the_hundred_poems_are_learned_by_heart_by_one_layer_of_width_32(tmp_path: Path) -> None:
    lines = (resources.files("nlptool") / "samples" / "hyakunin_isshu.tsv").read_text(encoding="utf-8").split("\n")
    poems = [tuple(line.split("\t")[1:3]) for line in lines[1:101]]
    symbols = seq2seq_vocabulary.learn([kana for poem in poems for kana in poem], unit="characters", size=100)
    ids = [tuple(line.ids for line in symbols.tokenize(poem)) for poem in poems]
    learned = Pairs([(upper, lower) for upper, lower in ids], [lower for _, lower in poems])
    settings = Seq2SeqSettings(
        layers=1, hidden_size=32, heads=4, intermediate_size=128, max_length=22, dropout=0.0, label_smoothing=0.0,
        learning_rate=1e-2, epochs=60, evaluations=3,
    )  # fmt: skip
    training = trained(tmp_path / "w", settings, Corpus(learned, learned, symbols, symbols))
    assert training.scores["exact_match"] == 1.0
    assert training.scores["bleu"] == pytest.approx(100.0)
    early = training.curves[next(n for n, line in enumerate(training.curves) if "dev_loss" in line)]
    assert early["dev_teacher_forced_token_accuracy"] > early["dev_exact_match"]


def test_with_patience_it_ends_when_dev_gets_worse_and_the_best_weights_are_kept(tmp_path: Path) -> None:
    rng = random.Random(3)
    senseless = [(source, "".join(rng.sample(target, len(target)))) for source, target in PAIRS[:60]]
    settings = replace(SMALL, max_steps=600, evaluations=60, patience=3, dropout=0.0, label_smoothing=0.0)
    training = trained(tmp_path / "w", settings, corpus(senseless[:40], senseless[40:]))
    judged = [line for line in training.curves if "dev_loss" in line]
    losses = [line["dev_loss"] for line in judged]
    assert len(judged) < 60
    assert losses.index(min(losses)) == len(losses) - 4
    assert training.n_steps == judged[-1]["step"] < 600
    assert training.scores["loss"] == min(losses)
    training._began = 0.0
    assert training._teacher_forced()["loss"] == min(losses)
    again = trained(tmp_path / "w", settings, corpus(senseless[:40], senseless[40:]), resume=True)
    assert again.n_steps == training.n_steps
    assert state(again) == state(training)
    last = trained(
        tmp_path / "last", replace(settings, patience=None, keep="last"), corpus(senseless[:40], senseless[40:])
    )
    assert last.n_steps == 600
    assert last.scores["loss"] == last.curves[-1]["dev_loss"] > min(losses)
    assert last._teacher_forced()["loss"] == last.scores["loss"]


def test_the_score_that_decides_can_be_chosen(tmp_path: Path) -> None:
    training = trained(
        tmp_path / "w", replace(SMALL, max_steps=200, evaluations=20, keep="exact_match", learning_rate=1e-2)
    )
    found = [line["dev_exact_match"] for line in training.curves if "dev_loss" in line]
    assert training.scores["exact_match"] == max(found)
    assert training.best is not None
    assert training.best["step"] == 10 * (1 + found.index(max(found)))


def test_dev_is_judged_at_the_ends_of_epochs_or_so_many_times(tmp_path: Path) -> None:
    data = corpus()
    n_epoch = Examples(data.train.ids, batch_tokens=300).n_batches
    for changed, expected in (
        ({"max_steps": None, "epochs": 3}, [n_epoch, 2 * n_epoch, 3 * n_epoch]),
        ({"max_steps": None, "epochs": 3, "evaluations": 2}, [2 * n_epoch, 3 * n_epoch]),
        ({"max_steps": 10, "evaluations": 4}, [3, 5, 8, 10]),
        ({"max_steps": 2, "evaluations": 4}, [1, 2]),
    ):
        notes: list[str] = []
        training = trained(tmp_path / "w", replace(SMALL, **changed), data, note=notes.append)
        assert [line["step"] for line in training.curves if "dev_loss" in line] == expected
        assert sum("free-running: exact match" in note for note in notes) == len(expected)
        ends = [line["epoch"] for line in training.curves if "dev_loss" in line]
        assert ends == pytest.approx([step / n_epoch for step in expected], abs=1e-3)


def test_of_few_pairs_batches_are_a_tenth_of_all(tmp_path: Path) -> None:
    training = Seq2SeqTraining(corpus(), replace(SMALL, batch_tokens=100_000), tmp_path)
    assert 9 <= training.n_batches() <= 14


class Stops:
    """Says no ``patience`` times, and then yes."""

    def __init__(self, patience: float) -> None:
        self.asked = 0
        self._patience = patience

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked > self._patience


def without_times(training: Seq2SeqTraining) -> list[Any]:
    return [{name: value for name, value in line.items() if name != "seconds"} for line in training.curves]


@pytest.mark.parametrize("architecture", ["transformer", "lstm-attention"])
def test_an_interrupted_training_ends_as_one_that_was_not(tmp_path: Path, architecture: str) -> None:
    settings = replace(SMALL, architecture=architecture, max_steps=60, evaluations=7, gradient_accumulation=2)
    whole = trained(tmp_path / "whole", settings)
    for steps in (1, 50, 55):
        work = tmp_path / str(steps)
        with pytest.raises(KeyboardInterrupt):
            trained(work, settings, stop=Stops(3 + steps))
        notes: list[str] = []
        resumed = trained(work, settings, resume=True, note=notes.append)
        assert f"going on after {steps} of 60 steps" in notes
        assert state(resumed) == state(whole)
        assert without_times(resumed) == without_times(whole)
        assert resumed.scores == whole.scores


def test_the_best_weights_survive_an_interruption(tmp_path: Path) -> None:
    rng = random.Random(3)
    senseless = [(source, "".join(rng.sample(target, len(target)))) for source, target in PAIRS[:60]]
    data = corpus(senseless[:40], senseless[40:])
    settings = replace(SMALL, max_steps=300, evaluations=30, dropout=0.0, label_smoothing=0.0)
    whole = trained(tmp_path / "whole", settings, data)
    assert whole.best is not None
    assert whole.best["step"] < 250
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "w", settings, data, stop=Stops(3 + 250))
    assert state(trained(tmp_path / "w", settings, data, resume=True)) == state(whole)


def test_a_checkpoint_of_other_settings_or_other_pairs_is_not_gone_on_from(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, SMALL, stop=Stops(10))
    with pytest.raises(WrongUsage, match=r"another one: --max-steps was 40, is now 50; --layers was 1, is now 2"):
        trained(tmp_path, replace(SMALL, layers=2, max_steps=50), resume=True)
    with pytest.raises(WrongUsage, match="is another one: another corpus"):
        trained(tmp_path, SMALL, corpus(PAIRS[90:]), resume=True)


def test_pairs_with_the_same_source_are_held_out_together_and_always_the_same() -> None:
    known = [(f"source {n // 3}", f"target {n}") for n in range(300)]
    learned, dev = splits.dev_by_source(known, 0.1, 500)
    assert not {source for source, _ in learned} & {source for source, _ in dev}
    assert sorted([*learned, *dev]) == sorted(known)
    assert len(dev) == 30
    assert splits.dev_by_source(known, 0.1, 500)[1] == dev
    assert len(splits.dev_by_source(known, 0.5, 12)[1]) == 12
    assert splits.dev_by_source(known[:5], 0.02, 500) == (known[:5], [])


@pytest.mark.parametrize(
    ("texts", "unit"),
    [
        (["むらさめの", "つゆも まだひぬ"], "characters"),
        (["one two three", "four five"], "subwords"),
        (["abc", "def"], "characters"),
        (["Ich sah 東京 gestern am Abend", "ein Haus"], "subwords"),
    ],
)
def test_the_unit_follows_from_the_script_and_the_blanks(texts: list[str], unit: str) -> None:
    assert seq2seq_corpus.unit_for(texts)[0] == unit


def train(place: Path, *arguments: str, stdin: str | bytes = "") -> Result:
    """``nlptool train seq2seq`` in ``place``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return CliRunner().invoke(main.root, ["train", "seq2seq", *arguments], input=stdin)


SIZES = ["--layers", "1", "--hidden-size", "32", "--heads", "2", "--max-length", "8", "--batch-tokens", "300"]
OPTIONS = [
    *SIZES, "--learning-rate", "0.005", "--max-steps", "40", "--evaluations", "2", "--threads", "1", "--device", "cpu",
]  # fmt: skip
TSV = "".join(f"{source}\t{target}\n" for source, target in PAIRS)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("place")
    (place / "pairs.tsv").write_text(TSV)
    return place


def made(place: Path, name: str) -> tuple[bytes, dict[str, Any]]:
    """The weights of a folder, and its manifest."""
    return (place / name / "model.safetensors").read_bytes(), json.loads((place / name / "seq2seq.json").read_text())


def test_the_folder_holds_the_model_and_says_how_it_came_about(place: Path) -> None:
    result = succeeded(train(place, *OPTIONS, "-o", "all", "pairs.tsv", "--dev", "0.1", "--plot", "curves.svg"))
    assert "--source-unit characters: no blanks between words" in result.stderr
    assert "pairs: 720, to judge by: 80; tokens known: 10 and 10" in result.stderr
    assert re.search(r"epoch [\d.]+: dev loss [\d.]+, perplexity [\d.]+, tokens right if teacher-forced", result.stderr)
    assert sorted(path.name for path in (place / "all").iterdir()) == [
        "README.md", "config.json", "curves.jsonl", "model.safetensors", "seq2seq.json", "source.json", "target.json",
    ]  # fmt: skip
    assert not (place / "all.work").exists()
    _, about = made(place, "all")
    assert {name: about[name] for name in ("n_pairs", "n_dev_pairs", "n_too_long", "n_failed", "dev")} == {
        "n_pairs": 720, "n_dev_pairs": 80, "n_too_long": 0, "n_failed": 0, "dev": 0.1,
    }  # fmt: skip
    assert about["scripts"] == ["Latin"]
    assert about["options"]["label_smoothing"] == 0.1
    assert about["options"]["intermediate_size"] == 128
    assert about["signatures"]["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|")
    assert set(about["scores"]) == {
        "loss", "perplexity", "teacher_forced_token_accuracy", "exact_match", "bleu", "chrf",
    }  # fmt: skip
    lines = [json.loads(line) for line in (place / "all" / "curves.jsonl").read_text().split("\n")[:-1]]
    assert [line["step"] for line in lines] == [20, 40]
    assert {f"dev_{name}": value for name, value in about["scores"].items()}.items() <= lines[-1].items()
    assert str(place) not in "".join(path.read_text() for path in (place / "all").glob("*.[jm][sd]*"))
    for name in ("loss", "train", "dev", "BLEU", "exact match", "epochs"):
        assert f"<!-- {name} -->" in (place / "curves.svg").read_text()
    model = seq2seq_folder.read(place / "all")
    assert model.config.as_dict() == about["shape"]
    network = seq2seq_network.load(model)
    assert sum(each.numel() for each in network.parameters()) == about["n_parameters"]


def test_the_model_remembers_the_dictionary_of_its_words(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "dictionary"
    shutil.copytree(dictionaries.locate(None).folder, folder)
    pairs = "".join(f"{source}は猫である\t{target}は犬だ\n" for source, target in PAIRS[:40])
    options = [*SIZES, "--max-length", "32", "--max-steps", "2", "--dev", "0", "--threads", "1", "--device", "cpu"]
    for name, more, expected in (("word", (), "unidic-lite "), ("own", ("--dictionary", str(folder)), str(folder))):
        succeeded(train(place, *options, "--token-unit", "words", *more, "-o", name, stdin=pairs))
        source = Vocabulary.read(place / name / "source.json")
        assert (source.mecab, source.unit) == (True, "words")
        assert (source.dictionary or "").startswith(expected)
        assert "猫" in source.pieces
    result = train(place, *options, "--dictionary", str(folder), "-o", "never", stdin=pairs)
    assert result.exit_code == 2
    assert "--dictionary is of --token-unit words" in result.stderr


def test_weights_can_be_kept_in_half_the_bytes(place: Path) -> None:
    succeeded(train(place, *OPTIONS, "-o", "single", "pairs.tsv"))
    succeeded(train(place, *OPTIONS, "-o", "half", "pairs.tsv", "--save-dtype", "float16"))
    single, half = (load_file(place / name / "model.safetensors") for name in ("single", "half"))
    assert {each.dtype for each in half.values()} == {torch.float16}
    assert all(torch.equal(half[name], each.half()) for name, each in single.items())


def test_the_same_pairs_give_the_same_model_wherever_they_come_from(place: Path) -> None:
    (place / "pairs.tsv.gz").write_bytes(gzip.compress(TSV.encode()))
    named = "".join(
        json.dumps({"en": target, "id": n, "de": source}) + "\n" for n, (source, target) in enumerate(PAIRS)
    )
    usual = "".join(json.dumps({"source": source, "target": target}) + "\n" for source, target in PAIRS)
    turned = "".join(f"{target}\t{source}\n" for source, target in PAIRS)
    columns = "n\tkami\tshimo\n" + "".join(f"{n}\t{source}\t{target}\n" for n, (source, target) in enumerate(PAIRS))
    options = [*OPTIONS, "--max-steps", "5"]
    succeeded(train(place, *options, "-o", "one", "pairs.tsv"))
    expected = made(place, "one")[0]
    for number, (arguments, stdin) in enumerate(
        (
            (["pairs.tsv.gz"], ""),
            ([], TSV),
            (["-"], TSV.replace("\n", "\r\n")),
            ([], usual),
            (["--first", "de", "--second", "en"], named),
            (["--first", "2", "--second", "1"], turned),
            (["-I", "tsv", "--first", "2", "--second", "1"], turned),
            (["--first", "2", "--second", "3"], columns.partition("\n")[2]),
            (["-I", "csv", "--first", "kami", "--second", "shimo"], columns.replace("\t", ",")),
            (["-I", "tsv", "--header", "--first", "kami", "--second", "shimo"], columns),
            ([], TSV.replace("\n", "\n\n")),
        )
    ):
        succeeded(train(place, *options, "-o", f"other{number}", *arguments, stdin=stdin))
        assert made(place, f"other{number}")[0] == expected, arguments


def test_a_dev_file_is_judged_by_and_what_is_learned_from_too_is_said(place: Path) -> None:
    (place / "dev.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in [*PAIRS[:3], ("ace", "eca")]))
    seen = 3 + ("ace" in dict(PAIRS))
    result = succeeded(train(place, *OPTIONS, "-o", "judged", "pairs.tsv", "--dev", "dev.tsv"))
    assert f"{seen} of 4 sources of dev.tsv are learned from, too" in result.stderr
    _, about = made(place, "judged")
    assert (about["n_pairs"], about["n_dev_pairs"], about["n_dev_learned_from"]) == (800, 4, seen)
    assert about["dev"] == "dev.tsv"


def test_without_dev_nothing_is_judged_and_the_last_weights_are_kept(place: Path) -> None:
    result = succeeded(train(place, *OPTIONS[:-6], "--threads", "1", "-o", "blind", "pairs.tsv", "--dev", "0"))
    assert "blind: done; no pairs were held out" in result.stderr
    _, about = made(place, "blind")
    assert about["scores"] == {}
    assert about["best_epoch"] is None
    assert about["n_pairs"] == 800


def test_pairs_that_are_too_long_are_left_out_and_counted(place: Path) -> None:
    long = "abcdefabcdef\tx\nx\tabcdefabcdef\nabcdefa\tb\nabcdefab\tb\n"  # one of seven letters has room for its end
    result = succeeded(train(place, *OPTIONS, "-o", "long", "--dev", "0.1", stdin=TSV + long))
    _, about = made(place, "long")
    assert about["n_too_long"] + about["n_dev_too_long"] == 3
    assert about["n_pairs"] + about["n_dev_pairs"] == 801
    assert "pairs that are longer than --max-length 8 and left out: 3" in result.stderr


def test_lines_that_are_no_pairs_are_left_out_and_said(place: Path) -> None:
    bad = "only one\na\tb\tc\n\tempty\nempty\t\nblank\t \n"
    result = train(place, *OPTIONS, "-o", "bad", stdin=TSV + bad)
    assert result.exit_code == 3
    assert "<stdin>:801: a pair is two texts with a tab between them, this line has none" in result.stderr
    assert "<stdin>:802: a pair has two columns, this line has 3" in result.stderr
    assert "<stdin>:803: the source of the pair is empty" in result.stderr
    assert "<stdin>:804: the target of the pair is empty" in result.stderr
    assert "5 of 805 records failed" in result.stderr
    _, about = made(place, "bad")
    assert about["n_failed"] == 5
    assert about["n_pairs"] + about["n_dev_pairs"] == 800


def test_pairs_with_half_a_character_are_left_out_and_said(place: Path) -> None:
    halves = '{"source": "a\\ud800", "target": "b"}\n{"source": "a", "target": "\\udc00b"}\n'
    result = train(place, *OPTIONS, "-o", "halves", stdin=halves)
    assert result.exit_code == 1
    assert "<stdin>:1: half a character (the lone surrogate \\ud800) at character 1 of the text" in result.stderr
    assert "<stdin>:2: half a character (the lone surrogate \\udc00) at character 0 of the text" in result.stderr
    assert "2 of 2 records failed" in result.stderr


def test_what_generate_says_is_what_was_judged(place: Path) -> None:
    steps = [
        *SIZES,
        "--learning-rate",
        "0.01",
        "--max-steps",
        "600",
        "--evaluations",
        "2",
        "--threads",
        "1",
        "--device",
        "cpu",
    ]
    dev = "".join(f"{source}\t{target}\n" for source, target in PAIRS[:60])
    (place / "generated.tsv").write_text(dev)
    succeeded(train(place, *steps, "-o", "able", "pairs.tsv", "--dev", "generated.tsv"))
    scores = made(place, "able")[1]["scores"]
    assert scores["exact_match"] > 0.5
    sources = "".join(f"{source}\n" for source, _ in PAIRS[:60])
    said = CliRunner().invoke(main.root, ["generate", "-m", str(place / "able"), "-f", "text"], input=sources)
    assert said.exit_code == 0, said.stderr
    texts = said.stdout.split("\n")[:-1]
    right = np.mean([text == target for text, (_, target) in zip(texts, PAIRS, strict=False)])
    assert len(texts) == 60
    assert right == pytest.approx(scores["exact_match"], abs=1e-5)


def test_an_interrupt_of_the_real_program_and_its_resume(place: Path, start: Start) -> None:
    options = ["train", "seq2seq", *OPTIONS, "--max-steps", "100", "pairs.tsv", "-o", "stopped"]
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
    assert [*(place / "stopped.work").glob("seq2seq-*.safetensors")]
    resumed = succeeded(train(place, *options[2:], "--resume"))
    assert re.search(r"going on after \d+ of 100 steps", resumed.stderr)
    assert not (place / "stopped.work").exists()
    succeeded(train(place, *options[2:-1], "went-through"))
    for name in ("model.safetensors", "source.json", "target.json"):
        assert (place / "stopped" / name).read_bytes() == (place / "went-through" / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "message"),
    [
        ([], "", 1, "0 pairs are too few to learn from"),
        ([], "a\tb\n", 1, "1 pairs are too few to learn from"),
        (["--max-length", "4"], "abcde\tb\nabcdef\tc\nab\tcd\n", 1, "1 pairs of at most 4 tokens a side are too few"),
        ([], "one\ntwo\nthree\tdrei\n", 1, "most records failed: these are no pairs"),
        ([], "a\tb\tc\n" * 9, 1, "most records failed: these are no pairs"),
        (["no-such.tsv"], "", 1, "no-such.tsv"),
        (["--dev", "no-such.tsv"], TSV, 1, "no-such.tsv has no pairs to judge by"),
        (["--dev", "/dev/null"], TSV, 1, "/dev/null has no pairs to judge by"),
        (["--dev", "2"], TSV, 2, "a share is 0 to 0.9"),
        (["-I", "tsv"], "a\tb\tc\n" * 9, 1, "<stdin>:1: a pair has two columns, this line has 3"),
        (["--field", "de"], TSV, 2, "a pair has two texts: --first NAME and --second NAME"),
        (["--first", "de"], TSV, 2, "--first NAME and --second NAME go together"),
        (["--first", "de", "--second", "en"], TSV, 1, "a line of text has no columns that are called de and en"),
        (
            ["--first", "de", "--second", "en"],
            '{"source": "a", "target": "b"}\n' * 3,
            1,
            "the record has no two texts; its fields: `sou",
        ),
        (["--on-error", "fail"], "a\tb\nc\n", 1, "<stdin>:2: a pair is two texts"),
        (["--hidden-size", "30", "--heads", "4"], TSV, 2, "--hidden-size 30 cannot be shared by --heads 4"),
        (["--architecture", "lstm", "--heads", "2"], TSV, 2, "--architecture lstm makes no use of --heads"),
        (["--dev", "0", "--patience", "2"], TSV, 2, "--dev 0 makes no use of --evaluations"),
        (["--keep", "last", "--patience", "2"], TSV, 2, "--patience needs a score"),
        (["--learning-rate", "nan"], TSV, 2, "nan is no number"),
        (["--device", "cuda"], TSV, 1, "torch finds no cuda device here"),
        (["--plot", "curves.txt"], TSV, 1, "curves.txt"),
        (["-o", "."], TSV, 1, "is the current folder, and is not replaced"),
        (["-o", "pairs.tsv"], TSV, 1, "pairs.tsv is a file, and is not replaced"),
    ],
)
def test_bad_input_is_refused_with_a_reason(
    place: Path, arguments: list[str], stdin: str, code: int, message: str
) -> None:
    if "cuda" in arguments and torch.cuda.is_available():
        arguments, message = ["--device", "mps"], "torch finds no mps device here"
    result = train(place, "-o", "refused", *OPTIONS, *arguments, stdin=stdin)
    assert "Traceback" not in result.stderr
    assert result.exit_code == code, result.stderr
    assert message in result.stderr
    assert not (place / "refused").exists()
    assert not (place / "refused.work").exists()


def test_a_training_that_goes_wrong_says_so(tmp_path: Path) -> None:
    training = Seq2SeqTraining(corpus(), SMALL, tmp_path)
    with torch.no_grad():
        training.network.output_bias[5] = torch.nan
    with pytest.raises(RunError, match=r"the loss or its gradient is not finite in step 1$") as refused:
        training.run()
    assert "--learning-rate" in refused.value.hint
