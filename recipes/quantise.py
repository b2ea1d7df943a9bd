"""Bring a model of ``nlptool train bert``, ``classifier`` or ``tagger`` into the form in which it is shipped: weights in 8 bits.

``python recipes/quantise.py MADE TARGET`` writes the model of the folder MADE to the folder TARGET, with the graph that
onnxruntime reads; of a classifier with several tasks the encoder and all heads. The catalog's ``sha256`` and ``size`` are those
of its ``model.int8.safetensors``, and are printed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import onnx_graph

from nlptool.models.store import int8_weights, kinds
from nlptool.storage import digest

COPIED = ("config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "curves.jsonl", "heads.safetensors")
MANIFESTS = {
    "pretraining.json": "fill-mask",
    "classifier.json": "classify",
    "tagger.json": "tag",
}  # of a training -> the task of its model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("made", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    weights = ship_int8(arguments.made, arguments.target)
    print(digest.sha256(weights), f"{weights.stat().st_size:,} bytes", weights)  # noqa: T201


def ship_int8(made: Path, target: Path) -> Path:
    """Write the model of the folder ``made`` to the folder ``target`` with its weights in 8 bits, and its graph.

    Returns:
        The file with the weights.
    """
    target.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        if (made / name).is_file():
            shutil.copyfile(made / name, target / name)
    task = "fill-mask"
    for name in MANIFESTS.keys() & {path.name for path in made.iterdir()}:
        task = MANIFESTS[name]
        manifest = json.loads((made / name).read_text(encoding="utf-8"))
        manifest.pop("files", None)  # the card of the package is another one
        manifest.pop("sha256", None)
        text = json.dumps(manifest, indent=2, ensure_ascii=False)
        (target / name).write_text(f"{text}\n", encoding="utf-8")
    int8_weights.pack(made / kinds.STANDARD_WEIGHTS, target / kinds.INT8_WEIGHTS)
    (target / kinds.STANDARD_WEIGHTS).unlink(missing_ok=True)  # of an older model
    with tempfile.TemporaryDirectory() as standard:
        int8_weights.unpack(target, Path(standard))
        onnx_graph.write(Path(standard), target, target, task=task)
    return target / kinds.INT8_WEIGHTS


if __name__ == "__main__":
    main()
