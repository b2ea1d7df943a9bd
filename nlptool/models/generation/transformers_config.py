"""What is known of a generating model of transformers beside its weights, read by transformers and written down once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.models.generation import tokenizer as generation_tokenizer
from nlptool.models.generation.constraints import DECODER, ENCODER_DECODER, SOURCE, TARGET
from nlptool.models.generation.tokenizer import M2M100, MARIAN, TOKENIZERS
from nlptool.models.runtime import transformers_loading
from nlptool.models.store import model_folder

_LIMIT = 512  # tokens of a source, where a model has no positions to run out of and says nothing
_UNSAID = 20  # the length of texts that transformers takes where a model says nothing
_LANGUAGE = re.compile(r"[a-z]{2,3}_[A-Z]\w+")  # eng_Latn (NLLB), en_XX (mBART)
_CODE = re.compile(r">>([\w-]+)<<")  # Marian
_HINT = "nlptool models list --task generate shows models that do"


def config(folder: Path) -> Any:
    """What transformers makes of ``config.json``.

    Raises:
        ModelError: it cannot be read, asks for code of its own, or is that of a model that generates nothing.
    """
    with transformers_loading.silenced():
        from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING, AutoConfig

        transformers_loading.refuse_own_code(folder)
        try:
            found = AutoConfig.from_pretrained(str(folder.absolute()), local_files_only=True, trust_remote_code=False)
        except Exception as error:  # of many libraries
            raise transformers_loading.cannot_be_loaded(folder, error) from error
        known = MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING if found.is_encoder_decoder else MODEL_FOR_CAUSAL_LM_MAPPING
        if type(found) not in known:
            raise ModelError(f"{folder} is a {found.model_type}, which writes no texts", hint=_HINT)
    return found


def tokenizer(folder: Path) -> Any:
    """The tokenizer of transformers.

    Raises:
        ModelError: it cannot be loaded, or is none that nlptool can run.
    """
    with transformers_loading.silenced():
        from transformers import AutoTokenizer

        try:
            own = AutoTokenizer.from_pretrained(str(folder.absolute()), local_files_only=True, trust_remote_code=False)
        except Exception as error:  # of many libraries
            raise transformers_loading.cannot_be_loaded(folder, error) from error
    if _form(own) is None:
        raise ModelError(f"{folder}: its tokenizer, a {type(own).__name__}, is none that nlptool can run")
    return own


def _form(own: Any) -> str | None:
    if getattr(own, "backend_tokenizer", None) is not None:
        return TOKENIZERS
    form = {"MarianTokenizer": MARIAN, "M2M100Tokenizer": M2M100}.get(type(own).__name__)
    return None if form == MARIAN and own.separate_vocabs else form


def pieces(folder: Path, own: Any, about: Mapping[str, Any]) -> generation_tokenizer.Pieces:
    """The vocabulary of a tokenizer of transformers that has been loaded.

    Raises:
        ModelError: a file is damaged.
    """
    if about["form"] == TOKENIZERS:
        return generation_tokenizer.TokenizerPieces(
            own.backend_tokenizer, unknown_id=about.get("unknown_id"), cleans=about["cleans"]
        )
    return generation_tokenizer.pieces(folder, about)


def describe(folder: Path, own: Any) -> dict[str, Any]:
    """What has to be known of a model beside its weights and its vocabulary.

    Of ``generation_config.json`` is taken what belongs to the model: with which tokens its texts begin and end, how long they
    may be, and what is never said. How they are searched for (beams, sampling, penalties, least lengths) is the user's choice,
    and greedy search what is done unasked, as with every other model.

    Args:
        own: its tokenizer, of ``tokenizer``.

    Returns:
        architecture; kind, size, positions and pad_id as of ``generation_rules.Rules``;
        form: that of the vocabulary, one of ``generation_texts.FORMS``;
        before, after: the special tokens around a source; start: what the decoder begins with (SOURCE and TARGET stand for
        languages);
        ends; ends_by_force: whether the last place is always an end's; suppressed;
        max_length: tokens of a source; stretches: whether it could read more; max_new_tokens, where the model says so;
        languages: code -> token; defaults: the languages that are taken where none is said;
        unknown_id, special_ids, added, cleans: what the vocabulary's files do not say.

    Raises:
        ModelError: it cannot be read, or writes no texts.
    """
    found = config(folder)
    wishes = _wishes(folder, found)
    languages, marian = _languages(own), _form(own) == MARIAN
    with transformers_loading.silenced():
        before, after = _template(own, languages)
    decides = not found.is_encoder_decoder
    positions = _positions(found)
    pad_id = _first(wishes.pad_token_id, _of(found, "pad_token_id"), own.pad_token_id, 0)
    begin = _first(
        wishes.decoder_start_token_id, _of(found, "decoder_start_token_id"), wishes.bos_token_id, _of(found, "bos_token_id"),
        pad_id,
    )  # fmt: skip
    start = [begin] if wishes.forced_bos_token_id is None else [begin, wishes.forced_bos_token_id]
    default = next((id for id in reversed(start) if id in languages.values()), None)
    if languages and marian:
        before = [TARGET, *before]
    elif languages:  # the first mBART begins its texts with the language, the others with a token of their own
        start = [TARGET] if type(own).__name__ == "MBartTokenizer" else [begin, TARGET]
    ends = _first(wishes.eos_token_id, _of(found, "eos_token_id"), [])
    about = {
        "architecture": found.model_type,
        "kind": DECODER if decides else ENCODER_DECODER,
        "form": _form(own),
        "size": int(found.vocab_size),
        "positions": positions,
        "max_length": _limit(own, positions, decides=decides),
        "stretches": positions is None,
        "max_new_tokens": _new_tokens(wishes, decides=decides),
        "before": before,
        "after": [] if decides else after,  # an end behind a prompt would end the text before it begins
        "start": [] if decides else start,
        "ends": [int(id) for id in (ends if isinstance(ends, list) else [ends])],
        "ends_by_force": wishes.forced_eos_token_id is not None,
        "suppressed": _suppressed(wishes),
        "pad_id": int(pad_id),
        "unknown_id": own.unk_token_id,
        "special_ids": sorted({*own.all_special_ids, *languages.values()}),
        "added": _added(own),
        "cleans": _cleans(own),
        "languages": languages,
        "defaults": {str(TARGET): default, str(SOURCE): _spoken(folder, languages)},
    }
    return {name: value for name, value in about.items() if value is not None}


def _first(*values: Any) -> Any:
    """The first of them that is not None."""
    return next(value for value in values if value is not None)


def _of(found: Any, name: str) -> Any:
    """An attribute of a configuration, of which the newer ones have those alone that their model needs."""
    return getattr(found, name, None)


def _wishes(folder: Path, found: Any) -> Any:
    """The ``GenerationConfig`` of a model; where it has none of its own, what its config.json says."""
    with transformers_loading.silenced():
        from transformers import GenerationConfig

        if not (folder / "generation_config.json").is_file():
            return GenerationConfig.from_model_config(found)
        try:
            return GenerationConfig.from_pretrained(str(folder.absolute()), local_files_only=True)
        except Exception as error:  # of many kinds
            raise transformers_loading.cannot_be_loaded(folder / "generation_config.json", error) from error


def _limit(own: Any, positions: int | None, *, decides: bool) -> int:
    """Tokens of a source. A model without positions to run out of takes what it was trained with, or 512: the attention of
    10,000 tokens would be 3 GB in each of t5-small's layers."""
    said = own.model_max_length if 0 < own.model_max_length < 10**6 else None
    if decides and positions:
        return positions
    return (
        int(min(positions or _LIMIT, said or _LIMIT)) if positions is None else int(min(positions, said or positions))
    )


def _new_tokens(wishes: Any, *, decides: bool) -> int | None:
    """What a model says of the length of its texts. Its max_length counts the token that begins every text, too."""
    if wishes.max_new_tokens is not None:
        return int(wishes.max_new_tokens)
    if wishes.max_length in (None, _UNSAID) or decides:  # a decoder's counts the prompt
        return None
    return max(1, int(wishes.max_length) - 1)


def _spoken(folder: Path, languages: Mapping[str, int]) -> int | None:
    """The language of the source that a model's settings name."""
    path = folder / "tokenizer_config.json"
    return languages.get(str(model_folder.read_json(path).get("src_lang"))) if path.is_file() else None


def _positions(found: Any) -> int | None:
    """How many positions a network has learned, or computes; None where it looks at distances alone, as T5 does."""
    if hasattr(found, "relative_attention_num_buckets"):
        return None
    number = getattr(found, "max_position_embeddings", None) or getattr(found, "n_positions", None)
    return int(number) if number else None


def _languages(own: Any) -> dict[str, int]:
    """Code -> token of the languages that a tokenizer knows."""
    if _form(own) == MARIAN:
        found = ((_CODE.fullmatch(piece), id) for piece, id in own.encoder.items())
        return {match[1]: int(id) for match, id in found if match}
    if hasattr(own, "lang_code_to_id"):
        return {str(code): int(id) for code, id in own.lang_code_to_id.items() if id != own.unk_token_id}
    if not hasattr(own, "src_lang"):
        return {}
    codes = [str(token) for token in own.all_special_tokens if _LANGUAGE.fullmatch(str(token))]
    return {code: own.convert_tokens_to_ids(code) for code in sorted(codes)}


def _template(own: Any, languages: Mapping[str, int]) -> tuple[list[int], list[int]]:
    """The special tokens before and behind a text, read off one."""
    switches = languages and _form(own) != MARIAN
    if switches:
        own.src_lang = code = next(iter(languages))
    ids, bare = own("a").input_ids, own("a", add_special_tokens=False).input_ids
    start = next(place for place in range(len(ids) + 1) if ids[place : place + len(bare)] == bare)
    if switches:
        ids = [SOURCE if id == languages[code] else id for id in ids]
    return ids[:start], ids[start + len(bare) :]


def _suppressed(wishes: Any) -> list[list[int]]:
    alone = [[int(id)] for id in wishes.suppress_tokens or []]
    return alone + [list(map(int, ids)) for ids in wishes.bad_words_ids or [] if [list(ids)] != [[wishes.eos_token_id]]]


def _added(own: Any) -> dict[str, int]:
    """Pieces that are in no vocabulary file, of the forms that are read from one."""
    if _form(own) == TOKENIZERS:
        return {}
    pieces = {**own.get_added_vocab(), **getattr(own, "lang_token_to_id", {})}
    return {str(piece): int(id) for piece, id in pieces.items()}


def _cleans(own: Any) -> bool:
    """Whether transformers takes blanks before marks away: not with byte-pair encoding, whatever the settings say."""
    if not own.clean_up_tokenization_spaces or _form(own) != TOKENIZERS:
        return bool(own.clean_up_tokenization_spaces)
    return type(own.backend_tokenizer.model).__name__ != "BPE"
