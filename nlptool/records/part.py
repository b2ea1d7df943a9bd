"""A part of an input that several processes read: what one that reads all of it would know when it comes to the part. And what
they have counted, from which one process makes the output of all."""

from __future__ import annotations

from dataclasses import dataclass

from nlptool.records.account import Account


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a file, or all of it.

    Attributes:
        file: the file; a path, or a URL of an object store.
        files: the whole input in order.
        several: the input is several files, so that each record names its own.
        start: the first byte.
        end: the byte behind the last one; None: that behind the last byte of the file.
        first_line: the number of the first line in the file, from 1.
        first_record: the number of the first record in the whole input, from 0.
        kind: the format that the first line of the file has decided; "": the part begins where the file does, and decides it.
    """

    file: str
    files: tuple[str, ...] = ()
    several: bool = False
    start: int = 0
    end: int | None = None
    first_line: int = 1
    first_record: int = 0
    kind: str = ""


@dataclass
class PartRun:
    """A run over a part, whose account is added to those of others.

    Attributes:
        account: what is to be said of the records; None: the run has not come to its end.
        models: name -> version of the models that were opened.
        n_beginning: files of the whole input that were looked at, the first ones, to choose a model or a tokenizer; one more than
            there are if the input was looked at to its end.
        disk_is_full: it ended since nothing could be written.
    """

    part: Part
    account: Account | None = None
    models: dict[str, str] | None = None
    n_beginning: int = 0
    disk_is_full: bool = False

    def looked_at(self, file: str | None) -> None:
        """Remember that the whole input was looked at as far as a file; None: to its end."""
        files = self.part.files
        n_files = files.index(file) + 1 if file in files else len(files) + 1
        self.n_beginning = max(self.n_beginning, n_files)


@dataclass(frozen=True, slots=True)
class MergeRun:
    """A run that reads no input, but what runs over its parts have counted.

    Attributes:
        files: of their sums, on this machine, in the order of the parts.
        names: what messages call these.
        account: what is to be said of the records.
        input_failed: a file of the input could not be read.
    """

    files: tuple[str, ...]
    names: tuple[str, ...]
    account: Account
    input_failed: bool = False
