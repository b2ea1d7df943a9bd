"""How every command behaves, seen from outside: real processes, pipes, signals, terminals."""

from __future__ import annotations

import contextlib
import ctypes
import gzip
import json
import os
import pty
import select
import signal
import stat
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from program import PATIENCE, Invoke, Run, Start

from nlptool.cli.main import COMMANDS, root

NOVEL = Path(__file__).parent / "data" / "yume_juya.txt"
WAKATI = ("tokenize", "-f", "wakati")
MAPPING = [("tokenize",), ("tokenize", "-j", "2"), ("embed",)]
mapping = pytest.mark.parametrize("command", MAPPING, ids=" ".join)


def lines(out: bytes) -> list[bytes]:
    """Of JSONL: U+2028 is no line end."""
    return out.removesuffix(b"\n").split(b"\n") if out else []


def records(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    assert done.stdout.endswith(b"\n")
    return [json.loads(line) for line in lines(done.stdout)]


def is_answer(line: bytes) -> bool:
    return {"tokens", "embedding"} & json.loads(line).keys() != set()


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def without_superuser() -> None:
    """Let the modes of files count for root too, by dropping CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH at exec."""
    for capability in (1, 2):
        _LIBC.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


_LIBC = ctypes.CDLL(None)


@mapping
def test_0_is_fine_and_stderr_is_silent(command: tuple[str, ...], run: Run) -> None:
    done = run(*command, stdin="猫が鳴く。\n犬\n".encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert [record["text"] for record in records(done)] == ["猫が鳴く。", "犬"]


@mapping
def test_1_a_file_is_missing_and_the_others_are_read(command: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("一\n二")
    (tmp_path / "b").write_text("三\n")
    (tmp_path / "empty").mkdir()
    done = run(*command, "a", "none", "empty", "b", cwd=tmp_path)
    assert done.returncode == 1
    assert [record["text"] for record in records(done)] == ["一", "二", "三"]
    assert done.stderr.decode() == (
        f"nlptool {command[0]}: none: No such file or directory\n"
        f"nlptool {command[0]}: empty: a folder without text files\n"
        "  hidden and binary files are left out, and those that --glob does not choose\n"
    )


@mapping
def test_1_a_file_or_folder_may_not_be_read(command: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    (tmp_path / "closed").write_text("一\n")
    (tmp_path / "closed").chmod(0)
    (tmp_path / "folder").mkdir(0)
    (tmp_path / "open").write_text("二\n")
    done = run(*command, "closed", "folder/x", "folder", "open", cwd=tmp_path, preexec_fn=without_superuser)
    assert done.returncode == 1
    assert [record["text"] for record in records(done)] == ["二"]
    assert done.stderr.decode() == (
        f"nlptool {command[0]}: closed: Permission denied\nnlptool {command[0]}: folder/x: Permission denied\n"
        f"nlptool {command[0]}: folder: Permission denied\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tokenise"], "No such command 'tokenise'. Did you mean tokenize?"),
        (["embed", "--feild", "x"], "Did you mean one of: '--field'"),
        (["tokenize", "--on-eror", "skip"], "--on-error"),
        (["tokenize", "-f", "json"], "'json' is not one of 'table', 'jsonl'"),
        (["tokenize", "-j", "0"], "0 is not in the range"),
        (["embed", "--max-line", "x"], "'x' is not a valid integer"),
        (["tokenize", "--encoding", "utf-9"], "no encoding is called 'utf-9'"),
        (["tokenize", "--encoding", "base64"], "no encoding is called 'base64'"),
        (["tokenize", "--resume"], "--resume needs -o FILE"),
    ],
)
def test_2_the_usage_is_wrong(arguments: list[str], said: str, run: Run) -> None:
    done = run(*arguments, stdin=b"a\n")
    assert (done.returncode, done.stdout) == (2, b"")
    assert said in done.stderr.decode()
    assert b"Traceback" not in done.stderr


BAD = b'{"text":"a","id":1}\n{"text":5,"id":2}\n{"text":"b","id":3}\n\n[]\n'


@mapping
def test_3_a_record_failed(command: tuple[str, ...], run: Run) -> None:
    done = run(*command, "-q", stdin=BAD)
    assert done.returncode == 3
    good, bad, fine, strange = records(done)
    assert [good["id"], bad["id"], fine["id"]] == [1, 2, 3]
    assert bad == {
        "text": 5, "id": 2, "nlptool": {"error": {
            "type": "NotText", "message": "the field `text` holds a number, not a string", "line": 2, "command": command[0],
        }},
    }  # fmt: skip
    assert strange["nlptool"]["error"]["line"] == 5
    assert done.stderr.decode() == (
        f"nlptool {command[0]}: 2 of 4 records failed; the first: <stdin>:2: the field `text` holds a number, not a string\n"
        f"nlptool {command[0]}:   --field names the one that holds the text\n"
    )


@mapping
def test_3_a_failed_record_is_left_out(command: tuple[str, ...], run: Run) -> None:
    done = run(*command, "-q", "--on-error", "skip", stdin=BAD)
    assert done.returncode == 3
    assert [record["id"] for record in records(done)] == [1, 3]
    assert b"2 of 4 records failed and were left out; the first: <stdin>:2: " in done.stderr


@mapping
def test_1_a_failed_record_stops_the_run(command: tuple[str, ...], run: Run) -> None:
    done = run(*command, "-q", "--on-error", "fail", stdin=BAD)
    assert done.returncode == 1
    assert [record["id"] for record in records(done)] == [1]
    assert done.stderr.decode() == (
        f"nlptool {command[0]}: <stdin>:2: the field `text` holds a number, not a string\n"
        "  --field names the one that holds the text\n"
    )


def test_1_counts_more_than_3(run: Run, tmp_path: Path) -> None:
    assert run(*WAKATI, "none", "-", stdin=b"\xff\n", cwd=tmp_path).returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["tokenize", "--dictionary", "none"], ["tokenize", "-j", "2", "--dictionary", "none"], ["embed", "-m", "none"],
        ["embed", "-m", "./none"], ["embed", "-m", "no/such-model", "--offline"],
    ],
    ids=" ".join,
)  # fmt: skip
@pytest.mark.parametrize("text", [b"", b"a\n"], ids=["empty", "text"])
def test_4_a_model_is_not_there(arguments: list[str], text: bytes, run: Run, tmp_path: Path) -> None:
    done = run(*arguments, "-o", "out", stdin=text, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (4, b"")
    assert b"none" in done.stderr or b"no/such-model" in done.stderr
    assert b"Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_where(run: Run) -> None:
    done = run("tokenize", "--debug", "--dictionary", "/none", stdin=b"")
    assert done.returncode == 4
    assert b"Traceback" in done.stderr


@mapping
def test_nothing_in_nothing_out(command: tuple[str, ...], run: Run) -> None:
    done = run(*command)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_stdin_has_its_place_among_the_files(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("一")
    done = run(*WAKATI, "a", "-", "a", stdin="二".encode(), cwd=tmp_path)
    assert done.stdout.decode() == "一\n二\n一\n"
    assert run(*WAKATI, "-", "-", stdin="二".encode()).stdout.decode() == "二\n"


@mapping
def test_with_a_file_stdin_is_not_touched(command: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("一\n")
    (tmp_path / "stdin").write_text("二\n")
    with (tmp_path / "stdin").open("rb") as stdin:
        done = run(*command, str(tmp_path / "a"), stdin=stdin)
        assert os.lseek(stdin.fileno(), 0, os.SEEK_CUR) == 0
    assert [record["text"] for record in records(done)] == ["一"]


def test_the_same_through_file_stdin_fifo_and_compression(run: Run, tmp_path: Path) -> None:
    data = NOVEL.read_bytes()[:20_000].rsplit(b"\n", 1)[0]
    plain, packed, fifo = tmp_path / "plain", tmp_path / "packed", tmp_path / "fifo"
    plain.write_bytes(data)
    packed.write_bytes(gzip.compress(data))
    os.mkfifo(fifo)
    expected = run(*WAKATI, str(plain)).stdout
    assert expected.count(b"\n") == data.count(b"\n") + 1
    assert run(*WAKATI, stdin=data).stdout == expected
    assert run(*WAKATI, stdin=gzip.compress(data)).stdout == expected
    assert run(*WAKATI, str(packed)).stdout == expected
    with subprocess.Popen(["cp", str(plain), str(fifo)]):
        assert run(*WAKATI, str(fifo)).stdout == expected


def test_line_ends_blanks_and_nul(run: Run) -> None:
    done = run("tokenize", stdin="\u3000猫 \r\na\u2028b\u2029c\x85d\x0be\x0cf\n\r\n犬\rx\r\r\n\ufeff猫".encode())
    assert [record["text"] for record in records(done)] == [
        "\u3000猫 ", "a\u2028b\u2029c\x85d\x0be\x0cf", "", "犬\rx\r", "\ufeff猫",
    ]  # fmt: skip
    assert len(lines(done.stdout)) == 5
    done = run("tokenize", "-0", stdin="一\n二\r\n\0\0三\r\0四".encode())
    assert [record["text"] for record in records(done)] == ["一\n二\r\n", "", "三\r", "四"]
    done = run("tokenize", stdin="猫\0犬\n".encode())
    assert records(done)[0]["text"] == "猫\0犬"
    assert [token["surface"] for token in records(done)[0]["tokens"]] == ["猫", "\0", "犬"]


def test_a_closed_stdin_is_said_in_a_sentence(run: Run) -> None:
    for arguments in (WAKATI, ("embed",)):
        done = run(*arguments, preexec_fn=lambda: os.close(0))
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.decode() == f"nlptool {arguments[0]}: <stdin>: Bad file descriptor\n"


def test_a_closed_stdout_is_said_and_a_closed_stderr_does_no_harm(run: Run) -> None:
    done = run(*WAKATI, stdin="猫\n".encode(), preexec_fn=lambda: os.close(1))
    assert done.returncode == 1
    assert done.stderr == b"nlptool tokenize: cannot write <stdout>: Bad file descriptor\n"
    done = run(*WAKATI, stdin="猫\n".encode() + b"\xff\n", preexec_fn=lambda: os.close(2))
    assert done.stdout.decode() == "猫\n\n"
    assert done.returncode == 3


@pytest.mark.parametrize("cut", [2, 10, 100, -9, -1])
def test_a_cut_gzip_is_reported_and_what_was_read_comes_out(cut: int, run: Run, tmp_path: Path) -> None:
    whole = gzip.compress(NOVEL.read_bytes())
    (tmp_path / "x.gz").write_bytes(whole[:cut])
    done = run(*WAKATI, "x.gz", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(b"nlptool tokenize: x.gz: the gzip data end in the middle")
    complete = run(*WAKATI, str(NOVEL)).stdout
    assert complete.startswith(done.stdout)
    assert (done.stdout == b"") == (cut in (2, 10))


def test_a_record_of_10_megabytes(run: Run) -> None:
    ballast = "\\u00e9\u2028" * 1_250_000
    raw = f'{{"ballast":"{ballast}","text":"A cat.","nlptool":{{"x":1}},"tokens":"{ballast[:70]}"}}'.encode()
    for command, field in (("tokenize", b'"tokens":['), ("embed", b'"embedding":[')):
        done = run(command, stdin=raw + b'\n{"text":"b"}\n')
        assert done.returncode == 0
        first, second = lines(done.stdout)
        assert first.startswith(f'{{"ballast":"{ballast}","text":"A cat.",'.encode())
        assert field in first[len(ballast) :]
        assert list(json.loads(first)["nlptool"]) == ["x", command]
        assert json.loads(second)["text"] == "b"


def test_a_text_of_10_megabytes(run: Run) -> None:
    text = "猫が鳴く。" * 600_000
    done = run(*WAKATI, stdin=f"{text}\n犬\n".encode())
    assert done.returncode == 0
    first, second = lines(done.stdout)
    assert first.replace(b" ", b"").decode() == text
    assert second.decode() == "犬"
    done = run("embed", stdin=f"{text}\n犬\n".encode())
    assert done.returncode == 0
    assert [record["nlptool"]["embed"]["truncated"] for record in records(done)] == [True, False]


@pytest.mark.parametrize("command", [("tokenize",), ("embed",)], ids=" ".join)
def test_a_line_of_100_megabytes_is_an_error_and_is_not_kept(command: tuple[str, ...], start: Start) -> None:
    def peak(size: int) -> int:
        """Kilobytes of memory that a run with a line of that many bytes takes."""
        process = start(*command)
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write("犬\n".encode())
        for _ in range(size // 1_000_000):
            process.stdin.write(b"x" * 1_000_000)
        process.stdin.write("\n猫\n".encode())
        process.stdin.close()
        found = [json.loads(line) for line in lines(process.stdout.read())]
        said = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert [found[0]["text"], found[2]["text"]] == ["犬", "猫"]
        if size > 64_000_000:
            assert process.returncode == 3
            assert found[1]["text"] == "x" * 4000
            assert found[1]["nlptool"]["error"]["type"] == "LineTooLong"
            assert "<stdin>:2: the line is longer than 64,000,000 bytes" in said
            assert "--max-line" in said
        return usage.ru_maxrss

    small = peak(0)
    assert peak(100_000_000) < small + 250_000
    assert peak(300_000_000) < small + 250_000


def test_max_line_is_counted_in_bytes_without_the_line_end(run: Run) -> None:
    done = run(*WAKATI, "--max-line", "6", stdin="猫犬\r\n猫犬a\n猫犬\n".encode())
    assert done.returncode == 3
    assert done.stdout.decode() == "猫 犬\n\n猫 犬\n"
    assert b"<stdin>:2: the line is longer than 6 bytes" in done.stderr


def test_utf16_and_japanese_encodings(run: Run) -> None:
    for encoding in ("utf-16", "utf-32", "cp932", "euc-jp", "iso2022_jp"):
        done = run(*WAKATI, "--encoding", encoding, stdin="猫が\n表示\r\n".encode(encoding))
        assert done.stdout.decode() == "猫 が\n表示\n"
    done = run(*WAKATI, stdin="猫が鳴く\n".encode("cp932"))
    assert done.returncode == 3
    assert b"--encoding cp932" in done.stderr


@mapping
def test_a_full_disk_is_said_once(command: tuple[str, ...], run: Run) -> None:
    for target in ([], ["-o", "-"], ["-o", "/dev/stdout"]):
        with Path("/dev/full").open("wb") as full:
            done = run(*command, *target, stdin="猫\n".encode() * 1000, stdout=full)
        assert done.returncode == 1
        name = target[1] if target and target[1] != "-" else "<stdout>"
        assert done.stderr.decode() == f"nlptool {command[0]}: cannot write {name}: No space left on device\n"


def test_a_full_disk_under_a_file_keeps_what_was_written(start: Start, tmp_path: Path) -> None:
    import resource

    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))  # noqa: E731
    uncut = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}  # Python would leave .pyc files of this length
    process = start(*WAKATI, "-o", "out", cwd=tmp_path, preexec_fn=limit, env=uncut)
    assert process.stdin and process.stderr
    process.stdin.write("猫が鳴く。\n".encode() * 100)
    wait_until(lambda: is_marked(tmp_path / "out"))
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write("猫が鳴く。\n".encode() * 1000)
        process.stdin.close()
    said = process.stderr.read().decode()
    assert process.wait(PATIENCE) == 1
    assert "cannot write out: File too large" in said
    assert "--resume goes on from there" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.part", "out.part.json"]
    assert 0 < (tmp_path / "out.part").stat().st_size <= 5000


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "-"])
def test_stdout_by_another_name_is_not_truncated(name: str, run: Run, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb", buffering=0) as out:
        out.write(b"before\n")
        assert run(*WAKATI, "-o", name, stdin="猫\n".encode(), stdout=out).returncode == 0
        out.write(b"after\n")
    assert (tmp_path / "out").read_bytes().decode() == "before\n猫\nafter\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@mapping
def test_a_file_is_written_as_a_whole_and_can_be_its_own_input(
    command: tuple[str, ...], run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    path.write_text("猫\n犬\n")
    path.chmod(0o600)
    assert run(*command, "x", "-o", "x", cwd=tmp_path).returncode == 0
    assert [json.loads(line)["text"] for line in lines(path.read_bytes())] == ["猫", "犬"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]


def test_what_is_read_is_not_written_at_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.part"
    path.write_text("猫\n")
    with path.open("ab") as out, path.open("rb") as stdin:
        for arguments, more in (
            (["x.part", "-o", "x"], {}), (["-o", "x"], {"stdin": stdin}),
            (["x.part"], {"stdout": out}), ([], {"stdin": stdin, "stdout": out}),
        ):  # fmt: skip
            done = run(*WAKATI, *arguments, cwd=tmp_path, **more)
            assert done.returncode == 1
            assert b"would be read and written at once" in done.stderr
            assert path.read_text() == "猫\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.part"]


def test_a_matrix_goes_into_files_pipes_fifos_and_behind_what_is_there(run: Run, tmp_path: Path) -> None:
    arguments = ("embed", "-f", "npy", "--deterministic")
    text = b"A cat.\n\nA dog.\n"
    expected = run(*arguments, stdin=text).stdout  # a pipe
    assert expected.startswith(b"\x93NUMPY\x01\x00")
    assert b"(3, 256)" in expected[:128]
    assert len(expected) == 128 + 3 * 256 * 4
    assert run(*arguments, "-o", "x", stdin=text, cwd=tmp_path).returncode == 0
    assert (tmp_path / "x").read_bytes() == expected
    for mode in ("wb", "ab"):
        with (tmp_path / "y").open(mode, buffering=0) as out:
            out.write(b"before")
            run(*arguments, stdin=text, stdout=out)
        assert (tmp_path / "y").read_bytes().endswith(b"before" + expected)
    os.mkfifo(tmp_path / "fifo")
    with subprocess.Popen(["cat", str(tmp_path / "fifo")], stdout=subprocess.PIPE) as reader:
        assert run(*arguments, "-o", "fifo", stdin=text, cwd=tmp_path).returncode == 0
        assert reader.stdout is not None
        assert reader.stdout.read() == expected


def test_killed_in_the_middle_and_resumed(run: Run, start: Start, tmp_path: Path) -> None:
    text = NOVEL.read_bytes() * 8
    (tmp_path / "in").write_bytes(text)
    whole = run("tokenize", "in", cwd=tmp_path).stdout
    process = start("tokenize", "-o", "out", "-", cwd=tmp_path)
    assert process.stdin
    process.stdin.write(text[: len(text) // 2])
    wait_until(lambda: is_marked(tmp_path / "out"))
    process.kill()
    process.wait(PATIENCE)
    assert not (tmp_path / "out").exists()
    done = run("tokenize", "-o", "out", "--resume", "in", cwd=tmp_path)
    assert done.returncode == 0
    assert b"going on after" in done.stderr
    assert (tmp_path / "out").read_bytes() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def is_marked(out: Path) -> bool:
    """Return whether an unfinished output says that something in it is done."""
    side = out.with_name(f"{out.name}.part.json")
    return side.exists() and bool(json.loads(side.read_bytes())["done"])


def test_the_output_is_the_same_whatever_the_number_of_workers(run: Run) -> None:
    text = NOVEL.read_bytes() * 20 + b"\xff\n" + "猫".encode()
    for form in ([], ["-f", "wakati"]):
        one, two, three = (run("tokenize", *form, "-j", str(n), stdin=text) for n in (1, 2, 3))
        assert one.returncode == two.returncode == three.returncode == 3
        assert one.stdout == two.stdout == three.stdout
        assert one.stderr == two.stderr == three.stderr
        assert one.stdout.count(b"\n") == text.count(b"\n") + 1
    for written, line in zip(lines(run("tokenize", "-j", "3", stdin=text).stdout), text.split(b"\n"), strict=True):
        assert json.loads(written)["text"] == line.decode(errors="replace")


def test_embed_keeps_order_and_count_whatever_the_batches(run: Run) -> None:
    texts = [f"{number} " + "word " * (number % 20) for number in range(300)]
    for budget in ("64", "4096"):
        done = run("embed", "--batch-tokens", budget, stdin="\n".join(texts).encode())
        assert [record["text"] for record in records(done)] == texts


@pytest.mark.parametrize(
    "command", [*MAPPING, WAKATI, ("tokenize", "-j", "3"), ("tokenize", "-o", "/dev/stdout"), ("embed", "-f", "base64")],
    ids=" ".join,
)  # fmt: skip
def test_a_line_is_answered_before_the_pipe_is_closed(command: tuple[str, ...], start: Start) -> None:
    process = start(*command)
    assert process.stdin and process.stdout and process.stderr
    for text in ("猫", "犬", "鳥"):
        process.stdin.write(f"{text}\n".encode())
        assert text in process.stdout.readline().decode()
    process.stdin.write("猫\n犬\n鳥".encode())
    assert [text in process.stdout.readline().decode() for text in ("猫", "犬")] == [True, True]
    process.stdin.close()
    assert "鳥" in process.stdout.read().decode()
    assert process.wait(PATIENCE) == 0
    assert process.stderr.read() == b""


def test_two_commands_in_a_pipe_answer_line_by_line(start: Start) -> None:
    first = start("tokenize")
    second = start("embed", stdin=first.stdout)
    assert first.stdin and second.stdout
    first.stdin.write("猫が鳴く。\n".encode())
    answer = json.loads(second.stdout.readline())
    assert list(answer) == ["text", "tokens", "embedding", "nlptool"]
    assert list(answer["nlptool"]) == ["tokenize", "embed"]


@pytest.mark.parametrize(
    "command", [*MAPPING, WAKATI, ("tokenize", "-o", "/dev/stdout"), ("tokenize", "-o", "-"), ("embed", "-f", "base64")],
    ids=" ".join,
)  # fmt: skip
def test_a_closed_pipe_ends_the_run_at_once_silently_by_its_signal(command: tuple[str, ...], start: Start) -> None:
    with subprocess.Popen(["yes", "猫が"], stdout=subprocess.PIPE) as yes:
        process = start(*command, stdin=yes.stdout)
        assert process.stdout and process.stderr and yes.stdout
        yes.stdout.close()
        assert process.stdout.readline().startswith((b'{"text":', "猫 が".encode()))
        process.stdout.close()
        assert process.wait(PATIENCE) == -signal.SIGPIPE
        assert process.stderr.read() == b""
        assert yes.wait(PATIENCE) == -signal.SIGPIPE


@pytest.mark.parametrize("busy", [False, True], ids=["waiting", "busy"])
@mapping
def test_ctrl_c_dies_of_the_signal_without_a_traceback(
    command: tuple[str, ...], busy: bool, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("old")
    process = start(*command, "-o", "out", start_new_session=True, cwd=tmp_path)
    assert process.stdin and process.stderr
    os.set_blocking(process.stdin.fileno(), False)
    process.stdin.write("猫が鳴く。\n".encode() * (3000 if busy else 1))
    wait_until(lambda: is_marked(tmp_path / "out"))
    workers = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: everyone in the group hears it
    assert process.wait(PATIENCE) == -signal.SIGINT
    assert process.stderr.read() == b""
    assert (tmp_path / "out").read_text() == "old"
    assert is_answer(lines((tmp_path / "out.part").read_bytes())[0])
    wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_worker_that_dies_is_said(start: Start) -> None:
    process = start(*WAKATI, "-j", "2")
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write("猫\n".encode())
    assert process.stdout.readline().decode() == "猫\n"
    for child in children(process.pid):
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
            os.kill(child, signal.SIGKILL)
    process.stdin.write("犬\n".encode())
    assert process.wait(PATIENCE) == 1
    assert process.stderr.read().startswith(b"nlptool tokenize: a worker process died\n")


def test_what_has_to_be_said_is_on_stderr_and_quiet_leaves_errors_alone(run: Run) -> None:
    text = b"xyzzy plugh\n"
    done = run("tokenize", "-v", stdin=text)
    assert [is_answer(line) for line in lines(done.stdout)] == [True]
    assert b"2" in done.stderr and b"dictionary" in done.stderr
    assert b"1 records in" in done.stderr
    assert run("tokenize", "-q", stdin=text).stderr == b""
    assert run("tokenize", "-q", stdin=text).stdout == done.stdout
    quiet = run("tokenize", "-q", "/none", "-", stdin=b"\xff\n")
    assert b"/none: No such file" in quiet.stderr
    assert b"1 of 1 records failed" in quiet.stderr


def test_options_are_read_from_the_environment_and_the_flag_wins(run: Run) -> None:
    cat = "猫が\n".encode()
    wakati = {"NLPTOOL_TOKENIZE_FORMAT": "wakati"}
    assert run("tokenize", stdin=cat, env=wakati).stdout.decode() == "猫 が\n"
    assert is_answer(run("tokenize", "-f", "jsonl", stdin=cat, env=wakati).stdout)
    assert is_answer(run("tokenize", stdin=cat, env={"NLPTOOL_EMBED_FORMAT": "npy", "NLPTOOL_FORMAT": "tsv"}).stdout)
    done = run("tokenize", stdin=cat, env={"NLPTOOL_TOKENIZE_FORMAT": "nonsense"})
    assert done.returncode == 2
    assert b"nonsense" in done.stderr
    skip = {"NLPTOOL_EMBED_ON_ERROR": "skip", "NLPTOOL_EMBED_MAX_LENGTH": "4", "NLPTOOL_EMBED_QUIET": "1"}
    done = run("embed", stdin=b"\xff\none two three four\n", env=skip)
    assert [record["nlptool"]["embed"]["n_tokens"] for record in records(done)] == [4]
    done = run("tokenize", stdin=b"a\0b", env={"NLPTOOL_TOKENIZE_NULL": "1", "NLPTOOL_TOKENIZE_DROP_INPUT": "true"})
    assert [list(record) for record in records(done)] == [["tokens", "nlptool"]] * 2


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"completion"}))
def test_every_option_reads_the_variable_of_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    context = click.Context(root, info_name="nlptool", auto_envvar_prefix="NLPTOOL")
    command = root.get_command(context, name)
    assert command is not None
    inner = click.Context(command, parent=context, info_name=name)
    for option in command.params:
        for flag in (flag for flag in option.opts if isinstance(option, click.Option) and flag.startswith("--")):
            variable = f"NLPTOOL_{name}_{flag[2:]}".upper().replace("-", "_")
            monkeypatch.setenv(variable, "found")
            assert option.resolve_envvar_value(inner) == "found", variable


def test_a_misspelled_command_or_option_is_understood(run: Run) -> None:
    assert b"Did you mean embed?" in run("embedd").stderr
    assert b"--on-error" in run("embed", "--on-errors", "skip").stderr
    assert b"No such command 'xyzzy'." in run("xyzzy").stderr


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The two ends of a pseudo-terminal: what a person sees and types at, and what the program has."""
    person, program = pty.openpty()
    settings = termios.tcgetattr(program)
    settings[1] &= ~termios.OPOST  # bytes as they are written
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(program, termios.TCSANOW, settings)
    yield person, program
    os.close(person)
    os.close(program)


def seen(person: int, enough: Callable[[bytes], bool]) -> bytes:
    """What comes to a terminal until it is enough."""
    shown = b""
    while not enough(shown):
        assert select.select([person], [], [], PATIENCE)[0], shown
        shown += os.read(person, 65536)
    return shown


def anything_waits(person: int) -> bool:
    return bool(select.select([person], [], [], 0)[0])


@pytest.mark.parametrize("target", [[], ["-o", "-"]])
def test_binary_is_not_written_to_a_terminal(target: list[str], terminal: tuple[int, int], run: Run) -> None:
    done = run("embed", "-f", "npy", *target, stdin=b"a\n", stdout=terminal[1])
    assert done.returncode == 2
    assert b"-f npy is binary and stdout is a terminal" in done.stderr
    assert not anything_waits(terminal[0])


def test_who_types_is_told_so_and_answered(terminal: tuple[int, int], start: Start) -> None:
    process = start(*WAKATI, stdin=terminal[1])
    assert process.stdout and process.stderr
    hint = process.stderr.readline().decode()
    assert "reading from the terminal" in hint
    assert "Ctrl-D" in hint
    os.write(terminal[0], "猫が\n".encode())
    assert process.stdout.readline().decode() == "猫 が\n"
    os.write(terminal[0], b"\x04")
    assert process.wait(PATIENCE) == 0
    assert process.stderr.read() == b""


def test_there_is_no_hint_where_no_terminal_is_read(terminal: tuple[int, int], run: Run, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("猫\n")
    assert run(*WAKATI, str(tmp_path / "a"), stdin=terminal[1]).stderr == b""
    assert run(*WAKATI, stdin="猫\n".encode()).stderr == b""


def test_a_bar_is_drawn_on_a_terminal_and_stdout_stays_clean(terminal: tuple[int, int], start: Start) -> None:
    process = start(*WAKATI, stderr=terminal[1])
    assert process.stdin and process.stdout
    end = time.monotonic() + PATIENCE
    while not anything_waits(terminal[0]):  # short runs stay quiet, so go on until it comes
        process.stdin.write("猫が\n".encode())
        assert process.stdout.readline().decode() == "猫 が\n"
        assert time.monotonic() < end
        time.sleep(0.05)
    assert b"records" in seen(terminal[0], lambda shown: b"records" in shown)
    process.stdin.close()
    assert process.stdout.read() == b""
    assert process.wait(PATIENCE) == 0


def test_a_bar_comes_only_where_it_is_wanted(terminal: tuple[int, int], run: Run) -> None:
    text = "猫が\n".encode()
    always = run(*WAKATI, "--progress", "always", stdin=text)
    assert always.stdout.decode() == "猫 が\n"
    assert b"records" in always.stderr
    for quiet in (["--progress", "never"], ["-q"]):
        done = run(*WAKATI, *quiet, stdin=NOVEL.read_bytes(), stderr=terminal[1])
        assert done.returncode == 0
        assert not anything_waits(terminal[0])


HEAVY = {
    "torch", "transformers", "sentence_transformers", "gensim", "scipy", "sklearn", "onnxruntime", "onnx", "numpy", "fugashi",
    "unidic_lite", "rich", "pyarrow", "tokenizers", "safetensors", "huggingface_hub", "pandas", "nlptool.models",
}  # fmt: skip
LISTING = """
import json, sys
from nlptool.cli.main import root
for arguments in json.loads(sys.argv[1]):
    try:
        root(arguments, prog_name="nlptool")
    except SystemExit:
        pass
    print("modules:", *sys.modules, flush=True)
"""


def loaded(*runs: list[str], stdin: bytes = b"") -> list[set[str]]:
    """The heavy modules that are imported after each of some runs of the program, all in one process."""
    done = subprocess.run(
        [sys.executable, "-c", LISTING, json.dumps(runs)],
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    modules = [set(line.split()) for line in done.stdout.decode().split("\n") if line.startswith("modules:")]
    assert len(modules) == len(runs)
    assert all("nlptool.cli.main" in names for names in modules)
    return [HEAVY & names for names in modules]


def test_help_and_wrong_usage_load_nothing_heavy() -> None:
    names = sorted(COMMANDS)
    runs = [
        [], ["--help"], ["--version"], ["nonsense"], ["--nonsense"], *([name, "--help"] for name in names),
        *([name, "--nonsense"] for name in names), ["tokenize", "-f", "nonsense"], ["embed", "--max-line", "x"],
        ["tokenize", "--fields", "nonsense"], ["tokenize", "--count", "words", "-f", "conllu"], ["embed", "--resume"],
    ]  # fmt: skip
    assert [(run, heavy) for run, heavy in zip(runs, loaded(*runs), strict=True) if heavy] == []


def test_a_line_of_text_loads_what_it_needs() -> None:
    (tokenize,) = loaded(["tokenize"], stdin="猫が鳴く。\n".encode())
    assert {"fugashi", "nlptool.models"} <= tokenize <= {"fugashi", "unidic_lite", "nlptool.models"}
    (embed,) = loaded(["embed"], stdin=b"A cat.\n")
    assert {"onnxruntime", "tokenizers", "numpy"} <= embed
    assert not embed & {
        "torch",
        "transformers",
        "sentence_transformers",
        "scipy",
        "sklearn",
        "gensim",
        "huggingface_hub",
        "rich",
    }


def test_embed_needs_no_network_and_no_cache(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import socket\n"
        "class NoSocket(socket.socket):\n"
        "    def __init__(self, *_, **__):\n"
        "        raise RuntimeError('a socket was opened')\n"
        "socket.socket = NoSocket\n"
    )
    home = tmp_path / "home"
    home.mkdir(0o500)
    text = b"A plane is taking off.\n"
    expected = run("embed", "--deterministic", stdin=text)
    environment = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
        "HOME": str(home),
        "NLPTOOL_CACHE": str(home / "cache"),
        "XDG_CACHE_HOME": "",
    }
    done = run("embed", "--deterministic", stdin=text, env=environment, preexec_fn=without_superuser, cwd=home)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == expected.stdout
    assert list(home.iterdir()) == []
    home.chmod(0o700)
    assert run("embed", stdin=text, env=environment).returncode == 0
    assert list(home.iterdir()) == []  # nobody else has kept anything there either, to send it later
    witness = subprocess.run(
        [sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))"],
        env=os.environ | environment, capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert b"a socket was opened" in witness.stderr  # the guard is on guard


def test_file_names_that_are_hard_to_say(run: Run, tmp_path: Path) -> None:
    odd = [b"with\nnewline", b"\xff\xfe", b"-f", "猫 .txt".encode(), b"a'b\"c"]
    for name in odd:
        (tmp_path / os.fsdecode(name)).write_bytes(b"\xff\n")
    done = run(*WAKATI, "--", *map(os.fsdecode, odd), cwd=tmp_path)
    assert done.returncode == 3
    assert done.stdout == b"\n" * 5
    assert b"Traceback" not in done.stderr and b"internal error" not in done.stderr
    out = tmp_path / os.fsdecode(b"\xff.out")
    assert run(*WAKATI, "-o", str(out), stdin="猫\n".encode()).returncode == 0
    assert out.read_text() == "猫\n"


@pytest.fixture
def room_for_recursion() -> Iterator[None]:
    """Python's own JSON parser needs it for lists as deep as orjson takes them."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    yield
    sys.setrecursionlimit(limit)


@pytest.mark.parametrize(
    "text",
    [
        rb'{"\ud800":1}',
        rb'{"text":"a","nlp\u0074ool":{"x":1},"toke\u006es":1}',
        b'{"text":"a","tokens":' + b"[" * 1000 + b"]" * 1000 + b"}",
        b'{"text":"a","embedding":1,"n":' + b"9" * 10_000 + b"}",
        b'{"text":"a","x":1e999,"tokens":-1e-999}',
        b'{"text":"a","nlptool":[{"error":1}]}',
        b'{"text":"a","nlptool":{"error":1},"nlptool":2}',
        b'{"text":"' + b"\\" * 10_000 + b'"}',
        b"{" * 20_000,
        b"\0" * 1000,
        b"\r\n" * 1000,
        b"\x1b[31m\x07\x08",
        "\u202e\u200d\ufeff\ufffe\uffff\U0010ffff".encode(),
        "a\u0301\u0301\u0301".encode() * 2000,
        b"(\xb5/\xfd",
        b"\x1f\x8b",
        b"BZh",
    ],
    ids=lambda text: repr(text[:24]),
)
@pytest.mark.usefixtures("room_for_recursion")
def test_odd_input_gives_a_record_or_a_sentence(text: bytes, invoke: Invoke) -> None:
    for command in ("tokenize", "embed"):
        for form in ("auto", "jsonl"):
            done = invoke(command, "-I", form, stdin=text)
            assert done.exit_code in (0, 1, 3)
            assert "Traceback" not in done.stderr and "internal error" not in done.stderr
            assert all(isinstance(json.loads(line, parse_int=str), dict) for line in lines(done.stdout_bytes))
            assert (done.exit_code == 0) <= ("failed" not in done.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--encoding", "idna"], ["--encoding", "punycode"], ["--encoding", "undefined"], ["--encoding", "rot13"],
        ["--encoding", "raw_unicode_escape"], ["--encoding", "utf-7"], ["--encoding", ""], ["--max-latency", "9" * 20],
        ["--max-latency", "0"], ["--max-line", "1"], ["--field", ""], ["--field", "/"], ["--field", os.fsdecode(b"\xff")],
        ["-o", ""], ["-o", "/"], ["-o", "/dev/fd/99"], ["-o", "/dev/fd/x"], ["-o", "x" * 300], [""], ["x" * 5000],
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)  # fmt: skip
def test_odd_options_give_a_result_or_a_sentence(arguments: list[str], run: Run, tmp_path: Path) -> None:
    done = run("tokenize", *arguments, stdin=b"{}\na+2AA-\xff\n", cwd=tmp_path)
    assert done.returncode in (0, 1, 2, 3)
    assert b"Traceback" not in done.stderr and b"internal error" not in done.stderr


def test_help_to_a_full_disk(run: Run) -> None:
    for arguments in (["--help"], ["tokenize", "--help"], ["--version"]):
        with Path("/dev/full").open("wb") as full:
            done = run(*arguments, stdout=full)
        assert done.returncode == 1
        assert b"Traceback" not in done.stderr and b"internal error" not in done.stderr


def test_as_a_module_with_workers() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nlptool", *WAKATI, "-j", "2"], input="猫が\n".encode(), capture_output=True,
        timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert (done.stdout.decode(), done.stderr) == ("猫 が\n", b"")
