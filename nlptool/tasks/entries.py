"""What the entries of records say of the model that they were given to."""

from __future__ import annotations

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
