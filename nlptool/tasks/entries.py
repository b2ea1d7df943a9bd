"""What the entries of records say of the model that they were given to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class NamedModel(Protocol):
    """An open model, or one that was found."""

    @property
    def name(self) -> str: ...

    @property
    def device(self) -> str: ...


def model_entry(model: NamedModel, **settings: Any) -> dict[str, Any]:
    """Return the model's name, the ``settings`` that differ from nothing, and a device that is not the CPU."""
    chosen = {name: value for name, value in settings.items() if value}
    return {"model": model.name, **chosen, **({"device": model.device} if model.device != "cpu" else {})}


def entry_of_both(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the entry of a pair says of its two texts, each of which has an entry: counts are added."""
    both = {**second, **first}
    for name in first.keys() & second.keys():
        if type(first[name]) is int and type(second[name]) is int:
            both[name] = first[name] + second[name]
    return both
