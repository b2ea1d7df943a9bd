"""Open word vectors by name: built-in ones, a folder of nlptool's format, or a file of another program, converted once."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nlptool import catalog
from nlptool.catalog import Known
from nlptool.errors import ModelError
from nlptool.models.store import locate
from nlptool.models.store.kinds import VECTORS
from nlptool.models.words import vectors as word_vectors
from nlptool.models.words.formats.words import STRICT
from nlptool.models.words.saving import Parts, write
from nlptool.models.words.vectors import WordVectors
from nlptool.storage import cache, folders, packages, temp_files
from nlptool.text.scripts import japanese

if TYPE_CHECKING:
    from nlptool.models.words.formats.common import WordFile

_GLOVE = ("glove_6B_50d_emb.npy", "glove_6B_index.parquet")


def open_vectors(
    name: str, *, unicode_errors: str = STRICT, note: Callable[[str], None] = lambda _: None
) -> WordVectors:
    """Open the word vectors called ``name``: a known name, a folder, or a file of word2vec, GloVe or fastText.

    Args:
        unicode_errors: strict | ignore | replace: what is done with words of a file that are not UTF-8.
        note: is called with messages on slow steps, and on what a conversion omitted.

    Raises:
        ModelError: there are none of that name, or damaged ones.
    """
    known = catalog.KNOWN.get(name)
    if known is not None and known.task != "words":
        raise ModelError(
            f"{name} is a model for {known.task}", hint="nlptool models list --task words shows word vectors"
        )
    if known is not None:
        return WordVectors(packaged(known, note), name)
    if locate.is_hub_id(name):
        raise ModelError(
            f"{name} would be on the hub, from where nlptool takes no word vectors",
            hint=f"fetch the file and give its path; a folder of that name here is ./{name}",
        )
    path = locate.existing(name)
    if path is not None:
        return WordVectors(path if path.is_dir() else _converted(path, unicode_errors, note), name)
    names = [known.name for known in catalog.KNOWN.values() if known.task == "words"]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    raise ModelError(
        f"no word vectors {name}: neither a known name, nor a folder, nor a file",
        hint=f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}; nlptool train makes your own",
    )


def are_vectors(name: str) -> bool:
    """Return whether ``name`` means word vectors, not an encoder."""
    known = catalog.KNOWN.get(name)
    if known is not None:
        return known.task == "words"
    path = None if locate.is_hub_id(name) else locate.existing(name)
    return path is not None and (path.is_file() or word_vectors.is_folder(path))


def packaged(known: Known, note: Callable[[str], None] = lambda _: None) -> Path:
    """Return the folder with the word vectors of a package, in nlptool's format.

    Raises:
        ModelError: the package is missing, or incomplete.
    """
    package = packages.package_folder(known.package)
    source = package / known.weights if package is not None else None
    if source is None:
        raise locate.not_installed(known)
    if word_vectors.is_folder(source):
        return source
    files = [source / name for name in _GLOVE]
    if not all(path.is_file() for path in files):
        raise ModelError(f"the package {known.package} lacks {_GLOVE[0]}", hint=known.reinstall)
    return _convert_once(files, known.name, lambda folder: _write_glove(folder, files, known.name), note)


def _write_glove(folder: Path, files: list[Path], name: str) -> None:
    import pyarrow.parquet

    words = pyarrow.parquet.read_table(files[1]).column(0).to_pylist()
    about = {"source": name, "method": "glove", "tokenizer": "words", "lowercase": True}
    write(folder, Parts(words, np.load(files[0], mmap_mode="r"), about))


def _converted(path: Path, unicode_errors: str, note: Callable[[str], None]) -> Path:
    def make(folder: Path) -> None:
        from nlptool.models.words.formats import read as word_files

        word_file = word_files.read(path, unicode_errors=unicode_errors)
        note(f"{path} was read ({len(word_file.words):,} words) and is kept in the cache, for quick starts")
        for sentence in word_file.notes:
            note(f"{path}: {sentence}")
        write(folder, to_parts(word_file, source=str(path.absolute())))

    return _convert_once([path], str(path), make, note, variant="" if unicode_errors == STRICT else unicode_errors)


def to_parts(word_file: WordFile, *, source: str) -> Parts:
    """Return the content of another program's file as the parts of a folder. The tokenizer is guessed from the words."""
    sample = word_file.words[:100_000]
    tokenizer = "unidic" if sum(map(bool, map(japanese().search, sample))) * 2 > len(sample) else "words"
    lowercase = not any(word != word.lower() for word in sample)
    return Parts(
        word_file.words,
        word_file.vectors,
        {"source": source, "method": word_file.format, "tokenizer": tokenizer, "lowercase": lowercase},
        word_file.counts,
        word_file.ngrams,
        notes=word_file.notes,
    )


def _convert_once(
    files: list[Path],
    name: str,
    make: Callable[[Path], None],
    note: Callable[[str], None],
    *,
    variant: str = "",
) -> Path:
    """Return a converted copy in the cache; if that cannot be written, in a folder that is deleted at exit.

    Args:
        variant: how it is converted, where that can be chosen.
    """
    try:
        key = cache.content_key(files, f"{VECTORS.salt} {variant}".rstrip())
        return cache.made_once(VECTORS.folder, key, VECTORS.manifest, make)
    except OSError as error:
        note(f"the cache {cache.folder()} cannot be written ({error.strerror}): {name} is converted for this run alone")
        try:
            folder = temp_files.temporary_folder()
            make(folder)
            folders.seal(folder, word_vectors.MANIFEST)
        except OSError as again:
            raise ModelError(f"{name} cannot be converted: {again.strerror or again}") from again
        return folder
