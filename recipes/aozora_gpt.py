"""The built-in language model: ``python recipes/aozora_gpt.py DATA WORK [--gpu] [--ship]``.

DATA holds ``aozora.txt.xz``: 4,756 works of Aozora Bunko in the public domain, an empty line between two of them. A GPT of 5
layers of 256 with 7,000 subwords is trained on it, 256 tokens at once; half a percent of the text is held out, as whole works.
WORK gets the model and its checkpoints: the same command goes on after an interruption. With ``--ship`` it becomes
``nlptool/builtin/aozora-gpt``, in float16, whose ``generation_config.json`` asks for sampling.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from command_line import nlptool

NAME = "aozora-gpt"
BUILTIN = Path(__file__).parent.parent / "nlptool" / "builtin"
ON_GPU = "--device cuda"
ON_CPU = "--device cpu --threads 1 --precision bfloat16"
NETWORK = "--architecture transformer --layers 5 --hidden-size 256 --heads 4 --context 256"
TOKENS = "--token-unit subwords --vocab-size 7000"
TRAINING = (
    "--batch-size 16 --learning-rate 2e-3 --optimizer muon --dropout 0 --dev 0.005 --evaluations 20 --save-dtype float16 "
    "--max-steps 6000"
)
DECODING = {
    "do_sample": True,
    "max_new_tokens": 100,
    "repetition_penalty": 1.05,
    "temperature": 0.8,
    "top_p": 0.9,
}  # what ``nlptool generate`` does unless it is told otherwise
BEGINNINGS = (
    "昔々あるところに", "吾輩は", "その晩、", "「お母さん、", "春になると、村の人々は", "私は東京へ",
    "戸を開けると、", "江戸の町は", "雪が降って", "彼女は笑って、",
)  # fmt: skip
"""Each is continued twice, in the card."""

CARD = Path(__file__).with_name("aozora_gpt_card.md")

FILES = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "lm.json",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--ship", action="store_true", help="write the built-in model")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    folder = arguments.work / NAME
    if not folder.is_dir():
        options = f"{NETWORK} {TOKENS} {TRAINING} {ON_GPU if arguments.gpu else ON_CPU}"
        nlptool(
            "train", "lm", *options.split(), "--resume", "--checkpoint-dir", arguments.work / f"{NAME}.work", "-o", folder,
            arguments.data / "aozora.txt.xz",
        )  # fmt: skip
    if arguments.ship:
        ship(folder, BUILTIN / NAME, arguments.work)


def ship(folder: Path, target: Path, work: Path) -> None:
    """Write the built-in model: the files of the trained one, how it is to write, and its card with twenty continuations."""
    target.mkdir(exist_ok=True)
    for name in FILES:
        shutil.copy(folder / name, target / name)
    asked = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    asked = {name: value for name, value in asked.items() if name.endswith("_token_id")} | DECODING
    (target / "generation_config.json").write_text(json.dumps(asked, indent=2) + "\n", encoding="utf-8")
    beginnings, continuations = work / "beginnings.txt", work / "continuations.txt"
    beginnings.write_text("".join(f"{text}\n" for text in BEGINNINGS for _ in range(2)), encoding="utf-8")
    with continuations.open("wb") as stdout:
        nlptool("generate", "-m", target, "--seed", "7", "-f", "text", "-q", beginnings, stdout=stdout)
    written = continuations.read_text(encoding="utf-8").splitlines()
    rows = [
        f"| {begun} | {text} |"
        for begun, text in zip(beginnings.read_text(encoding="utf-8").splitlines(), written, strict=True)
    ]
    manifest = json.loads((target / "lm.json").read_text(encoding="utf-8"))
    size = sum((target / name).stat().st_size for name in FILES)
    card = CARD.read_text(encoding="utf-8").format(
        **manifest["scores"], parameters=manifest["n_parameters"], steps=manifest["options"]["max_steps"],
        tokens=manifest["n_corpus_tokens"], documents=manifest["n_documents"], held_out=manifest["n_dev_documents"],
        megabytes=size / 1e6, minutes=manifest["seconds"] / 60, rows="\n".join(rows),
        **{f"of_{name}": value for name, value in DECODING.items()},
    )  # fmt: skip
    (target / "README.md").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
