"""The parts of ``train distil`` against slow loops, other libraries and numpy."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nlptool.errors import ModelError, RunError
from nlptool.training import unigram
from nlptool.training.checkpoint import Checkpoint, TrainingState
from nlptool.training.distillation import batches, corpus, losses, rotation, students, teacher
from nlptool.training.distillation.token_ids import TokenIds
from nlptool.training.optimizers import Optimizers
from nlptool.training.splits import split_dev
from nlptool.training.unigram import PAD_ID

DATA = Path(__file__).parent.parent / "data"
ENGLISH = (DATA / "sentences.txt").read_text(encoding="utf-8").split("\n")[:-1]
JAPANESE = [
    sentence
    for line in (DATA / "yume_juya.txt").read_text(encoding="utf-8").split("\n")
    for sentence in re.findall("[^。]+。", line)
]
TEXTS = [*ENGLISH * 5, *JAPANESE]
PIECES = 2048


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return unigram.train(TEXTS, PIECES)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.sampled_from([2, 5, 1000]))
@settings(max_examples=50, deadline=None)
def test_cosent_is_what_a_slow_loop_and_sentence_transformers_compute(seed: int, size: int, levels: int) -> None:
    from sentence_transformers.sentence_transformer.losses import CoSENTLoss

    rng = np.random.default_rng(seed)
    cosines, scores = rng.uniform(-1, 1, size).astype(np.float32), rng.integers(0, levels, size).astype(np.float32)
    terms = [
        np.exp(20.0 * (float(cosines[j]) - float(cosines[i])))
        for i, j in itertools.product(range(size), repeat=2)
        if scores[i] > scores[j]
    ]
    ours = float(losses.cosent(torch.from_numpy(cosines), torch.from_numpy(scores)))
    assert ours == pytest.approx(np.log1p(sum(terms)), rel=1e-4, abs=1e-6)

    theirs = CoSENTLoss(None, similarity_fct=lambda first, _: first)  # type: ignore[arg-type]
    given_cosines = torch.from_numpy(cosines)
    expected = theirs.compute_loss_from_embeddings([given_cosines, given_cosines], torch.from_numpy(scores))
    assert ours == pytest.approx(float(expected), rel=1e-4, abs=1e-5)


def test_the_cosine_loss_is_the_mean_of_squared_differences() -> None:
    found = losses.cosine(torch.tensor([0.5, -1.0, 1.0]), torch.tensor([1.0, 0.0, 1.0]))
    assert float(found) == pytest.approx((0.25 + 1 + 0) / 3)


def test_distillation_is_what_numpy_computes() -> None:
    rng = np.random.default_rng(0)
    vectors, aims = (unit(rng.standard_normal((7, 5)).astype(np.float32)) for _ in range(2))
    apart, unlike = losses.distillation(torch.from_numpy(vectors), torch.from_numpy(aims))
    assert float(apart) == pytest.approx(np.mean([1 - a @ b for a, b in zip(vectors, aims, strict=True)]), abs=1e-6)
    squares = [(vectors[i] @ vectors[j] - aims[i] @ aims[j]) ** 2 for i in range(7) for j in range(7)]
    assert float(unlike) == pytest.approx(np.mean(squares), abs=1e-6)


@given(
    st.integers(0, 200), st.integers(1, 40), st.integers(1, 100), st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 99])
)
@settings(max_examples=100, deadline=None)
def test_batches_go_through_every_row_once_and_the_same_way_each_time(
    size: int, neighbourhood: int, together: int, seed: int, different: int
) -> None:
    rows = np.random.default_rng(0).standard_normal((different, 4)).astype(np.float32)
    vectors = rows[np.arange(size) % different]  # duplicates; with 1 all rows are equal

    def one_epoch() -> list[list[int]]:
        rng = np.random.default_rng(seed)
        found = batches.batches(vectors, rng, together=together, neighbourhood=neighbourhood)
        return [batch.tolist() for batch in found]

    found = one_epoch()
    assert sorted(itertools.chain.from_iterable(found)) == list(range(size))
    assert all(found)
    assert found == one_epoch()


def test_rows_of_a_batch_are_nearer_to_each_other_than_any_two() -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((40, 8))
    vectors = unit((centres[rng.integers(0, 40, 2000)] + 0.2 * rng.standard_normal((2000, 8))).astype(np.float32))
    inside = [
        (vectors[batch] @ vectors[batch].T).mean()
        for batch in batches.batches(vectors, rng, together=16, neighbourhood=16)
    ]
    assert np.mean(inside) > 0.5 > 0.1 > abs(float((vectors @ vectors.T).mean()))


@given(
    st.lists(st.tuples(st.integers(0, 30).map(str), st.integers(0, 30).map(str)), max_size=60),
    st.floats(0, 0.9),
    st.integers(0, 99),
)
@settings(max_examples=100, deadline=None)
def test_no_text_is_held_out_and_learned_from(pairs: list[tuple[str, str]], share: float, seed: int) -> None:
    out = split_dev(pairs, share, seed)
    assert out.shape == (len(pairs),)
    assert out.sum() <= share * len(pairs)
    kept, apart = (
        {text for pair, is_out in zip(pairs, out, strict=True) if is_out == which for text in pair}
        for which in (False, True)
    )
    assert kept.isdisjoint(apart)
    assert split_dev(pairs, share, seed).tolist() == out.tolist()


def test_of_pairs_that_share_no_text_just_the_share_is_held_out() -> None:
    pairs = [(f"a{n}", f"b{n}") for n in range(1000)]
    first, second = split_dev(pairs, 0.2, 1), split_dev(pairs, 0.2, 2)
    assert first.sum() == second.sum() == 200
    assert (first != second).any()


def test_a_corpus_has_no_text_of_the_held_out_pairs() -> None:
    scored = [("a", "b", 1.0), ("c", "d", 5.0), ("d", "e", 3.0)]
    found = corpus.collect(["x", "a", "e", "x"], [("a", "y"), ("p", "q")], scored, dev=[("a", "b", 2.0)])
    assert found.texts == ["x", "e", "p", "q", "c", "d"]
    assert found.translations.tolist() == [[2, 3]]
    assert found.pairs.tolist() == [[4, 5], [5, 1]]
    assert found.scores.tolist() == [1.0, 0.0]
    assert found.dev == [("a", "b", 2.0)]


def test_scores_that_are_all_the_same_teach_nothing() -> None:
    with pytest.raises(RunError, match="all 2 scored pairs have the score 3"):
        corpus.collect([], [], [("a", "b", 3.0), ("c", "d", 3.0)])


@given(
    st.lists(st.lists(st.integers(0, 99), max_size=9), min_size=1, max_size=20), st.integers(1, 9), st.data()
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_token_ids_are_taken_as_from_plain_lists(texts: list[list[int]], longest: int, data: Any) -> None:
    kept = [ids[:longest] or [PAD_ID] for ids in texts]
    ids = TokenIds(texts, longest)
    chosen = data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1, max_size=30))
    taken, lengths = ids.take(np.array(chosen))
    assert taken.tolist() == [token for index in chosen for token in kept[index]]
    assert lengths.tolist() == [len(kept[index]) for index in chosen]
    flat = list(itertools.chain.from_iterable(kept))
    assert len(ids) == len(texts)
    assert ids.largest == max(flat)
    assert ids.shares(100).tolist() == pytest.approx([flat.count(token) / len(flat) for token in range(100)])


def spelled(tokenizer: Any, text: str) -> str:
    """The text that the pieces of ``text`` spell, blanks aside."""
    data = b""
    for piece in tokenizer.encode(text).tokens:
        byte = re.fullmatch("<0x([0-9A-F]{2})>", piece)
        data += bytes([int(byte[1], 16)]) if byte else piece.encode()
    return data.decode().replace("▁", "").replace(" ", "")


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30).filter(
        lambda text: not any(special in text for special in unigram.SPECIAL)
    )
)
@settings(max_examples=200, deadline=None)
def test_every_text_is_spelled_by_its_pieces_and_none_is_unknown(tokenizer: Any, text: str) -> None:
    assert tokenizer.token_to_id("[UNK]") not in tokenizer.encode(text).ids
    expected = tokenizer.normalizer.normalize_str(text)
    assert spelled(tokenizer, text) == expected.replace("▁", "").replace(" ", "")


def test_a_vocabulary_has_the_pieces_that_were_asked_for(tokenizer: Any) -> None:
    assert tokenizer.get_vocab_size() == PIECES
    assert [tokenizer.id_to_token(token) for token in range(5)] == list(unigram.SPECIAL)
    assert [tokenizer.id_to_token(PIECES - 256 + byte) for byte in range(256)] == [
        f"<0x{byte:02X}>" for byte in range(256)
    ]
    assert tokenizer.encode("𩸽").tokens == ["<0xF0>", "<0xA9>", "<0xB8>", "<0xBD>"]


@pytest.mark.parametrize(("texts", "size"), [(TEXTS, PIECES), (TEXTS, 1500), (JAPANESE[:100], 1024)])
def test_the_same_texts_give_the_same_vocabulary_each_time(texts: list[str], size: int) -> None:
    assert len({unigram.train(texts, size).to_str() for _ in range(5)}) == 1


def test_the_same_japanese_word_has_the_same_pieces_everywhere_and_an_english_one_is_marked() -> None:
    words = ["今日", "明日", "猫", "the", "day", "of", "雨", "川"]
    texts = [" ".join(three) for three in itertools.permutations(words, 3)]
    made = unigram.train([*texts, *(text.replace(" ", "") for text in texts if text.isascii() is False)], 512)
    (alone,) = made.encode("今日").tokens
    assert "▁" not in alone
    for text in ("今日猫", "猫今日", "the 今日", "　今日", "「今日」"):
        assert alone in made.encode(text).tokens
    assert made.encode("day the").tokens == made.encode("the day").tokens[::-1]
    assert all(piece.startswith("▁") for piece in made.encode("the day").tokens)
    assert made.encode("THE ＤＡＹ").ids == made.encode("the day").ids


def test_a_vocabulary_that_is_too_small_for_the_letters_is_refused() -> None:
    with pytest.raises(RunError, match="no room for words beside 999 characters and 256 bytes") as caught:
        unigram.train([chr(0x4E00 + n) for n in range(1000)], 600)
    assert caught.value.hint == "--vocab-size 2_510"


@pytest.mark.parametrize("text", ["", "a", "。" * 50, "a\0b", "😀", "1 2 3", "\u200b", "\x1b[0m"])
def test_odd_texts_give_a_vocabulary_too(text: str) -> None:
    made = unigram.train([text] * 100, 512)
    assert 261 <= made.get_vocab_size() <= 512
    assert spelled(made, "猫a") == "猫a"


def test_a_long_text_without_a_blank_does_not_overflow_the_stack() -> None:
    """It takes the library a million characters with the usual eight megabytes; here the stack is small."""
    script = (
        "import random, resource; resource.setrlimit(resource.RLIMIT_STACK, (512 * 1024,) * 2)\n"
        "from nlptool.training import unigram\n"
        "text = ''.join(random.Random(0).choices('今日は天気が良い', k=40_000))\n"
        "print(unigram.train([text], 512).get_vocab_size())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, b"512\n")


def small_bert(n_pieces: int, *, pooling: str = "mean", hidden_size: int = 16, dim: int = 12) -> students.Bert:
    torch.manual_seed(0)
    return students.bert(
        vocab_size=n_pieces,
        hidden_size=hidden_size,
        layers=2,
        heads=2,
        intermediate_size=32,
        max_length=64,
        dim=dim,
        pooling=pooling,
    ).eval()


def test_a_table_is_the_mean_of_its_rows() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((50, 6)).astype(np.float32)
    texts = [rng.integers(0, 50, length).tolist() for length in (1, 7, 3, 12)]
    found = students.Table(torch.from_numpy(rows))(*TokenIds(texts, 99).take(np.arange(4))).detach().numpy()
    assert np.allclose(found, unit(np.stack([rows[text].mean(axis=0) for text in texts])), atol=1e-6)


@pytest.mark.parametrize("pooling", students.POOLINGS)
def test_a_batch_gives_what_the_network_gives_for_each_text_alone(pooling: str) -> None:
    student = small_bert(100, pooling=pooling)
    with torch.no_grad():  # larger weights than those it begins with, so that positions and neighbours matter
        for parameter in student.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    rng = np.random.default_rng(1)
    texts = [rng.integers(5, 100, length).tolist() for length in rng.integers(1, 30, 150)]
    with torch.no_grad():
        found = student.pooled(*TokenIds(texts, 64).take(np.arange(150)))
        for text, vector in zip(texts, found, strict=True):
            states = student.network(input_ids=torch.tensor([text])).last_hidden_state[0]
            alone = {"mean": states.mean(0), "cls": states[0], "max": states.amax(0)}[pooling]
            assert torch.allclose(vector, alone, atol=1e-5)


def test_a_bert_begins_near_the_table(tokenizer: Any) -> None:
    rng = np.random.default_rng(0)
    n_pieces = tokenizer.get_vocab_size()
    lengths = rng.lognormal(0, 1, (n_pieces, 1))  # some tokens weigh much more than others
    rows = torch.from_numpy((rng.standard_normal((n_pieces, 32)) * lengths).astype(np.float32))
    ids = TokenIds([encoding.ids for encoding in tokenizer.encode_batch_fast(JAPANESE)], 64)
    everything = ids.take(np.arange(len(ids)))
    with torch.no_grad():
        aims = students.Table(rows)(*everything)
        student = small_bert(n_pieces, hidden_size=32, dim=32)
        fitted = student.pooled(*everything)
        student.fit_head(fitted, aims)
        at_random = float((student(*everything) * aims).sum(1).mean())
        students.init_from_table(student, rows, torch.from_numpy(ids.shares(n_pieces)))
        student.fit_head(student.pooled(*everything), aims)
        begun = float((student(*everything) * aims).sum(1).mean())
    assert begun > 0.9
    assert begun > at_random + 0.1


def test_the_head_is_fitted_by_least_squares() -> None:
    rng = np.random.default_rng(0)
    pooled = rng.standard_normal((500, 16)).astype(np.float32)
    weights, bias = rng.standard_normal((12, 16)), rng.standard_normal(12)
    student = small_bert(100)
    student.fit_head(torch.from_numpy(pooled), torch.from_numpy((pooled @ weights.T + bias).astype(np.float32)))
    assert np.allclose(student.head.weight.detach(), weights, atol=0.02)
    assert np.allclose(student.head.bias.detach(), bias, atol=0.02)


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_the_files_of_a_model_follow_the_umask(tmp_path: Path, tokenizer: Any, umask: int) -> None:
    before = os.umask(umask)
    try:
        (tmp_path / "static").mkdir()
        (tmp_path / "bert").mkdir()
        students.Table(torch.zeros(PIECES, 4)).save(tmp_path / "static", tokenizer, "float32")
        small_bert(PIECES).save(tmp_path / "bert", tokenizer, "float32")
    finally:
        os.umask(before)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"static/model.safetensors", "bert/model.safetensors", "bert/2_Dense/model.safetensors"} <= {
        path.relative_to(tmp_path).as_posix() for path in files
    }
    assert {path.stat().st_mode & 0o777 for path in files} == {0o666 & ~umask}


def test_a_pretrained_bert_with_the_tokens_of_another_family_keeps_them(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {word: index for index, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", "cat", "dog"])}
    made = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    assert students.special_tokens(made) == {"pad_token": "<pad>", "unk_token": "<unk>"}
    small_bert(6).save(tmp_path, made, "float32")
    from sentence_transformers import SentenceTransformer

    loaded = SentenceTransformer(str(tmp_path), device="cpu")
    assert loaded.tokenizer.pad_token_id == 1
    assert loaded.encode(["cat", "cat dog dog"]).shape == (2, 12)


def test_what_is_no_bert_is_refused(tmp_path: Path) -> None:
    from transformers import DistilBertConfig, DistilBertModel

    config = DistilBertConfig(vocab_size=50, dim=8, n_layers=1, n_heads=2, hidden_dim=8, max_position_embeddings=32)
    DistilBertModel(config).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="holds a DistilBertModel, no BERT to begin with"):
        students.pretrained(tmp_path, dim=4, pooling="mean", max_length=16)
    with pytest.raises(ModelError, match="cannot be loaded"):
        students.pretrained(tmp_path / "nothing", dim=4, pooling="mean", max_length=16)


def test_a_pretrained_bert_is_taken_as_it_is_without_its_dropout(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        max_position_embeddings=32,
    )  # fmt: skip
    network = BertModel(config).eval()
    network.save_pretrained(tmp_path)
    student = students.pretrained(tmp_path, dim=4, pooling="mean", max_length=16).train()
    ids = torch.tensor([[1, 2, 3]])
    expected = network(input_ids=ids).last_hidden_state
    assert torch.allclose(student.network(input_ids=ids).last_hidden_state, expected, atol=1e-6)
    with pytest.raises(ModelError, match="takes 32 tokens, fewer than --max-length 64"):
        students.pretrained(tmp_path, dim=4, pooling="mean", max_length=64)


def test_a_teacher_is_asked_for_the_batches_that_the_file_does_not_have_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher, "_CHUNK", 3)
    asked: list[str] = []

    def encode(texts: Any) -> NDArray[np.float32]:
        asked.extend(texts)
        return np.array([[float(text), -1.0, 0.5] for text in texts], np.float32)

    texts, path = [str(n) for n in range(10)], tmp_path / "vectors"
    whole = teacher.teach(encode, texts, path, 3, lambda *_: None)
    assert whole.tolist() == [[n, -1.0, 0.5] for n in range(10)]
    assert len(asked) == 10
    os.truncate(path, 4 * 6 + 5)  # bytes: a batch, a row of the next one, and the most of another
    asked.clear()
    again = teacher.teach(encode, texts, path, 3, lambda *_: None)
    assert asked == texts[3:]  # so that the batches are those of a training that was not interrupted
    assert again.tolist() == [[n, -1.0, 0.5] for n in range(10)]
    asked.clear()
    teacher.teach(encode, texts, path, 3, lambda *_: None)
    assert asked == []


def test_two_trainings_that_ask_the_teacher_at_once_leave_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher, "_CHUNK", 2)
    texts, path = [str(n) for n in range(6)], tmp_path / "vectors"
    second: list[Any] = []

    def plain(texts: Any) -> NDArray[np.float32]:
        return np.array([[float(text)] for text in texts], np.float32)

    def encode(batch: Any) -> NDArray[np.float32]:
        if batch[0] == "2":  # while the first one computes, another one does it all
            second.append(teacher.teach(plain, texts, path, 1, lambda *_: None))
        return plain(batch)

    first = teacher.teach(encode, texts, path, 1, lambda *_: None)
    assert first.ravel().tolist() == second[0].ravel().tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e5])
def test_a_teacher_that_says_no_number_is_refused(tmp_path: Path, value: float) -> None:
    with pytest.raises(RunError, match="a vector of the teacher's holds NaN, infinity, or a number beyond 65,504"):
        teacher.teach(lambda texts: np.full((len(texts), 2), value, np.float32), ["a"], tmp_path / "v", 2, print)
    assert (tmp_path / "v").stat().st_size == 0


def test_the_space_is_the_principal_one_around_the_means_of_the_languages() -> None:
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((200, 8)) * np.linspace(3, 0.1, 8)).astype(np.float32)
    texts = ["text"] * 120 + ["文"] * 80
    vectors[120:] += 5
    found = teacher.space(texts, vectors, 3)
    assert np.allclose(found.means, [vectors[:120].mean(0), vectors[120:].mean(0)], atol=1e-5)
    centred = np.concatenate([vectors[:120] - vectors[:120].mean(0), vectors[120:] - vectors[120:].mean(0)])
    assert np.allclose(found.centred(texts, vectors), centred, atol=1e-5)
    axes = PCA(3).fit(centred).components_
    assert np.allclose(np.abs(np.sum(axes * found.axes.T, axis=1)), 1, atol=1e-3)


def test_translations_get_the_mean_of_both() -> None:
    space = teacher.Space(np.zeros((2, 2), np.float32), np.eye(2, dtype=np.float32))
    vectors = np.array([[2, 0], [0, 3], [1, 1]], np.float32)
    found = space.targets(vectors, np.array([[0, 1]]))
    half = np.sqrt(0.5)
    assert np.allclose(found, [[half, half], [half, half], [half, half]], atol=1e-6)
    assert np.allclose(space.targets(vectors, np.zeros((0, 2), np.int64)), [[1, 0], [0, 1], [half, half]], atol=1e-6)


def test_the_turned_space_orders_the_pairs_better_and_keeps_other_cosines() -> None:
    from scipy import stats

    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((600, 16)).astype(np.float32)
    pairs = rng.integers(0, 600, (400, 2))

    def cosines(axes: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.float32]:
        rows = unit(vectors @ axes)
        return np.asarray((rows[pairs[:, 0]] * rows[pairs[:, 1]]).sum(axis=1))

    weights = np.eye(16, dtype=np.float32) * np.linspace(0.2, 2, 16, dtype=np.float32)  # what people look at
    scores = cosines(weights, pairs)
    space = teacher.Space(np.zeros((2, 16), np.float32), np.eye(16, dtype=np.float32))
    found = rotation.rotate(space, vectors, pairs, scores, epochs=20, seed=1)
    before, after = (stats.spearmanr(cosines(each.axes, pairs), scores).statistic for each in (space, found))
    assert after > before + 0.01
    others = rng.integers(0, 600, (400, 2))
    assert np.corrcoef(cosines(found.axes, others), cosines(space.axes, others))[0, 1] > 0.9
    same = rotation.rotate(space, vectors, pairs, scores, epochs=20, seed=1)
    assert np.array_equal(found.axes, same.axes)
    assert np.array_equal(rotation.rotate(space, vectors, pairs, scores, epochs=0, seed=1).axes, space.axes)


def stepped(n_steps: int, *, muon: bool = False) -> tuple[torch.nn.Module, Optimizers]:
    torch.manual_seed(1)
    model = torch.nn.Linear(3, 2)
    matrices = [model.weight] if muon else []
    optimizer = Optimizers([{"params": [*model.parameters()]}], matrices, rate=0.1, epsilon=1e-8, fused=False)
    for _ in range(n_steps):
        step(model, optimizer)
    return model, optimizer


def step(model: torch.nn.Module, optimizer: Optimizers) -> None:
    optimizer.zero_grad()
    model(torch.ones(1, 3)).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize("muon", [False, True])
def test_a_checkpoint_brings_back_weights_moments_and_place(tmp_path: Path, *, muon: bool) -> None:
    path, cpu = tmp_path / "c.safetensors", torch.device("cpu")
    place = TrainingState(3, 1.5, [{"stage": "table", "loss": 0.25, "名": None}])
    model, optimizer = stepped(3, muon=muon)
    Checkpoint(path, model, optimizer).save(place)
    other, fresh = stepped(0, muon=muon)
    assert Checkpoint(path, other, fresh).restore(cpu) == place
    for _ in range(4):
        step(model, optimizer)
        step(other, fresh)
    assert torch.equal(model.weight, other.weight)  # type: ignore[arg-type]
    assert [file.name for file in tmp_path.iterdir()] == ["c.safetensors"]


def test_a_checkpoint_that_is_not_there_not_far_enough_or_damaged_changes_nothing(tmp_path: Path) -> None:
    path, cpu = tmp_path / "c.safetensors", torch.device("cpu")
    model, optimizer = stepped(0)
    start = model.weight.clone()  # type: ignore[operator]
    checkpoint = Checkpoint(path, model, optimizer)
    assert checkpoint.restore(cpu) == TrainingState()
    Checkpoint(path, *stepped(3)).save(TrainingState(3))
    assert checkpoint.restore(cpu, least=4) == TrainingState()
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], whole[: len(whole) // 2], b"\xff" * 100):
        path.write_bytes(damaged)
        assert checkpoint.restore(cpu) == TrainingState()
    assert torch.equal(model.weight, start)  # type: ignore[arg-type]
    path.write_bytes(whole)
    assert checkpoint.restore(cpu, least=3) == TrainingState(3)


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    checkpoint = Checkpoint(path, *stepped(1))
    checkpoint.save(TrainingState(1))
    old = path.read_bytes()
    path.with_suffix(".new").mkdir()
    with pytest.raises(OSError, match=r"c\.new|directory"):
        checkpoint.save(TrainingState(2))
    assert path.read_bytes() == old
