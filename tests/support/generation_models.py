"""Models that write texts, of the real architectures, with random weights that are large enough for texts to differ."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import sentencepiece
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

DATA = Path(__file__).parent.parent / "data"
LINES = [
    *(DATA / "sentences.txt").read_text(encoding="utf-8").splitlines(),
    *(DATA / "yume_juya.txt").read_text(encoding="utf-8").splitlines(),
]
TEXTS = ["A plane is taking off.", "猫が魚を食べる。", "a", "The man plays a large flute, and the cat is sleeping."]
POSITIONS = 96
LANGUAGES = ("eng_Latn", "jpn_Jpan", "fra_Latn")
_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]

_BART = {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": POSITIONS, "init_std": 0.4,
}  # fmt: skip
_T5 = {
    "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4, "initializer_factor": 1.0,
    "n_positions": POSITIONS,
}  # fmt: skip
_GPT = {
    "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": POSITIONS, "initializer_range": 0.4,
}  # fmt: skip
_NEOX = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
    "max_position_embeddings": POSITIONS, "initializer_range": 0.4,
}  # fmt: skip
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "bart": ("BartForConditionalGeneration", _BART | {"forced_eos_token_id": None}),
    "gpt2": ("GPT2LMHeadModel", _GPT),
    "gpt-neox": ("GPTNeoXForCausalLM", _NEOX | {"rotary_pct": 0.5}),
    "m2m100": ("M2M100ForConditionalGeneration", _BART),
    "marian": ("MarianMTModel", _BART | {"scale_embedding": True, "forced_eos_token_id": None}),
    "mbart": ("MBartForConditionalGeneration", _BART | {"scale_embedding": True, "forced_eos_token_id": None}),
    "mbart50": ("MBartForConditionalGeneration", _BART | {"scale_embedding": True, "forced_eos_token_id": None}),
    "mt5": (
        "MT5ForConditionalGeneration",
        _T5 | {"initializer_factor": 1.0, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    ),
    "nllb": ("M2M100ForConditionalGeneration", _BART | {"scale_embedding": True}),
    "pegasus": (
        "PegasusForConditionalGeneration",
        _BART | {"forced_eos_token_id": None},
    ),
    "t5": ("T5ForConditionalGeneration", _T5 | {"feed_forward_proj": "relu", "tie_word_embeddings": True}),
}
SPOKEN = {
    "mbart": ("en_XX", "ja_XX"),
    "mbart50": ("en_XX", "ja_XX"),
    "nllb": ("eng_Latn", "jpn_Jpan"),
    "m2m100": ("en", "ja"),
}
"""Kind -> the languages of the source and the target, of models that are told them."""


@cache
def _sentencepiece(size: int, kind: str, first: tuple[str, ...]) -> bytes:
    """A model of SentencePiece, trained on the data of the tests.

    Args:
        first: pad, unk, eos, bos in the order of their ids.
    """
    written = io.BytesIO()
    ids = {f"{name}_id": first.index(name) if name in first else -1 for name in ("pad", "unk", "eos", "bos")}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for line in LINES if line), model_writer=written, vocab_size=size, model_type=kind,
        character_coverage=1.0, minloglevel=2, hard_vocab_limit=False, num_threads=1, **ids,
    )  # fmt: skip
    return written.getvalue()


@cache
def _bytes() -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=_SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(LINES, trainer)
    return tokenizer.to_str()


@cache
def _unigram() -> str:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=1200, special_tokens=_SPECIAL, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(LINES, trainer)
    return tokenizer.to_str()


_ROLES = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}


def tokenizer(kind: str, folder: Path) -> Any:
    """The tokenizer of transformers for a kind of model; its files are in ``folder``, where it is one that needs some."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind in ("gpt2", "gpt-neox", "bart"):
        made = Tokenizer.from_str(_bytes())
        if kind == "bart":
            made.post_processor = processors.TemplateProcessing(
                single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
            )
        return transformers.PreTrainedTokenizerFast(
            tokenizer_object=made, model_max_length=POSITIONS, clean_up_tokenization_spaces=False, **_ROLES
        )
    if kind in ("t5", "mt5", "pegasus"):
        made = Tokenizer.from_str(_unigram())
        made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
        return transformers.PreTrainedTokenizerFast(
            tokenizer_object=made, model_max_length=POSITIONS, clean_up_tokenization_spaces=kind == "t5", **_ROLES
        )
    if kind == "marian":
        for side in ("source", "target"):
            (folder / f"{side}.spm").write_bytes(_sentencepiece(1200, "unigram", ("eos", "unk")))
        processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))
        pieces = ["</s>", "<unk>", ">>jpn<<", ">>deu<<"]
        pieces += [
            processor.id_to_piece(id) for id in range(2, processor.get_piece_size()) if id % 7
        ]  # some are missing
        vocabulary = {piece: id for id, piece in enumerate([*pieces, "<pad>"])}
        (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
        return transformers.MarianTokenizer(
            str(folder / "source.spm"),
            str(folder / "target.spm"),
            str(folder / "vocab.json"),
            model_max_length=POSITIONS,
        )
    if kind == "m2m100":
        path = folder / "sentencepiece.bpe.model"
        path.write_bytes(_sentencepiece(1200, "bpe", ("bos", "pad", "eos", "unk")))
        processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
        vocabulary = {processor.id_to_piece(id): id for id in range(processor.get_piece_size())}
        (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
        return transformers.M2M100Tokenizer(str(folder / "vocab.json"), str(path), model_max_length=POSITIONS)
    made = Tokenizer.from_str(_unigram())
    scores = [(piece, score) for piece, score in json.loads(_unigram())["model"]["vocab"]]
    if kind == "nllb":
        merged = _bpe()
        return transformers.NllbTokenizer(vocab=merged["vocab"], merges=merged["merges"], model_max_length=POSITIONS)
    own = {"mbart": transformers.MBartTokenizer, "mbart50": transformers.MBart50Tokenizer}[kind]
    return own(vocab=_coded(scores, kind), model_max_length=POSITIONS)


def _coded(scores: list[tuple[str, float]], kind: str) -> list[tuple[str, float]]:
    """With the languages behind, as mBART has them."""
    from transformers.models.mbart50.tokenization_mbart50 import FAIRSEQ_LANGUAGE_CODES

    return [*scores, *((code, 0.0) for code in FAIRSEQ_LANGUAGE_CODES), ("<mask>", 0.0)]


@cache
def _bpe() -> dict[str, Any]:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=_SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(LINES, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return {"vocab": model["vocab"], "merges": [tuple(merge) for merge in model["merges"]]}


def network(kind: str, own: Any, **more: Any) -> Any:
    """A network with random weights, the same every time."""
    name, measures = KINDS[kind]
    for end in ("ForConditionalGeneration", "LMHeadModel", "ForCausalLM", "MTModel"):
        name_of_config = name.removesuffix(end) + "Config"
        if name_of_config != name + "Config":
            break
    ids = {"pad_token_id": own.pad_token_id, "eos_token_id": own.eos_token_id, "bos_token_id": own.bos_token_id}
    if kind in ("bart", "m2m100", "nllb", "mbart50"):
        ids["decoder_start_token_id"] = own.eos_token_id
    elif kind == "mbart":
        ids["decoder_start_token_id"] = own.convert_tokens_to_ids("ja_XX")
    elif kind not in ("gpt2", "gpt-neox"):
        ids["decoder_start_token_id"] = own.pad_token_id
    if ids["bos_token_id"] is None:
        del ids["bos_token_id"]
    languages = getattr(own, "lang_code_to_id", {}).values()
    size = 1 + max(*own.get_vocab().values(), *languages)
    torch.manual_seed(0)
    config = getattr(transformers, name_of_config)(vocab_size=size, **measures | ids | more)
    made = getattr(transformers, name)(config).eval()
    with torch.no_grad():  # biases and normalisations begin as zeros and ones, which would hide that one is lost
        for parameter in made.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
        if "final_logits_bias" in dict(made.named_buffers()):
            made.final_logits_bias.normal_()
    return made


def save(kind: str, folder: Path, **more: Any) -> tuple[Any, Any]:
    """A model and its tokenizer as transformers writes them; both are returned."""
    own = tokenizer(kind, folder)
    transformers.utils.logging.disable_progress_bar()
    made = network(kind, own, **more)
    made.save_pretrained(folder)
    own.save_pretrained(folder)
    return made, own
