"""``/v1/embeddings``, ``/v1/completions`` and ``/v1/models`` in the shape of OpenAI's API.

Reference: https://platform.openai.com/docs/api-reference/embeddings, .../completions, .../models. A parameter that is not done
here is refused; ``user`` says nothing of the answer and is left out.
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

import click
import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from nlptool import catalog
from nlptool.cli.options.decoding import DECODING_OPTIONS, decoding_spec
from nlptool.cli.serve.command_lines import not_allowed
from nlptool.cli.serve.encoders import Encoders
from nlptool.cli.serve.errors import Refused
from nlptool.cli.serve.fields import Fields
from nlptool.cli.serve.generators import Asked, Completed, Generators, Piece
from nlptool.cli.serve.metrics import Metrics
from nlptool.cli.serve.queue import Queue
from nlptool.cli.serve.settings import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_TEXTS = 2048  # of a request, as there
_MOST_PROMPTS = 128
_MOST_STOPS = 16
_MOST_TOKENS = 4096
_USUAL_TOKENS = 16  # as there
_UNIT = 1e-3  # a vector's length may differ from 1 by so much and counts as normalised
_HARMLESS = {"logprobs": (False,), "echo": (False,), "best_of": (1,), "presence_penalty": (0,), "frequency_penalty": (0,),
             "logit_bias": ({},), "suffix": ("",)}  # fmt: skip


class OpenAIRoutes:
    """The routes.

    Args:
        embedding, generating: queues of requests.
    """

    def __init__(  # noqa: PLR0917
        self,
        settings: Settings,
        encoders: Encoders,
        generators: Generators,
        embedding: Queue,
        generating: Queue,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._encoders = encoders
        self._generators = generators
        self._embedding = embedding
        self._generating = generating
        self._metrics = metrics

    async def embeddings(self, request: Request) -> Response:
        """Answer with a vector for each text.

        Raises:
            Refused: the request is wrong, or a text has no vector.
        """
        fields = await Fields.of(request)
        model = self._model(fields)
        texts = fields.texts("input", most=_MOST_TEXTS)
        form = fields.take("encoding_format", str) or "float"
        dimensions = fields.take("dimensions", int, least=1, most=1 << 20)
        fields.drop(("user",))
        fields.refuse_rest()
        if texts is None:
            raise Refused(400, "input is missing", param="input")
        if form not in ("float", "base64"):
            raise Refused(400, f"encoding_format is float or base64, not {form}", param="encoding_format")
        if (empty := next((index for index, text in enumerate(texts) if not text.strip()), None)) is not None:
            raise Refused(400, f"input {empty} is empty", param="input")
        async with self._embedding.turn():
            found = await self._encoders.embed(model, texts)
        for index, reason in found.failed.items():
            raise Refused(400, f"input {index} has no vector: {reason}", param="input")
        vectors = _first(found.vectors, dimensions)
        data = [
            {"object": "embedding", "index": index, "embedding": vector}
            | ({"truncated": True} if found.truncated[index] else {})
            for index, vector in enumerate(vectors if form == "float" else _as_base64(vectors))
        ]
        self._metrics.wrote("embeddings", len(data))
        n_tokens = sum(found.n_tokens)
        usage = {"prompt_tokens": n_tokens, "total_tokens": n_tokens}
        return _json({"object": "list", "data": data, "model": model, "usage": usage})

    async def completions(self, request: Request) -> Response:
        """Answer with texts that a model generates.

        Raises:
            Refused: the request is wrong, or the model cannot do it.
        """
        fields = await Fields.of(request)
        asked = self._asked(fields)
        is_streamed = fields.take("stream", bool) or False
        with_usage = bool((fields.take("stream_options", dict) or {}).get("include_usage"))
        fields.drop(("user",))
        fields.refuse_rest(_HARMLESS)
        head = {
            "id": f"cmpl-{uuid.uuid4().hex}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": asked.model,
        }
        if is_streamed:
            if (asked.decoding.n_return or 1) > 1:
                raise Refused(400, "n: one text of a prompt can be streamed", param="n")
            pieces = self._pieces(asked)
            first = await anext(pieces)  # what is wrong is known before the answer begins
            return StreamingResponse(
                _events(first, pieces, head, with_usage=with_usage), media_type="text/event-stream",
                headers={"cache-control": "no-cache"},
            )  # fmt: skip
        async with self._generating.turn():
            found = await self._generators.complete(asked)
        texts = [(text, completed) for completed in found for text in completed.texts]
        self._metrics.wrote("completions", len(texts))
        choices = [
            _choice(index, text.text, text.finish_reason)
            | ({"prompt_truncated": True} if completed.is_truncated else {})
            for index, (text, completed) in enumerate(texts)
        ]
        return _json(head | {"choices": choices, "usage": _usage(found)})

    async def models(self, _: Request) -> Response:
        """Answer with the models that requests may name."""
        names = [
            *(name for name, known in catalog.KNOWN.items() if known.task in ("embed", "generate")),
            *self._settings.models,
        ]
        data = [
            {"id": name, "object": "model", "created": 0, "owned_by": known.package or known.hub.partition("/")[0]}
            if (known := catalog.KNOWN.get(name))
            else {"id": name, "object": "model", "created": 0, "owned_by": "local"}
            for name in dict.fromkeys(names)
        ]
        return _json({"object": "list", "data": data})

    def _model(self, fields: Fields) -> str:
        model = fields.take("model", str)
        if not model:
            raise Refused(400, "model is missing: GET /v1/models lists them", param="model")
        if not self._settings.allows(model):
            raise Refused(404, not_allowed(model), param="model")
        return model

    def _asked(self, fields: Fields) -> Asked:
        """Return what the fields of a request for completions ask for.

        Raises:
            Refused: they are wrong.
        """
        model = self._model(fields)
        prompts = fields.texts("prompt", most=_MOST_PROMPTS)
        if prompts is None:
            raise Refused(400, "prompt is missing", param="prompt")
        temperature = fields.take("temperature", float, least=0, most=100)
        top_p = fields.take("top_p", float, least=0, most=1)
        stops = fields.texts("stop", most=_MOST_STOPS)
        chosen: dict[str, Any] = dict.fromkeys(DECODING_OPTIONS) | {
            "sample": False,
            "temperature": temperature,
            "top_p": top_p or None if temperature != 0 else None,  # the most probable token is among them at any rate
            "num_return": fields.take("n", int, least=1, most=128),
            "max_new_tokens": fields.take("max_tokens", int, least=1, most=_MOST_TOKENS) or _USUAL_TOKENS,
            "stop": tuple(stops or ()),
        }
        seed = fields.take("seed", int, least=0, most=2**32 - 1)
        try:
            decoding = decoding_spec(**chosen)
        except click.UsageError as error:
            raise Refused(400, error.format_message()) from error
        return Asked(model, prompts, decoding, 1 if seed is None else seed)

    async def _pieces(self, asked: Asked) -> AsyncIterator[Piece]:
        """Give the pieces of texts, in this request's turn."""
        async with self._generating.turn():
            async for piece in self._generators.stream(asked):
                yield piece
        self._metrics.wrote("completions", len(asked.prompts))


async def _events(
    first: Piece, pieces: AsyncIterator[Piece], head: dict[str, Any], *, with_usage: bool
) -> AsyncIterator[bytes]:
    """Give the server-sent events of an answer."""
    done: list[Completed] = []
    piece: Piece | None = first
    while piece is not None:
        reason = None
        if piece.completed is not None:
            done.append(piece.completed)
            reason = piece.completed.texts[0].finish_reason
        yield _event(head | {"choices": [_choice(piece.index, piece.text, reason)]})
        piece = await anext(pieces, None)
    if with_usage:
        yield _event(head | {"choices": [], "usage": _usage(done)})
    yield b"data: [DONE]\n\n"


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _choice(index: int, text: str, reason: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": reason}


def _usage(found: Iterable[Completed]) -> dict[str, int]:
    found = list(found)
    n_read = sum(each.n_prompt_tokens for each in found)
    n_written = sum(len(text.ids) for each in found for text in each.texts)
    return {"prompt_tokens": n_read, "completion_tokens": n_written, "total_tokens": n_read + n_written}


def _first(vectors: NDArray[Any], dimensions: int | None) -> NDArray[Any]:
    """Return the first components of vectors (N, D); those that had unit length get it again.

    Raises:
        Refused: there are fewer.
    """
    import numpy as np

    if dimensions is None or dimensions == vectors.shape[1]:
        return vectors
    if dimensions > vectors.shape[1]:
        raise Refused(400, f"the model has {vectors.shape[1]} dimensions, fewer than {dimensions}", param="dimensions")
    is_unit = abs(np.linalg.norm(vectors, axis=1, keepdims=True) - 1) < _UNIT  # (N, 1)
    kept = vectors[:, :dimensions]
    lengths = np.linalg.norm(kept, axis=1, keepdims=True)
    return np.ascontiguousarray(np.where(is_unit & (lengths > 0), kept / np.maximum(lengths, 1e-30), kept))


def _as_base64(vectors: NDArray[Any]) -> list[str]:
    """Return vectors as base64 of little-endian float32."""
    return [base64.b64encode(vector.astype("<f4").tobytes()).decode() for vector in vectors]


def _json(value: dict[str, Any]) -> Response:
    return Response(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")
