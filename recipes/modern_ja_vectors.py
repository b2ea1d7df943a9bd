"""Make ``modern-ja-200d`` again: ``python recipes/modern_ja_vectors.py DATA WORK``.

DATA holds ``aozora.txt.xz`` and the folders ``text`` and ``labelled/chive_ginza``; WORK gets the analysed corpora, the counts and
the spaces: the same command goes on from there after an interruption. About 10 minutes of one processor.

No network is trained. A word's vector is put together from what is known of it, each part of unit length times its weight:

    chive      its row of chiVe (one vector for 24 words on average), bent towards what the words around it in our corpus say,
               which tells words of one row apart and gives words that chiVe lacks a vector
    pieces     the mean of the token vectors of static-ja-en
    letters    its characters and pairs and triples of them, as random vectors
    windows    the mean of chiVe's vectors of the words around it in our corpus
    paragraphs, documents   the same of all words of its paragraphs, and of its documents: capitals meet their countries
    signs      which documents it stands in, without what the words there mean: the truncated SVD of words and documents
    form       its inflected form, none for dictionary forms; kind: its part of speech; whether it is a compound, or a variant
    rarity     how rare it is: a rare word does not come before frequent ones as an answer

and the 200 directions with the largest variance are kept. The weights were chosen on the open analogies and word similarities.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aozora
import corpora
import ja_contexts
import ja_units
import numpy as np
import safetensors.numpy
import scipy.sparse as sp
import tokenizers
from ja_contexts import Floats, unit
from ja_lexicon import Chive, Lexicon
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from nlptool.models.words import saving
from nlptool.models.words import tokenizers as word_tokenizers

NAME = "modern-ja-200d"
DIMENSION = 200
SEED = 20
BUILTIN = Path(__file__).parent.parent / "nlptool" / "builtin"

WEIGHTS = {
    "chive": 1.25, "pieces": 0.75, "windows": 1.0, "documents": 0.4, "paragraphs": 0.3, "signs": 0.7, "letters": 0.1,
    "form": 1.2, "kind": 0.95, "compound": 0.4, "variant": 0.4, "rarity": 1.0,
}  # fmt: skip
TOP = {"known": 3, "chive": 10, "bent": 25, "windows": 20, "contexts": 3, "pieces": 20, "signs": 1}
"""Of how many of its largest principal components a space is freed: they tell frequency and style, not meaning."""
BENT = 0.35  # how far a word's row of chiVe is bent towards our contexts
OWN = 0.6  # the weights of a row that is not its own, and of our contexts
RIDGE = 50.0
LEARNED_FROM = 20.0  # the count of a word from which the map from our contexts to chiVe is learned
N_LETTERS = 256
N_FREQUENT = 20_000  # words that principal components are computed from
WORDS = (
    "猫", "東京", "学校", "走る", "走っ", "悲しい", "電車", "数学", "スマホ", "パソコン", "コンビニ", "ユニクロ", "人工知能",
    "サッカー", "ラーメン", "映画", "選挙", "病院", "インターネット", "静か", "食べる", "とても",
)  # fmt: skip
"""Everyday words that were written down before their neighbors were seen."""
N_SIGNS, N_DECIDING = 250, 40_000  # dimensions; words that the directions of the documents are computed from
FREQUENT, RAREST = 2000, 150_000  # ranks
LEAST_CONTEXT = 4.0  # the count of a word that is counted around others


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    arguments = parser.parse_args()
    data, work = arguments.data, arguments.work
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "old.keys.tsv").exists():
        analyse(data, work)
    chive = Chive.read(data / "labelled" / "chive_ginza")
    lexicon = Lexicon.of(ja_units.find_units(work, chive.rows))
    words = lexicon.chosen(chive)
    made = spaces(lexicon, words, chive, work)
    save(BUILTIN / NAME, lexicon, words, combined(made, WEIGHTS))
    nlptool = [sys.executable, "-m", "nlptool"]
    for line in aozora.table(nlptool, NAME, dict.fromkeys(aozora.QUESTIONS, ""), WORDS):
        sys.stdout.write(line + "\n")


def analyse(data: Path, work: Path) -> None:
    modern = [
        document
        for document in corpora.documents(data / "text", "modern_ja")
        if document.source not in corpora.NOT_SHIPPED
    ]
    ja_units.tokenize(corpora.split(modern)[0], work, "modern")
    ja_units.tokenize(corpora.split(corpora.works(data / "aozora.txt.xz"))[0], work, "old")


def spaces(lexicon: Lexicon, words: NDArray[np.int64], chive: Chive, work: Path) -> dict[str, Floats]:
    """Return what is known of each word, (V, D) unit vectors (zeros: nothing), by the names of ``WEIGHTS``."""
    made = contexts(lexicon, words, chive, work)
    surfaces = [lexicon.units.surfaces[number] for number in words.tolist()]
    made["pieces"] = freed(pieces(surfaces), TOP["pieces"])
    made["letters"] = letters(surfaces)
    made |= lexicon.forms(words)
    made["rarity"] = rarity(len(words))
    rows, is_own = lexicon.rows(words, chive)
    vectors = freed(chive.vectors, TOP["chive"])
    known = np.where(rows[:, None] >= 0, vectors[rows], 0).astype(np.float32)
    features = np.concatenate([made["windows"], made["paragraphs"], made["pieces"]], axis=1)
    is_example = is_own & (lexicon.counts[words] >= LEARNED_FROM)
    guessed = unit(mapped(features, features[is_example], known[is_example]))
    known[~is_own] = unit(OWN * known[~is_own] + OWN * guessed[~is_own])
    made["chive"] = freed(unit(known + BENT * guessed), TOP["bent"])
    made["windows"] = freed(made["windows"], TOP["windows"])
    made["signs"] = freed(signs(lexicon, words, work), TOP["signs"])
    return made


def signs(lexicon: Lexicon, words: NDArray[np.int64], work: Path) -> Floats:
    """Return in which documents each word stands, (V, N_SIGNS)."""
    path = work / "signs.npy"
    if not path.exists():
        matrix = ja_contexts.documents(lexicon.units, words, corpora.JAPANESE_TIMES)
        _, _, directions = randomized_svd(matrix[:N_DECIDING], N_SIGNS, n_iter=3, n_oversamples=20, random_state=SEED)
        np.save(path, np.asarray(matrix @ directions.T, np.float32))
    return np.load(path)


def rarity(n_words: int) -> Floats:
    """Return a direction for each word, (V, 2): turned by up to 90 degrees with the logarithm of its rank."""
    ranks = np.arange(1, n_words + 1)
    turned = np.clip(np.log(ranks / FREQUENT) / np.log(RAREST / FREQUENT), 0, 1) * np.pi / 2
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def contexts(lexicon: Lexicon, words: NDArray[np.int64], chive: Chive, work: Path) -> dict[str, Floats]:
    """Return what the contexts of each word say: the words around it, its documents and paragraphs, and their topics."""
    path = work / "contexts.npz"
    counted = lexicon.by_frequency(np.flatnonzero(lexicon.counts >= LEAST_CONTEXT))
    if not path.exists():
        rows, _ = lexicon.rows(counted, chive)
        known = np.where(rows[:, None] >= 0, freed(chive.vectors, TOP["known"])[rows], 0).astype(np.float32)
        times = corpora.JAPANESE_TIMES
        around = ja_contexts.windows(lexicon.units, counted, lexicon.counts[counted], known, times, work=work)
        paragraphs, documents = ja_contexts.topics(lexicon.units, counted, known, times)
        parts = [unit(part).astype(np.float16) for part in (around, paragraphs, documents)]
        np.savez(path, windows=parts[0], paragraphs=parts[1], documents=parts[2])
    rank = np.full(len(lexicon.units.surfaces), len(counted))
    rank[counted] = np.arange(len(counted))
    with np.load(path) as saved:
        made = {
            name: np.concatenate([saved[name], np.zeros((1, saved[name].shape[1]), np.float16)])[rank[words]]
            for name in saved
        }
    return {name: freed(part, TOP["contexts"]) for name, part in made.items()}


def pieces(words: Sequence[str]) -> Floats:
    """Return the mean of the token vectors of static-ja-en for each word, (V, 256)."""
    folder = BUILTIN / "static-ja-en"
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    table = safetensors.numpy.load_file(folder / "model.safetensors")["embedding.weight"].astype(np.float32)
    encoded = tokenizer.encode_batch(list(words), add_special_tokens=False)
    zero = np.zeros(table.shape[1], np.float32)
    return np.stack([table[entry.ids].mean(axis=0) if entry.ids else zero for entry in encoded])


def letters(words: Sequence[str]) -> Floats:
    """Return the sum of random vectors of each word's characters, pairs and triples, weighted by idf, (V, N_LETTERS) unit.

    A kanji counts twice a letter, kana about half.
    """
    numbers: dict[str, int] = {}
    rows, columns, weights = [], [], []
    for row, word in enumerate(words):
        padded = f"<{word}>"
        ngrams = [(letter, _weight(letter)) for letter in word]
        ngrams += [
            (padded[at : at + 2], (_weight(padded[at]) + _weight(padded[at + 1])) / 2) for at in range(len(word) + 1)
        ]
        ngrams += [(word[at : at + 3], 0.5) for at in range(len(word) - 2)]
        for ngram, weight in ngrams:
            rows.append(row)
            columns.append(numbers.setdefault(ngram, len(numbers)))
            weights.append(weight)
    matrix = sp.csr_matrix((weights, (rows, columns)), shape=(len(words), len(numbers)), dtype=np.float32)
    idf = np.log(len(words) / np.bincount(matrix.indices, minlength=len(numbers)))
    random = np.random.default_rng(SEED).standard_normal((len(numbers), N_LETTERS)).astype(np.float32)
    return unit(matrix @ (random * idf[:, None].astype(np.float32)))


def _weight(letter: str) -> float:
    return 2.0 if "\u4e00" <= letter <= "\u9fff" else 0.6 if "\u3040" < letter < "\u30a0" else 1.0


def mapped(features: Floats, examples: Floats, targets: Floats) -> Floats:
    """Return what ridge regression on the examples makes of the features."""
    gram = examples.T @ examples + RIDGE * np.eye(examples.shape[1], dtype=np.float32)
    return np.asarray(features @ np.linalg.solve(gram, examples.T @ targets), np.float32)


def freed(vectors: NDArray[Any], n_components: int) -> Floats:
    """Return unit vectors without their mean and their largest principal components.

    Source: J. Mu, P. Viswanath: All-but-the-Top (ICLR 2018).
    """
    units = unit(vectors.astype(np.float32))
    is_known = units.any(axis=1, keepdims=True)
    units = (units - units[:N_FREQUENT].mean(axis=0)) * is_known
    _, directions = np.linalg.eigh(units[:N_FREQUENT].T @ units[:N_FREQUENT])
    largest = directions[:, -n_components:]
    return unit(units - (units @ largest) @ largest.T)


def combined(made: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """Return the weighted spaces in DIMENSION directions, (V, DIMENSION) unit vectors."""
    names = [name for name, weight in weights.items() if weight]
    blocks = [made[name][:N_FREQUENT] * np.float32(weights[name]) for name in names]
    frequent = unit(np.concatenate(blocks, axis=1))
    _, directions = np.linalg.eigh(frequent.T @ frequent)
    largest = directions[:, ::-1][:, :DIMENSION]
    result, start = np.zeros((len(made[names[0]]), DIMENSION), np.float32), 0
    for name in names:
        end = start + made[name].shape[1]
        result += made[name] @ (largest[start:end] * np.float32(weights[name]))
        start = end
    return unit(result)


def save(folder: Path, lexicon: Lexicon, words: NDArray[np.int64], vectors: Floats) -> None:
    """Write the word vectors in four bits; the card stays."""
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8") if card.exists() else None
    counts = np.maximum(1, np.rint(lexicon.counts[words])).astype(np.int64)
    saving.save(
        folder,
        [lexicon.units.surfaces[number] for number in words.tolist()],
        vectors,
        counts=counts,
        precision="int4",
        method="combination of spaces",
        tokenizer="unidic",
        dictionary=word_tokenizers.dictionary("unidic"),
        lowercase=False,
        n_tokens=int(lexicon.counts.sum()),
        options={"weights": WEIGHTS, "top": TOP, "bent": BENT, "own": OWN, "ridge": RIDGE, "seed": SEED},
    )
    if text is not None:
        card.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
