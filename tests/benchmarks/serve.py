"""The figures of ``nlptool serve``: ``python tests/benchmarks/serve.py --corpus FILE``.

Clients that each send one text after another to /v1/embeddings, against an app of sentence-transformers and uvicorn with the same
weights in the same run; and the largest difference of the vectors of the two.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from measure import about_this_machine, in_turn, ratio, row

APP = """
import sys
import torch, uvicorn
from sentence_transformers import SentenceTransformer
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

torch.set_num_threads(int(sys.argv[3]))
model = SentenceTransformer(sys.argv[1], device="cpu")

async def embeddings(request):
    texts = (await request.json())["input"]
    texts = [texts] if isinstance(texts, str) else texts
    vectors = await run_in_threadpool(model.encode, texts, show_progress_bar=False)
    data = [{"object": "embedding", "index": i, "embedding": v.tolist()} for i, v in enumerate(vectors)]
    return JSONResponse({"object": "list", "data": data})

app = Starlette(routes=[Route("/v1/embeddings", embeddings, methods=["POST"])])
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
"""


class Client:
    """A connection on which one text is sent after another."""

    def __init__(self, port: int, model: str) -> None:
        self._port = port
        self._model = model

    async def connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def embed(self, text: str) -> list[float]:
        body = json.dumps({"model": self._model, "input": text}).encode()
        head = f"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        self._writer.write(head.encode() + b"\r\n\r\n" + body)
        answered = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ", 1) for line in answered.split("\r\n")[1:] if ": " in line)
        answer = await self._reader.readexactly(int(headers["content-length"]))
        if " 200 " not in answered.split("\r\n", 1)[0]:
            raise SystemExit(answer.decode())
        vector: list[float] = json.loads(answer)["data"][0]["embedding"]
        return vector

    def close(self) -> None:
        self._writer.close()


async def ask(port: int, model: str, texts: list[str], n_clients: int) -> tuple[float, list[list[float]]]:
    """Return the seconds that all texts took, and their vectors."""
    clients = [Client(port, model) for _ in range(n_clients)]
    for client in clients:
        await client.connect()
    vectors: list[list[float]] = [[] for _ in texts]
    left = iter(range(len(texts)))

    async def work(client: Client) -> None:
        for index in left:
            vectors[index] = await client.embed(texts[index])

    began = time.perf_counter()
    await asyncio.gather(*map(work, clients))
    took = time.perf_counter() - began
    for client in clients:
        client.close()
    return took, vectors


def processor_seconds(process: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def wait_for(port: int, model: str) -> None:
    for _ in range(600):
        try:
            await ask(port, model, ["a cat"], 1)
        except OSError:
            await asyncio.sleep(0.2)
        else:
            return
    raise SystemExit("the server does not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="a text, a sentence a line")
    parser.add_argument("--model", default="all-MiniLM-L6-v2", help="a name that nlptool knows")
    parser.add_argument("--folder", help="the same weights for sentence-transformers; default: where nlptool has them")
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    print(about_this_machine(), flush=True)
    with arguments.corpus.open(encoding="utf-8") as lines:
        texts = [line.strip() for line in lines if line.strip()][: arguments.texts]
    folder = arguments.folder or subprocess.check_output(
        [sys.executable, "-m", "nlptool", "models", "path", arguments.model], text=True
    ).strip()  # fmt: skip
    ports = {"nlptool serve": 8471, "sentence-transformers + uvicorn": 8472}
    commands = (
        [sys.executable, "-m", "nlptool", "serve", "-q", "--http", "127.0.0.1:8471"],
        [sys.executable, "-c", APP, folder, "8472", str(arguments.threads)],
    )
    servers = [subprocess.Popen(command) for command in commands]
    found: dict[str, list[list[float]]] = {}

    used: dict[str, list[float]] = {name: [] for name in ports}
    processes = {name: server.pid for name, server in zip(ports, servers, strict=True)}

    def run(name: str) -> float:
        before = processor_seconds(processes[name])
        took, found[name] = asyncio.run(ask(ports[name], arguments.model, texts, arguments.clients))
        used[name].append(processor_seconds(processes[name]) - before)
        return took

    try:
        for port in ports.values():
            asyncio.run(wait_for(port, arguments.model))
        times = in_turn({name: lambda name=name: run(name) for name in ports}, arguments.rounds)
    finally:
        for server in servers:
            server.send_signal(signal.SIGTERM)
            server.wait()
    row(f"{len(texts)} texts, {arguments.clients} clients", "texts/s", "against the other", "processor time of a text")
    row("---", "---", "---", "---")
    ours, theirs = ports
    for name in ports:
        rates = sorted(len(texts) / seconds for seconds in times[name])
        shown = f"{rates[len(rates) // 2]:.0f} ({rates[0]:.0f}–{rates[-1]:.0f})"
        processor = f"{1000 * sorted(used[name])[len(rates) // 2] / len(texts):.1f} ms"
        row(name, shown, f"{ratio(times, theirs, name):.2f}", processor)
    difference = np.abs(np.array(found[ours]) - np.array(found[theirs])).max()
    row(f"largest difference of a component: {difference:.1e}")


if __name__ == "__main__":
    main()
