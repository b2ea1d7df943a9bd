"""``POST /v1/<command>``: records in, records out, as they come."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from nlptool.cli.serve.command_lines import command_line
from nlptool.cli.serve.errors import Refused
from nlptool.cli.serve.metrics import Metrics
from nlptool.cli.serve.queue import Queue
from nlptool.cli.serve.runs import Run, begin
from nlptool.cli.serve.settings import Settings
from nlptool.cli.serve.warm_front import WarmFront
from nlptool.errors import EXIT_NO_MODEL, EXIT_RECORDS_FAILED, EXIT_USAGE

_FIRST = 1 << 16  # bytes of an output that are held back while the run may end, so that a header can say its exit code
_PAUSE = 0.05  # seconds that they are held back
_STATUS = {EXIT_USAGE: 400, EXIT_NO_MODEL: 404}
_ANSWERED = (0, EXIT_RECORDS_FAILED)
_JSONL = b"application/x-ndjson"
_TEXT = b"text/plain; charset=utf-8"
_MEDIA = {
    "jsonl": _JSONL,
    "base64": _JSONL,
    "csv": b"text/csv; charset=utf-8",
    "tsv": b"text/tab-separated-values; charset=utf-8",
} | dict.fromkeys(("npy", "npz", "parquet"), b"application/octet-stream")
_EXIT = b"x-nlptool-exit"


class CommandRoute:
    """An ASGI application that runs the command that the path names.

    Args:
        environment: of the runs.
    """

    def __init__(
        self, front: WarmFront, settings: Settings, queue: Queue, metrics: Metrics, environment: Mapping[str, str]
    ) -> None:
        self._front = front
        self._settings = settings
        self._queue = queue
        self._metrics = metrics
        self._environment = environment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Raises:
            Refused: the command line is wrong, or no process runs it.
        """
        name = scope["path_params"]["command"]
        try:
            query = parse_qsl(
                scope["query_string"].decode(), keep_blank_values=True, errors="strict", max_num_fields=1000
            )
        except ValueError as error:
            raise Refused(400, f"the query is no query: {error}") from error
        arguments = command_line(name, query, self._settings, kind=_media_type(scope))
        usual = "text" if "--stream" in arguments else "jsonl"
        media = _MEDIA.get(dict(query).get("format", usual), _TEXT)
        async with self._queue.turn():
            run = await begin(self._front, arguments, self._environment, ends=scope["ends"])
            feeding = asyncio.ensure_future(_feed(run, receive))
            answering = asyncio.ensure_future(self._answer(run, name, media, send))
            try:
                await asyncio.wait((feeding, answering), return_when=asyncio.FIRST_COMPLETED)
                if not answering.done():
                    await feeding  # it ends before the answer where the client is gone, or sends too much
                    return
                await answering
            finally:
                for task in (feeding, answering):
                    task.cancel()
                run.close()
                await asyncio.gather(feeding, answering, return_exceptions=True)

    async def _answer(self, run: Run, name: str, media: bytes, send: Send) -> None:
        """Send what a run writes.

        Raises:
            Refused: the run has failed as a whole; an answer that has been begun is broken off then.
        """
        data = await run.read()
        if data:
            data += await _held_back(run, len(data))
        headers = [(b"content-type", media)]
        if run.is_over:
            if run.code not in _ANSWERED:
                raise _failed(run)
            headers.append((_EXIT, b"%d" % run.code))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while data:
            if media == _JSONL:
                self._metrics.wrote(name, data.count(b"\n"))
            await send({"type": "http.response.body", "body": data, "more_body": True})
            data = b"" if run.is_over else await run.read()
        if run.code not in _ANSWERED:
            raise _failed(run)
        await send({"type": "http.response.body", "body": b""})


async def _held_back(run: Run, n_before: int) -> bytes:
    """Return what a run writes after its first output, of ``n_before`` bytes, while it may end soon."""
    found = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PAUSE):
            while n_before + len(found) < _FIRST and (data := await run.read()):
                found += data
    return found


async def _feed(run: Run, receive: Receive) -> None:
    """Give a run the body of the request; return when the client is gone.

    Raises:
        Refused: the body is too long.
    """
    is_whole = False
    while (message := await receive())["type"] != "http.disconnect":
        if not is_whole:
            await run.write(message.get("body", b""))
            if not message.get("more_body", False):
                is_whole = True
                run.end_input()


def _failed(run: Run) -> Refused:
    """Return the error of a run that has failed as a whole."""
    said = re.sub(r"\AUsage: .*?\n\nError: ", "", run.said.decode(errors="replace").strip(), flags=re.DOTALL)
    if "internal error" in said or run.code < 0:
        return Refused(500, said or "the process that ran the command died")
    return Refused(_STATUS.get(run.code, 422), said)


def _media_type(scope: Scope) -> str:
    """Return the media type of a request's body, "" if it has none."""
    found = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return bytes(found).split(b";")[0].strip().decode("latin-1").lower()
