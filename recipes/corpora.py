"""The corpora of the built-in models: ``python recipes/corpora.py DATA WORK``.

DATA holds ``aozora.txt.xz`` and the folder ``text``; WORK gets ``ja.txt`` and ``en.txt`` for the training, and the held-out
documents as ``ja_modern_dev.txt``, ``ja_old_dev.txt``, ``ja_dev.txt`` with both, and ``en_dev.txt``. A file that is there already
is left as it is.

A document of a source that is to be read more often comes several times; of a source that is to be read less often some documents
are left out. All choices are drawn with one seed.
"""

from __future__ import annotations

import argparse
import csv
import lzma
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SEED = 20
DEV_SHARE = 0.01  # of the characters of each source, as whole documents

NOT_SHIPPED = {"perl", "vim", "debdocs", "debinstall", "kicad"}  # copyleft manuals: no shipped model learns from them
OFTEN = {"country", "wikinews", "jaquad", "jsquad", "wac", "nerwiki", "commonvoice", "gsdtrain", "instruction"}
MANUALS = {
    "pythonja", "phpja", "rurema", "dockerja", "railsja", "reactja", "tfja", "libreoffice", "mastgja", "angularja", "rustja",
    "tsbook", "jsprimer", "debhandbook", "vueja", "tsdeep", "elixirja", "osguideja", "gnome", "os1000",
}  # fmt: skip
JAPANESE_TIMES = dict.fromkeys(OFTEN, 3.0) | dict.fromkeys(MANUALS, 0.5) | {"tatoeba": 2.0}
OLD_SHARE = 1 / 3  # of the characters of the Japanese training text
ENGLISH_TIMES = {"kyoto": 0.5, "newwiki": 3.0, "factbook": 2.0, "commonvoice": 2.0}


@dataclass(frozen=True, slots=True)
class Document:
    """A text and where it is from."""

    source: str
    text: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    arguments = parser.parse_args()
    japanese(arguments.data, arguments.work)
    english(arguments.data, arguments.work)


def japanese(data: Path, work: Path) -> Path:
    """Write the Japanese corpus, two parts of modern text and one of old, and return it."""
    target = work / "ja.txt"
    if target.exists():
        return target
    modern, modern_dev = split([d for d in documents(data / "text", "modern_ja") if d.source not in NOT_SHIPPED])
    old, old_dev = split(works(data / "aozora.txt.xz"))
    write(work / "ja_modern_dev.txt", modern_dev)
    write(work / "ja_old_dev.txt", old_dev)
    write(work / "ja_dev.txt", modern_dev + old_dev)
    chosen = repeated(modern, JAPANESE_TIMES)
    n_old = n_characters(chosen) * OLD_SHARE / (1 - OLD_SHARE)
    return write_shuffled(target, chosen + drawn(old, n_old))


def english(data: Path, work: Path) -> Path:
    """Write the English corpus, and return it."""
    target = work / "en.txt"
    if target.exists():
        return target
    train, dev = split(documents(data / "text", "modern_en"))
    write(work / "en_dev.txt", dev)
    return write_shuffled(target, repeated(train, ENGLISH_TIMES))


def documents(folder: Path, name: str) -> list[Document]:
    """Read the documents of a collection with their sources."""
    with (folder / f"{name}.index.tsv").open(encoding="utf-8", newline="") as file:
        sources = [row["source"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    return [Document(source, text) for source, text in zip(sources, texts(folder / f"{name}.txt.xz"), strict=True)]


def works(path: Path) -> list[Document]:
    return [Document("aozora", text) for text in texts(path)]


def texts(path: Path) -> list[str]:
    with lzma.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return [text.strip("\n") for text in file.read().split("\n\n") if text.strip()]


def split(all_documents: Sequence[Document]) -> tuple[list[Document], list[Document]]:
    """Return the documents to be learned from and the held-out ones: random ones, the same share of each source."""
    of_source: dict[str, list[Document]] = defaultdict(list)
    for document in dict.fromkeys(all_documents):  # a text that comes twice is on one side alone
        of_source[document.source].append(document)
    train, dev = [], []
    for source in sorted(of_source):
        ordered = of_source[source]
        random.Random(f"{SEED} {source}").shuffle(ordered)
        budget = DEV_SHARE * n_characters(ordered)
        for document in ordered:
            is_held_out = len(document.text) <= budget
            budget -= len(document.text) * is_held_out
            (dev if is_held_out else train).append(document)
    return train, dev


def repeated(chosen: Sequence[Document], times: Mapping[str, float]) -> list[Document]:
    """Return each document as often as its source says; the fraction of a time is a probability."""
    rng = random.Random(SEED)
    result = []
    for document in chosen:
        often = times.get(document.source, 1.0)
        result += [document] * (int(often) + (rng.random() < often % 1))
    return result


def drawn(chosen: Sequence[Document], n_most: float) -> list[Document]:
    """Return random documents with about ``n_most`` characters together."""
    share = n_most / n_characters(chosen)
    return repeated(chosen, {document.source: share for document in chosen})


def n_characters(chosen: Sequence[Document]) -> int:
    return sum(len(document.text) for document in chosen)


def write_shuffled(path: Path, chosen: list[Document]) -> Path:
    random.Random(SEED).shuffle(chosen)
    return write(path, chosen)


def write(path: Path, chosen: Sequence[Document]) -> Path:
    """Write documents with an empty line between two, as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text("\n\n".join(document.text for document in chosen) + "\n", encoding="utf-8")
    return new.replace(path)


if __name__ == "__main__":
    main()
