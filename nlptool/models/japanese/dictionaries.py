"""MeCab dictionaries: their names, the packages that bring them, and the names of their features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nlptool.errors import ModelError
from nlptool.storage import packages

FILES = ("sys.dic", "matrix.bin", "char.bin", "unk.dic", "dicrc")
"""The files of a compiled dictionary."""

DEFAULT = "unidic-lite"


@dataclass(frozen=True, slots=True)
class MecabDictionary:
    """A dictionary that a Python package brings as ``PACKAGE/dicdir``, and the layout of its entries."""

    name: str  # of the package on PyPI; "": there is none
    features: str  # names of the columns of an entry, in order
    install: str = ""  # command that installs it

    @property
    def package(self) -> str:
        """The package as it is imported."""
        return self.name.replace("-", "_")


_UNIDIC = (
    "pos1 pos2 pos3 pos4 conjugation_type conjugation_form lemma_reading lemma orthography pronunciation "
    "orthography_base pronunciation_base origin initial_type initial_form final_type final_form "
)

_TABLE = (
    # UniDic 2.1.2: pos1-4 cType cForm lForm lemma orth pron orthBase pronBase goshu iType iForm fType fForm kana kanaBase form
    # formBase iConType fConType aType aConType aModType
    MecabDictionary(
        "unidic-lite",
        _UNIDIC + "reading reading_base form form_base initial_connection final_connection accent_type "
        "accent_connection accent_modification",
        "pip install unidic-lite",
    ),
    # UniDic 2.2 and 3
    MecabDictionary(
        "unidic",
        _UNIDIC + "initial_connection final_connection word_type reading reading_base form form_base accent_type "
        "accent_connection accent_modification lexeme_id lemma_id",
        "pip install unidic && python -m unidic download",
    ),
    # NAIST-jdic has the same columns
    MecabDictionary(
        "ipadic",
        "pos1 pos2 pos3 pos4 conjugation_type conjugation_form lemma reading pronunciation",
        "pip install ipadic",
    ),
    # JUMAN's
    MecabDictionary("", "pos1 pos2 conjugation_type conjugation_form lemma reading meaning"),
)

_BY_PACKAGE = {dictionary.package: dictionary for dictionary in _TABLE if dictionary.name}


@dataclass(frozen=True, slots=True)
class LocatedDictionary:
    """The folder of a compiled dictionary, and what results and manifests call it."""

    folder: Path
    name: str  # of the table, or the folder as it was given
    is_packaged: bool

    @property
    def label(self) -> str:
        """The name with the version of its package: "unidic-lite 1.0.8"."""
        return f"{self.name} {packages.version(self.name)}" if self.is_packaged else self.name


def locate(name: str | None) -> LocatedDictionary:
    """Find the dictionary that ``--dictionary`` or a model's manifest names.

    Args:
        name: a name of the table, as transformers spells it too (``unidic_lite``), with or without a version behind it;
            any other string is a folder; None means unidic-lite.

    Raises:
        ModelError: it is not installed, or the folder holds no compiled dictionary.
    """
    name = name or DEFAULT
    known = _BY_PACKAGE.get(name.partition(" ")[0].replace("-", "_"))
    if known is None:
        folder, hint = Path(name), f"a compiled dictionary is a folder with {', '.join(FILES)}"
    else:
        package = packages.package_folder(known.package)
        if package is None:
            raise ModelError(f"the MeCab dictionary {known.name} is not installed", hint=known.install)
        name, folder, hint = known.name, package / "dicdir", known.install
    missing = [file for file in FILES if not (folder / file).is_file()]
    if missing:
        raise ModelError(f"no MeCab dictionary in {folder}: {', '.join(missing)} missing", hint=hint)
    return LocatedDictionary(folder, name, is_packaged=known is not None)


def recorded(name: str | None) -> str:
    """Return what a model's manifest says of the dictionary ``name``, so that ``locate`` finds it from any folder.

    Raises:
        ModelError: as of ``locate``.
    """
    label = locate(name).label
    return str(Path(label).absolute()) if label == name and Path(label).exists() else label


def layout(n_columns: int) -> dict[str, int]:
    """Return the columns of a dictionary by the names of their features. The first is the part of speech in all of them."""
    features = next((row.features.split() for row in _TABLE if len(row.features.split()) == n_columns), ["pos1"])
    return {name: index for index, name in enumerate(features)}
