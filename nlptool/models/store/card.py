"""The languages of a model: as the catalog names them, or the YAML at the beginning of its card (README.md); and its scripts.

Format of cards: https://huggingface.co/docs/hub/model-cards. Of the YAML only ``language`` is read, without a YAML library,
which would take ``no``, the code of Norwegian, for false.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from nlptool import catalog
from nlptool.errors import RunError
from nlptool.models.store import locate, model_folder
from nlptool.text.languages import scripts_of, with_japanese

CARD = "README.md"
SCRIPTS = "scripts"
"""The field of the manifests of `nlptool train` that names the scripts of the texts."""

MANIFESTS = (
    "autoencoder.json", "chooser.json", "classifier.json", "distil.json", "pretraining.json", "probe.json", "reader.json",
    "seq2seq.json", "tagger.json",
)  # fmt: skip
"""The manifests of what `nlptool train` makes, but for word vectors."""

_LONGEST = 100_000  # characters of a card that are read: the hub's YAML is at its beginning
_HEADER = r"(?ms)\ufeff?---[ \t]*\n(.*?\n)---[ \t]*$"
_LANGUAGE = r"(?m)^language:[ \t]*(\[[^\]]*\]|[^\n]*)((?:\n[ \t]*(?:-[ \t][^\n]*|#[^\n]*)?(?=\n))*)"
_ITEM = r"""["']?([\w-]+)["']?[ \t]*(?:#.*)?"""


@dataclass(frozen=True, slots=True)
class Reads:
    """What a model reads, as far as that is known."""

    languages: tuple[str, ...]  # ISO 639 codes, the most important first; () if they are not known
    scripts: frozenset[str] | None  # of these, else those that `nlptool train` counted; None if they are not known

    @classmethod
    def of_model(cls, name: str) -> Reads:
        """Look a model up.

        Args:
            name: a known name, a folder, or ``org/name[@revision]`` of the hub. No network is used.
        """
        known = catalog.KNOWN.get(name) or catalog.like(name.partition("@")[0])
        if known is not None:
            return cls(known.reads or known.languages, known.scripts)
        try:
            folder = locate.find(name, plain=True, offline=True, allow_pickle=True)
        except RunError:  # a folder that is not here, or a file of word vectors
            return cls((), None)
        languages = of_folder(folder)
        return cls(languages, scripts_of(languages) or _trained_scripts(folder))


def _trained_scripts(folder: Path) -> frozenset[str] | None:
    """Return the scripts of the texts that a model of `nlptool train` was trained on, which its manifest names."""
    for name in MANIFESTS:
        found = model_folder.readable_json(folder / name).get(SCRIPTS)
        if isinstance(found, list) and found:
            return with_japanese(map(str, found))
    return None


def of_folder(folder: Path) -> tuple[str, ...]:
    """Return the languages that the card in a folder names; () if there is none."""
    try:
        with (folder / CARD).open(encoding="utf-8", errors="replace") as file:
            return of_card(file.read(_LONGEST))
    except OSError:
        return ()


def of_card(text: str) -> tuple[str, ...]:
    """Return the languages that a card names, in small letters."""
    header = re.match(_HEADER, text)
    found = re.search(_LANGUAGE, header[1]) if header else None
    if found is None:
        return ()
    value, block = found[1].strip(), found[2]
    if value.startswith("["):
        items = value[1:].rstrip("]").replace("\n", " ").split(",")
    elif value and not value.startswith("#"):
        items = [value]
    else:
        items = [line.strip()[1:] for line in block.split("\n") if line.strip().startswith("-")]
    matches = [re.fullmatch(_ITEM, item.strip()) for item in items]
    return tuple(dict.fromkeys(match[1].lower() for match in matches if match))
