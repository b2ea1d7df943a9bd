"""What makes codes: random hyperplanes, or an autoencoder; as a user chooses it, or as it made the codes of a corpus."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nlptool.errors import RunError, WrongUsage
from nlptool.records.pipe import Pipe
from nlptool.specs import AutoencoderSpec
from nlptool.tasks.embedder import Embedder
from nlptool.tasks.hash import Hasher, HyperplaneHasher

if TYPE_CHECKING:
    from nlptool.models.autoencoders.folder import Autoencoder
    from nlptool.specs import EncoderSpec
    from nlptool.tasks.coded_records import CodeReader


def by_autoencoder(pipe: Pipe, spec: EncoderSpec, *, role: str | None = None) -> Hasher:
    """Open an autoencoder.

    Args:
        spec: its name is that of the autoencoder; the rest is chosen of the encoder whose embeddings that reads.
        role: of the texts, for an encoder with prompts.

    Raises:
        ModelError: it is not there, or is damaged.
    """
    from nlptool.tasks.autoencoder_hashers import EmbeddingHasher, WordHasher
    from nlptool.tasks.open_model import open_model

    autoencoder: Autoencoder = open_model(AutoencoderSpec(spec.model), pipe)
    if autoencoder.counts is not None:
        return WordHasher(autoencoder, autoencoder.counts)
    of_base = replace(spec, model=autoencoder.base, dim=autoencoder.dim)
    if autoencoder.prompt is not None:
        of_base = replace(of_base, prompt=autoencoder.prompt)
    embedder = Embedder(
        pipe, of_base, role=role, model=autoencoder.base, dimension=autoencoder.shape.widths[0]
    )  # fmt: skip
    return EmbeddingHasher(autoencoder, embedder)


def hasher_of(codes: CodeReader, pipe: Pipe, spec: EncoderSpec) -> Hasher:
    """Return what makes codes like those that were read.

    Args:
        spec: names the model if the records do not, or if its folder has moved.

    Raises:
        RunError: the records do not say how their codes were made.
        ModelError: the model is not there.
        WrongUsage: the model is another one.
    """
    made_by = codes.made_by
    model = str(made_by.get("model") or "")
    bits, seed, dimension = (made_by.get(name) for name in ("bits", "seed", "dimension"))
    if made_by.get("method") == "autoencoder":
        hasher = by_autoencoder(pipe, replace(spec, model=spec.model or model), role="query")
        if hasher.entry()["identity"] != made_by.get("identity") or hasher.n_bits != codes.n_bits:
            raise WrongUsage(
                f"the codes were made by another {model}: {spec.model or model} would make others; hash the corpus again"
            )
        return hasher
    if made_by.get("method") != "hyperplanes" or type(bits) is not int or type(seed) is not int:
        raise RunError(
            "the records of the corpus do not say how their codes were made, and the query has none",
            hint="nlptool hash makes the codes and says it (nlptool.hash); a query may bring its own `code`",
        )
    dim = made_by.get("dim")
    embedder = Embedder(
        pipe, replace(spec, dim=spec.dim or (dim if type(dim) is int else None)), role="query", model=model,
        dimension=dimension if type(dimension) is int else 0,
    )  # fmt: skip
    return HyperplaneHasher(embedder, bits, seed)
