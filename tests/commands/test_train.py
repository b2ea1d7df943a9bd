"""Training: every token of the corpus arrives, the models are gensim's and the text-book's, and what goes wrong is said."""

from __future__ import annotations

import gzip
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
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptool.cli import main
from nlptool.errors import RunError
from nlptool.models.japanese import dictionaries
from nlptool.models.words import tokenizers as word_tokenizers
from nlptool.models.words.vectors import WordVectors
from nlptool.training import tokenized_corpus
from nlptool.training.tokenized_corpus import LONGEST, Corpus
from nlptool.training.words import cooccurrence, word2vec
from nlptool.training.words.word2vec import Word2VecSettings

DATA = Path(__file__).parent.parent / "data"
NOVEL = DATA / "yume_juya.txt"


def train(folder: Path, *arguments: str, text: str | bytes = "") -> Result:
    given = text.encode() if isinstance(text, str) else text
    return CliRunner().invoke(main.root, ["train", "-o", str(folder), *arguments], input=given)


def corpus_of(*sentences: str) -> Corpus:
    corpus = Corpus()
    for sentence in sentences:
        corpus.add(sentence.split(" "))
    return corpus


def count_vectors(folder: Path) -> dict[str, list[float]]:
    vectors = WordVectors(folder)
    rows = vectors.vector(np.arange(vectors.n_words))
    return dict(zip(vectors.words, rows.tolist(), strict=True))


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=9), min_size=1, max_size=40),
    st.integers(1, 4),
    st.sampled_from([16, 40, 1_000_000]),
)
@settings(max_examples=150, deadline=None)
def test_a_corpus_comes_back_as_it_was_less_the_rare_words(given: list[list[str]], min_count: int, chunk: int) -> None:
    """Also with empty sentences, at the beginning, at the ends of chunks, and nothing else in a chunk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenized_corpus, "_CHUNK", chunk)
        corpus = Corpus()
        for sentence in given:
            corpus.add(sentence)
        flat = [word for sentence in given for word in sentence]
        expected = sorted({word for word in flat if flat.count(word) >= min_count})
        if len(expected) < 2 or not any(len(sentence) > 1 for sentence in given):
            with pytest.raises(RunError):
                corpus.vocabulary(min_count)
            return
        vocabulary = corpus.vocabulary(min_count)
        assert sorted(vocabulary.words) == expected
        assert vocabulary.counts.tolist() == [flat.count(word) for word in vocabulary.words]
        assert list(vocabulary.counts) == sorted(vocabulary.counts, reverse=True)
        for _ in range(2):
            found = [
                [vocabulary.words[index] for index in sentence]
                for indices, lengths in corpus.passes(vocabulary.index)
                for sentence in tokenized_corpus.sentences(*tokenized_corpus.kept(indices, lengths, indices >= 0))
            ]
            cleaned = [[word for word in sentence if word in expected] for sentence in given]
            assert found == [sentence for sentence in cleaned if sentence]


@pytest.mark.parametrize("method", ["skipgram", "counts"])
def test_empty_lines_are_no_matter(tmp_path: Path, method: str) -> None:
    text = "".join(f"w{n % 9} x{n % 7} y{n % 5}\n" for n in range(300))
    options = ["--method", method, "--min-count", "1", "--deterministic"]
    options += ["--dimension", "4", "--epochs", "1"] if method == "skipgram" else []
    assert train(tmp_path / "one", *options, text=text).exit_code == 0
    assert train(tmp_path / "two", *options, text="\n\n" + text.replace("\n", "\n\n")).exit_code == 0
    assert (tmp_path / "one" / "vectors.npy").read_bytes() == (tmp_path / "two" / "vectors.npy").read_bytes()


@pytest.mark.parametrize("options", [{}, {"skipgram": False}, {"negative": 0}, {"subwords": (1, 2), "buckets": 100}])
def test_every_token_is_trained_with_odd_white_space_and_very_long_lines(options: dict[str, Any]) -> None:
    cut = word_tokenizers.word_tokenizer("whitespace")
    lines = [
        *("東京\u3000大阪 京都", "a\u00a0b c", "one\u2003two\x0bthree four") * 300,
        " ".join(f"w{n % 50}" for n in range(LONGEST * 3 + 17)),
        "\u3000".join("xy" for _ in range(LONGEST + 1)),
    ]
    corpus = Corpus()
    for line in lines:
        corpus.add(cut(line))
    n_words = sum(len(line.split()) for line in lines)
    vocabulary = corpus.vocabulary(1)
    assert corpus.n_words == n_words == vocabulary.counts.sum()
    trained = word2vec.train(
        corpus, vocabulary, Word2VecSettings(dimension=4, sample=0, epochs=3, threads=2, **options)
    )
    assert (trained.n_trained, trained.n_thinned) == (3 * n_words, 0)


def test_frequent_words_are_thinned_out_as_word2vec_does() -> None:
    corpus = corpus_of(*["the cat the dog the bird the fox"] * 2000)
    vocabulary = corpus.vocabulary(1)
    trained = word2vec.train(corpus, vocabulary, Word2VecSettings(dimension=4, sample=0.01, epochs=5))
    assert trained.n_trained + trained.n_thinned == 5 * corpus.n_words
    shares = vocabulary.counts / corpus.n_words
    expected = (vocabulary.counts * (np.sqrt(0.01 / shares) + 0.01 / shares)).sum() * 5
    assert trained.n_trained == pytest.approx(expected, rel=0.02)


def test_what_fails_while_gensim_reads_ends_the_training() -> None:
    corpus = corpus_of(*["a b c d"] * 20_000)

    def report(done: int, total: int) -> None:
        raise OSError(f"no terminal any more after {done} words")

    with pytest.raises(OSError, match="no terminal"):
        word2vec.train(corpus, corpus.vocabulary(1), Word2VecSettings(dimension=2, sample=0), report=report)


def test_words_that_stand_together_come_near_each_other() -> None:
    generator = np.random.default_rng(1)
    topics = (["cat", "dog", "fur", "tail"], ["bread", "milk", "plate", "spoon"])
    lines = [" ".join(generator.choice(topics[n % 2], 6)) for n in range(3000)]
    corpus = corpus_of(*lines)
    vocabulary = corpus.vocabulary(1)
    for options in ({}, {"skipgram": False}, {"negative": 0}):
        found = word2vec.train(
            corpus, vocabulary, Word2VecSettings(dimension=10, epochs=5, sample=0, **options)
        ).vectors
        unit = found / np.linalg.norm(found, axis=1, keepdims=True)
        cosines = {
            (a, b): unit[vocabulary.words.index(a)] @ unit[vocabulary.words.index(b)]
            for a, b in (("cat", "dog"), ("bread", "milk"), ("cat", "milk"), ("bread", "dog"))
        }
        same = min(cosines["cat", "dog"], cosines["bread", "milk"])
        other = max(cosines["cat", "milk"], cosines["bread", "dog"])
        assert same > other + 0.2, options


def test_one_epoch_without_thinning_gives_gensims_own_vectors() -> None:
    """The same seed, vocabulary and order: what we hand over as indices, gensim would have read as words."""
    from gensim.models import Word2Vec

    generator = np.random.default_rng(1)
    lines = [[f"w{n}" for n in generator.integers(0, 30, 12)] for _ in range(400)]
    corpus = Corpus()
    for line in lines:
        corpus.add(line)
    vocabulary = corpus.vocabulary(1)
    for sg in (0, 1):
        ours = word2vec.train(
            corpus, vocabulary, Word2VecSettings(skipgram=bool(sg), dimension=8, sample=0, epochs=2, seed=3)
        )
        peer = Word2Vec(vector_size=8, sg=sg, sample=0, seed=3, workers=1, min_count=1, epochs=2, sorted_vocab=0)
        peer.build_vocab_from_freq(dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True)))
        peer.train(lines, total_words=corpus.n_words, epochs=2)
        np.testing.assert_array_equal(ours.vectors, peer.wv.vectors)


TEXTBOOK = {"banana": (21, 9, 0), "puppy": (8, 1, 32), "fruit": (43, 19, 0)}
CONTEXTS = ("sweet", "green", "furry")


def textbook() -> str:
    """A corpus in which each word stands beside each context as often as the book says."""
    lines = [
        f"{word} {context}" for word, row in TEXTBOOK.items() for context, count in zip(CONTEXTS, row, strict=True)
        for _ in range(count)
    ]  # fmt: skip
    return "".join(f"{line}\n" for line in lines)


def test_the_counts_of_the_textbook(tmp_path: Path) -> None:
    done = train(
        tmp_path / "v", "--method", "counts", "--contexts", ",".join(CONTEXTS), "--min-count", "1", text=textbook()
    )
    assert done.exit_code == 0, done.stderr
    found = count_vectors(tmp_path / "v")
    assert {word: tuple(found[word]) for word in TEXTBOOK} == TEXTBOOK
    about = json.loads((tmp_path / "v" / "vectors.json").read_text())
    assert (about["method"], about["contexts"]) == ("counts", list(CONTEXTS))


def test_the_cosine_of_centred_counts_is_pearsons_correlation(tmp_path: Path) -> None:
    arguments = ["--method", "counts", "--contexts", ",".join(CONTEXTS), "--min-count", "1"]
    assert train(tmp_path / "v", *arguments, "--center", text=textbook()).exit_code == 0
    vectors = WordVectors(tmp_path / "v")
    for first, second in (("banana", "fruit"), ("banana", "puppy"), ("puppy", "fruit")):
        one, other = vectors.unit([vectors.words.index(first), vectors.words.index(second)])
        assert one @ other == pytest.approx(np.corrcoef(TEXTBOOK[first], TEXTBOOK[second])[0, 1], abs=1e-6)
    assert train(tmp_path / "w", *arguments, text=textbook()).exit_code == 0
    plain = WordVectors(tmp_path / "w")
    one, other = plain.unit([plain.words.index("banana"), plain.words.index("fruit")])
    a, b = np.asarray(TEXTBOOK["banana"]), np.asarray(TEXTBOOK["fruit"])
    assert one @ other == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-6)


@given(st.lists(st.lists(st.sampled_from("abcde"), min_size=2, max_size=9), min_size=1, max_size=12), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_cooccurrences_are_those_of_a_slow_loop(sentences: list[list[str]], window: int) -> None:
    corpus = Corpus()
    for sentence in (*sentences, ["a", "b"]):
        corpus.add(sentence)
    vocabulary = corpus.vocabulary(1)
    contexts = np.arange(min(3, len(vocabulary.words)))
    expected = np.zeros((len(vocabulary.words), len(contexts)), int)
    for sentence in (*sentences, ["a", "b"]):
        places = [vocabulary.words.index(word) for word in sentence]
        for i, word in enumerate(places):
            for j in range(max(0, i - window), min(len(places), i + window + 1)):
                if i != j and places[j] < len(contexts):
                    expected[word, places[j]] += 1
    found = cooccurrence.cooccurrences(corpus, vocabulary, contexts, window)
    np.testing.assert_array_equal(found.toarray(), expected)


def test_ppmi_is_the_formula_and_svd_numpys() -> None:
    from scipy.sparse import csr_array

    table = np.random.default_rng(2).integers(0, 6, size=(12, 7))
    table[:, 0] += 1
    table[0] += 1
    for smoothing in (1.0, 0.75):
        weights = table.sum(axis=0) ** smoothing
        with np.errstate(divide="ignore"):
            pmi = np.log((table / table.sum(axis=1, keepdims=True)) / (weights / weights.sum()))
        found = cooccurrence.positive_pmi(csr_array(table), smoothing=smoothing).toarray()
        np.testing.assert_allclose(found, np.maximum(0, pmi), atol=1e-12)
    left, values, _ = np.linalg.svd(found)
    ours = cooccurrence.truncated_svd(csr_array(found), 3)
    np.testing.assert_allclose(np.abs(ours), np.abs(left[:, :3] * values[:3] ** 0.5), atol=1e-5)


def test_text_gzip_and_tokens_give_the_same_vectors(tmp_path: Path) -> None:
    options = ["--deterministic", "--dimension", "8", "--epochs", "1", "--min-count", "3"]
    assert train(tmp_path / "text", *options, str(NOVEL)).exit_code == 0
    assert train(tmp_path / "gzip", *options, text=gzip.compress(NOVEL.read_bytes())).exit_code == 0
    tokens = CliRunner().invoke(main.root, ["tokenize", "--drop-input", str(NOVEL)]).stdout
    assert train(tmp_path / "tokens", *options, text=tokens).exit_code == 0
    for name in ("vectors.npy", "norms.npy", "counts.npy", "words.txt"):
        data = (tmp_path / "text" / name).read_bytes()
        assert (tmp_path / "gzip" / name).read_bytes() == data
        assert (tmp_path / "tokens" / name).read_bytes() == data


def test_deterministic_gives_byte_identical_files_in_two_processes(tmp_path: Path) -> None:
    for name, seed in (("one", "0"), ("two", "1")):
        subprocess.run(
            [sys.executable, "-m", "nlptool", "train", "-o", str(tmp_path / name), "--deterministic", "--dimension", "10",
             "--epochs", "2", "--min-count", "2", "--subwords", "1-2", "--buckets", "500", "-q", str(NOVEL)],
            check=True, timeout=120, env={**os.environ, "PYTHONHASHSEED": seed},
        )  # fmt: skip
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert sorted(one) == [
        "counts.npy", "norms.npy", "readings.npy", "subwords.npy", "vectors.json", "vectors.npy", "words.txt",
    ]  # fmt: skip


def test_the_manifest_holds_options_counts_tokenizer_and_versions(tmp_path: Path) -> None:
    done = train(tmp_path / "v", "--tokenizer", "lemma", "--dimension", "8", "--epochs", "2", "--seed", "9", str(NOVEL))
    assert done.exit_code == 0, done.stderr
    about = json.loads((tmp_path / "v" / "vectors.json").read_text())
    assert about["tokenizer"] == "lemma"
    assert about["dictionary"].startswith("unidic-lite ")
    assert about["options"]["seed"] == 9
    assert about["options"]["min_count"] == 5
    assert about["n_trained"] + about["n_thinned"] == 2 * about["n_in_vocabulary"]
    assert about["n_in_vocabulary"] == WordVectors(tmp_path / "v").counts.sum()  # type: ignore[union-attr]
    assert set(about["versions"]) == {"gensim", "numpy", "scipy", "unidic-lite"}
    # 見 and 見る are one word to a lemma model, and so it is asked
    answer = CliRunner().invoke(main.root, ["neighbors", "-m", str(tmp_path / "v"), "見", "-k", "1"])
    assert json.loads(answer.stdout)["nlptool"]["neighbors"]["words"] == {"見": {"as": "見る"}}


def test_the_model_remembers_its_dictionary(tmp_path: Path) -> None:
    folder = tmp_path / "dictionary"
    shutil.copytree(dictionaries.locate(None).folder, folder)
    options = ["--deterministic", "--dimension", "4", "--epochs", "1", str(NOVEL)]
    assert train(tmp_path / "a", *options).exit_code == 0
    assert train(tmp_path / "b", "--dictionary", str(folder), *options).exit_code == 0
    assert (tmp_path / "a" / "words.txt").read_bytes() == (tmp_path / "b" / "words.txt").read_bytes()
    assert json.loads((tmp_path / "b" / "vectors.json").read_text())["dictionary"] == str(folder)
    done = train(tmp_path / "c", "--dictionary", str(tmp_path / "none"), *options)
    assert done.exit_code == 4
    assert "no MeCab dictionary in" in done.stderr
    done = train(tmp_path / "c", "--dictionary", str(folder), "--tokenizer", "words", *options)
    assert done.exit_code == 2
    assert "--tokenizer words makes no use of --dictionary" in done.stderr


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。", "unidic"),
        ("吾輩 は 猫 で ある 。 名前 は まだ 無い 。", "whitespace"),
        ("The cat sleeps. The dog barks, and the bird sings.", "words"),
        ("the cat sleeps . the dog barks , and sings .", "whitespace"),
        ('{"tokens": ["猫", "が", "いる"]}', "unidic"),
        ('{"tokens": ["a", "cat"]}', "whitespace"),
    ],
)
def test_the_tokenizer_is_chosen_by_the_first_lines_and_said(tmp_path: Path, text: str, chosen: str) -> None:
    done = train(tmp_path / "v", "--min-count", "1", "--dimension", "2", text=f"{text}\n")
    assert f"--tokenizer {chosen}: " in done.stderr
    assert json.loads((tmp_path / "v" / "vectors.json").read_text())["tokenizer"] == chosen


def test_words_of_english_text_are_cut_from_punctuation(tmp_path: Path) -> None:
    text = "The king, don't you see? “Kings” e.g. 3.5!\n"
    assert train(tmp_path / "v", "--min-count", "1", "--dimension", "2", "--lowercase", text=text).exit_code == 0
    words = WordVectors(tmp_path / "v").words
    assert {"the", "king", "don't", "?", "kings", "“"} <= set(words)


def test_bare_train_means_word2vec_and_help_is_the_groups() -> None:
    runner = CliRunner()
    assert "train word2vec [OPTIONS]" in runner.invoke(main.root, ["train"]).stderr
    assert "word2vec" in runner.invoke(main.root, ["train", "--help"]).stdout
    assert "--window" in runner.invoke(main.root, ["train", "word2vec", "--help"]).stdout


def test_fast_says_what_it_costs(tmp_path: Path) -> None:
    done = train(tmp_path / "v", "--fast", "--dimension", "8", "--epochs", "1", str(NOVEL))
    assert done.exit_code == 0, done.stderr
    assert "gensim's file mode saw " in done.stderr
    assert "some twice and others never" in done.stderr


def test_workers_do_not_change_the_corpus(tmp_path: Path) -> None:
    options = ["--deterministic", "--dimension", "4", "--epochs", "1", str(NOVEL)]
    assert train(tmp_path / "one", *options).exit_code == 0
    assert train(tmp_path / "two", *options, "-j", "2").exit_code == 0
    assert (tmp_path / "one" / "vectors.npy").read_bytes() == (tmp_path / "two" / "vectors.npy").read_bytes()


@pytest.mark.parametrize("fast", [False, True])
def test_ctrl_c_leaves_a_usable_model(tmp_path: Path, fast: bool) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "nlptool", "train", "-o", str(tmp_path / "v"), "--dimension", "20", "--epochs", "10000",
         "--progress", "always", str(NOVEL), *(["--fast"] if fast else [])],
        stderr=subprocess.PIPE, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    assert process.stderr is not None
    seen = b""
    deadline = time.monotonic() + 60
    while b"training" not in seen and time.monotonic() < deadline:
        seen += os.read(process.stderr.fileno(), 4096)
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait(60) == -signal.SIGINT, rest.decode()
    assert b"stopped after 0% of the training" in rest
    vectors = WordVectors(tmp_path / "v")
    assert vectors.about["interrupted"] is True
    assert vectors.n_words == 266
    assert np.isfinite(vectors.unit(np.arange(vectors.n_words))).all()


@pytest.mark.parametrize(
    ("arguments", "text", "code", "message"),
    [
        ((), "", 1, "the corpus has no words"),
        ((), "\n\n \u3000\n", 1, "the corpus has no words"),
        ((), "a b c a b\n", 1, "--min-count 2 keeps 2 words"),
        (("--min-count", "1"), "cat\ndog\nbird\n", 1, "none of the 3 lines with words has two of them"),
        ((), b"\x89PNG\r\n\x1a\n\x00\xff\xfe\n\x80\x81\n\xf0\n", 1, "this is no corpus"),
        (("--min-count", "1"), '{"tokens": 5}\n', 1, "`tokens` holds a number, not a list of words"),
        ((), "a b\n" * 9 + "a c\n", 0, ""),
        ((), "a b1\na b2\na b3\na b4\na b5\n", 1, "one word, a, and nothing"),
        (("--min-count", "1"), '{"tokens": ["a\\ud800", "b"]}\n', 1, "half a character"),
        (("--subwords", "6-3"), "", 2, "no range of lengths"),
        (("--method", "counts", "--epochs", "3"), "", 2, "makes no use of --epochs"),
        (
            ("--method", "svd", "--dimension", "50", "--min-count", "1"),
            "a b c\n",
            1,
            "--dimension 50 is more than the 3",
        ),
        (("--method", "counts", "--contexts", "x", "--min-count", "1"), "a b\n", 1, "lacks the context words x"),
        (("--center",), "a b\n", 2, "makes no use of --center"),
    ],
)
def test_a_corpus_or_option_that_cannot_be_is_refused_with_a_reason(
    tmp_path: Path, arguments: tuple[str, ...], text: str | bytes, code: int, message: str
) -> None:
    done = train(tmp_path / "v", *arguments, text=text)
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == ([tmp_path / "v"] if code == 0 else [])


def test_bad_records_are_left_out_and_counted(tmp_path: Path) -> None:
    text = '{"text": "a b a b"}\n{"text": 5}\n{"tokens": [{"surface": "a"}, "b"]}\n{"tokens": [1]}\n{"text": "b a"}\n'
    done = train(tmp_path / "v", "--min-count", "1", "--dimension", "2", text=text)
    assert done.exit_code == 3
    assert "2 of 5 records failed" in done.stderr
    about = json.loads((tmp_path / "v" / "vectors.json").read_text())
    assert (about["n_tokens"], about["n_failed_records"]) == (8, 2)
    assert train(tmp_path / "w", "--on-error", "fail", text=text).exit_code == 1


def test_a_folder_of_something_else_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "diary.txt").touch()
    done = train(tmp_path / "v", text="a b\n")
    assert (done.exit_code, [path.name for path in (tmp_path / "v").iterdir()]) == (1, ["diary.txt"])
    assert "is not replaced" in done.stderr


@pytest.mark.parametrize(("target", "message"), [("-", "cannot go to stdout"), (".", "is the current folder")])
def test_stdout_and_the_current_folder_are_no_places_for_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main.root, ["train", "-o", target], input=b"a b\n")
    assert done.exit_code == 1
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("हिन्दी में, लिखा।", ["हिन्दी", "में", ",", "लिखा", "।"]),
        ("cafe\u0301s!", ["cafe\u0301s", "!"]),
        ("می\u200cخواهم؟", ["می\u200cخواهم", "؟"]),
        ("don’t e.g. 3.5", ["don’t", "e", ".", "g", ".", "3", ".", "5"]),
    ],
)
def test_marks_and_joiners_belong_to_their_word(text: str, words: list[str]) -> None:
    assert word_tokenizers.word_tokenizer("words")(text) == words
