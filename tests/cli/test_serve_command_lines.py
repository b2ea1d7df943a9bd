"""Which parameters of which commands requests may give."""

from __future__ import annotations

import click
import pytest

from nlptool.cli.serve.command_lines import SERVED, command_line, command_of, is_refused, names
from nlptool.cli.serve.errors import Refused
from nlptool.cli.serve.settings import Settings

REFUSED = {
    "against", "allow_pickle", "corpus", "debug", "dictionary", "files", "glob", "labels_file", "memory", "offline", "output",
    "plot", "progress", "quiet", "reference", "removed", "resume", "stop_words", "threads", "user_dictionary", "verbose",
    "workers", "zipf",
}  # fmt: skip


def parameters() -> list[click.Parameter]:
    return [parameter for name in sorted(SERVED) for parameter in command_of(name).params]


def test_what_is_refused_of_all_commands() -> None:
    assert {parameter.name for parameter in parameters() if is_refused(parameter)} == REFUSED


def test_what_may_be_given_names_no_file() -> None:
    """Every parameter whose value is a text is one of these, each looked at: none is opened, written or run."""
    free = {
        parameter.name for parameter in parameters()
        if not is_refused(parameter) and isinstance(parameter.type, click.types.StringParamType)
    }  # fmt: skip
    assert free == {
        "by", "by_group", "columns", "encoder", "encoding", "field", "fields", "first", "group", "id_field", "join",
        "keep_highest", "labels", "minus", "model", "ngrams", "parts", "plus", "pos", "prefix", "prompt", "prompt_name",
        "question", "second", "shape", "source_lang", "stop", "stop_pos", "target", "target_lang", "targets", "task_name",
        "title", "word", "words",
    }  # fmt: skip


def test_a_command_line() -> None:
    query = [("normalize", "false"), ("prompt", "-o x"), ("drop-input", ""), ("source", "0"), ("model", "./m")]
    assert command_line("embed", query, Settings(models=("./m",))) == [
        "embed", "--no-normalize", "--prompt=-o x", "--drop-input", "--model=./m"
    ]  # fmt: skip
    assert command_line("classify", [("k", "2")], Settings()) == ["classify", "-k", "2"]
    assert command_line("neighbors", [("words", "-o"), ("top-k", "3")], Settings()) == [
        "neighbors",
        "--top-k=3",
        "--",
        "-o",
    ]


def test_a_corpus_has_the_name_that_the_server_gives_it() -> None:
    settings = Settings(corpora={"diary": "/srv/diary.index"})
    assert command_line("search", [("corpus", "diary")], settings) == ["search", "--corpus=/srv/diary.index"]
    for name in ("/srv/diary.index", "index"):
        with pytest.raises(Refused, match="these are: diary"):
            command_line("search", [("corpus", name)], settings)
    with pytest.raises(Refused, match="--allow-corpus NAME=PATH"):
        command_line("search", [("corpus", "diary")], Settings())


@pytest.mark.parametrize("name", sorted(SERVED))
def test_models_are_asked_about_in_every_command(name: str) -> None:
    options = [
        word for parameter in command_of(name).params for word in names(parameter) if word in ("model", "encoder")
    ]
    for word in options:
        with pytest.raises(Refused, match="no model that requests may name"):
            command_line(name, [(word, "../elsewhere")], Settings())
