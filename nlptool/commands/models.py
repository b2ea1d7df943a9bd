"""``nlptool models``: list, download, verify and remove models."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from nlptool.catalog import TASKS
from nlptool.cli import options
from nlptool.cli.groups import Group
from nlptool.errors import EXIT_RECORDS_FAILED, RunError
from nlptool.records.formats import results
from nlptool.terminal.progress import Progress

if TYPE_CHECKING:
    from nlptool.models.store.inventory import Model

_names = click.argument("names", nargs=-1, metavar="NAME...", required=True)


@click.group(cls=Group)
def command() -> None:
    """List, download, verify and remove models.

    A model is a name of `nlptool models list`, org/name[@revision] of the hub, or a folder.

    \b
    nlptool models list --task embed           the encoders, and which of them work offline
    nlptool models pull multilingual-e5-base   download a model; an interrupted download continues
    nlptool models show all-MiniLM-L6-v2       the details of a model

    Downloads go to the cache of huggingface_hub (HF_HOME, HF_HUB_CACHE), models converted for onnxruntime to nlptool's own
    (NLPTOOL_CACHE).
    """


@command.command("list")
@click.option(
    "--task",
    metavar="TASK",
    type=click.Choice(TASKS),
    help=f"Task of the models to list: {', '.join(TASKS)}.",
)
@options.table_choice("names", text="; names: one name a line")
@options.debug
def list_models(task: str | None, format: str | None) -> None:
    """List the built-in models, the models known by name, and the other models in the hub's cache.

    Each record holds name, task, size in bytes, licence, languages (ISO 639-1, the most important first; mul: about a
    hundred), the dimension of the vectors, the source, and `offline`: whether the model works now without a network.

    \b
    nlptool models list
    nlptool models list --task embed -f names
    nlptool models list -f jsonl | jq -r 'select(.offline and .task == "embed").name'
    """
    from nlptool.models.store import inventory

    records = [inventory.summary(model) for model in inventory.everything()]
    records = [record for record in records if task in (None, record["task"])]
    if format == "names":
        results.print_text("".join(f"{record['name']}\n" for record in records))
    else:
        results.show(records, format)


@command.command()
@click.argument("name", metavar="NAME")
@options.table_choice()
@options.debug
def show(name: str, format: str | None) -> None:
    """Show the details of a model: files, prompts, pooling, limits, licence, converted copies.

    \b
    nlptool models show all-MiniLM-L6-v2
    nlptool models show multilingual-e5-small -f jsonl | jq .prompts
    """
    from nlptool.models.store import inventory

    results.show([inventory.details(inventory.find(name))], format, one=True)


@command.command()
@click.argument("name", metavar="NAME")
@options.quiet
@options.debug
def path(name: str, quiet: bool) -> None:
    """Print the folder of a local model; exit code 4 if there is none.

    \b
    ls -l "$(nlptool models path all-MiniLM-L6-v2)"
    """
    from nlptool.models.store import inventory, kinds, locate

    model = inventory.find(name)  # its message is the better one for names that cannot be
    note = functools.partial(_note, quiet)
    if model.known is not None and model.known.task == "words":
        from nlptool.models.words import loading as word_loading

        results.print_text(f"{word_loading.packaged(model.known, note)}\n")
        return
    plain = kinds.is_plain(model.task())
    folder = locate.find(name, plain=plain, offline=True, allow_pickle=True, note=note)  # a path opens nothing
    results.print_text(f"{folder}\n")


@command.command()
@_names
@options.table_choice()
@click.option(
    "--allow-pickle", is_flag=True,
    help="Download weights in pickle format if there are no others; a pickle can run harmful code.",
)  # fmt: skip
@options.progress
@options.quiet
@options.debug
@click.pass_context
def pull(  # noqa: PLR0917
    ctx: click.Context, names: tuple[str, ...], format: str | None, allow_pickle: bool, progress: str, quiet: bool
) -> None:
    """Download models from the hub into the local cache, only the files that nlptool needs.

    Files that are in the cache are not downloaded again, and an interrupted download continues. Every file is checked
    against its hash. The output is a record for each model: name, commit, folder, and the number of bytes downloaded.

    \b
    nlptool models pull multilingual-e5-base
    nlptool models pull cl-nagoya/ruri-v3-30m@main sonoisa/sentence-bert-base-ja-mean-tokens-v2
    """
    with Progress("models pull", progress, quiet=quiet) as bar:
        records, code = _each(names, lambda model: _pulled(model, bar, allow_pickle=allow_pickle, quiet=quiet), bar)
    results.show(records, format)
    ctx.exit(code)


def _pulled(model: Model, bar: Progress, *, allow_pickle: bool, quiet: bool) -> dict[str, Any]:
    from nlptool.models.store import hub_cache, inventory

    folder, received = model.folder(), 0
    if model.repository:

        def report(there: int, total: int, came: int) -> None:
            nonlocal received
            received = came
            bar.transfer(model.name, there, total)

        folder = hub_cache.fetch(model.repository, model.revision, allow_pickle=allow_pickle, report=report)
    elif folder is None:
        raise inventory.not_here(model)
    elif not quiet:
        origin = f"the package {model.known.package}" if model.known else "a folder"
        bar.say(f"nlptool models: {model.name} comes from {origin}: nothing is to be fetched")
    at = hub_cache.commit(model.repository, model.revision) if model.repository else None
    return {"name": model.name, "commit": at, "folder": str(folder), "bytes": received}


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@options.table_choice()
@options.quiet
@options.debug
@click.pass_context
def verify(ctx: click.Context, names: tuple[str, ...], format: str | None, quiet: bool) -> None:
    """Check the files of models against their hashes: all local models, or those named.

    Checked are built-in weights, all files in the hub's cache, and converted copies. The output is a record for each model
    with the number of files read and the list of damaged ones. Exit code 3 if a file is damaged.

    \b
    nlptool models verify
    nlptool models verify all-MiniLM-L6-v2
    """
    from nlptool.models.store import inventory

    if not names:
        records = [_verified(model) for model in (*inventory.everything(), *inventory.copied_alone())]
        records, code = [record for record in records if record["files"]], 0
    else:
        records, code = _each(names, lambda model: _verified(model, named=True))
    for record in records:
        if record["damaged"] and not quiet:
            _note(False, f"{record['name']} is damaged; {_mend(record['name'])}")
    results.show(records, format)
    ctx.exit(code or (EXIT_RECORDS_FAILED if any(record["damaged"] for record in records) else 0))


def _verified(model: Model, *, named: bool = False) -> dict[str, Any]:
    from nlptool.models.store import inventory

    n_files, damaged = inventory.damage(model)
    if named and not n_files and model.folder() is None:
        raise inventory.not_here(model)
    return {"name": model.name, "files": n_files, "damaged": damaged}


def _mend(name: str) -> str:
    from nlptool.models.store import inventory

    model = inventory.find(name)
    if model.repository:
        return f"this mends it: nlptool models rm {name} && nlptool models pull {name}"
    if model.known is not None:
        return f"this mends it: {f'nlptool models rm {name}, and ' if model.copies() else ''}{model.known.reinstall}"
    return f"this mends it: nlptool models rm {name}; the next run converts it again"


@command.command()
@_names
@options.quiet
@options.debug
@click.pass_context
def rm(ctx: click.Context, names: tuple[str, ...], quiet: bool) -> None:
    """Remove models from the hub's cache, all their revisions, and their converted copies.

    Of models in installed packages and in your own folders only the converted copies are removed.

    \b
    nlptool models rm multilingual-e5-base
    """
    from nlptool.models.store import inventory

    def removed(model: Model) -> dict[str, Any]:
        if "@" in model.name and model.repository:
            raise click.UsageError(f"all revisions are removed together: nlptool models rm {model.repository}")
        freed = inventory.remove(model)
        if freed is None and model.known is not None and model.known.package:
            raise click.UsageError(
                f"{model.name} belongs to the package {model.known.package}, and nothing was converted of it: "
                "pip uninstall removes packages"
            )
        if freed is None:
            raise inventory.not_here(model)
        _note(quiet, f"{model.name}: {freed:,} bytes are free again")
        return {}

    ctx.exit(_each(names, removed)[1])


def _each(
    names: tuple[str, ...], work: Callable[[Model], dict[str, Any]], bar: Progress | None = None
) -> tuple[list[dict[str, Any]], int]:
    """Return the records of the models and the exit code of the first that failed. A failure is reported; the others go on."""
    from nlptool.models.store import inventory

    records, code = [], 0
    for name in dict.fromkeys(names):
        try:
            records.append(work(inventory.find(name)))
        except RunError as error:
            if len(names) == 1:
                raise
            say = bar.say if bar is not None else functools.partial(click.echo, err=True)
            say(f"nlptool models: {error.message}" + (f"\n  {error.hint}" if error.hint else ""))
            code = code or error.exit_code
    return records, code


def _note(quiet: bool, message: str) -> None:
    if not quiet:
        click.echo(f"nlptool models: {message}", err=True)
