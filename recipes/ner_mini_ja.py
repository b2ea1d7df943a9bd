"""Train ``ner-mini-ja``: ``python recipes/ner_mini_ja.py DATA WORK [--gpu]``.

DATA holds ``labelled``. WORK gets the checkpoints and the model, which is written to nlptool/builtin in 8 bits: the same command
goes on from there after an interruption. About 15 minutes on one core of a processor that computes in bfloat16.

The base is ``bert-mini-ja`` without the last pieces of its vocabulary, which are the rarest: of 24,000 pieces the first 22,000
remain, and words with the others are read in smaller pieces. That makes the model half a megabyte smaller.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import quantise
from command_line import nlptool
from safetensors.numpy import load_file, save_file

from nlptool import catalog
from nlptool.models.store import kinds, locate

NAME = "ner-mini-ja"
BASE = "bert-mini-ja"
N_PIECES = 22_000
BUILTIN = Path(__file__).parent.parent / "nlptool" / "builtin"
DATA = "labelled/ner_wikipedia_ja"
OPTIONS = "--learning-rate 5e-4 --scheme bioes --evaluations 8"
ON_CPU = "--device cpu --threads 1 --precision bfloat16 --max-steps 1200"
ON_GPU = "--device cuda --batch-size 64 --max-steps 800"
EMBEDDINGS = "embeddings.word_embeddings.weight"
OF_PIECES = ("cls.predictions.bias", "cls.predictions.decoder.bias", "cls.predictions.decoder.weight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--gpu", action="store_true")
    arguments = parser.parse_args()
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    base = with_fewer_pieces(work / "base")
    made = work / NAME
    if not made.is_dir():
        train_file, dev = (next((arguments.data / DATA).glob(f"{part}.jsonl*")) for part in ("train", "dev"))
        nlptool(
            "train", "tagger", *OPTIONS.split(), *(ON_GPU if arguments.gpu else ON_CPU).split(), "--base", base,
            "--dev", dev, "--resume", "--checkpoint-dir", work / f"{NAME}.work", "-o", made, train_file,
        )  # fmt: skip
    rename_base(made / "tagger.json")
    weights = quantise.ship_int8(made, BUILTIN / NAME)
    print(weights.stat().st_size, sum(path.stat().st_size for path in (BUILTIN / NAME).rglob("*")))  # noqa: T201


def with_fewer_pieces(folder: Path) -> Path:
    """Write the base model with the first pieces of its vocabulary to ``folder``; return it."""
    if folder.is_dir():
        return folder
    standard = locate.find(BASE, plain=True, offline=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        part = Path(name) / "part"
        part.mkdir()
        for path in standard.iterdir():
            if path.name in ("config.json", "tokenizer_config.json"):
                shutil.copyfile(path, part / path.name)
        pieces = (standard / "vocab.txt").read_text(encoding="utf-8").splitlines()
        (part / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces[:N_PIECES]), encoding="utf-8")
        config = json.loads((part / "config.json").read_text(encoding="utf-8"))
        (part / "config.json").write_text(json.dumps(config | {"vocab_size": N_PIECES}, indent=2), encoding="utf-8")
        tensors = load_file(standard / kinds.STANDARD_WEIGHTS)
        for name_of_tensor, tensor in tensors.items():
            if name_of_tensor.endswith(EMBEDDINGS) or name_of_tensor in OF_PIECES:
                tensors[name_of_tensor] = tensor[:N_PIECES].copy()
        save_file(tensors, part / kinds.STANDARD_WEIGHTS, {"format": "pt"})
        part.rename(folder)
    return folder


def rename_base(path: Path) -> None:
    """Let the manifest name the base as the catalog does."""
    about = json.loads(path.read_text(encoding="utf-8"))
    about["base"] = about["options"]["base"] = catalog.KNOWN[BASE].name
    path.write_text(json.dumps(about, indent=2, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
