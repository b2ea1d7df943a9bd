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
from nlptool.models.japanese import bert_words
from nlptool.models.runtime import tokenizers as runtime_tokenizers
from nlptool.models.store import model_folder, own_writers
from nlptool.storage import json_files
from nlptool.terminal import library_warnings

_UNLIMITED = 2**31 - 1
_FEWEST = 3  # tokens that a model takes: one of a text between two special ones
_AGAIN = "download the model again"
_NO_TOKENIZER = ("Unrecognized processing class", "Couldn't instantiate the backend tokenizer")
_ROLES = ("unk_token", "cls_token", "sep_token", "pad_token")
MASKED_ROLES = (*_ROLES, "mask_token")

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


def tokenizers(folder: Path, *, threads: int | None = None) -> tuple[Any, Any]:
    """Return the tokenizer of the library ``tokenizers``, and the one of transformers that it stands for.

    Args:
        threads: as of ``read_tokenizer``.

    Raises:
        ModelError: it cannot be loaded, or does not run in that library.
    """
    from transformers import AutoTokenizer

    words = bert_words.settings(folder)
    own = pretrained(AutoTokenizer, folder, **(bert_words.arguments(words) if words else {}))
    tokenizer = runtime_tokenizers.backend(own, folder, threads=threads)
    if tokenizer is None:
        raise ModelError(f"{folder}: its tokenizer, a {type(own).__name__}, is none that nlptool can run")
    return tokenizer, own


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
    """Return the error for a model that a library refuses with ``error``: the libraries seldom say which file it is."""
    for path in sorted(folder.glob("*.json")):
        try:
            json_files.read(path)
            if path.name == "tokenizer.json":
                runtime_tokenizers.read_tokenizer(path)
        except ModelError as damage:
            return damage
        except (OSError, ValueError) as damage:
            return ModelError(f"{path} is damaged: {damage}", hint=_AGAIN)
    text = str(error)
    reason = "its weights do not fit its config.json" if "mismatched" in text else short_message(error)
    if any(words in text for words in _NO_TOKENIZER):
        reason = "the files of its tokenizer are not there, or are damaged"
    return ModelError(f"{folder} cannot be loaded: {reason}")


def lacks(folder: Path, tensors: Sequence[str]) -> ModelError:
    """Return the error for a model whose files do not hold all of its tensors."""
    return ModelError(
        f"{folder} lacks {len(tensors)} of the tensors that its config.json asks for: {tensors[0]}",
        hint=_AGAIN,
    )


def positions(network: Any, *, said: float) -> int:
    """Return ``said``, but not more than a network has learned positions for.

    Raises:
        ModelError: that is no room for a text.
    """
    tables = [module for module in network.modules() if hasattr(module, "position_embeddings")]
    n = int(min(said, *map(_positions, tables), _UNLIMITED))
    if n < _FEWEST:
        raise ModelError(f"the model is damaged: it says that it takes {n} tokens (model_max_length)", hint=_AGAIN)
    return n


def _positions(embeddings: Any) -> int:
    """Return the positions that a module has learned; RoBERTa and its kin count them from behind the padding's id."""
    table = embeddings.position_embeddings
    rows = int(getattr(table, "num_embeddings", _UNLIMITED))
    return rows if getattr(table, "padding_idx", None) is None else rows - int(table.padding_idx) - 1


def refuse_own_code(folder: Path, parts: Iterable[str] = ("",)) -> None:
    """Check that a model needs no code of its own.

    Raises:
        ModelError: the architecture of one of its parts is not one of transformers but code in the folder or in another
            repository; or it is one of ``own_writers``.
    """
    from transformers import CONFIG_MAPPING

    own_writers.refuse(folder)
    for part in parts:
        config = folder / part / "config.json"
        about = model_folder.read_json(config, optional=True)
        if about.get("auto_map") and str(about.get("model_type")) not in CONFIG_MAPPING:
            raise ModelError(
                f"{folder} asks for code of its own (auto_map in {config.name}), which nlptool never runs",
                hint="another model of the same kind may do without: nlptool models list",
            )


def check_tokenizer(network: Any, tokenizer: Any, folder: Path, roles: Sequence[str] = _ROLES) -> None:
    """Check that the tokenizer is whole, and that the network belongs to it.

    Args:
        roles: attributes of the tokenizer: the special tokens that a ``vocab.txt`` needs.

    Raises:
        ModelError: the vocabulary is empty or lacks special tokens, or gives ids that the network has no embedding for.
    """
    rows = n_embeddings(network)
    try:
        # Some models have unused added tokens without a row: they do not count.
        added = getattr(tokenizer, "added_tokens_decoder", {})
        largest = max((id for id in tokenizer.get_vocab().values() if id not in added), default=-1)
    except (AttributeError, NotImplementedError):  # no vocabulary: not to be compared
        return
    if largest < 0:
        raise ModelError(f"{folder} is damaged: the vocabulary of its tokenizer is empty", hint=_AGAIN)
    if lacking := _not_in_file(tokenizer, roles):
        raise ModelError(f"{folder} is damaged: its vocab.txt lacks {', '.join(lacking)}", hint=_AGAIN)
    if rows is not None and (beyond := [id for id in tokenizer("").input_ids if id >= rows]):
        token = tokenizer.convert_ids_to_tokens(beyond[0])
        raise ModelError(
            f"{folder} is damaged: its tokenizer puts {token} into every text, for which the network has no embedding",
            hint=_AGAIN,
        )
    if rows is not None and largest >= rows:
        raise ModelError(
            f"the tokenizer of {folder} does not belong to this model: its ids go up to {largest:,}, and the network has"
            f" {rows:,} embeddings",
            hint=_AGAIN,
        )


def _not_in_file(tokenizer: Any, roles: Sequence[str]) -> list[str]:
    """Return the special tokens that a ``vocab.txt`` lacks. transformers adds them behind its pieces, which hides that those have
    got wrong numbers."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    is_own = (Path(str(getattr(tokenizer, "name_or_path", ""))) / "tokenizer.json").is_file()
    if is_own or backend is None or type(backend.model).__name__ != "WordPiece":
        return []
    special = {token for role in roles if (token := getattr(tokenizer, role, None))}
    return sorted(special - backend.get_vocab(with_added_tokens=False).keys())


def pad_id(*ids: int | None, size: int) -> int:
    """Return the first of some ids that is one of a vocabulary, else 0: what stands for padding is masked."""
    return next((int(id) for id in ids if id is not None and 0 <= id < size), 0)


def n_embeddings(network: Any) -> int | None:
    """Return how many tokens a network has embeddings for; None if it does not say."""
    try:
        return int(network.get_input_embeddings().num_embeddings)
    except (AttributeError, NotImplementedError):
        return None


def short_message(error: BaseException) -> str:
    """Return what an error says in its first line, and in the second if the first one leads up to it."""
    first, *others = str(error).strip().splitlines() or [""]
    text = f"{first} {others[0].strip()}" if others and first.endswith((":", "(")) else first
    return f"{type(error).__name__}: {text}"[:200] if isinstance(error, LookupError) or not text else text[:200]
