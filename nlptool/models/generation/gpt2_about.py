"""What has to be known of a GPT-2 beside its weights, read from its files without transformers: the same as
``transformers_config.describe`` says, which takes seconds to import.

transformers changes some tokenizers while it loads them. A folder that gives it cause to is refused here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError, NotConvertible
from nlptool.models.generation import gpt2_config
from nlptool.models.generation.constraints import DECODER, SOURCE, TARGET
from nlptool.models.generation.pieces import TOKENIZERS
from nlptool.models.store import model_folder

TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
_AS_IT_IS = ("PreTrainedTokenizerFast", "TokenizersBackend")  # classes that take tokenizer.json as it stands
_OF_GPT2 = (None, "GPT2Tokenizer", "GPT2TokenizerFast")  # a class that builds the tokenizer anew
_POST_PROCESSORS = (None, "ByteLevel", "TemplateProcessing")  # of which the last alone adds tokens
_ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_EXTRA = ("additional_special_tokens", "extra_special_tokens")
_END_OF_GPT2 = "<|endoftext|>"
_DEFAULT_END = 50256  # of ``GPT2Config``: bos_token_id and eos_token_id
_FLAGS = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")
_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")  # what config.json says of generation


def describe(folder: Path) -> dict[str, Any]:
    """Return what ``transformers_config.describe`` does, of a folder that ``gpt2_config.refuse`` does not refuse.

    Raises:
        NotConvertible: its files do not tell how transformers tokenizes.
        ModelError: one is damaged.
    """
    if not (folder / TOKENIZER).is_file():
        raise NotConvertible(f"it has no {TOKENIZER}")
    tokenizer = model_folder.read_json(folder / TOKENIZER)
    of_tokenizer = model_folder.read_json(folder / TOKENIZER_CONFIG, optional=True)
    try:
        if _is_changed(folder, of_tokenizer, tokenizer):
            raise NotConvertible("transformers changes its tokenizer")
        return _described(folder, of_tokenizer, tokenizer)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
        # What should be a number, a list or an object is none.
        raise ModelError(f"{folder}: a JSON file is damaged: {error}", hint="download the model again") from error


def _described(folder: Path, of_tokenizer: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> dict[str, Any]:
    config = gpt2_config.read(folder)
    given = model_folder.read_json(folder / "config.json")
    given = {"bos_token_id": _DEFAULT_END, "eos_token_id": _DEFAULT_END} | given
    path = folder / "generation_config.json"
    asked = model_folder.read_json(path) if path.is_file() else {name: given.get(name) for name in _TOKENS}
    ids = {token["content"]: int(token["id"]) for token in tokenizer["added_tokens"]}
    roles = {role: ids[token] for role, token in _roles(of_tokenizer).items()}
    size = config.vocab_size
    ends = _first(asked.get("eos_token_id"), given["eos_token_id"], [])
    ends = [int(id) for id in (ends if isinstance(ends, list) else [ends]) if id < size]
    pads = (asked.get("pad_token_id"), given.get("pad_token_id"), roles.get("pad_token"))
    before = _before(tokenizer["post_processor"])
    begins = _first(asked.get("bos_token_id"), given["bos_token_id"], size)
    is_bpe = tokenizer["model"]["type"] == "BPE"
    about = {
        "architecture": gpt2_config.MODEL_TYPE,
        "kind": DECODER,
        "form": TOKENIZERS,
        "size": size,
        "positions": config.positions,
        "max_length": config.positions,
        "stretches": False,
        "before": before,
        "after": [],
        "start": [],
        "empty": before or [begins][: begins < size],
        "ends": ends,
        "ends_by_force": asked.get("forced_eos_token_id") is not None,
        "suppressed": _suppressed(asked, ends, size),
        "pad_id": next((int(id) for id in pads if id is not None and 0 <= id < size), 0),
        "unknown_id": roles.get("unk_token"),
        "special_ids": sorted({*roles.values(), *(ids[token] for token in _extra(of_tokenizer))}),
        "added": {},
        "cleans": bool(of_tokenizer.get("clean_up_tokenization_spaces")) and not is_bpe,
        "languages": {},
        "defaults": {str(TARGET): None, str(SOURCE): None},
    }
    return {name: value for name, value in about.items() if value is not None}


def _is_changed(folder: Path, config: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> bool:
    """Return whether transformers changes the tokenizer of a folder while it loads it, or may do so."""
    map_of_roles = model_folder.readable_json(folder / "special_tokens_map.json")
    added = {str(token["content"]): token for token in tokenizer["added_tokens"]}
    listed = (config.get("added_tokens_decoder") or {}).values()
    special = [*_roles(config).values(), *_extra(config), *map(_content, map_of_roles.values())]
    return (
        not _is_taken(config, tokenizer)
        or (folder / "added_tokens.json").is_file()
        or bool(config.get("split_special_tokens"))
        or any(not added.get(str(token), {}).get("special") for token in special)
        or any(not _is_same(token, added) for token in listed)
        or any(_content(value) != _content(config.get(role)) for role, value in map_of_roles.items())
    )


def _is_taken(config: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> bool:
    """Return whether transformers takes what tokenizer.json holds, a class that builds it anew included."""
    after, model, before, decoder = (
        tokenizer[name] or {} for name in ("post_processor", "model", "pre_tokenizer", "decoder")
    )
    adds = [config[name] for name in ("add_bos_token", "add_eos_token") if name in config]
    if after.get("type") not in _POST_PROCESSORS or any(adds) or (adds and after.get("special_tokens")):
        return False  # the template is not known, or is made anew
    if config.get("tokenizer_class") in _AS_IT_IS:
        return True
    named = ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback")
    return (
        config.get("tokenizer_class") in _OF_GPT2
        and model["type"] == "BPE"
        and not any(model.get(name) for name in (*named, "ignore_merges"))
        and tokenizer["normalizer"] is None
        and before.get("type") == "ByteLevel"
        and bool(before.get("use_regex", True))
        and bool(before.get("add_prefix_space")) == bool(config.get("add_prefix_space"))
        and decoder.get("type") == "ByteLevel"
    )


def _roles(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the special tokens of a ``tokenizer_config.json``: role -> token."""
    given = {role: config.get(role) for role in _ROLES}
    if config.get("tokenizer_class") in _OF_GPT2:
        given |= {role: _END_OF_GPT2 for role in _ROLES[:3] if role not in config}
    return {role: content for role, value in given.items() if (content := _content(value)) is not None}


def _extra(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the special tokens that have no role."""
    for name in _EXTRA:
        given = config.get(name) or ()
        yield from filter(None, map(_content, given.values() if isinstance(given, dict) else given))


def _content(token: Any) -> str | None:
    """Return the string of a token, which a configuration gives as such or with its flags."""
    value = token.get("content") if isinstance(token, dict) else token
    return value if isinstance(value, str) else None


def _is_same(token: Mapping[str, Any], added: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether tokenizer.json has a token that tokenizer_config.json lists, with the same flags."""
    same = added.get(str(token.get("content")), {})
    return all(token.get(flag, False) == same.get(flag) for flag in _FLAGS)


def _before(post_processor: Mapping[str, Any] | None) -> list[int]:
    """Return the special tokens that a post-processor puts before a text."""
    ids: list[int] = []
    if post_processor is None:
        return ids
    for part in post_processor.get("single", ()):
        if "SpecialToken" not in part:
            break
        ids += map(int, post_processor["special_tokens"][part["SpecialToken"]["id"]]["ids"])
    return ids


def _first(*values: Any) -> Any:
    """Return the first value that is not None."""
    return next(value for value in values if value is not None)


def _suppressed(asked: Mapping[str, Any], ends: list[int], size: int) -> list[list[int]]:
    """Return the sequences of tokens that are never generated: see ``transformers_config``."""
    alone = [[int(id)] for id in asked.get("suppress_tokens") or []]
    bad = [list(map(int, ids)) for ids in asked.get("bad_words_ids") or []]
    wanted = alone + [ids for ids in bad if not (len(ids) == 1 and ids[0] in ends)]
    return [ids for ids in wanted if max(ids) < size]
