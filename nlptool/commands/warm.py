"""``nlptool warm``: keep models open between commands."""

from __future__ import annotations

from pathlib import Path

import click

from nlptool.cli import options
from nlptool.cli.groups import Group
from nlptool.cli.options.types import parse_bytes, parse_time
from nlptool.cli.warm import places, servers, settings
from nlptool.errors import RunError
from nlptool.records.formats import results


def _parse_size(ctx: click.Context, option: click.Parameter, value: str | None) -> int:
    return parse_bytes(ctx, option, value) if value else 0


@click.group(cls=Group)
def command() -> None:
    """Keep models open between commands: the next command that needs one answers at once.

    With `nlptool warm on`, or NLPTOOL_WARM=1 in the environment, the first command that opens a model leaves a server behind.
    Later commands send it their command line, their streams, working folder and environment over a Unix socket, and it runs
    them as they would have run: output, messages and exit code are the same, and so are Ctrl-C and closed pipes. Where it
    does not answer, is busy or dies in the middle, the command does its work itself.

    \b
    nlptool warm on --idle 1h --memory 4G
    nlptool warm status
    nlptool warm off

    The server ends after 15 minutes without a command. It keeps the models that were used last, as many as its share of the
    memory holds, and opens one anew whose files have changed. It runs the commands that open models and answer (embed, search,
    fill-mask, generate, ...), one after the other; when one takes long, others get a process of their own. Trainings,
    evaluations, --workers, and files such as /dev/fd/63 stay with the command.

    Only this user can reach it: the socket is in a folder of XDG_RUNTIME_DIR, else of TMPDIR, that lets nobody else in. A
    command of another version of nlptool, of another installation, or with another environment where libraries read it once
    (HF_HOME, OMP_NUM_THREADS, LANG, ...) gets a server of its own.

    What comes on a pipe is kept until it is answered, up to 64 MB; if the server dies after more than that, the command fails
    and says so.
    """


@command.command()
@click.option("--idle", metavar="TIME", default="15m", show_default=True, callback=parse_time,
              help="Time without a command after which the server ends: 90s, 15m, 2h.")  # fmt: skip
@click.option("--memory", metavar="SIZE", callback=_parse_size,
              show_default="a quarter of the machine's",
              help="Memory that its processes may hold together: 500M, 4G.")  # fmt: skip
@options.debug
def on(idle: float, memory: int) -> None:
    """Keep models open from now on, in this and in later sessions.

    NLPTOOL_WARM=0 in the environment wins over it. The settings are for servers that start from now on.
    """
    try:
        settings.write(settings.Settings(idle, memory))
    except OSError as error:
        raise RunError(f"cannot write {places.switch()}: {error.strerror}") from error


@command.command()
@options.debug
def off() -> None:
    """Keep no models open, and stop the servers that run."""
    try:
        Path(places.switch()).unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"cannot remove {places.switch()}: {error.strerror}") from error
    servers.ask("stop")


@command.command()
@options.table_choice()
@options.debug
def status(format: str | None) -> None:
    """Show the servers that run: a record for each; nothing where none does.

    `workers` counts the processes that run commands, `busy` those that do so now, `models` those that are open, `commands` what
    has been run. `memory` is what all processes hold, in bytes, and `ends_after` the seconds without a command after which the
    server ends.
    """
    results.show(servers.ask("status"), format)


@command.command()
@options.debug
def stop() -> None:
    """Stop the servers that run; commands that they run now are finished.

    The next command that opens a model leaves one behind again, unless `nlptool warm off` has been said.
    """
    servers.ask("stop")
