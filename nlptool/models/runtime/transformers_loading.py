"""What every model of transformers is loaded with: checks, silence, the number of positions."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.models.store import model_folder
from nlptool.terminal import library_warnings

_UNLIMITED = 2**31 - 1

_LOCK = threading.RLock()


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Keep what libraries print and warn of while they load a model away from stdout and, without --debug, from stderr.

    The streams and the environment are of the whole process, so that threads enter the context one after the other, and
    find them unchanged when they leave it.
    """
    with _LOCK:
        stderr = sys.stderr if library_warnings.mode() == "shown" else io.StringIO()
        with library_warnings.hidden(), contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(stderr):
            yield


def pretrained(kind: Any, folder: Path, **settings: Any) -> Any:
    """Load a configuration, tokenizer or network of a class of transformers, from its folder alone and running no code of it.

    Raises:
        ModelError: transformers refuses it.
    """
    try:
        return kind.from_pretrained(str(folder.absolute()), local_files_only=True, trust_remote_code=False, **settings)
    except Exception as error:  # of many libraries
        raise cannot_be_loaded(folder, error) from error


def network(kind: Any, folder: Path, *, allow_pickle: bool = False, **settings: Any) -> tuple[Any, list[str]]:
    """Load a network in float32 on the processor, in evaluation mode.

    Returns:
        The network, and the names of its tensors that are in no file and so are random, which transformers only logs.

    Raises:
        ModelError: transformers refuses it.
    """
    import torch

    loaded, info = pretrained(
        kind, folder, use_safetensors=None if allow_pickle else True, dtype=torch.float32, output_loading_info=True, **settings
    )  # fmt: skip
    return loaded.eval(), sorted(info["missing_keys"])


def cannot_be_loaded(folder: Path, error: Exception) -> ModelError:
    """Return the error for a model that a library refuses with ``error``."""
    reason = "its weights do not fit its config.json" if "mismatched" in str(error) else first_line(error)
    return ModelError(f"{folder} cannot be loaded: {reason}")


def lacks(folder: Path, tensors: Sequence[str]) -> ModelError:
    """Return the error for a model whose files do not hold all of its tensors."""
    return ModelError(
        f"{folder} lacks {len(tensors)} of the tensors that its config.json asks for: {tensors[0]}",
        hint="download the model again",
    )


def positions(network: Any, *, said: float) -> int:
    """Return ``said``, but not more than a network has learned positions for."""
    tables = [module for module in network.modules() if hasattr(module, "position_embeddings")]
    return int(min(said, *map(_positions, tables), _UNLIMITED))


def _positions(embeddings: Any) -> int:
    """Return the positions that a module has learned; RoBERTa and its kin count them from behind the padding's id."""
    table = embeddings.position_embeddings
    rows = int(getattr(table, "num_embeddings", _UNLIMITED))
    return rows if getattr(table, "padding_idx", None) is None else rows - int(table.padding_idx) - 1


def refuse_own_code(folder: Path, parts: Iterable[str] = ("",)) -> None:
    """Check that a model needs no code of its own.

    Raises:
        ModelError: the architecture of one of its parts is not one of transformers but code in the folder or in another
            repository.
    """
    from transformers import CONFIG_MAPPING

    for part in parts:
        config = folder / part / "config.json"
        about = model_folder.read_json(config, optional=True)
        if about.get("auto_map") and str(about.get("model_type")) not in CONFIG_MAPPING:
            raise ModelError(
                f"{folder} asks for code of its own (auto_map in {config.name}), which nlptool never runs",
                hint="another model of the same kind may do without: nlptool models list",
            )


def check_tokenizer(network: Any, tokenizer: Any, folder: Path) -> None:
    """Check that the tokenizer and the network belong together.

    Raises:
        ModelError: the tokenizer gives ids that the network has no embedding for.
    """
    rows = n_embeddings(network)
    try:
        # Some models have unused added tokens without a row: they do not count.
        added = getattr(tokenizer, "added_tokens_decoder", {})
        largest = max(token for token in tokenizer.get_vocab().values() if token not in added)
    except (AttributeError, NotImplementedError, ValueError):  # no vocabulary: not to be compared
        return
    if rows is not None and largest >= rows:
        raise ModelError(
            f"tokenizer.json does not belong to this model: its ids in {folder} go up to {largest:,}, and the network has"
            f" {rows:,} embeddings",
            hint="download the model again",
        )


def n_embeddings(network: Any) -> int | None:
    """Return how many tokens a network has embeddings for; None if it does not say."""
    try:
        return int(network.get_input_embeddings().num_embeddings)
    except (AttributeError, NotImplementedError):
        return None


def first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
