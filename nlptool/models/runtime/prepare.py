"""The steps that every network takes from the name of a model to files that can be opened."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from nlptool import catalog
from nlptool.catalog import Known
from nlptool.errors import ModelError, NotConvertible
from nlptool.models.store import converted, hub_cache, locate
from nlptool.models.store.kinds import CopyKind
from nlptool.specs import NetworkSpec

Note = Callable[[str], None]
"""Is told what takes long, or did not work as usual."""

Report = hub_cache.Report


def silent(_: str) -> None:
    """Ignore a note."""


def unwatched(there: int, total: int, received: int) -> None:
    """Ignore the progress of a download."""


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model whose files are here."""

    name: str  # a hub id where the name was short for one
    folder: Path
    known: Known | None


def check_task(name: str, tasks: Collection[str], *, hint: str, refusal: str = "{} is a model for {}") -> None:
    """Check that the catalog does not know a model for another task.

    Raises:
        ModelError: ``name`` is a known model for another task; ``refusal`` words it, with the name and the task.
    """
    known = catalog.KNOWN.get(name)
    if known is not None and known.task not in tasks:
        raise ModelError(refusal.format(name, known.task), hint=hint)


def find(spec: NetworkSpec, *, plain: bool, packed: bool = False, note: Note, report: Report) -> FoundModel:
    """Find the files of a model, or fetch them.

    Args:
        plain: a model of transformers is wanted; that it may be part of one of sentence-transformers does not matter.
        packed: weights in 8 bits are wanted as they are, for the graph that is shipped with them.

    Raises:
        ModelError: they are not there.
    """
    folder = locate.find(
        spec.model, plain=plain, offline=spec.offline, allow_pickle=spec.allow_pickle, packed=packed, note=note,
        report=report,
    )  # fmt: skip
    known = catalog.KNOWN.get(spec.model)
    return FoundModel(known.hub if known is not None and known.hub else spec.model, folder, known)


def shipped_graph(known: Known | None, kind: CopyKind) -> Path | None:
    """Return the folder with the graph of a kind that is shipped for a known model; None if there is none."""
    if known is None or not known.graph:
        return None
    folder = locate.built_in_graph(known) / kind.shipped
    return folder if (folder / kind.manifest).is_file() else None


def graph_of(
    found: FoundModel,
    kind: CopyKind,
    weight_files: list[Path],
    convert: Callable[[Path], None],
    *,
    is_required: bool,
    note: Note,
    parts: Iterable[str] = (),
    obstacle: str = "",
) -> tuple[Path | None, Path]:
    """Find the graph of a model that is shipped, or convert the model unless that has been done.

    Args:
        convert: writes the converted copy into a folder.
        is_required: torch is no way out.
        parts: folders in the model's whose settings count too.
        obstacle: what is known to be in the way of a conversion.

    Returns:
        The folder with the graph, None where the model runs in torch alone, which is noted; and that with the weights.

    Raises:
        ModelError: the model is damaged, or it cannot be converted though that is required.
    """
    if (shipped := shipped_graph(found.known, kind)) is not None:
        return shipped, found.folder
    try:
        if obstacle:
            raise NotConvertible(obstacle)
        copy = converted.convert_once(kind, found.name, found.folder, weight_files, convert, parts=parts, note=note)
    except NotConvertible as error:
        if is_required:
            raise ModelError(
                f"{found.name} does not run in {kind.library}: {error}", hint="--engine torch runs it"
            ) from error
        note(f"{found.name} runs in torch: {error}")
        return None, found.folder
    return copy, copy
