"""The surfaces or lemmas of tokens that are strings, or objects as `nlptool tokenize` writes them."""

from __future__ import annotations

from typing import Any


def forms_of(tokens: Any, by: str = "surface") -> list[str]:
    """Return the surfaces or the lemmas of a list of tokens.

    Args:
        by: surface | lemma; the lemma of a token that has none is its surface.

    Raises:
        ValueError: it is no list, or something in it is neither a string nor an object with a surface or a lemma.
    """
    if not isinstance(tokens, list):
        raise ValueError("the tokens are not a list")
    try:
        forms = [token[by] or token["surface"] for token in tokens]
    except (TypeError, KeyError):
        forms = [_form(token, by) for token in tokens]
    if not all(type(form) is str for form in forms):
        raise ValueError("a token is neither a string nor an object with a surface")
    return forms


def _form(token: Any, by: str) -> Any:
    if not isinstance(token, dict):
        return token
    form = token.get(by)
    return form if isinstance(form, str) and form else token.get("surface")
