"""What a user chooses, what a model asks for, and the defaults, brought together: the first goes before the second."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from nlptool.errors import WrongUsage
from nlptool.models.generation import needs
from nlptool.models.generation.decoding import Decoding
from nlptool.models.generation.model_settings import OF_SAMPLING, ModelSettings
from nlptool.specs import DecodingSpec

_DEFAULTS = {field.name: field.default for field in dataclasses.fields(Decoding)}
_OF_BEAMS = ("length_penalty", "early_stopping", "renormalize")


@dataclass(frozen=True, slots=True)
class Resolved:
    """How texts are decoded, and why."""

    decoding: Decoding
    applied: tuple[str, ...] = ()  # settings of the model that are applied, as its file names them
    notes: tuple[str, ...] = ()  # what it asks for and does not get

    @property
    def needs(self) -> str:
        """What the engine must be able to do, as ``GeneratorSpec`` says it."""
        return needs.of(self.decoding)


def resolve(spec: DecodingSpec, model: ModelSettings, *, streams: bool = False) -> Resolved:
    """Decide how texts are decoded.

    Args:
        streams: tokens are shown as they are chosen: one text, and no beam search.

    Raises:
        WrongUsage: what is chosen has no effect.
    """
    chosen = {
        field.name: value for field in dataclasses.fields(spec) if (value := getattr(spec, field.name)) is not None
    }
    asked, notes = dict(model.values), list[str]()
    if streams:
        if asked.get("beams", 1) > 1 and not chosen.get("sample") and "beams" not in chosen:
            notes.append(f"num_beams {asked['beams']}: a beam search cannot be streamed, and greedy search is done")
        asked = {name: value for name, value in asked.items() if name not in ("beams", "n_return")}
    _choose_search(chosen, asked, notes)
    _choose_lengths(chosen, asked)
    decoding = Decoding(**(asked | chosen))
    if decoding.stop and decoding.beams > 1:
        raise WrongUsage(
            f"--stop ends a text while it is written, and {model.file} asks for {decoding.beams} beams: --beams 1"
        )
    if "length_penalty" in chosen and decoding.beams == 1:
        raise WrongUsage("--length-penalty ranks the texts of a beam search: --beams 4")
    useless = (*(() if decoding.sample else OF_SAMPLING), *(_OF_BEAMS if decoding.beams == 1 else ()))
    applied = {
        name: value
        for name, value in asked.items()
        if name not in chosen and name not in useless and value != _DEFAULTS[name]
    }
    if unapplied := model.unapplied(sample=decoding.sample, beams=decoding.beams):
        notes.append(f"{', '.join(unapplied)}: nlptool does not do {'that' if len(unapplied) == 1 else 'these'}")
    return Resolved(
        Decoding(**(applied | chosen)),
        tuple(model.names[name] for name in applied),
        tuple(f"{model.file}: {note}" for note in notes),
    )


def _choose_search(chosen: dict[str, Any], asked: dict[str, Any], notes: list[str]) -> None:
    """Choose between greedy search, beam search and sampling, and how many texts there are."""
    if chosen.get("sample"):
        asked.pop("beams", None)
        return
    if "beams" in chosen:
        asked["sample"] = False
    elif asked.get("sample") and asked.get("beams", 1) > 1:
        asked["sample"] = False
        notes.append(f"sampling with {asked['beams']} beams is not done: it is a beam search (--sample samples)")
    if asked.get("sample"):
        return
    beams = chosen.get("beams", asked.get("beams", 1))
    if chosen.get("n_return", 1) > beams:
        chosen["beams"] = chosen["n_return"]
    elif "n_return" not in chosen and asked.get("n_return", 1) > beams:
        notes.append(
            f"num_return_sequences {asked['n_return']}: a search ends with as many texts as it has beams, {beams}"
        )
        asked["n_return"] = beams


def _choose_lengths(chosen: dict[str, Any], asked: dict[str, Any]) -> None:
    """Choose between lengths with and without what stands before a text, and between the least and the most."""
    least = chosen.get("min_new_tokens", 0)
    for new, whole in (("max_new_tokens", "max_length"), ("min_new_tokens", "min_length")):
        if new in chosen or new in asked:
            asked.pop(whole, None)
    if "max_new_tokens" not in chosen:  # the least length that is chosen goes before the most that is not
        for name in ("max_new_tokens", "max_length"):
            if asked.get(name, least) < least:
                del asked[name]
