"""``--resume``: what is kept beside an unfinished output, and who may go on with it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from interruptions import interrupted, resumed_after_every_list, small_lists, stopped_after
from program import Invoke, largest_file

from nlptool.errors import RunError, WrongUsage
from nlptool.records.input_sum import InputSum
from nlptool.records.record import Record
from nlptool.storage import output
from nlptool.storage.output import Output
from nlptool.storage.unfinished import differences

TEXT = "猫が鳴く。\n\n{\nA cat.\n".encode() + b"\xff\n" + "犬が走る。\n水鳥\n".encode() * 3
TOKENIZE = ("tokenize", "-f", "wakati")


@pytest.mark.parametrize(
    "command",
    [
        "tokenize", "tokenize -j 2", "tokenize -f wakati", "tokenize -f conllu", "tokenize -f tsv", "tokenize -f mecab",
        "tokenize -f csv", "tokenize --n-best 2 -f wakati", "tokenize --on-error skip", "tokenize --source",
        "tokenize --drop-input", "embed -m static-ja-en",
        "embed -m static-ja-en -f base64", "embed -m static-ja-en -f csv", "embed -m static-ja-en -f npy",
        "embed -m static-ja-en -f npy --on-error skip", "score", "score -f tsv",
    ],
)  # fmt: skip
def test_every_format_resumes_after_every_list(command: str, tmp_path: Path, invoke: Invoke) -> None:
    arguments = [*command.split(), "-o", str(tmp_path / "out")]
    assert resumed_after_every_list(lambda *resume: invoke(*arguments, *resume, stdin=TEXT), tmp_path / "out") >= 3


def test_several_files_and_folders_resume(tmp_path: Path, invoke: Invoke) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("a", "folder/b", "folder/c"):
        (tmp_path / name).write_bytes(TEXT)
    files = [str(tmp_path / name) for name in ("a", "folder")]
    run = lambda *resume: invoke("tokenize", "-o", str(tmp_path / "out"), *files, *resume)  # noqa: E731
    assert resumed_after_every_list(run, tmp_path / "out") >= 9
    interrupted(run, tmp_path / "out", 9)
    (tmp_path / "folder" / "aa").write_bytes(TEXT)
    done = run("--resume")
    assert done.exit_code == 2
    assert "this is another input" in done.stderr


def test_an_input_that_has_grown_is_gone_on_with(tmp_path: Path, invoke: Invoke) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.write_bytes(TEXT)
    run = lambda *resume: invoke(*TOKENIZE, "-o", str(out), str(source), *resume)  # noqa: E731
    interrupted(run, out, 3)
    source.write_bytes(TEXT + b"one more\n")
    assert run("--resume").exit_code == 3
    resumed = out.read_bytes()
    run()
    assert out.read_bytes() == resumed


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["-m", "static-ja-en", "a.txt"], "--model was not given, is now static-ja-en"),
        (["--dim", "64", "a.txt"], "--dim was not given, is now 64"),
        (["b.txt"], "another input than that of the interrupted run (FILE was a.txt, is now b.txt)"),
        (["a.txt", "b.txt"], "another input than that of the interrupted run (FILE was a.txt, is now a.txt b.txt)"),
        (["a.txt", "--precision", "int8"], "--precision was not given, is now int8"),
    ],
)
def test_embed_goes_on_with_the_same_model_options_and_file_alone(
    more: list[str], said: str, tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_bytes(TEXT)
    Path("b.txt").write_bytes("犬が走る。\n".encode() + TEXT)
    interrupted(lambda: invoke("embed", "a.txt", "-o", "o.jsonl"), tmp_path / "o.jsonl", 2)
    done = invoke("embed", *more, "-o", "o.jsonl", "--resume")
    assert done.exit_code == 2
    assert said in done.stderr
    assert not Path("o.jsonl").exists()
    assert invoke("embed", "a.txt", "-o", "o.jsonl", "--resume").exit_code == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--pos", "名詞"], "--pos was not given, is now 名詞"),
        (["-f", "jsonl"], "--format was wakati, is now jsonl"),
        (["--encoding", "auto"], "--encoding was not given, is now auto"),
        (["--source"], "--source was not given, is now on"),
        (["--user-dictionary", "words.csv"], "--user-dictionary was not given, is now words.csv"),
    ],
)
def test_other_options_are_refused_with_what_differs(
    options: list[str], said: str, tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words.csv").write_text("猫又鍋,5142,5142,-5000,名詞,普通名詞,一般,*,*,*,ネコマタナベ,猫又鍋\n")
    run = [*TOKENIZE, "-o", "out"]
    interrupted(lambda: invoke(*run, stdin=TEXT), tmp_path / "out", 2)
    before = Path("out.part").read_bytes()
    done = invoke(*run, *options, "--resume", stdin=TEXT)
    assert done.exit_code == 2
    assert f"out.part is of another run: {said}" in done.stderr
    assert "Without --resume all is done anew" in done.stderr
    assert Path("out.part").read_bytes() == before
    assert invoke(*run, "--resume", stdin=TEXT).exit_code == 3


def test_options_that_change_nothing_may_differ(tmp_path: Path, invoke: Invoke) -> None:
    out = tmp_path / "out"
    run = ["embed", "-m", "static-ja-en", "-o", str(out)]
    interrupted(lambda: invoke(*run, stdin=TEXT), out)
    more = ["-q", "--threads", "1", "--max-latency", "7", "--batch-tokens", "99", "--progress", "never", "--offline"]
    assert invoke(*run, *more, "--resume", stdin=TEXT).exit_code == 3


def test_another_command_and_another_version_are_refused(
    tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    interrupted(lambda: invoke("tokenize", "-o", str(out), stdin=TEXT), out)
    done = invoke("split", "-o", str(out), "--resume", stdin=TEXT)
    assert done.exit_code == 2
    assert "command was tokenize, is now split" in done.stderr
    monkeypatch.setattr("nlptool.storage.unfinished.__version__", "99")
    done = invoke("tokenize", "-o", str(out), "--resume", stdin=TEXT)
    assert done.exit_code == 2
    assert "is now 99" in done.stderr


def test_another_model_of_the_same_name_is_refused(
    tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, model = tmp_path / "out", tmp_path / "v.vec"
    model.write_text("2 2\ncat 1 0\ndog 0 1\n")
    for number, command in enumerate((["embed"], ["neighbors"])):
        run = [*command, "-m", str(model), "-o", str(out)]
        interrupted(lambda run=run: invoke(*run, stdin=b"cat\ndog\ncat\n"), out)  # type: ignore[misc]
        os.utime(model, (number, number))
        done = invoke(*run, "--resume", stdin=b"cat\ndog\ncat\n")
        assert done.exit_code == 2
        assert f"the model {model} was 20 bytes of" in done.stderr


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a\nb\nc\nd\n", b"a\nx\nc\nd\n"),  # another record
        (b"a\nb\nc\nd\n", b"a\n\nb\nc\nd\n"),  # one more
        (b"a\nb\nc\nd\n", b"a\n"),  # fewer
        (b"a\nb\nc\nd\n", b""),
        (b"a\n\xff\nc\nd\n", b"a\n\xfe\nc\nd\n"),  # damaged in another way
        (b'{"text":"a"}\n{"text":"b"}\n{"text":"c"}\n', b'{"text":"a"}\n\n{"text":"b"}\n{"text":"c"}\n'),  # other lines
        (b'{"text":"a"}\n{"text":"b"}\n{"text":"c"}\n', b'{"text":"a"}\n{"text":"b","id":1}\n{"text":"c"}\n'),
    ],
)
def test_another_input_is_refused_and_nothing_is_written(
    before: bytes, after: bytes, tmp_path: Path, invoke: Invoke
) -> None:
    out, part = tmp_path / "out", tmp_path / "out.part"
    for name, data in (("in", before), ("other", after)):
        (tmp_path / name).write_bytes(data)
    run = ["embed", "-m", "static-ja-en", "-o", str(out)]
    interrupted(lambda: invoke(*run, str(tmp_path / "in")), out, 2)
    kept = part.read_bytes()
    for _ in range(2):
        done = invoke(*run, str(tmp_path / "other"), "--resume")
        assert done.exit_code == 2
        said = (
            f"this is another input than that of the interrupted run (FILE was {tmp_path}/in, is now {tmp_path}/other)"
        )
        assert said in done.stderr
        assert part.read_bytes() == kept
        assert not out.exists()
    assert invoke(*run, "--resume", stdin=before).exit_code in (0, 3)  # the same, from stdin


@given(st.lists(st.text(max_size=3), max_size=30), st.integers(0, 30), st.integers(1, 7))
def test_the_sum_of_an_input_does_not_depend_on_how_it_comes(texts: list[str], n_records: int, n_each: int) -> None:
    n_records = min(n_records, len(texts))
    records = [Record(text, "in", number) for number, text in enumerate(texts)]
    whole = InputSum(several=False)
    whole.add(records)
    again = InputSum(several=False)
    again.expect(n_records, whole.after(n_records), "")
    for start in range(0, len(records), n_each):
        again.add(records[start : start + n_each])
    again.end()
    assert again.after(len(texts)) == whole.after(len(texts))
    if n_records:
        records[n_records - 1].text += "x"
        other = InputSum(several=False)
        other.expect(n_records, whole.after(n_records), "")
        with pytest.raises(WrongUsage, match="another input"):
            other.add(records)


def test_what_an_older_nlptool_left_is_refused(tmp_path: Path, invoke: Invoke) -> None:
    part = tmp_path / "out.part"
    part.write_bytes(b"1\n2\n3\n")
    done = invoke(*TOKENIZE, "-o", str(tmp_path / "out"), "--resume", stdin=b"a\nb\n")
    assert done.exit_code == 2
    assert f"{part} does not say what made it: out.part.json is not beside it" in done.stderr
    assert "Without --resume all is done anew" in done.stderr
    assert part.read_bytes() == b"1\n2\n3\n"
    assert invoke(*TOKENIZE, "-o", str(tmp_path / "out"), stdin=b"a\nb\n").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.floats(0, 1),
    n_bytes=st.integers(0, 40) | st.just(10_000),
    instead=st.text(alphabet='0123456789{}[],:"ab \n', max_size=9),
)
def test_a_damaged_side_file_is_refused(
    start: float, n_bytes: int, instead: str, tmp_path: Path, invoke: Invoke
) -> None:
    out, side = tmp_path / "out", tmp_path / "out.part.json"
    run = lambda *resume: invoke(*TOKENIZE, "-o", str(out), *resume, stdin=b"a\nb\nc\nd\n" * 6)  # noqa: E731
    run()
    whole = out.read_bytes()
    interrupted(run, out, 2)
    kept = side.read_text()
    first = round(start * len(kept))
    damaged = kept[:first] + instead + kept[first + n_bytes :]
    side.write_text(damaged)
    done = run("--resume")
    if done.exit_code:  # else white space came or went
        assert done.exit_code == 2, done.stderr
        assert f"{side.name} is damaged" in done.stderr
        assert "Without --resume all is done anew" in done.stderr
        assert run().exit_code == 0
    else:
        assert json.loads(damaged) == json.loads(kept)
    assert out.read_bytes() == whole


def test_the_side_file_says_to_people_what_makes_the_output(tmp_path: Path, invoke: Invoke) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"")
    out.chmod(0o600)
    with small_lists(), stopped_after(2):
        invoke("tokenize", "--pos", "名詞", "-o", str(out), stdin=TEXT)
    side = tmp_path / "out.part.json"
    kept = json.loads(side.read_text())
    assert kept["command"] == "tokenize"
    assert kept["input"] == ["<stdin>"]
    assert kept["options"]["--pos"] == ["名詞"]
    assert "--stop-pos" not in kept["options"]
    assert kept["done"]["records"] > 0
    assert stat.S_IMODE(side.stat().st_mode) == 0o600  # what is read in it is no more than what the output shows
    assert side.read_text().count("\n") > 20


def test_formats_that_are_whole_or_nothing_are_refused_before_the_model_is_looked_for(
    tmp_path: Path, invoke: Invoke
) -> None:
    out = str(tmp_path / "out")
    for arguments in (
        ["tokenize", "--resume"], ["tokenize", "--resume", "-o", out, "-f", "parquet"],
        ["embed", "-m", "./none", "--resume", "-o", out, "-f", "npz"],
        ["embed", "-m", "./none", "--resume", "-o", f"{out}.parquet"],
        ["score", "-m", "./none", "--resume", "-o", out, "-f", "table"],
        ["attention", "-m", "./none", "--resume", "-o", out, "--plot", "x.png"],
        ["generate", "-m", "./none", "--resume", "-o", out, "--plot", "x.png"],
    ):  # fmt: skip
        done = invoke(*arguments, stdin=b"a\n")
        assert done.exit_code == 2, done.stderr
        assert "--resume" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", [lambda data: b"", lambda data: data[:1], lambda data: data[:-9] + bytes(9)])
def test_what_the_storage_has_lost_is_done_anew(
    change: Callable[[bytes], bytes], tmp_path: Path, invoke: Invoke
) -> None:
    """As after a power failure."""
    out, part = tmp_path / "out", tmp_path / "out.part"
    run = lambda *resume: invoke(*TOKENIZE, "-o", str(out), *resume, stdin=TEXT)  # noqa: E731
    run()
    whole = out.read_bytes()
    interrupted(run, out, 2)
    part.write_bytes(change(part.read_bytes()))
    expected = bool(part.stat().st_size)
    done = run("--resume")
    assert done.exit_code == 3
    assert ("is not as it was left" in done.stderr) is expected
    assert out.read_bytes() == whole


@given(st.lists(st.lists(st.binary(max_size=9), max_size=4), max_size=9), st.integers(1, 12))
def test_the_last_bytes_that_were_written_are_known(writes: list[list[bytes]], n_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output, "_TAIL_BYTES", n_bytes)
        last = b""
        for parts in writes:
            last = output._tail(last, tuple(parts))
        assert last == b"".join(map(b"".join, writes))[-n_bytes:]


def test_a_side_file_that_is_left_alone_is_in_no_ones_way(tmp_path: Path, invoke: Invoke) -> None:
    out = tmp_path / "out"
    run = lambda *resume: invoke(*TOKENIZE, "-o", str(out), *resume, stdin=TEXT)  # noqa: E731
    run()
    whole = out.read_bytes()
    for resume in ([], ["--resume"]):
        interrupted(run, out, 2)
        (tmp_path / "out.part").unlink()  # as if it had just been renamed
        assert run(*resume).exit_code == 3
        assert out.read_bytes() == whole
        assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_run_that_cannot_be_resumed_leaves_no_side_file_of_another(tmp_path: Path, invoke: Invoke) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"")
    interrupted(lambda: invoke("tokenize", "-o", str(out), stdin=TEXT), out)
    with pytest.raises(KeyboardInterrupt), Output(str(out)) as opened:
        opened.write(b"something else")
        assert not (tmp_path / "out.part.json").exists()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_what_fits_and_it_is_gone_on_with(tmp_path: Path, invoke: Invoke) -> None:
    out = tmp_path / "out"
    run = lambda *resume: invoke("tokenize", "-o", str(out), *resume, stdin=TEXT * 9)  # noqa: E731
    with small_lists():
        run()
        whole = out.read_bytes()
        out.unlink()
        with largest_file(len(whole) // 2):
            done = run()
        assert done.exit_code == 1
        assert f"File too large; what was written is in {out}.part, --resume goes on from there" in done.stderr
        assert run("--resume").exit_code == 3
    assert out.read_bytes() == whole


def test_of_two_writers_the_second_is_told_who_the_first_is(tmp_path: Path, invoke: Invoke) -> None:
    out = tmp_path / "out"
    with Output(str(out), made_by={"command": "tokenize"}) as opened:
        opened.write(b"mine\n")
        opened.mark({})
        for more in ([], ["--resume"], ["-f", "parquet"]):
            done = invoke("tokenize", "-o", str(out), *more[:2], stdin=b"a\n")
            assert done.exit_code == 1
            assert f"another process ({os.getpid()}) is writing {out}" in done.stderr
        with pytest.raises(RunError, match="is writing"):
            Output(str(out))
    assert out.read_bytes() == b"mine\n"
    assert invoke(*TOKENIZE, "-o", str(out), stdin=b"a\n").exit_code == 0


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_storage_without_locks_is_used_and_that_is_said(
    number: int, tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    done = invoke(*TOKENIZE, "-o", str(tmp_path / "out"), stdin=b"a\n")
    assert done.exit_code == 0
    assert "is on storage without locks" in done.stderr
    assert (tmp_path / "out").read_bytes() == b"a\n"


def test_differences_in_words() -> None:
    before = {
        "command": "embed",
        "nlptool": "1",
        "options": {"--dim": 128, "--as": "query", "--no": True},
        "models": {"m": "1"},
    }
    now = {
        "command": "embed",
        "nlptool": "2",
        "options": {"--dim": 64, "--no": False, "--pos": ["a", "b"]},
        "models": {"n": "1"},
    }
    assert list(differences(before, now)) == [
        "nlptool was 1, is now 2",
        "--dim was 128, is now 64",
        "--as was query, is now not given",
        "--no was on, is now off",
        "--pos was not given, is now a b",
    ]
    assert list(differences(before, before)) == []
