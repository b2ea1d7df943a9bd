"""The folder of a classifier that was trained here: its manifest, and where its encoder and its heads are.

``classifier.json`` names the tasks and the method. With the method ``finetune`` the encoder is a network of transformers in the
folder. With the pooling ``cls``, that of transformers' own classes, and one task the folder is what
``AutoModelForSequenceClassification`` loads; with several tasks the heads are in ``heads.safetensors``, named by the numbers of
their tasks, and for each task there is a folder of its name which that class loads. With the pooling ``sentence`` the folder is
one of sentence-transformers, and the heads, which read its vectors, are in ``head.safetensors`` (see ``linear``). With the method
``linear`` that file is there alone, and the manifest names the encoder (``base``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.models.classifiers.task import USUAL_METRICS, Task, of_manifest
from nlptool.models.store import model_folder

MANIFEST = model_folder.CLASSIFIER
HEADS = "heads.safetensors"
HEAD = "head.safetensors"

METHODS = ("finetune", "linear")

_CLASSIFIES = "ForSequenceClassification"


def manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a folder; None if it was not trained here.

    Raises:
        ModelError: it is damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    about = model_folder.read_json(path)
    if about.get("method") not in METHODS:
        raise ModelError(f"{path} is damaged: its method is {about.get('method')!r:.40}")
    return about


def is_linear(about: Mapping[str, Any]) -> bool:
    """Return whether the heads of a manifest's model read the vectors of an encoder."""
    return about.get("method") == "linear" or about.get("pooling") == "sentence"


def tasks(folder: Path, name: str) -> tuple[Task, ...]:
    """Return the tasks of the model in a folder.

    Args:
        name: of the model, for messages.

    Raises:
        ModelError: it is damaged, or no classifier.
    """
    about = manifest(folder)
    if about is not None:
        return of_manifest(about, str(folder / MANIFEST))
    config = model_folder.read_json(folder / "config.json", optional=True)
    classes = model_folder.architectures(config)
    if not any(each.endswith(_CLASSIFIES) for each in classes):
        raise no_classifier(folder, name, classes)
    return (_of_transformers(config, folder),)


def no_classifier(folder: Path, name: str, classes: list[str]) -> ModelError:
    """Return the error for a model without a head for classes.

    Args:
        classes: of transformers, that its config.json names.
    """
    trained = {
        "ForMaskedLM": "for masked words", "ForPreTraining": "for masked words", "ForCausalLM": "to write on",
        "ForConditionalGeneration": "to write a text", "ForTokenClassification": "for tags of words",
        "ForQuestionAnswering": "for answers in a text", "ForMultipleChoice": "for choices",
    }  # fmt: skip
    if model_folder.is_model(folder):
        for_what = next((what for each in classes for end, what in trained.items() if each.endswith(end)), "")
        for_what = for_what or (
            "for embeddings" if (folder / "modules.json").is_file() else "without a head for classes"
        )
        return ModelError(
            f"{name} is no classifier: it was trained {for_what}",
            hint=f"nlptool train classifier --method finetune --base {name} makes one of it",
        )
    return ModelError(f"{name} is no classifier", hint="nlptool models list --task classify shows classifiers")


def _of_transformers(config: Mapping[str, Any], folder: Path) -> Task:
    """Return the task of a model of the hub, which says no more than its labels and, perhaps, its kind."""
    labels = config.get("id2label")
    if isinstance(labels, dict):
        try:
            names = tuple(str(labels[key]) for key in sorted(labels, key=int))
        except ValueError as error:
            raise ModelError(
                f"{folder / 'config.json'} is damaged: it numbers its labels {list(labels)}"[:200]
            ) from error
    else:
        number = config.get("num_labels", 2)
        names = tuple(f"LABEL_{index}" for index in range(number if isinstance(number, int) else 2))
    kind = {"regression": "regression", "multi_label_classification": "multilabel"}.get(
        str(config.get("problem_type")), "regression" if len(names) == 1 else "classification"
    )
    if kind == "regression" and len(names) > 1:
        raise ModelError(f"{folder} gives {len(names)} numbers for a text, and not one")
    if len(set(names)) < len(names):
        raise ModelError(f"{folder / 'config.json'} is damaged: two of its labels have one name")
    return Task("", kind, 0, () if kind == "regression" else names, USUAL_METRICS[kind])
