"""The ASGI application: all routes, behind the guard."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from nlptool import machine
from nlptool.cli.serve.command_lines import SERVED
from nlptool.cli.serve.command_route import CommandRoute
from nlptool.cli.serve.encoders import Encoders
from nlptool.cli.serve.errors import Refused
from nlptool.cli.serve.generators import Generators
from nlptool.cli.serve.guard import Guard
from nlptool.cli.serve.metrics import Metrics
from nlptool.cli.serve.openai_routes import OpenAIRoutes
from nlptool.cli.serve.queue import Queue
from nlptool.cli.serve.settings import Settings
from nlptool.cli.serve.warm_front import WarmFront
from nlptool.cli.warm.front import MOST_WORKERS

_OTHERS = frozenset({"embeddings", "completions", "models", "healthz", "metrics"})
_EMBED_AT_ONCE = 256  # requests: they are answered together


def make(settings: Settings, front: WarmFront, abort: Callable[[Scope, bool], None]) -> ASGIApp:
    """Return the application.

    Args:
        abort: ends the connection of a scope; the second argument: the client is gone.
    """
    commands, embedding, generating = (
        Queue(n, settings.queue) for n in (MOST_WORKERS, max(1, min(_EMBED_AT_ONCE, settings.queue)), 1)
    )
    queues = (commands, embedding, generating)
    metrics = Metrics(SERVED | _OTHERS, lambda: sum(queue.n_waiting for queue in queues))
    encoders, generators = Encoders(), Generators(settings.memory or machine.memory() // 4)
    openai = OpenAIRoutes(settings, encoders, generators, embedding, generating, metrics)

    async def healthz(_: Request) -> Response:
        return Response("ok\n", media_type="text/plain")

    async def show_metrics(_: Request) -> Response:
        state = await asyncio.to_thread(front.ask, "status")
        n_models = state.get("models", 0) + len(encoders) + len(generators)
        return Response(metrics.text(n_models), media_type="text/plain; version=0.0.4; charset=utf-8")

    routes = [
        _Route("/healthz", healthz),
        _Route("/metrics", show_metrics),
        _Route("/v1/models", openai.models),
        _Route("/v1/embeddings", openai.embeddings, methods=["POST"]),
        _Route("/v1/completions", openai.completions, methods=["POST"]),
        _Route(
            "/v1/{command}", CommandRoute(front, settings, commands, metrics, environment(settings)), methods=["POST"]
        ),
    ]
    return Guard(Router(routes, default=_not_found, redirect_slashes=False), settings, metrics, abort)


def environment(settings: Settings) -> Mapping[str, str]:
    """Return the environment of runs: without options of commands and secrets of the server, without a network, and with the
    models that may be opened."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("NLPTOOL_") or name == "NLPTOOL_CACHE"
    }
    return kept | {"HF_HUB_OFFLINE": "1", "NLPTOOL_WARM": "0", "NLPTOOL_MODELS_ALLOWED": "\n".join(settings.models)}


class _Route(Route):
    """A route whose answer to another method than its own has the shape of all errors."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.methods and scope["method"] not in self.methods:
            methods = ", ".join(sorted(self.methods))
            raise Refused(405, f"{scope['path']} takes {methods}, not {scope['method']}", allow=methods)
        await super().handle(scope, receive, send)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    raise Refused(
        404, f"nothing is at {scope['path']}: POST /v1/COMMAND, /v1/embeddings, /v1/completions; GET /v1/models"
    )
