"""Train ``bert-mini-ja`` again: ``python recipes/bert.py DATA WORK [--gpu] [--runs N]``.

DATA holds ``aozora.txt.xz``; WORK gets the token ids, the checkpoints, the held-out works as ``held_out.txt``, and the
evaluations of the model on them: the same command goes on from there after an interruption.

Two CPU cores: 75 minutes. One GPU (``--gpu``): a run of less than nine minutes. Each further run (``--runs``) begins with
the model of the run before, with other masks and other pairs.
"""

from __future__ import annotations

import argparse
import json
import lzma
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import onnx_graph

from nlptool import catalog

NAME = "bert-mini-ja"
COMMON = "--mlm-probability 0.3 --save-dtype float16"

# Options of the first run, and of later ones: next-sentence prediction is learned with the lower rate.
ON_CPU = (
    "--device cpu --max-minutes 75 --batch-size 16 --nsp-warmup-ratio 0.3",
    "--device cpu --max-minutes 75 --batch-size 32 --learning-rate 2e-4",
)

ON_GPU = (
    "--device cuda --max-minutes 8.5 --workers 16 --batch-size 256 --nsp-warmup-ratio 0.3",
    "--device cuda --max-minutes 8.5 --workers 16 --batch-size 256 --learning-rate 3e-4",
)

EVALUATIONS = {"mlm": [], "nsp": ["--pairs", "10000"]}
SHIPPED = ("config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json", "pretraining.json", "curves.jsonl")
BUILTIN = Path(__file__).parent.parent / "nlptool" / "builtin"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--runs", type=int, default=1)
    arguments = parser.parse_args()
    (arguments.work / "stages").mkdir(parents=True, exist_ok=True)
    made = [arguments.work / f"{NAME}-{number}" for number in range(1, arguments.runs + 1)]
    for number, folder in enumerate(made):
        if not folder.is_dir():
            train(arguments.data, arguments.work, folder, made[:number], ON_GPU if arguments.gpu else ON_CPU)
    ship(made[-1], BUILTIN / NAME)
    texts = hold_out(arguments.data, made[-1], arguments.work / "held_out.txt")
    for kind, options in EVALUATIONS.items():
        with (arguments.work / f"{kind}.jsonl").open("wb") as file:
            nlptool("evaluate", kind, "-f", "jsonl", *options, texts, stdout=file)


def train(data: Path, work: Path, folder: Path, before: Sequence[Path], options: tuple[str, str]) -> None:
    """Train one run, from scratch or from the last model of ``before``."""
    chosen = f"{options[1]} --init {before[-1]} --seed {len(before) + 1}" if before else options[0]
    nlptool(
        "train", "bert", *COMMON.split(), *chosen.split(), "--checkpoint-dir", work / "stages", "--resume", "-o", folder,
        "--plot", folder.with_suffix(".png"), data / "aozora.txt.xz",
    )  # fmt: skip


def hold_out(data: Path, folder: Path, target: Path) -> Path:
    """Write the held-out works as a corpus."""
    numbers = set(json.loads((folder / "pretraining.json").read_text(encoding="utf-8"))["dev_documents"])
    with lzma.open(data / "aozora.txt.xz", "rt", encoding="utf-8", newline="\n") as file:
        works = [work for work in file.read().split("\n\n") if work.strip()]
    target.write_text("\n\n".join(works[number].strip("\n") for number in sorted(numbers)) + "\n", encoding="utf-8")
    return target


def ship(made: Path, target: Path) -> None:
    """Copy the model into the package, and write the graph that onnxruntime reads."""
    target.mkdir(exist_ok=True)
    for name in SHIPPED:
        shutil.copyfile(made / name, target / name)
    manifest = json.loads((target / "pretraining.json").read_text(encoding="utf-8"))
    del manifest["files"], manifest["sha256"]  # the card of the package is another one
    (target / "pretraining.json").write_text(
        json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    onnx_graph.make(catalog.KNOWN[NAME])


def nlptool(*arguments: str | Path, stdout: IO[bytes] | None = None) -> None:
    subprocess.run([sys.executable, "-m", "nlptool", *arguments], check=True, stdout=stdout)


if __name__ == "__main__":
    main()
