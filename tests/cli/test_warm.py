"""The warm server: what it runs looks to its user like a run of its own, whatever becomes of it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import PATIENCE
from warm_user import EMBED, TEXTS, Warm, a_user, until

from nlptool.cli.warm import client, front, messages, places


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[Warm]:
    with a_user(tmp_path) as user:
        yield user


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """A user with a server that is ready."""
    with a_user(tmp_path_factory.mktemp("warm")) as user:
        user.ready()
        yield user


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (EMBED, TEXTS),
        ((*EMBED, "-f", "npy"), TEXTS),
        ((*EMBED, "--on-error", "skip", "-I", "jsonl"), '{"text":"猫"}\n{"text":3}\n{"text":"犬"}\n'),
        (("similarity", "-m", "static-ja-en", "-k", "1"), TEXTS),
        (("similarity", "-m", "static-ja-en", "-f", "table"), TEXTS),
        (("analogy", "king", "man", "woman"), ""),
        (("neighbors", "nosuchword"), ""),
        (("generate", "-m", "hyakunin"), "むらさめの\n"),
        (("fill-mask",), "猫が[MASK]た。\n"),
        (("embed", "-m", "nosuchmodel"), "x\n"),
        (("embed", "--nosuchoption"), "x\n"),
        (("embed", "nosuchfile.txt"), ""),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_a_run_is_what_it_is_cold(shared: Warm, arguments: tuple[str, ...], stdin: str) -> None:
    n_run = shared.status()[0]["commands"]
    cold = shared.run(*arguments, stdin=stdin, warm=False)
    assert shared.run(*arguments, stdin=stdin) == cold
    assert shared.run(*arguments, stdin=stdin) == cold  # the model is open now
    assert shared.status()[0]["commands"] == n_run + 2


@pytest.mark.parametrize(
    "command",
    [
        "$NT embed -m static-ja-en < t.txt > out; cat out",
        "echo before > out; $NT embed -m static-ja-en < t.txt >> out; cat out",
        "$NT embed -m static-ja-en t.txt nosuch.txt 2>&1 | cat",
        "$NT embed -m static-ja-en -o v.jsonl t.txt; cat v.jsonl; umask 077; $NT neighbors -o w.jsonl 猫; stat -c %a *.jsonl",
        "printf '猫\\n犬\\n' | while read -r word; do $NT neighbors -k 1 $word; done",
        "mkdir sub; cd sub; NLPTOOL_EMBED_MODEL=static-ja-en $NT embed ../t.txt",
        "cat t.txt | $NT embed -m static-ja-en | $NT similarity -k 1",
        "$NT embed -m static-ja-en <(cat t.txt)",
        "$NT embed -m static-ja-en <&-; echo $?",
        "$NT embed -m static-ja-en t.txt >&-; echo $?",
        "$NT embed -m static-ja-en t.txt > /dev/full; echo $?",
    ],
)
def test_streams_folder_and_rights_are_the_users(shared: Warm, tmp_path: Path, command: str) -> None:
    answers = []
    for warm in (False, True):
        folder = tmp_path / str(warm)
        folder.mkdir()
        (folder / "t.txt").write_text(TEXTS, encoding="utf-8")
        answers.append(shared.shell(command, warm=warm, cwd=folder))
    assert answers[0] == answers[1]


def test_a_terminal_gets_what_it_gets_cold(shared: Warm) -> None:
    def shown(warm: str) -> bytes:
        ours, theirs = pty.openpty()
        with shared.start("analogy", "king", "man", "woman", stdin=theirs, stdout=theirs, stderr=theirs,
                          environment={"NLPTOOL_WARM": warm, "COLUMNS": "60", "TERM": "xterm"}) as process:  # fmt: skip
            os.close(theirs)
            parts = []
            with contextlib.suppress(OSError):
                while part := os.read(ours, 4096):
                    parts.append(part)
        os.close(ours)
        assert process.returncode == 0
        return b"".join(parts)

    table = shown("0")
    assert b"queen" in table
    assert shown("1") == table


def test_ctrl_c_and_a_closed_pipe_end_a_run_as_they_do_cold(shared: Warm) -> None:
    for warm in ("0", "1"):
        with shared.start(*EMBED, environment={"NLPTOOL_WARM": warm}) as process:
            assert process.stdin and process.stdout
            process.stdin.write("猫\n".encode())
            process.stdin.flush()
            assert b"embedding" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == -signal.SIGINT
        command = "yes 猫 | $NT embed -m static-ja-en | sed -n 1q; echo ${PIPESTATUS[*]}"
        assert shared.shell(command, warm=warm == "1")[1] == b"141 141 0\n"
    until(lambda: not shared.status()[0]["busy"])


def test_a_reader_that_has_enough_costs_no_process(warm: Warm, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a cat and a dog\n" * 100_000)
    warm.ready()
    before = warm.processes("worker")
    command = f"$NT embed -m static-ja-en {tmp_path}/t.txt | head -n 1 | wc -l; echo ${{PIPESTATUS[0]}}"
    assert warm.shell(command) == (0, b"1\n141\n", b"")
    until(lambda: not warm.status()[0]["busy"])
    assert warm.processes("worker") == before
    assert warm.run(*EMBED, stdin=TEXTS) == warm.run(*EMBED, stdin=TEXTS, warm=False)


def test_lines_are_answered_as_they_come(shared: Warm) -> None:
    with shared.start(*EMBED) as process:
        assert process.stdin and process.stdout
        for word in ("猫", "犬", "鳥"):
            process.stdin.write(f"{word}\n".encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["text"] == word
        while_it_waits = shared.run("neighbors", "-k", "1", "猫")  # by another process
        assert while_it_waits == shared.run("neighbors", "-k", "1", "猫", warm=False)
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


def test_standard_input_is_left_alone_by_a_command_that_does_not_read_it(shared: Warm) -> None:
    command = "printf 'a\\nb\\n' | { $NT neighbors -k 1 猫 > /dev/null; cat; }"
    assert shared.shell(command) == (0, b"a\nb\n", b"")


@pytest.mark.parametrize("killed", ["worker", "front"])
def test_a_server_that_is_killed_in_the_middle_loses_nothing(warm: Warm, killed: str) -> None:
    warm.ready()
    lines = [f"{number}匹の猫\n" for number in range(300)]
    _, expected, said = warm.run(*EMBED, stdin="".join(lines), warm=False)
    with warm.start(*EMBED) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write("".join(lines[:100]).encode())
        process.stdin.flush()
        first = process.stdout.readline()
        for number in warm.processes(killed):
            os.kill(number, signal.SIGKILL)
        process.stdin.write("".join(lines[100:]).encode())
        process.stdin.close()
        assert first + process.stdout.read() == expected
        assert process.stderr.read() == said
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("wait", [0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3])
def test_output_is_whole_whenever_the_server_is_killed(warm: Warm, tmp_path: Path, wait: float) -> None:
    text = tmp_path / "t.txt"
    text.write_text(TEXTS * 200, encoding="utf-8")
    expected = warm.run(*EMBED, str(text), warm=False)
    warm.ready()
    with warm.start(*EMBED, str(text)) as process:
        time.sleep(wait)
        for number in (*warm.processes("worker"), *warm.processes("front")):
            os.kill(number, signal.SIGKILL)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stdout, stderr) == expected


def test_a_model_whose_files_change_is_opened_anew(warm: Warm, tmp_path: Path) -> None:
    vectors = tmp_path / "v.vec"
    answers = []
    for near in ("b", "c"):
        vectors.write_text(f"3 2\na 1 0\n{near} 0.9 0.1\n{'c' if near == 'b' else 'b'} 0 1\n", encoding="utf-8")
        answers += [json.loads(warm.run("neighbors", "-m", str(vectors), "-k", "1", "a")[1]) for _ in range(2)]
        warm.ready("neighbors", "-m", str(vectors), "a")
    assert [answer["neighbors"][0]["word"] for answer in answers] == ["b", "b", "c", "c"]


def name_of_socket(warm: Warm) -> Path:
    """The path of the socket of the server that a user has, who has none now."""
    warm.ready()
    (path,) = (warm.runtime / "nlptool").glob("*.sock")
    for number in (*warm.processes("front"), *warm.processes("worker")):
        os.kill(number, signal.SIGKILL)
    path.unlink()
    return path


def answering(listening: socket.socket, data: bytes) -> None:
    """Answer whoever connects with some bytes, and go."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            connection.sendall(data)
            connection.close()


@pytest.mark.parametrize(
    "fault",
    [
        "left behind", "link", "open to others", "read-only", "file", "too long", "link of a socket", "folder of a socket",
        "nobody answers", "nonsense",
    ],
)  # fmt: skip
def test_where_no_server_can_be_the_command_does_its_work(warm: Warm, tmp_path: Path, fault: str) -> None:
    expected = warm.run(*EMBED, stdin=TEXTS, warm=False)
    folder = warm.runtime / "nlptool"
    match fault:
        case "left behind":
            warm.ready()
            for number in (*warm.processes("front"), *warm.processes("worker")):
                os.kill(number, signal.SIGKILL)
            assert list(folder.glob("*.sock"))
        case "link":
            folder.symlink_to(tmp_path, target_is_directory=True)
        case "open to others":
            folder.mkdir()
            folder.chmod(0o777)
        case "read-only":
            folder.mkdir(mode=0o500)
        case "file":
            folder.write_text("")
        case "too long":
            warm.environment["XDG_RUNTIME_DIR"] = str(tmp_path / ("x" * 120))
        case "link of a socket":
            name_of_socket(warm).symlink_to(tmp_path / "nowhere")
        case "folder of a socket":
            name_of_socket(warm).mkdir()
        case "nobody answers" | "nonsense":
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(str(name_of_socket(warm)))
            listening.listen(8)
            answer = b"HTTP/1.1 400 Bad Request" if fault == "nonsense" else b""
            threading.Thread(target=answering, args=(listening, answer), daemon=True).start()
    assert warm.run(*EMBED, stdin=TEXTS) == expected
    assert warm.run(*EMBED, stdin=TEXTS) == expected
    if fault == "read-only":
        folder.chmod(0o700)


def test_a_folder_and_a_server_of_another_user_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nlptool").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert places.is_ours(places.folder())
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listening:
        monkeypatch.chdir(tmp_path)  # the path of a socket has a hundred bytes
        listening.bind("x.sock")
        listening.listen(1)
        messages.connect("x.sock", 5.0).close()
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        assert not places.is_ours(places.folder())
        with pytest.raises(OSError, match="another user"):
            messages.connect("x.sock", 5.0)
        with pytest.raises(OSError, match="belongs to another user"):
            front.listen(tmp_path / "nlptool" / "y.sock")
    assert client.run(["embed"]) is client.NotRun.NO_SERVER
    assert list((tmp_path / "nlptool").iterdir()) == []


def test_a_full_disk_does_not_switch_it_on(warm: Warm) -> None:
    limited = f"ulimit -f 0; trap '' XFSZ; {sys.executable} -m nlptool warm on"
    code, stdout, stderr = warm.shell(limited)
    assert (code, stdout) == (1, b"")
    assert b"File too large" in stderr
    assert list((warm.home / "configuration" / "nlptool").iterdir()) == []


def test_another_version_gets_a_server_of_its_own(warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    state = warm.ready()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(warm.runtime))
    own = places.socket_path()
    monkeypatch.setattr(places, "__version__", "99.0")
    assert Path(places.socket_path()).name.startswith("99.0-")
    assert places.socket_path() != own
    assert client.run(["embed", "-m", "static-ja-en"]) is client.NotRun.NO_SERVER
    assert warm.status()[0]["process"] == state["process"]


def test_another_environment_gets_a_server_of_its_own(warm: Warm) -> None:
    warm.ready()
    warm.environment["HF_HOME"] = str(warm.home)
    warm.run(*EMBED, stdin=TEXTS)
    assert len(until(lambda: states if len(states := warm.status()) == 2 else None)) == 2


def test_a_server_ends_when_nobody_asks(warm: Warm) -> None:
    assert warm.run("warm", "on", "--idle", "1s", "--memory", "2G") == (0, b"", b"")
    warm.environment.pop("NLPTOOL_WARM")
    with warm.start(*EMBED) as process:  # the switch alone
        process.communicate(TEXTS.encode(), timeout=PATIENCE)
    until(lambda: warm.processes("front"))
    until(lambda: not warm.processes("front") and not warm.processes("worker"))
    assert list((warm.runtime / "nlptool").glob("*")) == []


def test_stop_finishes_what_runs(warm: Warm) -> None:
    warm.ready()
    with warm.start(*EMBED) as process:
        assert process.stdin and process.stdout
        process.stdin.write("猫\n".encode())
        process.stdin.flush()
        process.stdout.readline()
        assert warm.run("warm", "stop") == (0, b"", b"")
        process.stdin.write("犬\n".encode())
        process.stdin.close()
        assert json.loads(process.stdout.readline())["text"] == "犬"
        assert process.wait(PATIENCE) == 0
    until(lambda: not warm.processes("front"))
    assert warm.status() == []


def test_many_clients_at_once_lose_nothing(warm: Warm) -> None:
    warm.ready()
    inputs = ["".join(f"{client} {line}匹の猫\n" for line in range(20)) for client in range(50)]
    clients = [warm.start(*EMBED, "--drop-input") for _ in inputs]
    answers = [
        client.communicate(text.encode(), timeout=PATIENCE) for client, text in zip(clients, inputs, strict=True)
    ]
    expected = warm.run(*EMBED, "--drop-input", stdin="".join(inputs), warm=False)[1]
    assert b"".join(stdout for stdout, _ in answers) == expected
    assert {client.returncode for client in clients} == {0}


@pytest.mark.parametrize("words", [("--idle", "soon"), ("--idle", "0"), ("--memory", "much")])
def test_settings_that_are_none(warm: Warm, words: tuple[str, ...]) -> None:
    code, stdout, stderr = warm.run("warm", "on", *words)
    assert (code, stdout) == (2, b"")
    assert words[1].encode() in stderr
