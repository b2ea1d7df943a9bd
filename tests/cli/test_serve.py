"""``nlptool serve --http``, asked by HTTP clients, by bad ones, and by OpenAI's own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
from program import PATIENCE, Invoke, parse_records

EMBED = "/v1/embed?model=static-ja-en&drop-input=1"
TEXTS = ["猫が鳴く。", "犬が走る。", "The cat sleeps."]


class Server:
    """A server that runs.

    Args:
        process: it; it says its address on stderr.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        self.process = process
        line = process.stderr.readline().decode()
        assert line.startswith("nlptool serve: http://"), line
        self.port = int(line.rstrip().rpartition(":")[2])

    def ask(self, path: str, body: Any = None, method: str = "", **headers: str) -> tuple[int, bytes, dict[str, str]]:
        """Return the status, the body and the headers of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method or ("GET" if body is None else "POST"), path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}

    def refusal(self, path: str, body: Any = b"", status: int = 400, **headers: str) -> str:
        """Return the message of an error."""
        found, answer, _ = self.ask(path, body, **headers)
        assert found == status, answer
        return str(json.loads(answer)["error"]["message"])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    @property
    def client(self) -> openai.OpenAI:
        return openai.OpenAI(
            base_url=f"http://127.0.0.1:{self.port}/v1", api_key="any", max_retries=0, timeout=PATIENCE
        )


@contextlib.contextmanager
def serving(*options: str, **environment: str) -> Iterator[Server]:
    """Give a server, which is ended at last."""
    arguments = [sys.executable, "-m", "nlptool", "serve", "--http", "127.0.0.1:0", *options]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, env=os.environ | environment) as process:
        try:
            yield Server(process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


@pytest.fixture(scope="module")
def diary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus that requests may name."""
    path = tmp_path_factory.mktemp("corpora") / "diary.txt"
    path.write_text("猫が鳴いた。\n雨が降った。\n船が港に入った。\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def server(diary: Path) -> Iterator[Server]:
    with serving("--max-body", "200k", "--allow-corpus", f"my-diary={diary}") as found:
        yield found


@pytest.mark.parametrize(
    ("path", "body", "arguments"),
    [
        (EMBED, "\n".join(TEXTS), ("embed", "-m", "static-ja-en", "--drop-input")),
        ("/v1/tokenize?format=wakati", "猫が鳴く。\n", ("tokenize", "-f", "wakati")),
        ("/v1/analogy?words=king&words=man&words=woman&top-k=2", "", ("analogy", "king", "man", "woman", "-k", "2")),
        ("/v1/neighbors?words=--output%3Dx&top-k=1", "", ("neighbors", "-k", "1", "--", "--output=x")),
        ("/v1/generate?model=hyakunin&stop=%E3%81%AE&stop=x", "むらさめの\n",
         ("generate", "-m", "hyakunin", "--stop", "の", "--stop", "x")),
    ],
)  # fmt: skip
def test_a_command_answers_as_on_the_command_line(
    server: Server, invoke: Invoke, path: str, body: str, arguments: tuple[str, ...]
) -> None:
    run = invoke(*arguments, stdin=body)
    status, answer, headers = server.ask(path, body.encode())
    assert (status, answer, headers["x-nlptool-exit"]) == (200, run.stdout_bytes, str(run.exit_code))


def test_records_that_fail_are_records(server: Server) -> None:
    status, answer, headers = server.ask(EMBED, '{"text": "猫"}\n{"text": 3}\n'.encode())
    _, failed = parse_records(answer)
    assert (status, headers["x-nlptool-exit"], headers["content-type"]) == (200, "3", "application/x-ndjson")
    assert failed["nlptool"]["error"]["line"] == 2


def test_plain_text_is_lines_whatever_it_begins_with(server: Server) -> None:
    _, answer, _ = server.ask(
        "/v1/tokenize?fields=surface", b'{"text": "a"}\n', content_type="text/plain; charset=utf-8"
    )
    assert parse_records(answer)[0]["text"] == '{"text": "a"}'


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("top-k=zwei", "Invalid value for '-k' / '--top-k': 'zwei' is not a valid whole number."),
        ("nosuch=1", "neighbors has no option --nosuch"),
        ("output=x", "output is not for requests: it is the server's to choose, or names its files"),
        ("files=/etc/passwd", "neighbors has no option --files"),
        ("allow-pickle=1", "neighbors has no option --allow-pickle"),
        ("workers=9", "neighbors has no option --workers"),
        ("include-query=maybe", "include-query is true or false, not 'maybe'"),
        ("model=/etc", "'/etc' is no model that requests may name: one of `nlptool models list`, or one that was allowed by "
         "`nlptool serve --allow-model`"),
        ("words=%00", "words holds a NUL"),
        ("words=%ff", "the query is no query: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
)  # fmt: skip
def test_wrong_usage(server: Server, query: str, message: str) -> None:
    assert server.refusal(f"/v1/neighbors?{query}") == message


@pytest.mark.parametrize("name", ["train", "compare", "vectors", "nosuch", "serve"])
def test_other_commands_are_not_served(server: Server, name: str) -> None:
    assert server.refusal(f"/v1/{name}", status=404).startswith(f"/v1/{name} is no command that is served; these are: ")


@pytest.mark.parametrize(("query", "body"), [("&words=%E5%A4%A9%E6%B0%97", ""), ("", "天気\n動物\n")])
def test_a_corpus_is_searched(server: Server, diary: Path, invoke: Invoke, query: str, body: str) -> None:
    run = invoke(
        "search", "--corpus", str(diary), "-k", "1", "-m", "static-ja-en", *(["天気"] if query else []), stdin=body
    )
    assert json.loads(run.stdout.splitlines()[0])["neighbors"][0]["text"] == "雨が降った。"
    path = f"/v1/search?corpus=my-diary&top-k=1&model=static-ja-en{query}"
    assert server.ask(path, body.encode())[:2] == (200, run.stdout_bytes)


@pytest.mark.parametrize("name", ["../diary.txt", "diary", "/etc/passwd", "-", ""])
def test_no_other_corpus_is_searched(server: Server, name: str) -> None:
    message = f"{name!r} is no corpus that requests may name; these are: my-diary"
    assert server.refusal(f"/v1/search?corpus={name}&words=x") == message


def test_a_record_opens_no_model_that_is_not_allowed(server: Server, tmp_path: Path) -> None:
    entry = {"embed": {"model": str(tmp_path)}}
    records = [{"embedding": [1.0, 0.0], "text": "a", "nlptool": entry}, {"text": "b"}]
    message = server.refusal("/v1/similarity", "\n".join(map(json.dumps, records)).encode(), 404)
    assert f"{tmp_path} may not be opened here" in message


def test_records_are_answered_while_others_are_still_coming(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(f"POST {EMBED} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        answers = connection.makefile("rb")
        for text in TEXTS:
            line = text.encode() + b"\n"
            connection.sendall(b"%x\r\n%b\r\n" % (len(line), line))
            while not (answer := answers.readline()).startswith(b'{"embedding"'):
                assert answer
        connection.sendall(b"0\r\n\r\n")
        assert answers.read(7) == b"\r\n0\r\n\r\n"


def test_embeddings_for_openai(server: Server, invoke: Invoke) -> None:
    expected = [record["embedding"] for record in parse_records(
        invoke("embed", "-m", "sbert-mini-ja-en", stdin="\n".join(TEXTS)).stdout_bytes)]  # fmt: skip
    answer = server.client.embeddings.create(model="sbert-mini-ja-en", input=TEXTS)  # asks for base64
    plain = server.client.embeddings.create(model="sbert-mini-ja-en", input=TEXTS[0], encoding_format="float")
    assert np.abs(np.array([each.embedding for each in answer.data]) - expected).max() < 1e-5
    assert np.abs(np.array(plain.data[0].embedding) - expected[0]).max() < 1e-5
    assert (answer.model, [each.index for each in answer.data]) == ("sbert-mini-ja-en", [0, 1, 2])
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 9
    (short,) = server.client.embeddings.create(model="sbert-mini-ja-en", input=TEXTS[0], dimensions=8).data
    shortened = invoke("embed", "-m", "sbert-mini-ja-en", "--dim", "8", stdin=TEXTS[0])
    assert np.abs(np.array(short.embedding) - parse_records(shortened.stdout_bytes)[0]["embedding"]).max() < 1e-5


def test_embeddings_asked_for_together_are_those_of_each_text(server: Server) -> None:
    texts = [f"{number} 匹の猫が鳴く。" * (number % 5 + 1) for number in range(24)]
    alone = [server.client.embeddings.create(model="sbert-mini-ja-en", input=text).data[0].embedding for text in texts]
    together: dict[str, list[float]] = {}

    def ask(text: str) -> None:
        together[text] = server.client.embeddings.create(model="sbert-mini-ja-en", input=text).data[0].embedding

    threads = [threading.Thread(target=ask, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.abs(np.array([together[text] for text in texts]) - alone).max() < 1e-5


def test_completions_for_openai(server: Server, invoke: Invoke) -> None:
    prompts = ["むらさめの", "せをはやみ"]
    generated = parse_records(invoke("generate", "-m", "hyakunin", stdin="\n".join(prompts)).stdout_bytes)
    expected = [record["generated"][0]["text"] for record in generated]
    answer = server.client.completions.create(model="hyakunin", prompt=prompts, max_tokens=100, temperature=0)
    assert [(each.index, each.text, each.finish_reason) for each in answer.choices] == [
        (0, expected[0], "stop"), (1, expected[1], "stop")
    ]  # fmt: skip
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    texts, reasons = ["", ""], {}
    for chunk in server.client.completions.create(model="hyakunin", prompt=prompts, max_tokens=100, stream=True):
        texts[chunk.choices[0].index] += chunk.choices[0].text
        if chunk.choices[0].finish_reason:
            reasons[chunk.choices[0].index] = chunk.choices[0].finish_reason
    assert (texts, reasons) == (expected, {0: "stop", 1: "stop"})


def test_samples_depend_on_the_seed(server: Server) -> None:
    def drawn(seed: int) -> list[str]:
        answer = server.client.completions.create(
            model="hyakunin", prompt="む", n=3, seed=seed, temperature=5.0, max_tokens=9
        )
        return [each.text for each in answer.choices]

    assert drawn(7) == drawn(7) != drawn(8)
    assert (
        server.client.completions.create(model="hyakunin", prompt="む", max_tokens=2).choices[0].finish_reason
        == "length"
    )


@pytest.mark.parametrize(
    ("path", "fields", "status", "message"),
    [
        ("embeddings", {"input": "a"}, 400, "model is missing"),
        ("embeddings", {"model": "nosuch", "input": "a"}, 404, "'nosuch' is no model"),
        (
            "embeddings",
            {"model": "static-ja-en", "input": [[1, 2]]},
            400,
            "texts are taken here, and no numbers of tokens",
        ),
        ("embeddings", {"model": "static-ja-en", "input": ["a", " "]}, 400, "input 1 is empty"),
        ("embeddings", {"model": "static-ja-en", "input": []}, 400, "a list of 1 to 2,048 texts"),
        ("embeddings", {"model": "static-ja-en", "input": "a", "dimensions": 9999}, 400, "fewer than 9999"),
        ("embeddings", {"model": "hyakunin", "input": "a"}, 404, "hyakunin"),
        ("embeddings", {"model": "static-ja-en", "input": "a", "truncate": True}, 400, "truncate is not done here"),
        ("completions", {"model": "hyakunin", "prompt": "む", "logprobs": 3}, 400, "logprobs is not done here"),
        ("completions", {"model": "hyakunin", "prompt": "む", "temperature": "hot"}, 400, "temperature is a number"),
        ("completions", {"model": "hyakunin", "prompt": "む", "max_tokens": True}, 400, "max_tokens is a whole number"),
        ("completions", {"model": "hyakunin", "prompt": "む", "n": 2, "stream": True}, 400, "n: one text"),
        ("completions", {"model": "hyakunin", "prompt": ""}, 400, "prompt 0 is empty"),
    ],
)
def test_bad_requests_in_the_shape_of_openai(
    server: Server, path: str, fields: dict[str, Any], status: int, message: str
) -> None:
    assert message in server.refusal(f"/v1/{path}", json.dumps(fields), status)


@pytest.mark.parametrize("body", [b"", b"[1]", b'{"model": ', b"\xff", b'{"input": "\\ud800"}'])
def test_bodies_that_are_no_object(server: Server, body: bytes) -> None:
    assert "the body is no JSON" in server.refusal("/v1/embeddings", body)


def test_models_health_and_metrics(server: Server) -> None:
    assert "static-ja-en" in [model.id for model in server.client.models.list()]
    assert server.ask("/healthz")[:2] == (200, b"ok\n")
    server.ask(EMBED, "猫\n犬\n".encode())
    lines = dict(line.rsplit(" ", 1) for line in server.ask("/metrics")[1].decode().splitlines() if line[0] != "#")
    assert float(lines['nlptool_requests_total{command="embed",status="200"}']) >= 1
    assert float(lines['nlptool_records_total{command="embed"}']) >= 2
    assert float(lines["nlptool_open_models"]) >= 1
    assert lines["nlptool_queue_length"] == "0.0"
    assert server.refusal("/v1/embed", None, 405) == "/v1/embed takes POST, not GET"
    assert server.ask("/v1/embed")[2]["allow"] == "POST"
    assert server.refusal("/nosuch", status=404).startswith("nothing is at /nosuch: ")


def test_who_may_ask(server: Server) -> None:
    assert "the server is not 'evil.example'" in server.refusal(EMBED, b"", 421, Host="evil.example")
    assert "another origin" in server.refusal(EMBED, b"", 403, Origin="http://evil.example")
    assert server.ask("/healthz", Host="localhost:80")[0] == 200


def test_a_long_body_is_refused_before_it_is_read(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /v1/embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n")
        assert connection.makefile("rb").readline() == b"HTTP/1.1 413 Request Entity Too Large\r\n"
    with server.connect() as connection:
        connection.sendall(f"POST {EMBED} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        with contextlib.suppress(OSError):
            for _ in range(4):
                connection.sendall(chunk)
        with contextlib.suppress(ConnectionResetError):
            assert connection.makefile("rb").readline() in (b"HTTP/1.1 413 Request Entity Too Large\r\n", b"")
    assert server.ask("/healthz")[0] == 200


def test_a_token_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("geheim\n")
    with serving("--token-file", str(tmp_path / "token"), NLPTOOL_SERVE_TOKEN="other") as server:
        for given in ({}, {"Authorization": "Bearer other"}, {"Authorization": "geheim"}):
            status, _, headers = server.ask("/v1/models", **given)
            assert (status, headers["www-authenticate"]) == (401, "Bearer")
        assert server.ask("/v1/models", Authorization="Bearer geheim")[0] == 200
        assert server.ask("/healthz")[0] == 200


def test_limits_and_the_end() -> None:
    with serving("--queue", "0", "--timeout", "2s", "--write-timeout", "1s") as server:
        assert server.ask(EMBED, "猫\n".encode())[0] == 200
        opened = [server.connect() for _ in range(4)]
        head = f"POST {EMBED} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        for connection in opened:
            connection.sendall(head)
        statuses = set()
        for _ in range(20):
            status, _, headers = server.ask(EMBED, b"")
            statuses.add(status)
            if status == 503:
                assert headers["retry-after"] == "1"
                break
        assert 503 in statuses
        first = [connection.makefile("rb").readline() for connection in opened]
        assert {line.split(b" ")[1] for line in first} <= {b"504", b"503"}  # they never sent the rest of their bodies
        for connection in opened:
            connection.close()
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(PATIENCE) == 0


def test_what_runs_is_finished_at_the_end(tmp_path: Path) -> None:
    with serving() as server:
        server.ask(EMBED, "猫\n".encode())
        with server.connect() as connection:
            connection.sendall(f"POST {EMBED} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n猫\n".encode())
            answers = connection.makefile("rb")
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            connection.sendall("犬\n".encode())
            assert answers.read().count(b'{"embedding"') == 2
        assert server.process.wait(PATIENCE) == 0


def n_counted(server: Server, labels: str) -> float:
    lines = dict(line.rsplit(" ", 1) for line in server.ask("/metrics")[1].decode().splitlines())
    return float(lines.get(f"nlptool_requests_total{{{labels}}}", "0"))


def test_a_client_that_goes_away_ends_its_run(server: Server) -> None:
    before = n_counted(server, 'command="embed",status="499"')
    with server.connect() as connection:
        connection.sendall(f"POST {EMBED} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n".encode())
        time.sleep(0.5)
    for _ in range(PATIENCE * 10):
        if n_counted(server, 'command="embed",status="499"') == before + 1:
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the run goes on")
    assert server.ask(EMBED, "猫\n".encode())[0] == 200


def test_a_client_that_never_reads_is_left() -> None:
    with serving("--write-timeout", "1s", "--queue", "0") as server, server.connect() as connection:
        body = b"a cat and a dog\n" * 6000  # 20 MB of vectors
        head = f"POST {EMBED} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(head.encode() + body)
        for _ in range(PATIENCE * 10):
            if n_counted(server, 'command="embed",status="200"'):
                break
            time.sleep(0.1)
        answers = connection.makefile("rb")
        with contextlib.suppress(ConnectionResetError):
            assert not answers.read().endswith(b"\r\n0\r\n\r\n")
        assert server.ask(EMBED, "猫\n".encode())[0] == 200


def test_a_client_that_leaves_in_the_middle_of_a_stream_is_left(server: Server) -> None:
    asked = {"model": "hyakunin", "prompt": "むらさめの", "stream": True, "max_tokens": 4000}
    body = json.dumps(asked).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for _ in range(3):
        with server.connect() as connection:
            connection.sendall(head + body)
            assert connection.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
    answer = server.client.completions.create(model="hyakunin", prompt="むらさめの", max_tokens=3, temperature=0)
    assert answer.choices[0].finish_reason == "length"


def test_a_slow_client_gets_its_answer(server: Server) -> None:
    text = "猫\n犬\n".encode()
    with server.connect() as connection:
        head = f"POST {EMBED} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(text)}\r\n\r\n"
        for byte in head.encode() + text:
            connection.sendall(bytes([byte]))
            time.sleep(0.005)
        answer = b""
        while piece := connection.recv(7):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.count(b'{"embedding":[') == 2
    assert answer.endswith(b"\r\n0\r\n\r\n")


def test_it_answers_at_ipv6() -> None:
    arguments = [sys.executable, "-m", "nlptool", "serve", "--http", "[::1]:0"]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        line = process.stderr.readline().decode()
        assert line.startswith("nlptool serve: http://[::1]:")
        try:
            connection = http.client.HTTPConnection("::1", int(line.rpartition(":")[2]), timeout=PATIENCE)
            connection.request("POST", "/v1/tokenize?format=wakati", "猫が鳴く。\n".encode())
            assert connection.getresponse().read().decode() == "猫 が 鳴く 。\n"
            connection.request("GET", "/healthz", headers={"Host": "evil.example"})
            assert connection.getresponse().status == 421
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0


def processes(server: Server) -> list[int]:
    """Return the processes that run the commands of a server."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            found[int(folder.name)] = int(fields[1])
    fronts = [process for process, parent in found.items() if parent == server.process.pid]
    return [process for process, parent in found.items() if parent in fronts]


def test_a_client_that_leaves_costs_no_process() -> None:
    with serving() as server:
        assert server.ask(EMBED, "猫\n".encode())[0] == 200
        before = processes(server)
        body = b"a cat and a dog\n" * 100_000
        head = f"POST {EMBED} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        for n_sent in (len(body), 1600):  # it leaves while it gets the answer, and while it sends
            n_before = n_counted(server, 'command="embed",status="499"') + n_counted(
                server, 'command="embed",status="200"'
            )
            with server.connect() as connection:
                threading.Thread(target=sending, args=(connection, head + body[:n_sent]), daemon=True).start()
                assert connection.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            for _ in range(PATIENCE * 10):
                counted = (n_counted(server, f'command="embed",status="{status}"') for status in (499, 200))
                if sum(counted) > n_before:
                    break
                time.sleep(0.1)
            assert server.ask(EMBED, "犬\n".encode())[0] == 200
        assert [process for process in before if process in processes(server)] == before


def sending(connection: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(data)


def test_a_process_that_dies_is_said_and_replaced() -> None:
    with serving() as server:
        assert server.ask(EMBED, "猫\n".encode())[0] == 200
        with server.connect() as connection:
            connection.sendall(f"POST {EMBED} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n".encode())
            time.sleep(0.5)
            for process in processes(server):
                os.kill(process, signal.SIGKILL)
            assert connection.makefile("rb").readline() == b"HTTP/1.1 500 Internal Server Error\r\n"
        assert server.ask(EMBED, "猫\n".encode())[0] == 200
        front = int(Path(f"/proc/{processes(server)[0]}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(front, signal.SIGKILL)
        assert server.ask(EMBED, "猫\n".encode())[0] == 200


def test_an_answer_whose_process_dies_in_the_middle_is_seen_to_be_cut(server: Server) -> None:
    server.ask(EMBED, "猫\n".encode())
    with server.connect() as connection:
        connection.sendall(f"POST {EMBED} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n猫\n".encode())
        answers = connection.makefile("rb")
        while not answers.readline().startswith(b'{"embedding":['):
            pass
        for process in processes(server):
            os.kill(process, signal.SIGKILL)
        with contextlib.suppress(OSError):
            connection.sendall("犬\n".encode())
        with contextlib.suppress(ConnectionResetError):
            assert not answers.read().endswith(b"0\r\n\r\n")  # which would say that it is whole
    assert server.ask(EMBED, "猫\n".encode())[0] == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--http", "0.0.0.0:0"), "0.0.0.0 can be reached by others: give a token"),
        (("--http", "localhost"), "'localhost' is no address: 127.0.0.1:8000"),
        (("--http", "127.0.0.1:99999"), "is no address"),
        (("--http", "127.0.0.1:0", "--allow-corpus", "a=/nosuch"), "/nosuch is not there"),
        (("--http", "127.0.0.1:0", "--allow-corpus", "=/"), "'=/' is no NAME=PATH"),
        (("--http", "127.0.0.1:0", "--allow-corpus", "a=/", "--allow-corpus", "a=/dev"), "two corpora are named a"),
        (("--http", "127.0.0.1:0", "--token-file", "/nosuch"), "--token-file /nosuch cannot be read"),
        ((), "Missing option '--http'"),
    ],
)
def test_wrong_usage_of_serve(invoke: Invoke, arguments: tuple[str, ...], message: str) -> None:
    run = invoke("serve", *arguments)
    assert (run.exit_code, message in run.stderr) == (2, True), run.stderr


def test_the_port_is_taken(invoke: Invoke, server: Server) -> None:
    run = invoke("serve", "--http", f"127.0.0.1:{server.port}")
    assert (run.exit_code, "cannot listen at 127.0.0.1" in run.stderr) == (1, True)


def test_the_extra_is_named_where_it_is_missing(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    run = invoke("serve", "--http", "127.0.0.1:0")
    assert run.exit_code == 1
    assert run.stderr.splitlines()[-1] == "  pip install '.[serve]' where the project's pyproject.toml is"
