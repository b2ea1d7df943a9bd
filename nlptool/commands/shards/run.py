"""``nlptool shards run``: run a command over many files, in several processes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.cli.options.types import parse_bytes
from nlptool.storage import store_requests

if TYPE_CHECKING:
    from nlptool.cli.shards.cluster import Wanted
    from nlptool.cli.shards.mappings import CommandLine
    from nlptool.tasks.shards.share import Share

_LINE = "nlptool.shards.line"  # in click's ``Context.meta``


class _WithCommandLine(Command):
    """A command whose words behind the first ``--`` are the command line of another one."""

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "-- COMMAND [ARGUMENT]..."]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        place = args.index("--") if "--" in args else len(args)
        ctx.meta[_LINE] = args[place + 1 :]
        return super().parse_args(ctx, args[:place])


def _parse_share(_: click.Context, __: click.Parameter, value: str | None) -> Share | None:
    """Return what --task I/N means.

    Raises:
        BadParameter: it means nothing.
    """
    from nlptool.tasks.shards.share import parse

    try:
        return None if value is None else parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command(cls=_WithCommandLine)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=click.Path(readable=False))
@click.option("-o", "--output", required=True, metavar="DIR", type=click.Path(readable=False),
              help="Folder of the outputs, one a shard, and of manifest.jsonl; a path or a URL.")  # fmt: skip
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
              help="Where the work is done: in processes on this machine, or on the machines of a Ray cluster.")  # fmt: skip
@click.option("-j", "--workers", type=options.IntRange(1, 1024), metavar="N", show_default="one for each processor",
              help="Number of processes, each with the model open; on one machine they share the processors.")  # fmt: skip
@click.option("--address", metavar="ADDRESS", show_default="a cluster of its own on this machine",
              help="Ray: a cluster that is there: auto, HOST:6379 or ray://HOST:10001.")  # fmt: skip
@click.option("--cpus-per-worker", type=options.IntRange(1, 1024), metavar="N", show_default="1",
              help="Ray: processors of each process.")  # fmt: skip
@click.option("--gpus-per-worker", type=options.FloatRange(0, 1024), metavar="N", show_default="0",
              help="Ray: GPUs of each process; 0.5 is half of one.")  # fmt: skip
@click.option("--shard-size", default="256M", show_default=True, metavar="SIZE", callback=parse_bytes,
              help="Larger files of text and JSONL are split at line ends: 64M, 1G.")  # fmt: skip
@click.option("--retries", type=options.IntRange(0, 100), default=1, show_default=True, metavar="N",
              help="How often a shard that fails is tried again.")  # fmt: skip
@click.option("--task", "share", metavar="I/N", callback=_parse_share,
              help="Do the shards of task I of N, numbered from 0; the same run without --task finishes.")  # fmt: skip
@click.option("--compress", type=click.Choice(["zst"]), help="Compress the outputs: zstd.")
@click.option("--glob", multiple=True, metavar="PATTERN",
              help="Which files of a folder are read (*.md); !PATTERN leaves files out; repeatable.")  # fmt: skip
@options.progress
@options.quiet
@options.debug
@click.pass_context
def command(  # noqa: PLR0917
    context: click.Context,
    inputs: tuple[str, ...],
    output: str,
    engine: str,
    workers: int | None,
    address: str | None,
    cpus_per_worker: int | None,
    gpus_per_worker: float | None,
    shard_size: int,
    retries: int,
    share: Share | None,
    compress: str | None,
    glob: tuple[str, ...],
    progress: str,
    quiet: bool,
) -> None:
    """Run a command, which stands with its options behind --, over files and folders.

    \b
    nlptool shards run corpus/ --output vectors/ -- embed -m static-ja-en
    nlptool shards run --compress zst --shard-size 64M wiki.txt --output tokens/ -- tokenize -f wakati
    nlptool shards run s3://bucket/texts --glob '*.jsonl' --output s3://bucket/out -- classify -m ./topics --field body
    nlptool shards run vectors/ --output corpus.index -- index build
    nlptool shards run --engine ray --address auto --gpus-per-worker 1 corpus/ --output vectors/ -- embed --device cuda

    INPUT is a file or a folder of this machine, or a URL that fsspec knows (s3://, gs://, hdfs:// ...; the package of the store
    must be installed). Each file is a shard. Text and JSONL that are larger than --shard-size are split at line ends;
    compressed files, CSV, TSV, Parquet, UTF-16, and what is read with --encoding auto or another --unit are not.

    COMMAND gives one record for each record: analogy, attention, classify, embed, fill-mask, generate, hash, mask, neighbors,
    nsp, odd-one-out, score, tag or tokenize. Its output is JSONL, or a format whose files are one file when they stand one behind
    the other (text, wakati, mecab, conllu, base64). DIR gets shard-00000.jsonl, shard-00001.jsonl ...: in this order they are
    the output of one process over the same files, byte for byte: numbers of records and lines, seeds, places and the model that
    is chosen by the first text are those of the whole input. Numbers that depend on the batch change by less than 1e-5, unless
    the command has --deterministic.

    Or COMMAND is index build: DIR becomes an index in parts, shard-00000.index ..., for search and similarity.

    DIR/manifest.jsonl says of each shard what made it: the command, its options, the models and their versions, the bytes of
    the file with its size and time of change or ETag, the records in, out and failed, and the seconds. Run again, what is done is
    not done again, and what has changed is. An output is there as a whole or not at all, whenever the run is killed. What is in
    DIR of shards that are no longer there is removed. Two runs into one folder exclude each other; of one that was killed on
    another machine, a folder of an object store is free a minute later.

    With --engine ray the processes are actors of Ray (the package ray must be installed): on a cluster with --address, where all
    machines have the same nlptool, the models, and the files at the same paths or at URLs; else in a cluster of its own on this
    machine, which ends with the run. A process or a machine that dies is replaced where there is room.

    With --task, several runs that do not know of each other do a share each, into one folder: tasks of an array of Slurm, pods of
    an indexed job, lines of GNU parallel. When they are done, the same run without --task does what is missing and writes the
    manifest; until then the folder is not complete.

    COMMAND can also be one that counts: ngrams, collocations without --phrases, tokenize --count. Then DIR gets the full sums of
    each shard, and nlptool shards merge adds them up and makes of them what COMMAND would write. The sums do not depend on -f,
    --min-count, -k, --measure, --threshold, --plot and --zipf: with others of these nothing is counted anew.

    A shard that fails is tried again (--retries), and the others are done: the exit code is 3, as for records that failed, and
    1 if an INPUT cannot be read.
    """
    from nlptool.cli.shards import running

    line = _parsed(context)
    _check_paths(inputs, output, line, compress)
    work = running.Work(
        inputs=inputs, globs=glob, output=output, line=line, retries=retries, share=share, compress=compress, workers=workers,
        wanted=_of_ray(context),
    )  # fmt: skip
    context.exit(running.run(work, progress=progress, quiet=quiet))


def _parsed(context: click.Context) -> CommandLine:
    """Return the command line behind ``--``.

    Raises:
        UsageError: it is a wrong one.
    """
    from nlptool.cli.shards import mappings

    line = mappings.parse(context.meta[_LINE], shard_size=context.params["shard_size"])
    return replace(line, arguments=(*line.arguments, "--quiet")) if context.params["quiet"] else line


def _of_ray(context: click.Context) -> Wanted | None:
    """Return what a cluster is asked for; None: the engine is another one.

    Raises:
        UsageError: it is another one, and an option is of a cluster, or it is Ray and an option is of another one.
    """
    from nlptool.cli.shards.cluster import Wanted

    given = context.params
    if given["engine"] == "ray":
        if given["share"]:
            raise click.UsageError("--task is of runs that do not know of each other, and a run of --engine ray is one")
        return Wanted(
            given["address"], given["workers"], given["cpus_per_worker"] or 1, given["gpus_per_worker"] or 0.0
        )
    for name in ("address", "cpus_per_worker", "gpus_per_worker"):
        if given[name] is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} is of --engine ray")
    return None


def _check_paths(inputs: tuple[str, ...], output: str, line: CommandLine, compress: str | None) -> None:
    """Check that the inputs can be read in parts, and that the outputs can go where they are to go.

    Raises:
        UsageError: they cannot.
    """
    if "-" in inputs:
        raise click.UsageError("standard input is read once and by one process; INPUT is a file, a folder or a URL")
    _refuse_inside(output, inputs)
    if line.finish and compress:
        raise click.UsageError("--compress is not of counts: their files are compressed as they are")
    if line.is_index and compress:
        raise click.UsageError("--compress is of files, and an index is a folder that is mapped into memory")
    if line.is_index and store_requests.is_remote(output):
        raise click.UsageError(
            f"--output {output}: an index is mapped into memory, so its folder is one of this machine"
        )


def _refuse_inside(output: str, inputs: tuple[str, ...]) -> None:
    """Refuse an output that would be read as an input when the command is run again.

    Raises:
        UsageError: it is in one of the folders that are read.
    """
    if store_requests.is_remote(output):
        inside = next((path for path in inputs if f"{output.rstrip('/')}/".startswith(f"{path.rstrip('/')}/")), None)
    else:
        target = Path(output).resolve()
        local = (path for path in inputs if not store_requests.is_remote(path))
        inside = next((path for path in local if target.is_relative_to(Path(path).resolve())), None)
    if inside is not None:
        raise click.UsageError(f"--output {output} is in {inside}, which is read: choose a folder beside it")
