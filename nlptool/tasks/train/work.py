"""Where a training works: the model folder, which no other process may write, and the checkpoint folder."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool.errors import RunError
from nlptool.records.pipe import Pipe
from nlptool.storage import folders
from nlptool.storage.digest import short_digest
from nlptool.storage.folders import NewFolder
from nlptool.storage.unfinished import Unfinished
from nlptool.tasks.train.checkpoints import can_resume

if TYPE_CHECKING:
    from nlptool.tasks.train.run import ModelOutput

_RUN = "run-*.json"  # what makes the checkpoints


@contextlib.contextmanager
def held(pipe: Pipe, output: ModelOutput, manifest: str, work_files: Sequence[str]) -> Iterator[NewFolder]:
    """Hold the model folder, and make the checkpoint folder, which is removed when the training is done, unless it was named.

    All that can be wrong with them is found here, before hours of training. Several trainings at once may share a checkpoint
    folder: what they write there is named by their settings and replaced as a whole.

    Args:
        manifest: name of the file that marks a model folder of this kind.
        work_files: patterns of the files that a training leaves in its checkpoint folder.

    Raises:
        RunError: a folder cannot be written or replaced, another process writes the model, or the checkpoint folder would be
            removed and holds other files.
        WrongUsage: the training that is to be resumed is another one.
    """
    work, is_temporary = output.work, output.checkpoint_dir is None
    folders.check_replaceable(Path(output.output), manifest)
    foreign = [path.name for path in work.glob("*") if not any(map(path.match, (*work_files, f"{_RUN}*")))]
    if is_temporary and foreign:
        raise RunError(
            f"{work}, where the work is kept until it is done, holds something else: {foreign[0]}",
            hint="another -o, or --checkpoint-dir FOLDER, which is never removed",
        )
    with NewFolder(Path(output.output), manifest, note=pipe.note) as folder:
        try:
            if is_temporary and not output.resume:
                shutil.rmtree(work, ignore_errors=True)
            work.mkdir(exist_ok=True)
            run = _Run(_run_file(output), str(work), pipe.work_done.made_by, resume=output.resume)
        except OSError as error:
            raise RunError(f"cannot write {work}: {error.strerror or error}") from error
        pipe.work_done.keep_in(run)
        try:
            yield folder
        except BaseException as error:
            is_empty = all(path.match(_RUN) for path in work.glob("*"))
            if is_temporary and (is_empty or (isinstance(error, RunError) and not can_resume(work))):
                shutil.rmtree(work, ignore_errors=True)
            raise
        run.end()
        if is_temporary:
            shutil.rmtree(work, ignore_errors=True)


def remember_input(pipe: Pipe) -> None:
    """Remember the corpus, of which all has been read: a training on another one does not go on.

    Raises:
        WrongUsage: the training that is resumed had another one.
    """
    input = pipe.work_done.input
    pipe.work_done.remember(
        "corpus", "FILE", lambda: f"{input.n_read:,} records (CRC-32 {input.after(input.n_read):08x})"
    )


def _run_file(output: ModelOutput) -> Path:
    """Return the file of this training in the checkpoint folder."""
    return output.work / f"run-{output.name}-{short_digest([str(Path(output.output).resolve())])}.json"


class _Run:
    """The file in a checkpoint folder that says what makes the checkpoints."""

    done: Mapping[str, Any] = {}  # the checkpoints themselves say what is done
    input_before: Sequence[str] = ()

    def __init__(self, path: Path, name: str, made_by: Mapping[str, Any], *, resume: bool) -> None:
        self._unfinished = Unfinished(path, name, made_by)
        if resume and path.exists():
            self._unfinished.load()
        self._save()

    def remember(self, kind: str, name: str, version: str) -> None:
        self._unfinished.remember(kind, name, version)
        self._save()

    def end(self) -> None:
        self._unfinished.remove()

    def _save(self) -> None:
        self._unfinished.save({"begun": True})
