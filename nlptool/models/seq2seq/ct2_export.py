"""A Transformer of nlptool's own in the format of CTranslate2, made in memory from its weights: no torch, no cache.

Format: CTranslate2's binary model, version 6, and its specification of Transformers, revision 7
(https://github.com/OpenNMT/CTranslate2, python/ctranslate2/specs). The library's own writer would import torch.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError, NotConvertible
from nlptool.models.seq2seq.config import BOS, EOS, IMPOSSIBLE, NEVER_GENERATED, TRANSFORMER, UNK, Seq2SeqConfig
from nlptool.models.seq2seq.folder import Model

_BINARY_VERSION = 6
_SPECIFICATION = "TransformerSpec"
_REVISION = 7
_TYPES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}
_NO_LAYER = -1
_RELU = 0

Values = NDArray[np.generic]


def token(id: int) -> str:
    """Return the token of an id in CTranslate2's vocabularies: its digits, so that no two tokens are equal."""
    return str(id)


def translator_files(model: Model) -> dict[str, bytes]:
    """Return name -> content of the files for ``ctranslate2.Translator(..., files=...)``. Sources must end with ``token(EOS)``.

    Raises:
        NotConvertible: the model is no Transformer.
        ModelError: the weights are damaged, or belong to another configuration.
    """
    if model.config.architecture != TRANSFORMER:
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
    """Yield the names and values of CTranslate2's variables; a ModelError if the weights do not match the configuration."""
    weights = model.weights()
    config = model.config
    if {name: values.shape for name, values in weights.items()} != dict(_shapes(config)):  # CTranslate2 does not check
        raise ModelError(f"{model.folder} is damaged: its weights are not those that its config.json describes")
    n_positions = 1 + max(config.max_length, 1024)
    for side in ("encoder", "decoder"):
        yield from _scalars(
            side, num_heads=np.int16(config.heads), pre_norm=np.int8(1), activation=np.int8(_RELU),
            scale_embeddings=np.int8(1), multi_query_attention=np.int8(0),
        )  # fmt: skip
        yield f"{side}/position_encodings/encodings", _positional_encoding(n_positions, config.hidden_size)
        yield from _norm(f"{side}/layer_norm", weights, f"{side}_norm")
        for index in range(config.layers):
            ours, theirs = f"{side}.{index}", f"{side}/layer_{index}"
            yield from _norm(f"{theirs}/self_attention/layer_norm", weights, f"{ours}.self_norm")
            query = [weights[f"{ours}.self_attention.{part}"] for part in ("query.weight", "key_value.weight")]
            bias = [weights[f"{ours}.self_attention.{part}"] for part in ("query.bias", "key_value.bias")]
            yield f"{theirs}/self_attention/linear_0/weight", np.concatenate(query)
            yield f"{theirs}/self_attention/linear_0/bias", np.concatenate(bias)
            yield from _linear(f"{theirs}/self_attention/linear_1", weights, f"{ours}.self_attention.output")
            if side == "decoder":
                yield from _norm(f"{theirs}/attention/layer_norm", weights, f"{ours}.cross_norm")
                for linear, part in enumerate(("query", "key_value", "output")):
                    yield from _linear(f"{theirs}/attention/linear_{linear}", weights, f"{ours}.cross.{part}")
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
    output_bias = weights["output_bias"].copy()
    output_bias[list(NEVER_GENERATED)] = IMPOSSIBLE
    yield "decoder/projection/bias", output_bias


def _shapes(config: Seq2SeqConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the names and shapes of the parameters of a ``network.Transformer``."""
    hidden_size, intermediate_size = config.hidden_size, config.intermediate_size
    yield "source_embedding.weight", (config.source_vocab_size, hidden_size)
    yield "target_embedding.weight", (config.target_vocab_size, hidden_size)
    yield "output_bias", (config.target_vocab_size,)
    for side in ("encoder", "decoder"):
        layers = [f"{side}.{index}" for index in range(config.layers)]
        attentions, norms = ["self_attention"], ["self_norm", "feed_norm"]
        if side == "decoder":
            attentions, norms = [*attentions, "cross"], [*norms, "cross_norm"]
        for norm in (f"{side}_norm", *(f"{layer}.{name}" for layer in layers for name in norms)):
            yield f"{norm}.weight", (hidden_size,)
            yield f"{norm}.bias", (hidden_size,)
        linear = {f"{name}.{part}": (hidden_size, hidden_size) for name in attentions for part in ("query", "output")}
        linear |= {f"{name}.key_value": (2 * hidden_size, hidden_size) for name in attentions}
        linear["feed_forward.0"] = (intermediate_size, hidden_size)
        linear["feed_forward.3"] = (hidden_size, intermediate_size)
        for layer in layers:
            for name, shape in linear.items():
                yield f"{layer}.{name}.weight", shape
                yield f"{layer}.{name}.bias", shape[:1]


def _scalars(side: str, **values: np.generic) -> Iterator[tuple[str, Values]]:
    for name, value in values.items():
        yield f"{side}/{name}", np.asarray(value)


def _norm(theirs: str, weights: Mapping[str, Values], ours: str) -> Iterator[tuple[str, Values]]:
    yield f"{theirs}/gamma", weights[f"{ours}.weight"]
    yield f"{theirs}/beta", weights[f"{ours}.bias"]


def _linear(theirs: str, weights: Mapping[str, Values], ours: str) -> Iterator[tuple[str, Values]]:
    yield f"{theirs}/weight", weights[f"{ours}.weight"]
    yield f"{theirs}/bias", weights[f"{ours}.bias"]


def _positional_encoding(length: int, hidden_size: int) -> NDArray[np.float32]:
    """Return (length, hidden_size), as ``layers.positional_encoding`` but without torch."""
    rates = np.exp(np.arange(0, hidden_size, 2) * (-np.log(10_000.0) / hidden_size))
    angles = np.arange(length)[:, None] * rates  # (length, hidden_size / 2)
    return np.stack((np.sin(angles), np.cos(angles)), -1).reshape(length, hidden_size).astype(np.float32)


def _binary(variables: Mapping[str, Values]) -> bytes:
    """Return the content of ``model.bin``."""
    parts = [struct.pack("I", _BINARY_VERSION), _string(_SPECIFICATION), struct.pack("II", _REVISION, len(variables))]
    for name, values in sorted(variables.items()):
        parts += [_string(name), struct.pack(f"=B{values.ndim}I", values.ndim, *values.shape)]
        data = np.ascontiguousarray(values).tobytes()
        parts += [struct.pack("B", _TYPES[values.dtype.name]), struct.pack("I", len(data)), data]
    return b"".join((*parts, struct.pack("I", 0)))  # no aliases


def _string(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("H", len(encoded) + 1) + encoded + b"\0"
