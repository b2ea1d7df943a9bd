"""What a generation model is to do, and what of it CTranslate2 and the network in numpy can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nlptool.errors import ModelError, RunError
from nlptool.models.generation.constraints import DECODER
from nlptool.models.generation.decoding import Decoding
from nlptool.specs import GeneratorSpec

SEARCH, GREEDY, NGRAMS, REPETITION, SCORES, EXTRAS, SAMPLING, ATTENTION, SCORING = (
    "search", "greedy", "n-grams", "repetition", "scores", "extras", "sampling", "attention", "scoring",
)  # fmt: skip
"""SEARCH: with beams or without."""

OF_NUMPY = (GREEDY, NGRAMS, REPETITION, SAMPLING, SCORING)
"""What the network in numpy can do."""

UNABLE = {
    EXTRAS: "has no penalties by the source, no tokens that do not begin a text and no search that stops never early",
    SAMPLING: "draws all texts from one generator: what it samples would depend on the others",
    ATTENTION: "does not show what each layer looks at",
}
"""What CTranslate2 cannot do."""

_DIFFERENT = {
    NGRAMS: "CTranslate2 overlooks n-grams that begin with the first token",
    REPETITION: "CTranslate2 overlooks the first token, which is repeated without a penalty",
    SCORES: "CTranslate2 ranks beams after penalties and exclusions otherwise than transformers",
}
"""What CTranslate2 does in another way than transformers and nlptool in torch."""


def of(decoding: Decoding) -> str:
    """Return what a model needs to be able to do."""
    if decoding.sample:
        return SAMPLING
    if (
        decoding.source_repetition_penalty != 1
        or decoding.no_repeat_source_ngram
        or decoding.not_first
        or (decoding.beams > 1 and decoding.early_stopping == "never")
    ):
        return EXTRAS
    penalizes = decoding.repetition_penalty != 1
    excludes = bool(decoding.no_repeat_ngram or decoding.min_new_tokens or decoding.min_length)
    if decoding.beams > 1 and (penalizes or excludes):
        return SCORES
    if penalizes or decoding.no_repeat_ngram == 1:
        return REPETITION
    if decoding.no_repeat_ngram:
        return NGRAMS
    return SEARCH if decoding.beams > 1 else GREEDY


def quantizable(spec: GeneratorSpec) -> GeneratorSpec:
    """Return the spec of a model whose matrices are to be in 8 bits with the engine that alone does that.

    Raises:
        RunError: another engine is asked for.
        ModelError: it cannot do what is needed.
    """
    if spec.quantize is None:
        return spec
    if spec.engine not in ("auto", "ct2"):
        raise RunError(
            f"--quantize {spec.quantize} computes in CTranslate2, not in {spec.engine}", hint="--engine auto"
        )
    if spec.needs in UNABLE:
        raise ModelError(
            f"--quantize {spec.quantize} computes in CTranslate2, which {UNABLE[spec.needs]}",
            hint="without --quantize it is done in torch, or in numpy",
        )
    return replace(spec, engine="ct2")


def without_ct2(spec: GeneratorSpec) -> str:
    """Return the hint for a model that CTranslate2 cannot run."""
    return "it runs without --quantize" if spec.quantize else "--engine torch runs it"


def difference(needs: str, about: Mapping[str, Any]) -> str:
    """Return what CTranslate2 does otherwise than torch, for a note; "" if it finds the same texts.

    It does not count the first token: of a prompt, or that which begins every text and is not repeated unless it ends texts too.

    Args:
        about: what ``transformers_config.describe`` returned; {} for a model of nlptool's own.
    """
    if needs in (NGRAMS, REPETITION) and about.get("kind") != DECODER:
        is_repeatable = needs == REPETITION and bool({*about.get("start", ())[:1]} & {*about.get("ends", ())})
        return _DIFFERENT[needs] if is_repeatable else ""
    return _DIFFERENT.get(needs, "")
