"""The built-in structural probe, and the table of probes of the small BERTs: ``python recipes/probes.py DATA [-o FOLDER]``.

DATA holds ``labelled/ud_ja_gsd``, ``labelled/ud_en_ewt`` and ``ud_ja_gsd/dev.conllu``: train and dev of UD Japanese GSD and of
UD English EWT (CC BY-SA 4.0). For each treebank and its BERT a probe of every layer is learned, beside a network with random
weights; the results are in FOLDER/NAME/probe.json, and the table in FOLDER/probes.md. The probe of bert-mini-ja becomes
``nlptool/builtin/probe-mini-ja`` with ``--ship``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

BUILTIN = Path(__file__).parent.parent / "nlptool" / "builtin"
SHIPPED = "probe-mini-ja"
PROBES = {
    SHIPPED: ("bert-mini-ja", "labelled/ud_ja_gsd/train.conllu.xz", "ud_ja_gsd/dev.conllu"),
    "probe-mini-en": ("bert-mini-en", "labelled/ud_en_ewt/train.conllu.xz", "labelled/ud_en_ewt/dev.conllu.xz"),
}
"""Name of a probe -> the model that it reads, its treebank, and the dev part."""

HEADER = "---\nlanguage: ja\nlicense: cc-by-sa-4.0\n---\n\n"
SOURCES = (
    "\n## Data\n\nThe trees are those of UD Japanese GSD 2.8 (https://github.com/UniversalDependencies/UD_Japanese-GSD; "
    "UD Japanese team, Google, Megagon Labs), CC BY-SA 4.0. The probe holds two maps of 320 x 64 numbers, no text. "
    "It was made by `recipes/probes.py`.\n"
)
MEASURES = ("uuas", "root_accuracy", "distance_spearman", "depth_spearman")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("probes"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--ship", action="store_true", help="write the built-in probe")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, (base, trees, dev) in PROBES.items():
        folder = arguments.output / name
        if not (folder / "probe.json").is_file():
            command = [sys.executable, "-m", "nlptool", "train", "probe", "-m", base, "-o", str(folder)]
            command += ["--threads", str(arguments.threads), "--epochs", str(arguments.epochs)]
            subprocess.run([*command, "--dev", str(arguments.data / dev), str(arguments.data / trees)], check=True)
    (arguments.output / "probes.md").write_text(table(arguments.output), encoding="utf-8")
    if arguments.ship:
        ship(arguments.output / SHIPPED)


def table(folder: Path) -> str:
    """Return the results of all probes: the best layer, layer 0, random weights and a chain, with intervals."""
    lines = ["| | UUAS | root | Spearman of distances | of depths |", "|---|---|---|---|---|"]
    for about in (json.loads((folder / name / "probe.json").read_text(encoding="utf-8")) for name in PROBES):
        lines += [row(f"{about['base']}, {said}", result) for said, result in chosen(about)]
        for other, said in (("chain", "a chain"), ("random", "random weights")):
            margin, low, high = about["above"][other]["uuas"]
            lines.append(f"| above {said} | {margin:+.3f} ({low:+.3f} to {high:+.3f}) | | | |")
    return "\n".join(lines) + "\n"


def chosen(about: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the results that the table shows."""
    of = {(result["of"], result["layer"]): result for result in about["results"]}
    best = about["layers"]["distance"]
    random = max((result for result in about["results"] if result["of"] == "random"), key=lambda each: each["uuas"])
    return [
        (f"layer {best}", of["trained", best]),
        ("layer 0", of["trained", 0]),
        (f"random weights, layer {random['layer']}", random),
        ("a chain", of["chain", None]),
    ]


def row(name: str, result: dict[str, Any]) -> str:
    cells = []
    for measure in MEASURES:
        low, high = result["intervals"][measure]
        cells.append(f"{result[measure]:.3f} ({low:.3f}–{high:.3f})")
    return f"| {name} | {' | '.join(cells)} |"


def ship(folder: Path) -> None:
    """Write the built-in probe, with the licence and the sources of its trees in its card."""
    target = BUILTIN / SHIPPED
    target.mkdir(exist_ok=True)
    for name in ("model.safetensors", "probe.json", "curves.jsonl"):
        shutil.copy(folder / name, target / name)
    card = (folder / "README.md").read_text(encoding="utf-8")
    (target / "README.md").write_text(HEADER + card.rstrip() + "\n" + SOURCES, encoding="utf-8")


if __name__ == "__main__":
    main()
