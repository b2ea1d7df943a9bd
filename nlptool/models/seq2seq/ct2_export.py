"""A Transformer of our own as CTranslate2 takes it, made in memory from its weights: no torch, no cache.

Format: CTranslate2's binary model, version 6, and its specification of Transformers, revision 7
(https://github.com/OpenNMT/CTranslate2, python/ctranslate2/specs). Its own writer imports torch, if torch is installed.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError, NotConvertible
from nlptool.models.seq2seq.config import BOS, EOS, IMPOSSIBLE, NEVER_SAID, TRANSFORMER, UNK, Seq2SeqConfig
from nlptool.models.seq2seq.folder import Model

_BINARY_VERSION = 6
_SPECIFICATION = "TransformerSpec"
_REVISION = 7
_TYPES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}
_NO_LAYER = -1
_RELU = 0

Values = NDArray[np.generic]


def token(id: int) -> str:
    """How an id is spelled in CTranslate2's vocabulary, on both sides: its digits, so that no two are alike."""
    return str(id)


def translator_files(model: Model) -> dict[str, bytes]:
    """Name -> content of the files for ``ctranslate2.Translator(..., files=...)``. Sources end with ``token(EOS)``.

    Raises:
        NotConvertible: it is no Transformer.
        ModelError: the weights are damaged, or are those of another shape.
    """
    if model.shape.architecture != TRANSFORMER:
        raise NotConvertible("CTranslate2 runs Transformers alone, and this is an LSTM")
    config = {
        "add_source_bos": False, "add_source_eos": False, "bos_token": token(BOS), "decoder_start_token": token(BOS),
        "eos_token": token(EOS), "layer_norm_epsilon": None, "multi_query_attention": False, "unk_token": token(UNK),
    }  # fmt: skip
    return {
        "model.bin": _binary(dict(_variables(model))),
        "config.json": json.dumps(config).encode(),
        "source_vocabulary.json": json.dumps(list(map(token, range(len(model.source))))).encode(),
        "target_vocabulary.json": json.dumps(list(map(token, range(len(model.target))))).encode(),
    }


def _variables(model: Model) -> Iterator[tuple[str, Values]]:
    weights = model.weights()
    shape = model.shape
    if {name: values.shape for name, values in weights.items()} != dict(_shapes(shape)):  # CTranslate2 does not look
        raise ModelError(f"{model.folder} is damaged: its weights are not those that its config.json describes")
    n_places = 1 + max(shape.max_length, 1024)
    for side in ("encoder", "decoder"):
        yield from _scalars(
            side, num_heads=np.int16(shape.heads), pre_norm=np.int8(1), activation=np.int8(_RELU),
            scale_embeddings=np.int8(1), multi_query_attention=np.int8(0),
        )  # fmt: skip
        yield f"{side}/position_encodings/encodings", _positions(n_places, shape.width)
        yield from _norm(f"{side}/layer_norm", weights, f"{side}_norm")
        for number in range(shape.layers):
            ours, theirs = f"{side}.{number}", f"{side}/layer_{number}"
            yield from _norm(f"{theirs}/self_attention/layer_norm", weights, f"{ours}.self_norm")
            query = [weights[f"{ours}.self_attention.{part}"] for part in ("query.weight", "key_value.weight")]
            bias = [weights[f"{ours}.self_attention.{part}"] for part in ("query.bias", "key_value.bias")]
            yield f"{theirs}/self_attention/linear_0/weight", np.concatenate(query)
            yield f"{theirs}/self_attention/linear_0/bias", np.concatenate(bias)
            yield from _linear(f"{theirs}/self_attention/linear_1", weights, f"{ours}.self_attention.output")
            if side == "decoder":
                yield from _norm(f"{theirs}/attention/layer_norm", weights, f"{ours}.cross_norm")
                for place, part in enumerate(("query", "key_value", "output")):
                    yield from _linear(f"{theirs}/attention/linear_{place}", weights, f"{ours}.cross.{part}")
            yield from _norm(f"{theirs}/ffn/layer_norm", weights, f"{ours}.feed_norm")
            yield from _linear(f"{theirs}/ffn/linear_0", weights, f"{ours}.feed_forward.0")
            yield from _linear(f"{theirs}/ffn/linear_1", weights, f"{ours}.feed_forward.3")
    yield from _scalars("encoder", embeddings_merge=np.int8(0))
    yield from _scalars(
        "decoder", alignment_heads=np.int16(1), alignment_layer=np.int16(_NO_LAYER), alibi=np.int8(0),
        alibi_use_positive_positions=np.int8(0), scale_alibi=np.int8(0), start_from_zero_embedding=np.int8(0),
    )  # fmt: skip
    yield "encoder/embeddings_0/weight", weights["source_embedding.weight"]
    yield "decoder/embeddings/weight", weights["target_embedding.weight"]
    yield "decoder/projection/weight", weights["target_embedding.weight"]
    bias_ = weights["output_bias"].copy()
    bias_[list(NEVER_SAID)] = IMPOSSIBLE
    yield "decoder/projection/bias", bias_


def _shapes(shape: Seq2SeqConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the weights of a ``seq2seq_network.Transformer``."""
    width, inner = shape.width, shape.intermediate
    yield "source_embedding.weight", (shape.source_size, width)
    yield "target_embedding.weight", (shape.target_size, width)
    yield "output_bias", (shape.target_size,)
    for side in ("encoder", "decoder"):
        layers = [f"{side}.{number}" for number in range(shape.layers)]
        attentions, norms = ["self_attention"], ["self_norm", "feed_norm"]
        if side == "decoder":
            attentions, norms = [*attentions, "cross"], [*norms, "cross_norm"]
        for norm in (f"{side}_norm", *(f"{layer}.{name}" for layer in layers for name in norms)):
            yield f"{norm}.weight", (width,)
            yield f"{norm}.bias", (width,)
        linear = {f"{name}.{part}": (width, width) for name in attentions for part in ("query", "output")}
        linear |= {f"{name}.key_value": (2 * width, width) for name in attentions}
        linear |= {"feed_forward.0": (inner, width), "feed_forward.3": (width, inner)}
        for name, (rows, columns) in ((f"{layer}.{name}", each) for layer in layers for name, each in linear.items()):
            yield f"{name}.weight", (rows, columns)
            yield f"{name}.bias", (rows,)


def _scalars(side: str, **values: np.generic) -> Iterator[tuple[str, Values]]:
    for name, value in values.items():
        yield f"{side}/{name}", np.asarray(value)


def _norm(theirs: str, weights: Mapping[str, Values], ours: str) -> Iterator[tuple[str, Values]]:
    yield f"{theirs}/gamma", weights[f"{ours}.weight"]
    yield f"{theirs}/beta", weights[f"{ours}.bias"]


def _linear(theirs: str, weights: Mapping[str, Values], ours: str) -> Iterator[tuple[str, Values]]:
    yield f"{theirs}/weight", weights[f"{ours}.weight"]
    yield f"{theirs}/bias", weights[f"{ours}.bias"]


def _positions(length: int, width: int) -> NDArray[np.float32]:
    """(length, width), as ``seq2seq_network.positions``."""
    rates = np.exp(np.arange(0, width, 2) * (-np.log(10_000.0) / width))
    angles = np.arange(length)[:, None] * rates
    return np.stack((np.sin(angles), np.cos(angles)), -1).reshape(length, width).astype(np.float32)


def _binary(variables: Mapping[str, Values]) -> bytes:
    parts = [struct.pack("I", _BINARY_VERSION), _string(_SPECIFICATION), struct.pack("II", _REVISION, len(variables))]
    for name, values in sorted(variables.items()):
        parts += [_string(name), struct.pack(f"=B{values.ndim}I", values.ndim, *values.shape)]
        data = np.ascontiguousarray(values).tobytes()
        parts += [struct.pack("B", _TYPES[values.dtype.name]), struct.pack("I", len(data)), data]
    return b"".join((*parts, struct.pack("I", 0)))  # no aliases


def _string(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("H", len(encoded) + 1) + encoded + b"\0"
