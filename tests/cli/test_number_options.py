"""Numbers that no computation can take are wrong usage in every option, and what names a column may have any length."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import Invoke, records

from nlptool.cli.main import root
from nlptool.text.numbers import whole_number

LONG = "9" * 5000  # Python reads no number of more than 4,300 digits
WIDER = {
    "--seed": 2**32 - 1,
    "--max-line": None,
}  # beyond 31 bits: seeds of NumPy, and lengths that only Python compares


def options(group: click.Group) -> Iterator[tuple[str, click.Option]]:
    """Each option of each command."""
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if isinstance(command, click.Group):
                yield from ((f"{name} {below}", option) for below, option in options(command))
            elif command is not None:
                yield from ((name, option) for option in command.params if isinstance(option, click.Option))


def refusal(option: click.Option, value: str) -> str:
    with pytest.raises(click.BadParameter) as refused:
        option.type.convert(value, option, None)
    return refused.value.message


def test_no_option_takes_a_number_that_the_libraries_do_not_hold() -> None:
    counts, numbers = 0, 0
    for command, option in options(root):
        name = option.opts[-1]
        if isinstance(option.type, click.types.IntParamType) and WIDER.get(name, 0) is not None:
            counts += 1
            for value in (WIDER.get(name, 2**31 - 1) + 1, 2**63, 10**40, -(10**40)):  # type: ignore[operator]
                assert str(value) in refusal(option, str(value)), (command, name)
            assert LONG in refusal(option, LONG), (command, name)
        elif isinstance(option.type, click.types.FloatParamType):
            numbers += 1
            for text in ("1e39", "-1e39", "inf", "nan", LONG):
                assert text in refusal(option, text), (command, name)
    assert counts > 100 and numbers > 30


@pytest.mark.parametrize(
    "arguments",
    [
        ["tokenize", "-j"], ["embed", "-j"], ["mask", "-j"], ["embed", "--threads"], ["fill-mask", "--threads"],
        ["generate", "-m", "hyakunin", "--threads"], ["train", "word2vec", "-o", "x", "-j"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", ["0", "1025", "2147483647", "1" + "0" * 30])
def test_a_slip_of_the_finger_starts_no_million_of_processes(arguments: list[str], value: str, invoke: Invoke) -> None:
    done = invoke(*arguments, value, stdin="猫\n")
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{value} is not in the range 1<=x<=1024" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["similarity", "--memory", "9" * 400], "is no size: 500M, 2G"),
        (["similarity", "--memory", "9" * 30 + "T"], "is no size: 500M, 2G"),
        (["train", "word2vec", "-o", "x", "--subwords", f"3-{LONG}"], "is no range of lengths"),
        (["train", "word2vec", "-o", "x", "--subwords", f"{LONG}-{LONG}"], "is no range of lengths"),
        (["attention", "--layer", LONG], "is neither a number from 1 nor a range"),
        (["attention", "--head", f"2-{LONG}"], "is neither a number from 1 nor a range"),
    ],
)
def test_what_is_read_as_a_number_may_have_any_length(arguments: list[str], said: str, invoke: Invoke) -> None:
    done = invoke(*arguments, stdin="猫\n犬\n")
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("options", "given"),
    [
        (["-I", "tsv", "--field", LONG], "猫\t犬\n"),
        (["-I", "csv", "--field", LONG], "a,b\n猫,犬\n"),
        (["--field", f"/a/{LONG}"], '{"a":["猫"]}\n'),
    ],
)
def test_a_column_beyond_all_is_one_that_is_not_there(options: list[str], given: str, invoke: Invoke) -> None:
    (record,) = records(invoke("tokenize", *options, stdin=given), 3)
    assert record["nlptool"]["error"]["type"] == "MissingField"


def test_gold_data_whose_score_is_a_column_beyond_all_has_none(invoke: Invoke) -> None:
    done = invoke("evaluate", "sts", "-m", "static-ja-en", "--score", LONG, stdin="a\tb\t1\nc\td\t2\n")
    assert done.exit_code == 1
    assert "internal error" not in done.stderr


@pytest.mark.parametrize("entry", ["{},5142,0", "5142,{},0", "5142,5142,{}", "5142,5142,-{}"])
def test_an_entry_of_a_dictionary_with_a_long_number_is_named(entry: str, invoke: Invoke, tmp_path: Any) -> None:
    path = tmp_path / "own.csv"
    path.write_text(f"河童鍋,{entry.format(LONG)},名詞\n", encoding="utf-8")
    done = invoke("tokenize", "--user-dictionary", str(path), stdin="河童鍋\n")
    assert done.exit_code == 1
    assert f"{path}:1: the " in done.stderr and "is not in the range from" in done.stderr


@given(st.integers(0, 10**18 - 1), st.integers(0, 5000))
def test_digits_are_read_as_the_number_that_they_write(number: int, zeros: int) -> None:
    assert whole_number("0" * zeros + str(number)) == number
    assert whole_number(f"1{'0' * zeros}{number:018}") == (sys.maxsize)
    assert whole_number(str(number).translate({ord(str(n)): chr(0xFF10 + n) for n in range(10)})) == number


@pytest.mark.parametrize(
    "arguments",
    [
        ["change", "a.vec", "b.vec", "--words"],
        ["generate", "-m", "hyakunin", "--stop"],
        ["generate", "-m", "hyakunin", "--prefix"],
    ],
)
def test_a_text_on_the_command_line_is_utf_8(arguments: list[str], invoke: Invoke) -> None:
    done = invoke(*arguments, b"a\xff".decode(errors="surrogateescape"), stdin="む\n")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "'a\ufffd' is not UTF-8" in done.stderr


@pytest.mark.parametrize("value", ["nan", "", "1.5", "zwei"])
def test_what_is_no_number_is_called_that(value: str, invoke: Invoke) -> None:
    done = invoke("ngrams", "-k", value, stdin="a\n")
    assert done.exit_code == 2
    assert f"Invalid value for '-k' / '--top-k': {value!r} is not a valid whole number." in done.stderr
    of_share = invoke("keywords", "--method", "embedding", "--diversity", "x", stdin="a\n")
    assert "Invalid value for '--diversity': 'x' is not a valid number." in of_share.stderr


def test_lengths_of_n_grams_name_their_option(invoke: Invoke) -> None:
    done = invoke("keywords", "--ngrams", "0", stdin="a\n")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Invalid value for '--ngrams': '0' is no length of n-grams" in done.stderr
