"""The configuration of a generation model of transformers, as nlptool needs it: read with transformers, once, and stored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.models.generation import pieces as generation_pieces
from nlptool.models.generation.constraints import DECODER, ENCODER_DECODER, SOURCE, TARGET
from nlptool.models.generation.pieces import M2M100, MARIAN, TOKENIZERS, Pieces, TokenizerPieces
from nlptool.models.runtime import transformers_loading
from nlptool.models.store import model_folder

_DEFAULT_MAX_LENGTH = 512  # tokens of a source, for a model without a maximum that gives none
_LANGUAGE = re.compile(r"[a-z]{2,3}_[A-Z]\w+")  # eng_Latn (NLLB), en_XX (mBART)
_CODE = re.compile(r">>([\w-]+)<<")  # Marian
_HINT = "nlptool models list --task generate shows models that do"


def load_config(folder: Path) -> Any:
    """Load ``config.json`` with transformers.

    Raises:
        ModelError: it cannot be read, requires code of its own, or describes a model that generates no text.
    """
    with transformers_loading.silenced():
        from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING, AutoConfig

        transformers_loading.refuse_own_code(folder)
        config = transformers_loading.pretrained(AutoConfig, folder)
        known = MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING if config.is_encoder_decoder else MODEL_FOR_CAUSAL_LM_MAPPING
        if type(config) not in known:
            raise ModelError(f"{folder} is a {config.model_type}, which writes no texts", hint=_HINT)
    return config


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer with transformers.

    Raises:
        ModelError: it cannot be loaded, or nlptool cannot run it.
    """
    with transformers_loading.silenced():
        from transformers import AutoTokenizer

        tokenizer = transformers_loading.pretrained(AutoTokenizer, folder)
    if _form(tokenizer) is None:
        raise ModelError(f"{folder}: its tokenizer, a {type(tokenizer).__name__}, is none that nlptool can run")
    return tokenizer


def _form(tokenizer: Any) -> str | None:
    """Return the form of the vocabulary, one of ``pieces.FORMS``; None if nlptool cannot read it."""
    if getattr(tokenizer, "backend_tokenizer", None) is not None:
        return TOKENIZERS
    form = {"MarianTokenizer": MARIAN, "M2M100Tokenizer": M2M100}.get(type(tokenizer).__name__)
    return None if form == MARIAN and tokenizer.separate_vocabs else form


def pieces(folder: Path, tokenizer: Any, about: Mapping[str, Any]) -> Pieces:
    """Return the vocabulary of a loaded tokenizer of transformers.

    Args:
        about: what ``describe`` returned.

    Raises:
        ModelError: a file is damaged.
    """
    if about["form"] == TOKENIZERS:
        return TokenizerPieces(tokenizer.backend_tokenizer, unknown_id=about.get("unknown_id"), cleans=about["cleans"])
    return generation_pieces.read(folder, about)


def describe(folder: Path, tokenizer: Any) -> dict[str, Any]:
    """Return what has to be known of a model beside its weights and its vocabulary.

    ``generation_config.json`` decides which tokens begin and end its texts and which are never generated. What it says of the
    search and of lengths is read by ``model_settings``.

    Args:
        tokenizer: what ``load_tokenizer`` returned.

    Returns:
        architecture; kind, size, positions and pad_id: see ``DecoderConstraints``;
        form: of the vocabulary, one of ``pieces.FORMS``;
        before, after: the special tokens around a source; start: the first tokens of the decoder (SOURCE and TARGET are
        placeholders for languages); empty: the tokens that a decoder continues if there is no text, [] if it needs one;
        ends; ends_by_force: whether the last possible token is always an end token; suppressed;
        max_length: of a source; stretches: whether the model accepts longer ones;
        languages: code -> token; defaults: the languages if the user gives none;
        unknown_id, special_ids, added, cleans: what the vocabulary's files do not hold.

    Raises:
        ModelError: the model cannot be read, or generates no text.
    """
    config = load_config(folder)
    generation_config = _load_generation_config(folder, config)
    languages, is_marian = _languages(tokenizer), _form(tokenizer) == MARIAN
    with transformers_loading.silenced():
        before, after = _template(tokenizer, languages)
    is_decoder = not config.is_encoder_decoder
    positions, size = _positions(config), int(config.vocab_size)
    pad_id = transformers_loading.pad_id(
        generation_config.pad_token_id, getattr(config, "pad_token_id", None), tokenizer.pad_token_id, size=size
    )
    begin = _first(
        generation_config.decoder_start_token_id, getattr(config, "decoder_start_token_id", None),
        generation_config.bos_token_id, getattr(config, "bos_token_id", None), pad_id,
    )  # fmt: skip
    start = [begin] if generation_config.forced_bos_token_id is None else [begin, generation_config.forced_bos_token_id]
    default = next((id for id in reversed(start) if id in languages.values()), None)
    if languages and is_marian:
        before = [TARGET, *before]
    elif languages:  # the first mBART begins its texts with the language, the others with a start token
        start = [TARGET] if type(tokenizer).__name__ == "MBartTokenizer" else [begin, TARGET]
    ends = _first(generation_config.eos_token_id, getattr(config, "eos_token_id", None), [])
    ends = [int(id) for id in (ends if isinstance(ends, list) else [ends]) if id < size]
    if not is_decoder and max(start) >= size:
        raise ModelError(
            f"{folder}: its texts begin with token {max(start):,}, and it has {size:,}",
            hint="correct generation_config.json, or fetch the model again",
        )
    about = {
        "architecture": config.model_type,
        "kind": DECODER if is_decoder else ENCODER_DECODER,
        "form": _form(tokenizer),
        "size": size,
        "positions": positions,
        "max_length": _max_length(tokenizer, positions, is_decoder=is_decoder),
        "stretches": positions is None,
        "before": before,
        "after": [] if is_decoder else after,  # an end token after the prompt would end the text before it begins
        "start": [] if is_decoder else start,
        "empty": _before_nothing(generation_config, config, before, size) if is_decoder else [],
        "ends": ends,
        "ends_by_force": generation_config.forced_eos_token_id is not None,
        "suppressed": _suppressed(generation_config, ends, size),
        "pad_id": pad_id,
        "unknown_id": tokenizer.unk_token_id,
        "special_ids": sorted({*tokenizer.all_special_ids, *languages.values()}),
        "added": _added(tokenizer),
        "cleans": _cleans(tokenizer),
        "languages": languages,
        "defaults": {str(TARGET): default, str(SOURCE): _source_language(folder, languages)},
    }
    return {name: value for name, value in about.items() if value is not None}


def _before_nothing(generation_config: Any, config: Any, before: list[int], size: int) -> list[int]:
    """Return what a decoder continues if there is no text: the tokens before every text, else the one that begins texts."""
    begins = _first(generation_config.bos_token_id, getattr(config, "bos_token_id", None), size)
    return before or [int(begins)][: begins < size]


def _first(*values: Any) -> Any:
    """Return the first value that is not None."""
    return next(value for value in values if value is not None)


def _load_generation_config(folder: Path, config: Any) -> Any:
    """Load the ``GenerationConfig`` of a model; without a file, the one that its config.json implies."""
    with transformers_loading.silenced():
        from transformers import GenerationConfig

        if not (folder / "generation_config.json").is_file():
            return GenerationConfig.from_model_config(config)
        try:
            return GenerationConfig.from_pretrained(str(folder.absolute()), local_files_only=True)
        except Exception as error:  # of many kinds
            raise transformers_loading.cannot_be_loaded(folder / "generation_config.json", error) from error


def _max_length(tokenizer: Any, positions: int | None, *, is_decoder: bool) -> int:
    """Return the maximum number of tokens of a source. Without positions it is that of the training, or 512: the attention
    weights of 10,000 tokens would take 3 GB in each layer of t5-small."""
    trained = tokenizer.model_max_length if 0 < tokenizer.model_max_length < 10**6 else None
    if positions is None:
        return int(min(_DEFAULT_MAX_LENGTH, trained or _DEFAULT_MAX_LENGTH))
    return positions if is_decoder else int(min(positions, trained or positions))


def _source_language(folder: Path, languages: Mapping[str, int]) -> int | None:
    """Return the source language that ``tokenizer_config.json`` names."""
    about = model_folder.read_json(folder / "tokenizer_config.json", optional=True)
    return languages.get(str(about.get("src_lang")))


def _positions(config: Any) -> int | None:
    """Return the number of positions of a network; None for relative positions, as in T5."""
    if hasattr(config, "relative_attention_num_buckets"):
        return None
    positions = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    return int(positions) if positions else None


def _languages(tokenizer: Any) -> dict[str, int]:
    """Return the languages that a tokenizer knows: code -> token."""
    if _form(tokenizer) == MARIAN:
        matches = ((_CODE.fullmatch(piece), id) for piece, id in tokenizer.encoder.items())
        return {match[1]: int(id) for match, id in matches if match}
    if hasattr(tokenizer, "lang_code_to_id"):
        return {str(code): int(id) for code, id in tokenizer.lang_code_to_id.items() if id != tokenizer.unk_token_id}
    if not hasattr(tokenizer, "src_lang"):
        return {}
    codes = [str(token) for token in tokenizer.all_special_tokens if _LANGUAGE.fullmatch(str(token))]
    return {code: tokenizer.convert_tokens_to_ids(code) for code in sorted(codes)}


def _template(tokenizer: Any, languages: Mapping[str, int]) -> tuple[list[int], list[int]]:
    """Return the special tokens before and after a text, taken from an example."""
    switches = languages and _form(tokenizer) != MARIAN
    if switches:
        tokenizer.src_lang = code = next(iter(languages))
    ids, bare = tokenizer("a").input_ids, tokenizer("a", add_special_tokens=False).input_ids
    start = next(index for index in range(len(ids) + 1) if ids[index : index + len(bare)] == bare)
    if switches:
        ids = [SOURCE if id == languages[code] else id for id in ids]
    return ids[:start], ids[start + len(bare) :]


def _suppressed(generation_config: Any, ends: list[int], size: int) -> list[list[int]]:
    """Return the sequences of tokens that are never generated; what is not in the vocabulary is not anyway. As in transformers,
    an end token alone is no bad word."""
    alone = [[int(id)] for id in generation_config.suppress_tokens or []]
    bad = [list(map(int, ids)) for ids in generation_config.bad_words_ids or []]
    wanted = alone + [ids for ids in bad if not (len(ids) == 1 and ids[0] in ends)]
    return [ids for ids in wanted if max(ids) < size]


def _added(tokenizer: Any) -> dict[str, int]:
    """Return the pieces that are missing in the vocabulary file, of a form that is read from one."""
    if _form(tokenizer) == TOKENIZERS:
        return {}
    pieces = {**tokenizer.get_added_vocab(), **getattr(tokenizer, "lang_token_to_id", {})}
    return {str(piece): int(id) for piece, id in pieces.items()}


def _cleans(tokenizer: Any) -> bool:
    """Return whether transformers removes blanks before punctuation: not with byte-pair encoding, whatever the settings say."""
    if not tokenizer.clean_up_tokenization_spaces or _form(tokenizer) != TOKENIZERS:
        return bool(tokenizer.clean_up_tokenization_spaces)
    return type(tokenizer.backend_tokenizer.model).__name__ != "BPE"
