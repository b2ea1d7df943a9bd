"""The hasher that made the codes of a corpus, for those of its queries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nlptool.errors import RunError
from nlptool.records.pipe import Pipe
from nlptool.tasks.embedder import Embedder
from nlptool.tasks.hash import Hasher, HyperplaneHasher

if TYPE_CHECKING:
    from nlptool.specs import EncoderSpec
    from nlptool.tasks.coded_records import CodeReader


def hasher_of(codes: CodeReader, pipe: Pipe, spec: EncoderSpec) -> Hasher:
    """Return what makes codes like those that were read.

    Args:
        spec: names the model if the records do not.

    Raises:
        RunError: the records do not say how their codes were made.
    """
    made_by = codes.made_by
    bits, seed, dimension = (made_by.get(name) for name in ("bits", "seed", "dimension"))
    if made_by.get("method") != "hyperplanes" or type(bits) is not int or type(seed) is not int:
        raise RunError(
            "the records of the corpus do not say how their codes were made, and the query has none",
            hint="nlptool hash makes the codes and says it (nlptool.hash); a query may bring its own `code`",
        )
    dim = made_by.get("dim")
    embedder = Embedder(
        pipe, replace(spec, dim=spec.dim or (dim if type(dim) is int else None)), role="query",
        model=str(made_by.get("model") or ""), dimension=dimension if type(dimension) is int else 0,
    )  # fmt: skip
    return HyperplaneHasher(embedder, bits, seed)
