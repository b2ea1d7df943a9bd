"""The command line of a request: options from the query, none of which names a file of the server or starts a process.

What is refused is read from the commands' own declarations: options whose type is a path or whose value is shown as FILE, PATH or
FOLDER, and a few names. A corpus is named as the server knows it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import click

from nlptool.cli.main import root
from nlptool.cli.serve.errors import Refused
from nlptool.cli.serve.settings import Settings
from nlptool.cli.warm.places import COMMANDS

SERVED = frozenset((COMMANDS - {"compare", "vectors"}) | {"tokenize"})
"""Commands that are served: those that open a model and answer, without those that work on files alone."""

_CORPUS = "corpus"
"""The parameter whose value is the name of a corpus that the server knows."""

_REFUSED = frozenset({
    "allow_pickle", "debug", "glob", "help", "memory", "offline", "progress", "quiet", "resume", "threads", "verbose", "workers",
})  # fmt: skip
"""Options that are the server's to choose: what is opened, the processes, the memory, what is printed."""

_OF_FILES = re.compile(r"FILE|FOLDER|PATH|DIR")
_OF_MODELS = re.compile(r"MODEL|PROBE")
_TRUE = ("", "1", "true", "on", "yes")
_FALSE = ("0", "false", "off", "no")


def command_of(name: str) -> click.Command:
    """Return a command that is served.

    Raises:
        Refused: it is none.
    """
    command = root.get_command(click.Context(root), name) if name in SERVED else None
    if command is None:
        raise Refused(404, f"/v1/{name} is no command that is served; these are: {', '.join(sorted(SERVED))}")
    return command


def is_refused(parameter: click.Parameter) -> bool:
    """Return whether requests may not give a parameter."""
    is_of_files = isinstance(parameter.type, click.Path | click.File) or bool(_OF_FILES.search(parameter.metavar or ""))
    return is_of_files or parameter.name in _REFUSED


def is_of_models(parameter: click.Parameter) -> bool:
    """Return whether the value of a parameter is the name of a model."""
    return bool(_OF_MODELS.fullmatch(parameter.metavar or ""))


def names(parameter: click.Parameter) -> list[str]:
    """Return what a parameter is called in a query: an option as its long names, and as ``k`` where it has that name alone."""
    if isinstance(parameter, click.Argument):
        return [str(parameter.name)]
    words = [*parameter.opts, *parameter.secondary_opts]
    return [word.lstrip("-") for word in words if word.startswith("--") or len(parameter.opts) == 1]


def command_line(name: str, query: Sequence[tuple[str, str]], settings: Settings, *, kind: str = "") -> list[str]:
    """Return the command line that a query asks for.

    Args:
        name: of the command.
        query: names and values, as they came.
        kind: the media type of the body; text/plain: lines, whatever they begin with.

    Raises:
        Refused: there is no such command or parameter, or requests may not give it.
    """
    command = command_of(name)
    known = {word: parameter for parameter in command.params for word in names(parameter)}
    options: list[str] = []
    arguments: list[str] = []
    for word, value in query:
        parameter = known.get(word)
        if parameter is None:
            raise Refused(400, f"{name} has no option --{word}", param=word)
        if word == _CORPUS:
            options.append(f"--{word}={_corpus(value, settings)}")
            continue
        if is_refused(parameter):
            raise Refused(
                400, f"{word} is not for requests: it is the server's to choose, or names its files", param=word
            )
        if "\0" in value:
            raise Refused(400, f"{word} holds a NUL", param=word)
        if is_of_models(parameter) and not settings.allows(value):
            raise Refused(400, not_allowed(value), param=word)
        if isinstance(parameter, click.Argument):
            arguments.append(value)
        else:
            options += _typed(parameter, word, value)
    if kind == "text/plain" and "input-format" in known and "input-format" not in dict(query):
        options.append("--input-format=text")
    return [name, *options, *(["--", *arguments] if arguments else [])]


def _corpus(name: str, settings: Settings) -> str:
    """Return the path of a corpus.

    Raises:
        Refused: there is none of this name.
    """
    if name not in settings.corpora:
        known = ", ".join(sorted(settings.corpora))
        raise Refused(
            400,
            f"{name!r} is no corpus that requests may name; "
            + (f"these are: {known}" if known else "`nlptool serve --allow-corpus NAME=PATH` gives them one"),
            param=_CORPUS,
        )
    return settings.corpora[name]


def not_allowed(model: str) -> str:
    """Return the sentence about a model that requests may not name."""
    return (
        f"{model!r} is no model that requests may name: one of `nlptool models list`, or one that was allowed by "
        "`nlptool serve --allow-model`"
    )


def _typed(option: click.Parameter, word: str, value: str) -> list[str]:
    """Return an option as it is typed.

    Raises:
        Refused: it is a flag, and the value says neither yes nor no.
    """
    dashes = "--" if len(word) > 1 else "-"
    if not (isinstance(option, click.Option) and option.is_flag):
        return [f"{dashes}{word}={value}"] if len(word) > 1 else [f"-{word}", value]
    if value.lower() in _TRUE:
        return [f"{dashes}{word}"]
    if value.lower() not in _FALSE:
        raise Refused(400, f"{word} is true or false, not {value!r}", param=word)
    opposite = option.secondary_opts if dashes + word in option.opts else option.opts
    return [opposite[0]] if option.secondary_opts else []
