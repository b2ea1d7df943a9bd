"""The folder of a network that was fine-tuned here: its manifest, and where its encoder and its heads are.

The manifest names the tasks and the method. With the method ``finetune`` the encoder is a network of transformers in the folder.
With the pooling ``cls``, that of transformers' own classes, and one task the folder is what such a class loads,
``AutoModelForSequenceClassification`` for one; with several tasks the heads are in ``heads.safetensors``, named by the numbers of
their tasks, and for each task there is a folder of its name which that class loads. With the pooling ``sentence`` the folder is
one of sentence-transformers, and the heads, which read its vectors, are in ``head.safetensors`` (``classifiers.linear``). With
the method ``linear`` that file is there alone, and the manifest names the encoder (``base``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.models.heads.task import CHOICE, KINDS, SPAN, TAGS, USUAL_METRICS, Task, of_manifest
from nlptool.models.store import kinds, model_folder, own_writers
from nlptool.models.store.kinds import CopyKind
from nlptool.models.taggers.detection import PLAIN, scheme_of_labels

HEADS = "heads.safetensors"
HEAD = "head.safetensors"

METHODS = ("finetune", "linear")

_TRAINED = {
    "ForMaskedLM": "for masked words", "ForPreTraining": "for masked words", "ForCausalLM": "to write on",
    "LMHeadModel": "to write on",
    "ForConditionalGeneration": "to write a text",
}  # fmt: skip
"""The end of a class of transformers -> what its models were trained for."""


@dataclass(frozen=True, slots=True)
class Family:
    """The models whose heads say the same kind of thing."""

    name: str  # what one of them is called in messages
    manifest: str  # the file
    ending: str  # of transformers' classes for them
    copy: CopyKind  # what is made of them once
    kinds: tuple[str, ...]  # of their tasks
    trained: str  # what they were trained for, in words
    runs: str  # the command that runs one
    trains: str  # the command that trains one
    lists: str  # the command that lists them


CLASSIFIER = Family(
    "classifier", *model_folder.HEADS["classify"], kinds.CLASSIFIER, KINDS, "for classes", "nlptool classify",
    "nlptool train classifier --method finetune", "nlptool models list --task classify",
)  # fmt: skip
TAGGER = Family(
    "tagger", *model_folder.HEADS["tag"], kinds.TAGGER, (TAGS,), "for tags of words", "nlptool tag", "nlptool train tagger",
    "nlptool models list --task tag",
)  # fmt: skip
READER = Family(
    "reader", *model_folder.HEADS["answer"], kinds.READER, (SPAN,), "for answers in a text", "nlptool answer",
    "nlptool train reader", "nlptool models list --task answer",
)  # fmt: skip
CHOOSER = Family(
    "chooser", *model_folder.HEADS["choose"], kinds.CHOOSER, (CHOICE,), "for choices", "nlptool choose", "nlptool train chooser",
    "nlptool models list --task choose",
)  # fmt: skip
FAMILIES = (CLASSIFIER, TAGGER, READER, CHOOSER)


def manifest(folder: Path, family: Family) -> dict[str, Any] | None:
    """Return the manifest of a folder; None if it was not trained here.

    Raises:
        ModelError: it is damaged.
    """
    path = folder / family.manifest
    if not path.is_file():
        return None
    about = model_folder.read_json(path)
    if about.get("method") not in METHODS:
        raise ModelError(f"{path} is damaged: its method is {about.get('method')!r:.40}")
    return about


def is_linear(about: Mapping[str, Any]) -> bool:
    """Return whether the heads of a manifest's model read the vectors of an encoder."""
    return about.get("method") == "linear" or about.get("pooling") == "sentence"


def tasks(folder: Path, name: str, family: Family) -> tuple[Task, ...]:
    """Return the tasks of the model in a folder.

    Args:
        name: of the model, for messages.

    Raises:
        ModelError: it is damaged, or none of the family.
    """
    about = manifest(folder, family)
    if about is not None:
        return of_manifest(about, str(folder / family.manifest), family.kinds)
    config = model_folder.read_json(folder / "config.json", optional=True)
    classes = model_folder.architectures(config)
    if not any(each.endswith(family.ending) for each in classes):
        raise _another(folder, name, classes, family)
    return (_of_transformers(config, folder, family),)


def _another(folder: Path, name: str, classes: Sequence[str], family: Family) -> ModelError:
    """Return the error for a model that is none of a family.

    Args:
        classes: of transformers, that its config.json names.
    """
    message = f"{name} is no {family.name}"
    if not model_folder.is_model(folder):
        return ModelError(message, hint=f"{family.lists} shows {family.name}s")
    if (own := own_writers.of_folder(folder)) is not None:
        return ModelError(f"{message}: it is {own.what}", hint=f"nlptool generate -m {name} runs it")
    trained = {each.ending: each.trained for each in FAMILIES} | _TRAINED
    said = next((each.trained for each in FAMILIES if (folder / each.manifest).is_file()), "")
    said = said or next((what for each in classes for end, what in trained.items() if each.endswith(end)), "")
    said = said or ("for embeddings" if (folder / "modules.json").is_file() else "without a head of that kind")
    runs = next((f"{each.runs} -m {name} runs it; " for each in FAMILIES if each.trained == said), "")
    if any(map(model_folder.writes_texts, classes)):  # --base takes none of these
        return ModelError(f"{message}: it was trained {said}", hint=f"nlptool generate -m {name} runs it")
    return ModelError(f"{message}: it was trained {said}", hint=f"{runs}{family.trains} --base {name} makes one of it")


def _of_transformers(config: Mapping[str, Any], folder: Path, family: Family) -> Task:
    """Return the task of a model of the hub, which says no more than its labels and, perhaps, its kind."""
    if family is READER:
        return Task("", SPAN, 2, (), "f1")
    if family is CHOOSER:
        return Task("", CHOICE, 2, (), "accuracy")
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
    if len(set(names)) < len(names):
        raise ModelError(f"{folder / 'config.json'} is damaged: two of its labels have one name")
    if family is TAGGER:
        scheme = scheme_of_labels(names)
        return Task("", TAGS, 1, names, "accuracy" if scheme == PLAIN else "f1", scheme)
    kind = {"regression": "regression", "multi_label_classification": "multilabel"}.get(
        str(config.get("problem_type")), "regression" if len(names) == 1 else "classification"
    )
    if kind == "regression" and len(names) > 1:
        raise ModelError(f"{folder} gives {len(names)} numbers for a text, and not one")
    return Task("", kind, 0, () if kind == "regression" else names, USUAL_METRICS[kind])
