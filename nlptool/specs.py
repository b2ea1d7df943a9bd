"""What can be chosen of a model: frozen, hashable values, made from options and used as the keys of open models.

A spec holds all that tells two open models apart, and no callbacks.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, fields
from typing import TypeVar

Spec = TypeVar("Spec", bound="NetworkSpec")


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """What can be chosen of every network."""

    model: str = ""  # a known name, a folder, or org/name[@revision] of the hub
    _: KW_ONLY
    device: str = "auto"  # cpu | cuda | mps | auto: cuda where there is one
    batch_tokens: int | None = None  # tokens of a batch, padding included; None: as the network likes it
    threads: int | None = None  # that compute, in each process; None: all processors
    max_length: int | None = None  # tokens of an input, special tokens included; None: as the model says
    deterministic: bool = False  # every text by itself, in float32: no padding or batch changes the last digits
    offline: bool = False  # open no socket
    allow_pickle: bool = False  # open weights that are a pickle, where a model has no others


@dataclass(frozen=True, slots=True)
class EncoderSpec(NetworkSpec):
    """A sentence encoder: a network, a table of token vectors, or word vectors.

    ``model`` "" means the one of the vectors at hand, else the default.
    """

    _: KW_ONLY
    engine: str = "auto"  # onnx | torch | auto: onnx where the model can be converted
    prompt: str | None = None  # text before every text; None: that of the role, or the model's default
    prompt_name: str | None = None  # the model's prompt of that name
    role: str | None = None  # query | document: the model's prompt of that name
    role_is_optional: bool = False  # a model without such a prompt is no error, and the default one needs no note
    dim: int | None = None  # the first components of a vector alone, renormalised
    normalize: bool | None = None  # vectors of unit length or not; None: as the model says
    chunk: bool = False  # a text longer than max_length: the mean of its chunks, instead of truncating it
    quantize: str | None = None  # int8: the network's matrices in 8 bits
    weighting: str = "inverse-frequency"  # of words, where the model is word vectors; or none
    unicode_errors: str = "strict"  # as of ``WordVectorsSpec``


@dataclass(frozen=True, slots=True)
class MaskedModelSpec(NetworkSpec):
    """A masked language model: BERT and its kin. ``model`` "" means the default, for the script of the input if that is known."""

    _: KW_ONLY
    engine: str = "auto"  # onnx | torch | auto: onnx where the model can be converted


@dataclass(frozen=True, slots=True)
class HeadsSpec(NetworkSpec):
    """A network with heads."""

    _: KW_ONLY
    engine: str = "auto"  # onnx | torch | auto: onnx where the model can be converted


@dataclass(frozen=True, slots=True)
class TaggerSpec(HeadsSpec):
    """A tagger of words."""


@dataclass(frozen=True, slots=True)
class ReaderSpec(HeadsSpec):
    """A reader, which finds the answer to a question in a text."""

    _: KW_ONLY
    stride: int | None = None  # tokens from a window of a long text to the next; None: as the reader likes it


@dataclass(frozen=True, slots=True)
class ChooserSpec(HeadsSpec):
    """A chooser, which says which of several choices goes with a text."""


@dataclass(frozen=True, slots=True)
class ClassifierSpec(HeadsSpec):
    """A classifier: a network with heads, or linear heads on the vectors of an encoder. ``model`` "" means the default."""

    _: KW_ONLY
    chunk: bool = False  # a text longer than max_length: the mean over its chunks, instead of truncating it


@dataclass(frozen=True, slots=True)
class ContextualSpec(NetworkSpec):
    """A masked language model, a sentence encoder or another Transformer that reads, opened for the vectors of tokens in their
    context. ``model`` "" as of ``MaskedModelSpec``. A text longer than ``max_length`` is read in windows."""

    _: KW_ONLY
    engine: str = "auto"  # onnx | torch | auto: onnx where the model can be converted


@dataclass(frozen=True, slots=True)
class ProbeSpec(NetworkSpec):
    """A structural probe, which names the model that it reads; what is chosen here is chosen of that. ``model`` "" means the
    default."""

    _: KW_ONLY
    engine: str = "auto"  # onnx | torch | auto: onnx where the model can be converted


@dataclass(frozen=True, slots=True)
class AttentionSpec(NetworkSpec):
    """A masked language model or a sentence encoder in torch, opened for its attention weights. ``model`` as there."""


@dataclass(frozen=True, slots=True)
class GeneratorSpec(NetworkSpec):
    """A model that writes texts: an encoder–decoder or a GPT. ``max_length`` counts the tokens of a source."""

    _: KW_ONLY
    engine: str = "auto"  # ct2 | numpy | torch | auto: ct2 or numpy where it can do what is needed
    needs: str = "search"  # what it is to do, of which ct2 and numpy do a part: see ``models.generation.needs``
    prefix: str = ""  # text before every source, such as T5's task
    source_lang: str | None = None  # as the model spells it: eng_Latn, en
    target_lang: str | None = None
    quantize: str | None = None  # int8: the network's matrices in 8 bits, in ct2


@dataclass(frozen=True, slots=True)
class ScoringSpec(NetworkSpec):
    """A model that says how probable a text is: a masked language model, a GPT or another language model, an encoder–decoder.
    ``model`` "" means the default, for the script of the input if that is known."""

    _: KW_ONLY
    engine: str = "auto"  # onnx | ct2 | torch | auto: the fastest that can run the model
    prefix: str = ""  # text before every source of an encoder–decoder
    source_lang: str | None = None  # as of ``GeneratorSpec``
    target_lang: str | None = None
    quantize: str | None = None


@dataclass(frozen=True, slots=True)
class DecodingSpec:
    """What can be chosen of how a model's texts are decoded; None: as the model says, else the default. For the fields see
    ``models.generation.decoding.Decoding``. It is no part of a model: one that is open decodes in any way, but for what its
    engine cannot do."""

    _: KW_ONLY
    beams: int | None = None
    n_return: int | None = None
    sample: bool | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    max_new_tokens: int | None = None
    min_new_tokens: int | None = None
    length_penalty: float | None = None
    repetition_penalty: float | None = None
    no_repeat_ngram: int | None = None
    stop: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class BaseSpec:
    """The model that a fine-tuning begins with, and where its network is trained."""

    base: str = ""  # a known name, a folder, or org/name[@revision] of the hub; "": the default
    _: KW_ONLY
    device: str = "auto"  # as of ``NetworkSpec``, like the fields below
    threads: int | None = None
    offline: bool = False
    allow_pickle: bool = False


@dataclass(frozen=True, slots=True)
class AutoencoderSpec:
    """An autoencoder whose code is that of a text."""

    model: str = ""


@dataclass(frozen=True, slots=True)
class WordVectorsSpec:
    """Word vectors. ``model`` "" means that the script of a query decides."""

    model: str = ""
    _: KW_ONLY
    unicode_errors: str = "strict"  # strict | ignore | replace: words of a file that are not UTF-8


def as_kind(spec: NetworkSpec | BaseSpec, kind: type[Spec]) -> Spec:
    """Return a spec of another kind with what the two have in common."""
    return kind(**{field.name: getattr(spec, field.name) for field in fields(kind) if hasattr(spec, field.name)})
