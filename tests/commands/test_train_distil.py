"""``train distil``: the folder is a model, the student learns, an interrupted training ends as an uninterrupted one."""

from __future__ import annotations

import itertools
import json
import random
import re
import signal
import sys
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentence_encoders
import torch
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from program import Invoke, Run, Start, largest_file, records, succeeded
from safetensors import safe_open
from safetensors.torch import save
from scipy import stats

from nlptool import plots
from nlptool.cli import main
from nlptool.errors import RunError
from nlptool.models.encoders import loading as encoder_loading
from nlptool.specs import EncoderSpec
from nlptool.training import unigram
from nlptool.training.distillation import corpus as distillation_corpus
from nlptool.training.distillation import teacher as distillation_teacher
from nlptool.training.distillation.stage import DistillationSettings
from nlptool.training.distillation.token_ids import TokenIds
from nlptool.training.distillation.trainer import Distillation, Teacher

WORDS = {  # what can stand in the four places of a sentence, in English and in Japanese
    "adjective": ("small red old quiet happy fast cold bright", "小さい 赤い 古い 静かな 楽しい 速い 冷たい 明るい"),
    "noun": ("cat dog bird horse train ship river garden child doctor", "猫 犬 鳥 馬 電車 船 川 庭 子供 医者"),
    "verb": ("sleeps runs sings waits falls shines moves grows", "眠る 走る 歌う 待つ 落ちる 光る 動く 育つ"),
    "place": ("house sea tree station town hill", "家 海 木 駅 町 丘"),
}
ENGLISH, JAPANESE = ({kind: said[language].split() for kind, said in WORDS.items()} for language in (0, 1))
MEANINGS = sorted(itertools.product(*(range(len(words)) for words in ENGLISH.values())))

random.Random(0).shuffle(MEANINGS)

LEARNED, UNSEEN = MEANINGS[:300], MEANINGS[300:400]
SMALL = ["--dimension", "16", "--vocab-size", "512", "--threads", "1", "--device", "cpu", "--batch-size", "32"]
BERT = [*SMALL, "--layers", "1", "--heads", "2", "--intermediate-size", "32"]
DIMENSION = 24  # of the teachers


def english(meaning: Sequence[int]) -> str:
    adjective, noun, verb, place = (words[n] for words, n in zip(ENGLISH.values(), meaning, strict=True))
    return f"The {adjective} {noun} {verb} by the {place}."


def japanese(meaning: Sequence[int]) -> str:
    adjective, noun, verb, place = (words[n] for words, n in zip(JAPANESE.values(), meaning, strict=True))
    return f"{adjective}{noun}が{place}で{verb}。"


TEXTS = [*map(english, LEARNED[:200]), *map(japanese, LEARNED[100:])]
TRANSLATIONS = [(english(meaning), japanese(meaning)) for meaning in LEARNED[100:200]]
SCORED = [  # how many of the four words are the same
    (english(first), english(second), float(sum(a == b for a, b in zip(first, second, strict=True))))
    for first, second in zip(MEANINGS[400:700], [*MEANINGS[401:550], *MEANINGS[400:551]], strict=True)
]

SCORED += [(first, second.replace(second.split()[1], first.split()[1]), score + 1) for first, second, score in SCORED]


def vectors_of(texts: Sequence[str]) -> NDArray[np.float32]:
    """A teacher small enough to check by hand: the sum of a random vector for each word or kanji, unit length."""
    rows = []
    for text in texts:
        words = re.findall("[a-z]+|[ァ-ヿ一-鿿]|[ぁ-ん]+", text.lower()) or [text]
        parts = [np.random.default_rng(zlib.crc32(word.encode())).standard_normal(DIMENSION) for word in words]
        rows.append(np.sum(parts, axis=0))
    found = np.array(rows, np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


TEACHER = Teacher("words", DIMENSION, vectors_of)
BASIC = DistillationSettings(
    student="static",
    dimension=16,
    vocab_size=512,
    layers=1,
    heads=2,
    intermediate_size=32,
    batch_size=32,
    table_epochs=4,
    epochs=3,
)


def distilled(
    work: Path, settings: DistillationSettings = BASIC, corpus: distillation_corpus.Corpus | None = None, **more: Any
) -> tuple[Distillation, Any, Any]:
    """A training in this process: it, the student, the tokenizer."""
    torch.set_num_threads(1)
    work.mkdir(exist_ok=True)
    corpus = distillation_corpus.collect(TEXTS, [], []) if corpus is None else corpus
    distillation = Distillation(corpus, more.pop("teacher", TEACHER), settings, work, **more)
    return distillation, *distillation.run()


def said(student: Any, tokenizer: Any, texts: Sequence[str]) -> NDArray[np.float32]:
    """The student's vectors of texts."""
    with torch.no_grad():
        ids = TokenIds([encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))], 64)
        return np.asarray(student(*ids.take(np.arange(len(texts)))).numpy())


def state(student: Any) -> bytes:
    return save({name: each.contiguous() for name, each in student.state_dict().items()})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a teacher, a table of random vectors, and files of all kinds."""
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

    place = tmp_path_factory.mktemp("place")
    tokenizer = unigram.train([*TEXTS, *map(english, UNSEEN), *map(japanese, UNSEEN)], 600)
    rows = np.random.default_rng(0).standard_normal((tokenizer.get_vocab_size(), DIMENSION)).astype(np.float32)
    modules = [StaticEmbedding(tokenizer, embedding_weights=rows), Normalize()]
    sentence_encoders.save(place / "teacher", modules)
    modules = [StaticEmbedding(tokenizer, embedding_weights=rows * 1e6)]
    sentence_encoders.save(place / "giant", modules)
    (place / "corpus.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    (place / "corpus.jsonl").write_text("".join(json.dumps({"id": 1, "t": text}) + "\n" for text in TEXTS))
    (place / "translations.tsv").write_text("".join(f"{en}\t{ja}\n" for en, ja in TRANSLATIONS), encoding="utf-8")
    (place / "scored.tsv").write_text("".join(f"{a}\t{b}\t{score}\n" for a, b, score in SCORED[:400]))
    names = ("sentence1", "sentence2", "label")
    dev = [json.dumps(dict(zip(names, pair, strict=True))) for pair in SCORED[400:]]
    (place / "dev.jsonl").write_text("\n".join(dev))
    return place


def train(place: Path, *arguments: str, stdin: str = "") -> Result:
    """``nlptool train distil`` with the small teacher, in ``place``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        given = ["train", "distil", *(() if "--teacher" in arguments else ("--teacher", "./teacher")), *arguments]
        return CliRunner().invoke(main.root, given, input=stdin)


@pytest.fixture(scope="module", params=["bert", "static"])
def trained(request: pytest.FixtureRequest, place: Path) -> Path:
    options = [*BERT] if request.param == "bert" else [*SMALL, "--student", "static"]
    options += ["--translations", "translations.tsv", "--scored", "scored.tsv", "--dev", "dev.jsonl"]
    result = succeeded(train(place, *options, "-o", request.param, "corpus.txt"))
    assert re.search(r"[4-9]\d\d different texts, \d+ pairs of translations, .* 200 that are held out", result.stderr)
    assert sorted(path.name for path in place.glob(f"{request.param}*")) == [request.param]
    return place / request.param


def test_the_folder_is_a_model_of_sentence_transformers_and_of_embed(trained: Path) -> None:
    from sentence_transformers import SentenceTransformer

    texts = [*map(english, UNSEEN[:20]), *map(japanese, UNSEEN[:20]), "😀 𩸽", "word " * 400]
    theirs = SentenceTransformer(str(trained), device="cpu")
    layers = {"bert": ["Transformer", "Pooling", "Dense", "Normalize"], "static": ["StaticEmbedding", "Normalize"]}
    assert [type(module).__name__ for module in theirs] == layers[trained.name]
    given = "\n".join(texts).encode()
    done = CliRunner().invoke(main.root, ["embed", "-m", str(trained), "--threads", "1", "-f", "jsonl"], input=given)
    assert done.exit_code == 0, done.stderr
    assert "torch" not in done.stderr
    ours = np.array([json.loads(line)["embedding"] for line in done.stdout.split("\n")[:-1]])
    assert ours.shape == (42, 16)
    assert np.allclose(ours, theirs.encode(texts), atol=1e-4)


def test_the_manifest_says_what_was_done(trained: Path) -> None:
    about = json.loads((trained / "distil.json").read_text(encoding="utf-8"))
    kept_out = {text for pair in SCORED[400:] for text in pair[:2]}
    pairs = [pair for pair in SCORED[:400] if kept_out.isdisjoint(pair[:2])]
    same = [pair for pair in TRANSLATIONS if kept_out.isdisjoint(pair)]
    texts = {*TEXTS, *(text for pair in [*same, *pairs] for text in pair[:2])} - kept_out
    assert about["teacher"] == "./teacher"
    assert (about["n_texts"], about["n_translations"]) == (len(texts), len(same))
    assert (about["n_scored_pairs"], about["n_dev_pairs"]) == (len(pairs), 200)
    assert about["options"]["student"] == trained.name
    assert set(about["scripts"]) == {"Japanese", "Latin"}
    assert (about["options"]["dimension"], about["options"]["vocab_size"], about["options"]["seed"]) == (16, 512, 1)
    assert about["options"]["scored_learning_rate"] == {"bert": 2e-4, "static": 5e-4}[trained.name]
    assert about["versions"]["torch"] == torch.__version__
    n_parameters = 0
    for path in trained.rglob("*.safetensors"):
        with safe_open(path, "np") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        assert not any(tensor.any() for name, tensor in tensors.items() if "pooler" in name)
        n_parameters += sum(tensor.size for name, tensor in tensors.items() if "pooler" not in name)
    assert about["n_parameters"] == n_parameters
    listed = {path.relative_to(trained).as_posix() for path in trained.rglob("*") if path.is_file()}
    assert {*about["files"], "distil.json"} == {*about["sha256"], "distil.json"} == listed
    stages = {"bert": ["table", "student", "pairs"], "static": ["table", "pairs"]}[trained.name]
    assert list(about["seconds"]) == ["teacher, texts", "teacher, pieces", *stages]


def test_the_spearman_of_the_manifest_is_that_of_the_folder_on_the_dev_pairs(trained: Path) -> None:
    ours = encoder_loading.load(EncoderSpec(str(trained), engine="torch" if trained.name == "bert" else "auto"))
    first, second = (ours.encode([pair[side] for pair in SCORED[400:]]).vectors for side in (0, 1))
    expected = stats.spearmanr((first * second).sum(axis=1), [score for *_, score in SCORED[400:]]).statistic
    about = json.loads((trained / "distil.json").read_text(encoding="utf-8"))
    assert about["dev_spearman"] == pytest.approx(expected, abs=2e-4)
    assert about["dev_spearman"] > 0.2


def test_a_student_notes_texts_in_scripts_that_it_has_not_seen(invoke: Invoke, trained: Path) -> None:
    done = invoke("embed", "-m", str(trained), stdin="안녕하세요\n猫\nthe cat\n")
    assert [each["nlptool"]["embed"].get("unseen_script") for each in records(done)] == ["Hangul", None, None]
    assert "Hangul 1; -m multilingual-e5-small knows Hangul" in done.stderr


def test_the_curves_go_through_all_stages(trained: Path) -> None:
    lines = [json.loads(line) for line in (trained / "curves.jsonl").read_text().split("\n")[:-1]]
    epochs = {"table": 4, "student": 4, "pairs": 3}
    if trained.name == "static":
        del epochs["student"]
    assert list(dict.fromkeys(line["stage"] for line in lines)) == list(epochs)
    for stage, n_epochs in epochs.items():
        own = [line for line in lines if line["stage"] == stage]
        assert [line["epoch"] for line in own if "dev_spearman" in line] == list(range(1, n_epochs + 1))
        assert [line["step"] for line in own] == sorted({line["step"] for line in own})
        assert all(
            line["cosine_loss"] > 0 and line["similarity_loss"] > 0 and line["learning_rate"] > 0 for line in own
        )
        assert [line["seconds"] for line in own] == sorted(line["seconds"] for line in own)
        assert all(("pairs_loss" in line) == (stage == "pairs") for line in own)
    about = json.loads((trained / "distil.json").read_text(encoding="utf-8"))
    assert lines[-1]["dev_spearman"] == about["dev_spearman"]


@pytest.mark.parametrize("student", ["bert", "static"])
def test_weights_of_half_the_size(place: Path, student: str) -> None:
    from sentence_transformers import SentenceTransformer

    options = [
        *(BERT if student == "bert" else [*SMALL, "--student", "static"]),
        "corpus.txt",
        "--checkpoint-dir",
        f"w-{student}",
    ]
    for precision in ("float32", "float16"):
        succeeded(train(place, *options, "--save-dtype", precision, "-o", f"kept-{student}-{precision}"))
    whole, half = (place / f"kept-{student}-{precision}" for precision in ("float32", "float16"))
    for path in half.rglob("*.safetensors"):
        with safe_open(path, "pt") as file:
            assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118
    texts = list(map(japanese, UNSEEN[:20]))
    exact = SentenceTransformer(str(whole), device="cpu").encode(texts)
    assert np.allclose(SentenceTransformer(str(half), device="cpu").encode(texts), exact, atol=5e-3)
    assert np.allclose(
        encoder_loading.load(EncoderSpec(str(half), engine="torch")).encode(texts).vectors, exact, atol=5e-3
    )


@pytest.mark.parametrize("pooling", ["cls", "max"])
def test_other_poolings_are_those_of_the_folder(place: Path, pooling: str) -> None:
    from sentence_transformers import SentenceTransformer

    _, student, tokenizer = distilled(place / f"work-{pooling}", replace(BASIC, student="bert", pooling=pooling))
    folder = place / f"folder-{pooling}"
    folder.mkdir()
    student.save(folder, tokenizer, "float32")
    texts = [*map(english, UNSEEN[:20]), *map(japanese, UNSEEN[:20])]
    theirs = SentenceTransformer(str(folder), device="cpu")
    assert theirs[1].pooling_mode == pooling
    assert np.allclose(theirs.encode(texts), said(student, tokenizer, texts), atol=1e-4)


def test_a_corpus_from_stdin_and_as_jsonl_gives_the_same_model(place: Path) -> None:
    options = [*SMALL, "--student", "static"]
    succeeded(train(place, *options, "-o", "a", "--corpus", "corpus.txt"))
    succeeded(train(place, *options, "-o", "b", stdin="\n".join(TEXTS)))
    succeeded(train(place, *options, "-o", "c", "--field", "t", "corpus.jsonl"))
    doubled = "".join(f"{text}\r\n\r\n \r\n{text}\r\n" for text in TEXTS)
    succeeded(train(place, *options, "-o", "d", stdin=doubled))
    models = {(place / name / "model.safetensors").read_bytes() for name in "abcd"}
    assert len(models) == 1
    succeeded(train(place, *options, "-o", "a", "--seed", "2", "corpus.txt"))  # replaced
    assert (place / "a" / "model.safetensors").read_bytes() not in models


def test_a_bert_begins_at_random_or_as_one_that_exists(place: Path) -> None:
    from transformers import BertConfig, BertModel

    begin = place / "begin"
    tokenizer = unigram.train(TEXTS, 700)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=24, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(begin)
    tokenizer.save(str(begin / "tokenizer.json"))
    more = ["--epochs", "1", "corpus.txt"]
    succeeded(train(place, *BERT, *more, "--init", "random", "-o", "random"))
    succeeded(train(place, *SMALL[:2], *SMALL[4:], *more, "--init", "begin", "--max-length", "64", "-o", "pretrained"))
    n_pieces = unigram.train(TEXTS, 512).get_vocab_size()
    about = json.loads((place / "random" / "config.json").read_text())
    assert (about["hidden_size"], about["num_hidden_layers"], about["vocab_size"]) == (16, 1, n_pieces)
    about = json.loads((place / "pretrained" / "config.json").read_text())
    assert (about["hidden_size"], about["vocab_size"]) == (24, tokenizer.get_vocab_size())
    for name in ("random", "pretrained"):
        lines = [json.loads(line) for line in (place / name / "curves.jsonl").read_text().split("\n")[:-1]]
        assert {line["stage"] for line in lines} == {"student"}
        found = encoder_loading.load(EncoderSpec(str(place / name), engine="torch")).encode(
            list(map(english, UNSEEN[:5]))
        )
        assert found.vectors.shape == (5, 16)


def test_the_curves_are_drawn(place: Path) -> None:
    options = [*SMALL, "--student", "static", "--table-epochs", "2", "-o", "drawn", "corpus.txt"]
    options += ["--scored", "scored.tsv", "--dev", "dev.jsonl", "--checkpoint-dir", "drawn-work"]
    for name in ("c.png", "c.svg", "c.pdf"):
        succeeded(train(place, *options, "--plot", name))
    assert (place / "c.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert (place / "c.pdf").read_bytes().startswith(b"%PDF")
    svg = (place / "c.svg").read_text()
    for word in ("cosine loss", "similarity loss", "pairs loss", "Spearman's ρ", "epochs", "table", "pairs"):
        assert f"<!-- {word} -->" in svg
    lines = [json.loads(line) for line in (place / "drawn" / "curves.jsonl").read_text().split("\n")[:-1]]
    for name in ("c.svg", "c.pdf"):
        plots.curves(lines, str(place / f"again-{name}"))
        assert (place / f"again-{name}").read_bytes() == (place / name).read_bytes()


@pytest.mark.filterwarnings("error")
def test_a_training_of_no_step_has_a_picture_without_curves(place: Path) -> None:
    options = [*SMALL, "--student", "static", "--table-epochs", "0", "-o", "untrained", "corpus.txt", "--plot", "u.png"]
    said = succeeded(train(place, *options)).stderr.split("\n")
    assert said[0].endswith("400 different texts teach little: a good model needs a hundred thousand")
    assert said[2:] == ["nlptool train: untrained: 7,728 parameters", ""]
    assert (place / "untrained" / "curves.jsonl").read_text() == ""
    assert (place / "u.png").stat().st_size > 1000


def test_a_share_of_the_scored_pairs_is_held_out(place: Path) -> None:
    apart = [(f"{english(LEARNED[n])[:-1]}!", f"{english(LEARNED[n])[:-1]}?", n % 7) for n in range(100)]
    given = "".join(f"{first}\t{second}\t{score}\n" for first, second, score in apart)
    (place / "apart.tsv").write_text(given + "a line that is no pair\n")
    options = [*SMALL, "--student", "static", "--scored", "apart.tsv", "-o", "share", "corpus.txt"]
    for share, n_dev in (("0.25", 25), ("0", 0)):
        result = train(place, *options, "--dev", share)
        assert result.exit_code == 3
        assert "apart.tsv:101: a pair is two texts and a score" in result.stderr
        about = json.loads((place / "share" / "distil.json").read_text())
        assert (about["n_dev_pairs"], about["n_scored_pairs"]) == (n_dev, 100 - n_dev)
        assert about["n_texts"] == len(set(TEXTS)) + 2 * (100 - n_dev)
        assert (about["dev_spearman"] is None) == (n_dev == 0)


def test_pairs_that_all_hang_together_cannot_be_held_out_and_this_is_said(place: Path) -> None:
    (place / "hub.tsv").write_text("".join(f"the hub\t{text}\t{n}\n" for n, text in enumerate(TEXTS[:50])))
    result = succeeded(train(place, *SMALL, "--student", "static", "--scored", "hub.tsv", "-o", "hub", "corpus.txt"))
    assert "no scored pairs are held out: too many of them hang together" in result.stderr


def test_translations_and_scored_pairs_are_enough(place: Path) -> None:
    options = ["--translations", "translations.tsv", "--scored", "scored.tsv", "--loss", "cosine", "-o", "enough"]
    succeeded(train(place, *SMALL, "--student", "static", *options))
    lines = [json.loads(line) for line in (place / "enough" / "curves.jsonl").read_text().split("\n")[:-1]]
    assert all(0 < line["pairs_loss"] < 1 for line in lines if line["stage"] == "pairs")


def test_odd_lines_are_no_trouble(place: Path) -> None:
    odd = [*TEXTS, "a\0b", "\u3000", "x" * 200_000, "今" * 5_000, "\x1b[31m", "﷽" * 100, "\u200b", "e\u0301" * 50]
    lines = "".join(json.dumps({"text": text}) + "\n" for text in odd)
    result = train(
        place, *BERT, "--epochs", "1", "-o", "odd", stdin=lines + '{"text":"\\ud800 half"}\n{"text":1}\nno\n'
    )
    assert result.exit_code == 3, result.stderr
    assert "half a character" in result.stderr
    assert "3 of 411 records failed" in result.stderr
    assert json.loads((place / "odd" / "distil.json").read_text())["n_texts"] == len(set(TEXTS)) + 7


def fit(student: Any, tokenizer: Any, texts: Sequence[str]) -> tuple[float, float]:
    """The mean cosine of a student and the teacher, in the space of the training, and of the teacher's other texts."""
    corpus = distillation_corpus.collect(TEXTS, [], [])
    space = distillation_teacher.space(
        corpus.texts, vectors_of(corpus.texts).astype(np.float16), 16
    )  # as they are kept
    nothing = np.zeros((0, 2), np.int64)
    aims = space.targets(space.centred(texts, vectors_of(texts)), nothing)
    found = said(student, tokenizer, texts)
    return float((found * aims).sum(axis=1).mean()), float((found * np.roll(aims, 1, axis=0)).sum(axis=1).mean())


def test_a_table_learns_to_say_of_new_texts_what_the_teacher_says(tmp_path: Path) -> None:
    unseen = [*map(english, UNSEEN), *map(japanese, UNSEEN)]
    longer = replace(BASIC, table_epochs=30, table_learning_rate=2e-2)
    untrained, chance = fit(*distilled(tmp_path / "0", replace(BASIC, table_epochs=0))[1:], unseen)
    learned, _ = fit(*distilled(tmp_path / "1", longer)[1:], unseen)
    assert abs(chance) < 0.1
    assert learned > 0.9 > untrained + 0.3


def test_a_bert_learns_and_better_from_a_table_than_from_random_weights(tmp_path: Path) -> None:
    unseen = [*map(english, UNSEEN), *map(japanese, UNSEEN)]
    settings = replace(BASIC, student="bert", epochs=15, learning_rate=5e-3, table_epochs=60, table_learning_rate=2e-2)
    untrained, chance = fit(*distilled(tmp_path / "0", replace(settings, init="random", epochs=0))[1:], unseen)
    random_, _ = fit(*distilled(tmp_path / "1", replace(settings, init="random"))[1:], unseen)
    learned, _ = fit(*distilled(tmp_path / "2", settings)[1:], unseen)
    assert abs(chance) < 0.1
    assert learned > 0.85
    assert learned > random_ > untrained


def test_translations_come_nearer_to_each_other(tmp_path: Path) -> None:
    new = ([*map(english, UNSEEN)], [*map(japanese, UNSEEN)])

    def nearness(name: str, corpus: distillation_corpus.Corpus) -> tuple[float, float]:
        settings = replace(BASIC, table_epochs=20, table_learning_rate=2e-2)
        _, student, tokenizer = distilled(tmp_path / name, settings, corpus)
        first, second = (said(student, tokenizer, texts) for texts in new)
        cosines = first @ second.T
        return float(np.diag(cosines).mean()), float(cosines.mean())

    before, _ = nearness("apart", distillation_corpus.collect(TEXTS, [], []))
    pairs = [(english(meaning), japanese(meaning)) for meaning in LEARNED]
    after, others = nearness("together", distillation_corpus.collect(TEXTS, pairs, []))
    assert after > before + 0.2
    assert after > others + 0.5


@pytest.mark.parametrize("loss", ["cosent", "cosine"])
def test_scored_pairs_that_are_held_out_come_into_the_right_order(tmp_path: Path, loss: str) -> None:
    """The teacher is one that knows nothing of the places, which the scores do: they count nothing but these."""
    scored = [
        (english(first), english(second), float(first[3] == second[3]))
        for first, second in zip(MEANINGS[:600], MEANINGS[600:1200], strict=True)
    ]
    corpus = distillation_corpus.collect([], [], scored, dev=0.3)
    settings = replace(BASIC, space_epochs=0, scored_epochs=0, table_epochs=2, loss=loss, scored_weight=1.0)
    before = distilled(tmp_path, settings, corpus)[0].dev_spearman
    settings = replace(settings, scored_epochs=40, scored_learning_rate=3e-2, scored_weight=5.0)
    done = distilled(tmp_path, settings, corpus)[0]
    assert before is not None
    assert done.dev_spearman is not None
    assert done.dev_spearman > before + 0.1
    losses = [line["pairs_loss"] for line in done.curves if line["stage"] == "pairs"]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


EVERYTHING = replace(BASIC, student="bert", table_epochs=2, epochs=2, space_epochs=3, scored_epochs=2)


def everything() -> distillation_corpus.Corpus:
    return distillation_corpus.collect(TEXTS[:200], TRANSLATIONS[:20], SCORED[:100], dev=0.2)


class Stops:
    """Says no ``patience`` times, and then yes."""

    def __init__(self, patience: float = np.inf) -> None:
        self.asked = 0
        self._patience = patience

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked > self._patience


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, int, list[Any]]:
    """The weights, the number of times that it could have been stopped, and the curves."""
    counted = Stops()
    distillation, student, _ = distilled(tmp_path_factory.mktemp("work"), EVERYTHING, everything(), stop=counted)
    return state(student), counted.asked, _without_times(distillation.curves)


def _without_times(curves: list[dict[str, Any]]) -> list[Any]:
    return [{name: value for name, value in line.items() if name != "seconds"} for line in curves]


@pytest.mark.parametrize("share", [0, 0.03, 0.2, 0.4, 0.6, 0.8, 0.99])
def test_an_interrupted_training_ends_as_one_that_was_not(
    tmp_path: Path, uninterrupted: tuple[bytes, int, list[Any]], share: float
) -> None:
    expected, n_steps, curves = uninterrupted
    with pytest.raises(KeyboardInterrupt):
        distilled(tmp_path, EVERYTHING, everything(), stop=Stops(int(share * n_steps)))
    rest = Stops()
    distillation, student, _ = distilled(tmp_path, EVERYTHING, everything(), resume=True, stop=rest)
    assert state(student) == expected
    assert _without_times(distillation.curves) == curves
    assert rest.asked <= n_steps - int(share * n_steps) + 1


def test_one_that_is_interrupted_again_and_again_does_too(
    tmp_path: Path, uninterrupted: tuple[bytes, int, list[Any]]
) -> None:
    expected, n_steps, _ = uninterrupted
    for _ in range(n_steps):
        try:
            _, student, _ = distilled(tmp_path, EVERYTHING, everything(), resume=True, stop=Stops(9))
        except KeyboardInterrupt:
            continue
        break
    assert state(student) == expected


def test_without_resume_an_unfinished_stage_begins_anew_and_finished_ones_are_kept(
    tmp_path: Path, uninterrupted: tuple[bytes, int, list[Any]]
) -> None:
    expected, n_steps, _ = uninterrupted
    with pytest.raises(KeyboardInterrupt):
        distilled(tmp_path, EVERYTHING, everything(), stop=Stops(n_steps - 1))
    notes: list[str] = []
    again = Stops()
    _, student, _ = distilled(tmp_path, EVERYTHING, everything(), stop=again, note=notes.append)
    assert notes == ["table: finished before", "student: finished before"]
    assert state(student) == expected
    assert 2 < again.asked < n_steps / 2
    with pytest.raises(KeyboardInterrupt):
        distilled(tmp_path, replace(EVERYTHING, scored_epochs=3), everything(), stop=Stops(2))
    notes.clear()
    distilled(tmp_path, replace(EVERYTHING, scored_epochs=3), everything(), resume=True, note=notes.append)
    assert notes[-1] == "pairs: going on after 2 of 21 steps"


def test_students_of_the_same_text_share_the_teachers_vectors_the_vocabulary_and_the_table(tmp_path: Path) -> None:
    asked: list[str] = []

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        asked.extend(texts)
        return vectors_of(texts)

    teacher = Teacher("words", DIMENSION, encode)
    _, table, tokenizer = distilled(tmp_path, teacher=teacher)
    assert asked[: len(TEXTS)] == TEXTS
    assert len(asked) == len(TEXTS) + tokenizer.get_vocab_size()
    asked.clear()
    notes: list[str] = []
    distilled(tmp_path, replace(BASIC, student="bert"), teacher=teacher, note=notes.append)
    assert asked == []
    assert notes == ["table: finished before"]
    assert state(distilled(tmp_path, teacher=teacher)[1]) == state(table)


@pytest.mark.parametrize(
    "changed",
    [{"seed": 2}, {"dimension": 8}, {"vocab_size": 460}, {"table_epochs": 5}, {"table_learning_rate": 1e-3}, {"batch_size": 16},
     {"longest": 5}, {"similarity": 1.0}],
)  # fmt: skip
def test_a_stage_of_other_settings_is_not_used(tmp_path: Path, changed: dict[str, Any]) -> None:
    _, first, _ = distilled(tmp_path)
    notes: list[str] = []
    _, student, _ = distilled(tmp_path, replace(BASIC, **changed), resume=True, note=notes.append)
    assert notes == []
    assert state(student) != state(first)
    assert state(student) == state(distilled(tmp_path / "alone", replace(BASIC, **changed))[1])


def test_a_stage_of_other_texts_or_another_teacher_is_not_used(tmp_path: Path) -> None:
    distilled(tmp_path)
    notes: list[str] = []
    distilled(tmp_path, BASIC, distillation_corpus.collect(TEXTS[1:], [], []), resume=True, note=notes.append)
    other = Teacher("other", DIMENSION, lambda texts: vectors_of(texts)[:, ::-1])
    distilled(tmp_path, resume=True, note=notes.append, teacher=other)
    assert notes == []


def test_a_finished_stage_is_judged_by_the_dev_pairs_of_now(tmp_path: Path) -> None:
    known = [pair for pair in SCORED if not {*pair[:2]} & {*TEXTS}]
    first = distilled(tmp_path, BASIC, distillation_corpus.collect(TEXTS, [], [], dev=known[:100]))[0]
    notes: list[str] = []
    turned = [(one, other, -score) for one, other, score in known[:100]]
    second = distilled(tmp_path, BASIC, distillation_corpus.collect(TEXTS, [], [], dev=turned), note=notes.append)[0]
    assert notes == ["table: finished before"]
    assert first.dev_spearman is not None
    assert second.dev_spearman == pytest.approx(-first.dev_spearman)


def test_an_interrupt_of_the_real_program_and_its_resume(place: Path, start: Start) -> None:
    options = ["train", "distil", "--teacher", "./teacher", *BERT, "--epochs", "8", "corpus.txt", "-o", "stopped"]
    process = start(*options, "--progress", "always", cwd=place)
    assert process.stderr is not None
    shown = b""
    while b"training, student" not in shown and (chunk := process.stderr.read(4096)):
        shown += chunk
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate()
    assert process.returncode == -signal.SIGINT
    assert "stopping; what is done stays in stopped.work: --resume" in rest.decode()
    assert not (place / "stopped").exists()
    assert [*(place / "stopped.work").glob("student-*.safetensors")]
    resumed = succeeded(train(place, *options[2:], "--resume"))
    assert "table: finished before" in resumed.stderr
    assert re.search(r"student: going on after \d+ of 128 steps", resumed.stderr)
    assert not (place / "stopped.work").exists()
    succeeded(train(place, *options[4:-2], "-o", "went-through"))
    for name in ("model.safetensors", "2_Dense/model.safetensors", "tokenizer.json"):
        assert (place / "stopped" / name).read_bytes() == (place / "went-through" / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["/dev/null"], 1, "0 different texts are too few to learn from"),
        (["few.txt"], 1, "99 different texts are too few to learn from"),
        (["corpus.txt", "--teacher", "no-such-model"], 4, "no model no-such-model"),
        (["corpus.txt", "--dimension", "32"], 1, "./teacher has 24 dimensions, fewer than --dimension 32"),
        (["corpus.txt", "--dimension", "18", "--heads", "4"], 2, "--dimension 18 cannot be shared by --heads 4"),
        (["corpus.txt", "--student", "static", "--layers", "2"], 2, "--student static makes no use of --layers"),
        (["corpus.txt", "--student", "static", "--heads", "2"], 2, "--student static makes no use of --heads"),
        (["corpus.txt", "--init", "random", "--table-epochs", "2"], 2, "--init random makes no use of --table-epochs"),
        (["corpus.txt", "--init", "begun", "--layers", "2"], 2, "--init begun makes no use of --layers"),
        (["corpus.txt", "--loss", "cosine"], 2, "a training without --scored makes no use of --loss"),
        (["corpus.txt", "--dev", "0.1"], 2, "a training without --scored makes no use of --dev"),
        (["corpus.txt", "--scored", "scored.tsv", "--dev", "0.95"], 2, "a share is 0 to 0.9"),
        (["corpus.txt", "--scored", "scored.tsv", "--dev", "nan"], 2, "a share is 0 to 0.9"),
        (["corpus.txt", "--scored", "same.tsv"], 1, "scored pairs have the score 3: there is nothing to learn"),
        (["corpus.txt", "--scored", "translations.tsv"], 1, "translations.tsv: most of its lines are no pairs"),
        (["corpus.txt", "--max-length", "32"], 2, "--longest 64 is more than --max-length 32 takes"),
        (["corpus.txt", "--vocab-size", "100"], 2, "100 is not in the range"),
        (["kanji.txt", "--dimension", "16"], 1, "a vocabulary of 512 pieces has no room for words beside"),
        ([sys.executable], 1, "most records failed: this is no corpus"),
        (["corpus.txt", "-o", "corpus.txt"], 1, "corpus.txt is a file, and is not replaced"),
        (["corpus.txt", "-o", "teacher"], 1, "teacher is a folder that holds something else"),
        (["corpus.txt", "-o", "none/m"], 1, "cannot write none/m: there is no folder"),
        (["corpus.txt", "-o", "-"], 1, "a folder cannot go to stdout"),
        (["corpus.txt", "--plot", "curves.gif"], 1, "curves.gif: a picture is a .png, .svg, .pdf file"),
        (["corpus.txt", "--plot", "none/c.png"], 1, "cannot write none/c.png: there is no such folder"),
        (["corpus.txt", "--checkpoint-dir", "corpus.txt"], 1, "cannot write corpus.txt: File exists"),
        (["corpus.txt", "--checkpoint-dir", "corpus.txt/work"], 1, "cannot write corpus.txt/work: Not a directory"),
        (["corpus.txt", "--init", "none"], 4, "none/tokenizer.json cannot be read"),
        (["corpus.txt", "--init", "teacher"], 4, "teacher cannot be loaded"),
        (["corpus.txt", "--teacher", "./giant"], 1, "holds NaN, infinity, or a number beyond 65,504"),
        (["corpus.txt", "--on-error", "fail", "--scored", "broken.tsv"], 1, "broken.tsv:2: the pair has no score"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused_with_a_reason(
    place: Path, arguments: list[str], code: int, message: str
) -> None:
    (place / "few.txt").write_text("\n".join([*TEXTS[:99], TEXTS[0], "", "\u3000"]))
    (place / "kanji.txt").write_text("\n".join(chr(0x4E00 + n) for n in range(1000)))
    (place / "same.tsv").write_text("".join(f"{first}\t{second}\t3\n" for first, second, _ in SCORED))
    (place / "broken.tsv").write_text("a\tb\t1\nc\td\tNaN\ne\tf\t1\n")
    static = "--init" not in arguments and "--heads" not in arguments and "--max-length" not in arguments
    options = ["--student", "static"] if static and "--student" not in arguments else []
    sizes = [] if {"--dimension", "--vocab-size"} & {*arguments} else ["--dimension", "16"]
    sizes += [] if "--init" in arguments or "--vocab-size" in arguments else ["--vocab-size", "512"]
    output = [] if "-o" in arguments else ["-o", "refused"]
    before = sorted(path.name for path in place.iterdir())
    result = train(place, *options, *sizes, "--threads", "1", "--device", "cpu", *arguments, *output)
    assert result.exit_code == code, result.stderr
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert "internal error" not in result.stderr
    left = {path.name for path in place.iterdir()} - {*before}
    assert left <= {"refused.work"}


def test_a_file_that_is_not_there_is_said_and_the_rest_is_learned_from(place: Path) -> None:
    options = [*SMALL, "--student", "static", "--table-epochs", "0", "-o", "rest", "corpus.txt"]
    for more in (["none.txt"], ["--translations", "none.txt"], ["--scored", "none.txt"]):
        result = train(place, *options, *more)
        assert result.exit_code == 1
        assert "none.txt: No such file or directory" in result.stderr
        assert json.loads((place / "rest" / "distil.json").read_text())["n_texts"] == len(set(TEXTS))


def test_a_folder_of_ones_own_beside_the_output_is_not_removed(place: Path) -> None:
    own = place / "mine.work" / "thesis.txt"
    own.parent.mkdir()
    own.write_text("years of work")
    options = [*SMALL, "--student", "static", "--table-epochs", "0", "-o", "mine", "corpus.txt"]
    result = train(place, *options)
    assert result.exit_code == 1
    assert "mine.work, where the work is kept until it is done, holds something else: thesis.txt" in result.stderr
    assert own.read_text() == "years of work"
    succeeded(train(place, *options, "--checkpoint-dir", "mine.work"))
    assert own.read_text() == "years of work"


@pytest.mark.parametrize("limit", [1_000, 30_000])
def test_a_full_disk_is_said_and_what_is_there_stays(place: Path, limit: int) -> None:
    """The limit is on the size of a file: the teacher's vectors do not fit, or the model at the end."""
    work = place / f"full-{limit}"
    options = [*SMALL, "--student", "static", "--checkpoint-dir", str(work), "-o", f"full-{limit}-model", "corpus.txt"]
    if limit == 30_000:  # bytes; all is done but the model, which is larger
        succeeded(train(place, *options, "--table-epochs", "1"))
        before = (place / f"full-{limit}-model" / "model.safetensors").read_bytes()
    with largest_file(limit):
        done = train(place, *options, "--table-epochs", "1")
    message = done.stderr
    assert done.exit_code == 1, message
    assert "internal error" not in message
    if limit == 1_000:
        assert f"cannot write {work}: File too large" in message
        assert "--resume" not in message  # there is nothing yet to go on from
    else:
        assert re.search(rf"cannot write .*full-{limit}-model: .*File too large", message)
        assert (place / f"full-{limit}-model" / "model.safetensors").read_bytes() == before


def test_the_teacher_is_not_opened_before_all_else_is_in_order(tmp_path: Path) -> None:
    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        raise AssertionError("asked")

    teacher = Teacher("words", DIMENSION, encode)
    with pytest.raises(RunError, match="no room for words"):
        distilled(
            tmp_path,
            BASIC,
            distillation_corpus.collect([chr(0x4E00 + n) for n in range(1000)], [], []),
            teacher=teacher,
        )
    with pytest.raises(RunError, match="cannot be read"):
        distilled(tmp_path, replace(BASIC, student="bert", init=str(tmp_path / "none")), teacher=teacher)


def test_help_comes_at_once_and_word2vec_is_meant_where_nothing_is_said(run: Run) -> None:
    done = run("train", "distil", "--help")
    assert done.returncode == 0
    assert b"--teacher" in done.stdout
    assert b"train word2vec [OPTIONS]" in run("train", "--dimension", "x").stderr
