"""Which prompt stands before every text: the one given or named, that of a role, or the model's default.

A prompt of nothing is a prompt: ``--as document`` of a model whose prompt for documents is "" gives the text alone, and not
the default prompt.
"""

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
    own = about.get("prompts") or {}
    return {**about, "prompts": own if any(own.values()) else dict(known.prompts),
            "default_prompt": about.get("default_prompt") or known.default_prompt}  # fmt: skip


def choose(name: str, about: Mapping[str, Any], spec: EncoderSpec, *, note: Callable[[str], None]) -> str:
    """Return the text that stands before every text: the spec's own, the model's of the spec's name or for its role, or its
    default.

    Args:
        name: of the model, for messages.
        about: ``prompts``, by name, and ``default_prompt``, the name of one; ``has_routes``: parts of its own for each role.
        note: is told, once, where the model has prompts and none was chosen.

    Raises:
        RunError: the model has prompts, but none for the role or of the name.
    """
    if spec.prompt is not None:
        return spec.prompt
    role, lenient = spec.role, spec.role_is_optional
    prompts: Mapping[str, str] = about.get("prompts") or {}
    has_some = any(prompts.values())  # some releases write a query and a document of nothing into every model
    default = prompts.get(str(about.get("default_prompt")), "")
    if spec.prompt_name is not None:
        if spec.prompt_name not in prompts:
            known = f"but {_listed(prompts)}" if prompts else "nor any other"
            raise RunError(
                f"{name} has no prompt of the name {spec.prompt_name}, {known}", hint="--prompt TEXT gives any text"
            )
        return prompts[spec.prompt_name]
    if role is not None:
        wanted = ("query",) if role == "query" else _DOCUMENT
        present = [key for key in wanted if key in prompts]
        if has_some and present:
            return prompts[present[0]]
        if lenient:
            return default
        if has_some:
            raise RunError(
                f"{name} has no prompt for a {role}, but {_listed(prompts)}",
                hint="--prompt-name NAME takes one of them, --prompt TEXT gives any text",
            )
        if not about.get("has_routes"):
            note(f"{name} has no prompts: --as {role} changes nothing")
        return ""
    if has_some and not lenient:
        used = f"{default!r} is used" if default else "none is used"
        note(
            f"{name} has prompts ({_listed(prompts)}) and none was chosen: {used}; "
            "--as query|document or --prompt-name NAME chooses"
        )
    return default


def _listed(prompts: Mapping[str, str]) -> str:
    return ", ".join(f"{key}: {text!r}" for key, text in prompts.items())
