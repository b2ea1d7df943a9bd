"""Which prompt stands before every text: the one given, that of a role, or the model's default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nlptool.catalog import Known
from nlptool.errors import RunError
from nlptool.specs import EncoderSpec

_DOCUMENT = ("document", "passage", "corpus")  # the names that sentence-transformers looks for


def with_quirks(about: Mapping[str, Any], known: Known | None) -> Mapping[str, Any]:
    """Return a model's manifest with what is known of the model and its own files do not say."""
    if known is None or not known.prompts:
        return about
    return {**about, "prompts": about.get("prompts") or dict(known.prompts),
            "default_prompt": about.get("default_prompt") or known.default_prompt}  # fmt: skip


def choose(name: str, about: Mapping[str, Any], spec: EncoderSpec, *, note: Callable[[str], None]) -> str:
    """Return the text that stands before every text: the spec's own, the model's for the spec's role, or its default.

    Args:
        name: of the model, for messages.
        about: ``prompts``, by name, and ``default_prompt``, the name of one.
        note: is told, once, where the model has prompts and none was chosen.

    Raises:
        RunError: the model has prompts, but none for the role.
    """
    if spec.prompt is not None:
        return spec.prompt
    role, lenient = spec.role, spec.role_is_optional
    prompts: Mapping[str, str] = {key: text for key, text in (about.get("prompts") or {}).items() if text}
    default = prompts.get(str(about.get("default_prompt")), "")
    if role is not None:
        wanted = ("query",) if role == "query" else _DOCUMENT
        present = [key for key in wanted if key in prompts]
        if lenient and not present:
            return default
        if not prompts:
            note(f"{name} has no prompts: --as {role} changes nothing")
            return ""
        if not present:
            raise RunError(
                f"{name} has no prompt for a {role}, but {_listed(prompts)}",
                hint="--prompt TEXT gives any text",
            )
        return prompts[present[0]]
    if prompts and not lenient:
        used = f"{default!r} is used" if default else "none is used"
        note(f"{name} has prompts ({_listed(prompts)}) and none was chosen: {used}; --as query|document chooses")
    return default


def _listed(prompts: Mapping[str, str]) -> str:
    return ", ".join(f"{key}: {text!r}" for key, text in prompts.items())
