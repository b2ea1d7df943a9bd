"""The fields of a request whose body is a JSON object."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

import orjson
from starlette.requests import ClientDisconnect, Request

from nlptool.cli.serve.errors import Refused
from nlptool.cli.serve.guard import ClientGone

Value = TypeVar("Value")

_KINDS: Mapping[type, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
}


class Fields:
    """A JSON object whose fields are taken one by one; null is as good as no field.

    Args:
        values: the object.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = {name: value for name, value in values.items() if value is not None}

    @classmethod
    async def of(cls, request: Request) -> Fields:
        """Read them from a request.

        Raises:
            Refused: its body is no JSON object.
        """
        try:
            values = orjson.loads(await request.body())
        except orjson.JSONDecodeError as error:
            raise Refused(400, f"the body is no JSON: {error}") from error
        except ClientDisconnect as error:
            raise ClientGone from error
        if not isinstance(values, dict):
            raise Refused(400, "the body is no JSON object")
        return cls(values)

    def take(
        self, name: str, kind: type[Value], *, least: float = float("-inf"), most: float = float("inf")
    ) -> Value | None:
        """Return the value of a field, None where it is not there.

        Raises:
            Refused: it is of another kind, or beyond ``least`` or ``most``.
        """
        value = self._values.pop(name, None)
        if value is None:
            return None
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise Refused(400, f"{name} is {_KINDS[kind]}, not {_short(value)}", param=name)
        if isinstance(value, int | float) and not least <= value <= most:
            raise Refused(400, f"{name} is between {least:g} and {most:g}, not {value:g}", param=name)
        return value

    def texts(self, name: str, *, most: int) -> list[str] | None:
        """Return a field that is a text or a list of texts, None where it is not there.

        Raises:
            Refused: it is neither, or has more than ``most`` texts.
        """
        value = self._values.pop(name, None)
        if value is None:
            return None
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not texts or len(texts) > most:
            raise Refused(400, f"{name} is a text, or a list of 1 to {most:,} texts", param=name)
        if not all(isinstance(text, str) for text in texts):
            raise Refused(400, f"{name} holds {_short(next(t for t in texts if not isinstance(t, str)))}: texts are taken "
                          "here, and no numbers of tokens", param=name)  # fmt: skip
        return texts

    def drop(self, names: Collection[str]) -> None:
        """Leave fields out of which no use is made and none is missed."""
        for name in names:
            self._values.pop(name, None)

    def refuse_rest(self, harmless: Mapping[str, Collection[Any]] | None = None) -> None:
        """Refuse the fields that were not taken.

        Args:
            harmless: name -> the values that change nothing.

        Raises:
            Refused: there is one.
        """
        for name, value in self._values.items():
            allowed = (harmless or {}).get(name)
            if allowed is None or value not in allowed:
                only = f" but {', '.join(map(_short, allowed))}" if allowed else ""
                raise Refused(400, f"{name} is not done here{only}", param=name)


def _short(value: object) -> str:
    shown = orjson.dumps(value).decode()
    return shown if len(shown) <= 60 else shown[:60] + "..."
