"""Train ``sbert-mini-ja-en`` and ``static-ja-en`` again: ``python recipes/distil.py DATA WORK [--gpu]``.

DATA holds ``small_parallel_enja/train.{en,ja}``, ``wikisplit/*.tsv``, ``jsts/train.jsonl`` and ``aozora.txt.xz``; WORK gets the
texts, the teacher's vectors and all checkpoints: the same command goes on from there after an interruption.

Two CPU cores: 71 minutes with one thread, of which the teacher takes twelve; this made the shipped files. One GPU (``--gpu``):
five times as many sentences of Aozora Bunko, four layers and twenty epochs, planned for less than nine minutes; it has not
been run.
"""

from __future__ import annotations

import argparse
import lzma
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx_graph
import orjson

from nlptool import catalog

TEACHER = "multilingual-e5-small"
COMMON = "--dimension 256 --vocab-size 14336 --save-dtype float16 --seed 1"
TABLE = "--table-epochs 6"

MODELS = {
    "static-ja-en": f"--student static {TABLE} --scored-epochs 5 --scored-weight 0.1",
    "sbert-mini-ja-en": f"--student bert {TABLE} --layers 3 --intermediate-size 512 --epochs 6 --learning-rate 1e-3 "
    "--scored-epochs 3 --scored-weight 0.01",
}

ON_GPU = {"static-ja-en": "", "sbert-mini-ja-en": "--layers 4 --intermediate-size 1024 --epochs 20"}
SENTENCES = {False: 40_000, True: 200_000}  # of Aozora Bunko
SHIPPED = ("*.json", "*.safetensors", "2_Dense/*", "1_Pooling/*", "*_Normalize/*")
BUILTIN = Path(__file__).parent.parent / "nlptool" / "builtin"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--gpu", action="store_true")
    arguments = parser.parse_args()
    arguments.work.mkdir(exist_ok=True)
    prepare(arguments.data, arguments.work, SENTENCES[arguments.gpu])
    for name, options in MODELS.items():
        options += f" {ON_GPU[name]} --device cuda" if arguments.gpu else ""
        train(arguments.data, arguments.work, name, options)
        ship(arguments.work / name, BUILTIN / name)


def prepare(data: Path, work: Path, n_sentences: int) -> None:
    """Write the texts as plain sentences: WORK/sentences.txt, WORK/translations.tsv."""
    parallel = data / "small_parallel_enja"
    english = [capital(join_english(line)) for line in lines(parallel / "train.en")]
    japanese = [join_japanese(line) for line in lines(parallel / "train.ja")]
    _write(work / "translations.tsv", (f"{en}\t{ja}" for en, ja in zip(english, japanese, strict=True)))
    wiki = (part for name in ("validation", "tune", "test") for part in wikisplit(data / "wikisplit" / f"{name}.tsv"))
    with lzma.open(data / "aozora.txt.xz", "rt", encoding="utf-8") as file:
        works = [part for line in file for part in sentences(line.rstrip("\n"))]
    chosen = random.Random(5).sample(works, n_sentences)
    _write(work / "sentences.txt", [*dict.fromkeys(wiki), *chosen])


def train(data: Path, work: Path, name: str, options: str) -> None:
    command: list[str | Path] = [
        sys.executable, "-m", "nlptool", "train", "distil", "--teacher", TEACHER, "--corpus", work / "sentences.txt",
        "--translations", work / "translations.tsv", "--scored", data / "jsts" / "train.jsonl", "--dev", "0.2",
        "--checkpoint-dir", work / "stages", "--resume", "-o", work / name, "--plot", work / f"{name}.png",
    ]  # fmt: skip
    (work / "stages").mkdir(exist_ok=True)
    subprocess.run([*command, *COMMON.split(), *options.split()], check=True)


def ship(made: Path, target: Path) -> None:
    """Copy a model into the package and, for a network, write the graph that onnxruntime reads."""
    target.mkdir(exist_ok=True)
    for path in (path for pattern in SHIPPED for path in made.glob(pattern)):
        (target / path.relative_to(made)).parent.mkdir(exist_ok=True)
        copy = target / path.relative_to(made)
        shutil.copyfile(path, copy)
        if copy.name == "tokenizer.json":  # without white space, which is half of it
            copy.write_bytes(orjson.dumps(orjson.loads(copy.read_bytes())))
    if catalog.KNOWN[target.name].graph:
        onnx_graph.make(catalog.KNOWN[target.name])


def wikisplit(path: Path) -> Iterator[str]:
    """Yield a sentence, and the two sentences into which it was split."""
    for line in lines(path):
        whole, _, parts = line.partition("\t")
        yield from map(join_english, (whole, *parts.split("<::::>")))


def sentences(paragraph: str) -> Iterator[str]:
    """Yield the sentences of 8 to 60 characters."""
    for part in re.findall(r"[^。！？!?]*[。！？!?]+[」』）]*|[^。！？!?]+$", paragraph):
        part = part.strip("\u3000 ")
        if part.startswith("「") and "」" not in part:
            part = part[1:]
        if 8 <= len(part) <= 60:
            yield part


def join_japanese(line: str) -> str:
    """Join tokens to text: spaces stay only between Latin letters."""
    return re.sub(r"(?<![!-~]) | (?![!-~])", "", line.strip())


_ENGLISH = (
    (r"'' (.*?) ''", r'"\1"'), (r"''|``", '"'), (r"(?<!\w)' ([^']*?) '(?!\w)", r"'\1'"), (r" ([,.;:!?%)\]])", r"\1"),
    (r"([(\[$]) ", r"\1"), (r"(\w) '(?i:(s|t|m|re|ve|ll|d))\b", r"\1'\2"), (r"(\d) ?([-–/]) ?(\d)", r"\1\2\3"),
    (r"(\w) - (\w)", r"\1-\2"),
    (r"\b(can|do|does|did|is|was|are|were|would|could|should|have|has|had|wo|need|must|ai)n 't\b", r"\1n't"),
    (r" +", " "),
)  # fmt: skip


def join_english(line: str) -> str:
    """Join tokens to text: punctuation is attached to its word."""
    line = line.strip()
    for pattern, text in _ENGLISH:
        line = re.sub(pattern, text, line)
    return line


def capital(line: str) -> str:
    """Capitalize the first letter of lower-cased text, and I."""
    line = re.sub(r"\bi\b", "I", line)
    return line[:1].upper() + line[1:]


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def _write(path: Path, texts: Iterable[str]) -> None:
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")


if __name__ == "__main__":
    main()
