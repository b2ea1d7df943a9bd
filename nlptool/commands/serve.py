"""``nlptool serve``: answer over HTTP."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.cli.options.types import parse_bytes, parse_time
from nlptool.errors import RunError
from nlptool.storage import packages

_NEEDED = ("starlette", "uvicorn", "prometheus_client")
_TOKEN = "NLPTOOL_SERVE_TOKEN"


def _parse_address(_: click.Context, __: click.Parameter, value: str) -> tuple[str, int]:
    """Return a host and a port: 127.0.0.1:8000, [::1]:8000, localhost:8000, 8000."""
    host, colon, port = value.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if colon else "127.0.0.1"
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise click.BadParameter(f"{value!r} is no address: 127.0.0.1:8000")
    return host, int(port)


def _parse_size(ctx: click.Context, option: click.Parameter, value: str | None) -> int:
    return parse_bytes(ctx, option, value) if value else 0


def _parse_corpora(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Return the paths of corpora by their names, from NAME=PATH; a path alone is named as its last part without an ending."""
    corpora: dict[str, str] = {}
    for value in values:
        name, equals, path = value.partition("=")
        path = path if equals else value
        name = name if equals else Path(value).stem
        if not name or not path:
            raise click.BadParameter(f"{value!r} is no NAME=PATH")
        if not Path(path).exists():
            raise click.BadParameter(f"{path} is not there")
        if name in corpora:
            raise click.BadParameter(f"two corpora are named {name}; NAME=PATH names them apart")
        corpora[name] = str(Path(path).absolute())
    return corpora


def _token(file: str | None) -> str:
    """Return the token that requests must bring, "" for none.

    Raises:
        UsageError: there is none in the file, or it is none.
    """
    token = os.environ.get(_TOKEN, "")
    if file is not None:
        try:
            token = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise click.UsageError(f"--token-file {file} cannot be read: {error}") from error
        if not token:
            raise click.UsageError(f"--token-file {file} is empty")
    if not all("!" <= character <= "~" for character in token):
        raise click.UsageError("a token has letters, digits and signs of ASCII, and no blank")
    return token


@click.command(cls=Command)
@click.option("--http", "address", envvar="NLPTOOL_SERVE_HTTP", required=True, metavar="HOST:PORT", callback=_parse_address,
              help="Address to answer at; port 0: any that is free.")  # fmt: skip
@click.option("--token-file", metavar="FILE", type=click.Path(),
              help=f"File with the token that requests must bring; without it {_TOKEN} is read.")  # fmt: skip
@click.option("--allow-model", "models", envvar="NLPTOOL_SERVE_ALLOW_MODEL", multiple=True, metavar="MODEL",
              help="Folder or org/name that requests may name as a model, beside the names of `nlptool models list`; "
              "repeatable.")  # fmt: skip
@click.option("--allow-corpus", "corpora", envvar="NLPTOOL_SERVE_ALLOW_CORPUS", multiple=True, metavar="NAME=PATH",
              callback=_parse_corpora,
              help="Corpus that requests may name: a file of texts or a folder of `nlptool index`; repeatable.")  # fmt: skip
@click.option("--max-body", default="64M", show_default=True, metavar="SIZE", callback=parse_bytes,
              help="Longest body of a request.")  # fmt: skip
@click.option("--timeout", default="5m", show_default=True, metavar="TIME", callback=parse_time,
              help="Time of a request, from its first byte to the last one of its answer.")  # fmt: skip
@click.option("--write-timeout", default="30s", show_default=True, metavar="TIME", callback=parse_time,
              help="Time that a client may leave its answer unread.")  # fmt: skip
@click.option("--queue", default=128, show_default=True, metavar="N", type=options.IntRange(0, 100_000),
              help="Requests that wait while others run; more are sent away with 503.")  # fmt: skip
@click.option("--grace", default="30s", show_default=True, metavar="TIME", callback=parse_time,
              help="Time that requests have to end in after Ctrl-C or SIGTERM.")  # fmt: skip
@click.option("--memory", metavar="SIZE", callback=_parse_size, show_default="a quarter of the machine's",
              help="Memory that the processes with open models may hold: 500M, 4G.")  # fmt: skip
@options.quiet
@options.debug
def command(  # noqa: PLR0917
    address: tuple[str, int],
    token_file: str | None,
    models: tuple[str, ...],
    corpora: dict[str, str],
    max_body: int,
    timeout: float,
    write_timeout: float,
    queue: int,
    grace: float,
    memory: int,
    quiet: bool,
) -> None:
    """Answer over HTTP: commands with records in and out, embeddings and completions as OpenAI's clients ask for them.

    POST /v1/COMMAND runs a command that opens a model and answers, and tokenize. The body holds its input, JSONL or lines; the
    answer is its output, sent as it comes, while the body may still be coming. The query holds its options by their long names,
    and its arguments by theirs. Options that name files or start processes are refused.

    \b
    nlptool serve --http 127.0.0.1:8000
    curl --data-binary @corpus.txt 'localhost:8000/v1/embed?model=static-ja-en'
    curl -X POST 'localhost:8000/v1/analogy?words=king&words=man&words=woman'
    nlptool serve --http 127.0.0.1:8000 --allow-corpus diary=diary.index
    curl -X POST 'localhost:8000/v1/search?corpus=diary&top-k=3&words=rain'

    POST /v1/embeddings and /v1/completions and GET /v1/models have the shape of OpenAI's API: its clients work with base_url
    http://localhost:8000/v1 and any key. Texts that come at the same time are embedded together. GET /healthz says that the
    server lives, GET /metrics what it has done, for Prometheus.

    Models are opened when they are first asked for, and stay open. None is fetched: `nlptool models pull` does that before.

    The server answers this machine alone. At another address it wants a token, which requests bring in the header
    `Authorization: Bearer TOKEN`; over a network that others read, a proxy with TLS belongs before it. Pages of other origins
    get no answer.

    Wrong usage is answered with 400 and the message of the command; records that fail are records with their error, and the
    status is 200. Ctrl-C or SIGTERM: requests that run are finished, and the server exits with 0.
    """
    host, port = address
    token = _token(token_file)
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise RunError(
            f"nlptool serve needs {', '.join(missing)}",
            hint=packages.install_extra("serve"),
        )
    from nlptool.cli.serve import server
    from nlptool.cli.serve.settings import Settings

    settings = Settings(host, port, token, models, max_body, timeout, write_timeout, queue, grace, memory, corpora)
    if not settings.is_local and not token:
        raise click.UsageError(
            f"{host} can be reached by others: give a token, by --token-file FILE or {_TOKEN}, or answer at 127.0.0.1"
        )
    listening = server.listen(settings)
    if not quiet:
        shown = f"[{host}]" if ":" in host else host
        click.echo(f"nlptool serve: http://{shown}:{listening.getsockname()[1]}", err=True)
    server.serve(settings, listening)
