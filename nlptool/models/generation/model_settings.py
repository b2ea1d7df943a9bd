"""The settings of decoding that a model of transformers brings along: ``generation_config.json``, or ``config.json`` where an
older model has them there.

``generate`` of transformers applies them, and so does nlptool: what a user chooses goes before them, and they before nlptool's
defaults. What a file asks for and nlptool does not do is named in a note.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.storage import json_files

FILE, OLD_FILE = "generation_config.json", "config.json"
_MOST = 2**31 - 1  # of any number; larger ones mean no limit
_LONGEST = 60  # characters of a value in a message
_HINT = "correct the file, or fetch the model again"
OF_SAMPLING = ("temperature", "top_k", "top_p")
_FORMER_DEFAULTS = {"max_length": 20}  # old versions of transformers wrote all their defaults into config.json
_DECODERS = ("decoder", "generator", "text_config")  # parts of config.json that can hold the settings

_Check = Callable[[Any], Any]
"""Returns a value as it is used; raises ValueError with what it should be."""


def _whole(least: int) -> _Check:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"a whole number from {least}")
        return min(value, _MOST)

    return check


def _number(is_allowed: Callable[[float], bool], what: str) -> _Check:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not is_allowed(value):
            raise ValueError(what)
        return float(min(value, _MOST))

    return check


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _early_stopping(value: Any) -> bool | str:
    if not isinstance(value, bool) and value != "never":
        raise ValueError('true, false or "never"')
    return value  # type: ignore[no-any-return]


def _id(value: Any) -> int:
    return int(_whole(0)(value))


def _ids(value: Any) -> list[int]:
    if not isinstance(value, list):
        raise ValueError("a list of token ids")
    return [_id(each) for each in value]


def _id_or_ids(value: Any) -> Any:
    return _ids(value) if isinstance(value, list) else _id(value)


def _sequences(value: Any) -> list[list[int]]:
    if not (isinstance(value, list) and all(isinstance(each, list) and each for each in value)):
        raise ValueError("a list of lists of token ids")
    return [_ids(each) for each in value]


_positive = _number(lambda value: 0 < value < math.inf, "a number above 0")
_share = _number(lambda value: 0 < value <= 1, "a number above 0 and up to 1")
_finite = _number(lambda value: -_MOST <= value < math.inf, "a number")

_SETTINGS: dict[str, tuple[str, _Check]] = {
    "num_beams": ("beams", _whole(1)),
    "num_return_sequences": ("n_return", _whole(1)),
    "do_sample": ("sample", _flag),
    "temperature": ("temperature", _positive),
    "top_k": ("top_k", _whole(0)),
    "top_p": ("top_p", _share),
    "max_new_tokens": ("max_new_tokens", _whole(1)),
    "max_length": ("max_length", _whole(1)),
    "min_new_tokens": ("min_new_tokens", _whole(0)),
    "min_length": ("min_length", _whole(0)),
    "length_penalty": ("length_penalty", _finite),
    "early_stopping": ("early_stopping", _early_stopping),
    "repetition_penalty": ("repetition_penalty", _positive),
    "encoder_repetition_penalty": ("source_repetition_penalty", _positive),
    "no_repeat_ngram_size": ("no_repeat_ngram", _whole(0)),
    "encoder_no_repeat_ngram_size": ("no_repeat_source_ngram", _whole(0)),
    "begin_suppress_tokens": ("not_first", lambda value: tuple(_ids(value))),
    "renormalize_logits": ("renormalize", _flag),
}
"""Name in the file -> field of ``Decoding``, and a check of the value."""

_TOKENS: dict[str, _Check] = {
    "decoder_start_token_id": _id, "bos_token_id": _id, "eos_token_id": _id_or_ids, "forced_bos_token_id": _id,
    "forced_eos_token_id": _id_or_ids, "suppress_tokens": _ids, "bad_words_ids": _sequences,
}  # fmt: skip
"""What ``transformers_config`` reads of the file: checked here, for transformers takes anything."""

_ALWAYS, _SAMPLING, _BEAMS = "always", "sampling", "beams"
_NOT_DONE: dict[str, tuple[str, tuple[Any, ...]]] = {
    "constraints": (_ALWAYS, ()),
    "diversity_penalty": (_BEAMS, (0,)),
    "dola_layers": (_ALWAYS, ()),
    "epsilon_cutoff": (_SAMPLING, (0,)),
    "eta_cutoff": (_SAMPLING, (0,)),
    "exponential_decay_length_penalty": (_ALWAYS, ()),
    "force_words_ids": (_ALWAYS, ()),
    "guidance_scale": (_ALWAYS, (1,)),
    "max_time": (_ALWAYS, ()),
    "min_p": (_SAMPLING, (0,)),
    "num_beam_groups": (_BEAMS, (1,)),
    "penalty_alpha": (_ALWAYS, (0,)),
    "sequence_bias": (_ALWAYS, ()),
    "stop_strings": (_ALWAYS, ()),
    "token_healing": (_ALWAYS, (False,)),
    "top_h": (_SAMPLING, ()),
    "typical_p": (_SAMPLING, (1,)),
    "watermarking_config": (_ALWAYS, ()),
}
"""What can change the texts and is not done: when transformers applies it, and the values that change nothing."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What a model asks for."""

    file: str = FILE
    values: Mapping[str, Any] = field(default_factory=dict)  # field of ``Decoding`` -> value
    names: Mapping[str, str] = field(default_factory=dict)  # the same fields -> their names in the file
    not_done: tuple[tuple[str, str], ...] = ()  # when it would be applied, and `name value`

    def unapplied(self, *, sample: bool, beams: int) -> list[str]:
        """Return what the file asks for in such a search and nlptool does not do."""
        active = {_ALWAYS: True, _SAMPLING: sample, _BEAMS: beams > 1}
        return [said for when, said in self.not_done if active[when]]


def read(folder: Path) -> ModelSettings:
    """Read the settings of a model.

    A temperature, top-k or top-p that is impossible counts as unset where nothing is sampled: some files mean greedy search by a
    temperature of 0.

    Raises:
        ModelError: the file is damaged, or a value is impossible.
    """
    path = folder / FILE
    if path.is_file():
        given = _object(path)
    else:
        path = folder / OLD_FILE
        given = _of_config(_object(path)) if path.is_file() else {}
    given = {name: value for name, value in given.items() if value is not None}
    values, names = {}, {}
    for name, (setting, check) in _SETTINGS.items():
        if name not in given:
            continue
        try:
            values[setting], names[setting] = _checked(path, name, given[name], check), name
        except ModelError:
            if setting not in OF_SAMPLING or given.get("do_sample"):
                raise
    for name, check in _TOKENS.items():
        if name in given:
            _checked(path, name, given[name], check)
    beams, n_return = values.get("beams", 1), values.get("n_return", 1)
    if n_return > beams and not values.get("sample"):
        raise ModelError(
            f"{path}: num_return_sequences is {n_return} and num_beams {beams}: a search ends with as many texts as it has beams",
            hint=_HINT,
        )
    not_done = [
        (when, f"{name} {_shown(given[name])}")
        for name, (when, neutral) in _NOT_DONE.items()
        if name in given and given[name] not in neutral
    ]
    return ModelSettings(path.name, values, names, tuple(not_done))


def _object(path: Path) -> dict[str, Any]:
    try:
        return json_files.read_object(path)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}", hint=_HINT) from error


def _of_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings in config.json; those of its decoder where it has none itself."""
    inner: dict[str, Any] = next((config[name] for name in _DECODERS if isinstance(config.get(name), dict)), {})
    return {
        name: value
        for name in (*_SETTINGS, *_TOKENS, *_NOT_DONE)
        if (value := config.get(name, inner.get(name))) is not None and value != _FORMER_DEFAULTS.get(name)
    }


def _checked(path: Path, name: str, value: Any, check: _Check) -> Any:
    try:
        return check(value)
    except ValueError as error:
        raise ModelError(f"{path}: {name} is {_shown(value)}; it should be {error}", hint=_HINT) from error


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
