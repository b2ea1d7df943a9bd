"""Libraries that warn, print log records and set filters of their own when they are imported: for processes that tests start."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

LIBRARIES = {
    "ctranslate2", "fugashi", "gensim", "huggingface_hub", "matplotlib", "numpy", "onnx", "onnxruntime", "orjson", "pyarrow",
    "scipy", "sentence_transformers", "sklearn", "tokenizers", "torch", "transformers", "zstandard",
}  # fmt: skip

MARK = "a library warns"


class Warner(MetaPathFinder):
    """Finds no module, but is asked for each before all others."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        if name in LIBRARIES - self.seen:
            self.seen.add(name)
            warn(name)
        return None


def warn(name: str) -> None:
    """Do all that libraries do."""
    logger = logging.getLogger(f"{name}.loud")
    logger.addHandler(logging.StreamHandler())
    logger.setLevel(logging.DEBUG)
    logger.error("%s: %s, by its own handler", MARK, name)
    logging.getLogger(name).warning("%s: %s, by the last resort", MARK, name)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"{MARK}: {name}, filters of its own", UserWarning, stacklevel=1)
    for category in (UserWarning, FutureWarning, DeprecationWarning, RuntimeWarning):
        warnings.warn(f"{MARK}: {name}, {category.__name__}", category, stacklevel=1)


sys.meta_path.insert(0, Warner())
