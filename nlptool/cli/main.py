"""The root group of all commands, and the console script. Errors become messages and exit codes here.

A command's module is imported only when the command is called, so that ``nlptool --help`` starts fast.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from nlptool import __version__
from nlptool.cli import debugging
from nlptool.cli.groups import LazyGroup
from nlptool.cli.unknown_commands import ANSWERS
from nlptool.errors import NlptoolError, RunError, WrongUsage, is_disk_full
from nlptool.terminal import interrupts, library_warnings

if TYPE_CHECKING:
    from nlptool.records.part import PartRun

COMMANDS = {
    "analogy": "Solve word analogies, A - B + C, with word vectors.",
    "answer": "Answer questions by a part of a text, or of a corpus.",
    "attention": "Extract and draw the attention weights of a BERT.",
    "change": "Find words whose meaning differs between two models of word vectors.",
    "choose": "Choose the ending or the answer that goes with a text.",
    "classify": "Classify texts or pairs of texts: a class, labels or a number for each.",
    "cluster": "Group records that are near in meaning, and say what each group is about.",
    "collocations": "Find collocations: pairs of words that stand together more often than by chance.",
    "compare": "Compare embeddings of the same items: representational similarity analysis, CKA.",
    "completion": "Print the completion script of a shell.",
    "dedup": "Leave out duplicates: the same, or nearly.",
    "embed": "Compute embeddings: a vector for each line of text, or for each token in its context.",
    "evaluate": "Evaluate models on gold data: analogies, similarities, masked words, generated text.",
    "fill-mask": "Predict masked words with a BERT (masked language model).",
    "generate": "Generate text from text with an encoder–decoder or a GPT: translate, answer, continue.",
    "hash": "Compute binary codes: texts of like meaning get codes that differ in few bits.",
    "index": "Build an index of a corpus's embeddings for search.",
    "keyness": "Find keywords: words that are more frequent in a corpus than in a reference.",
    "keywords": "Find the keywords of each text: by tf-idf, or by vectors.",
    "kwic": "Show words in their context: a concordance.",
    "map": "Project embeddings onto a plane (PCA, t-SNE) and draw them.",
    "mask": "Replace words of a text by [MASK], as in the training of BERT.",
    "models": "List, download, verify and remove models.",
    "neighbors": "Find the nearest neighbors of a word among word vectors.",
    "ngrams": "Count n-grams of words, lemmas or characters.",
    "nsp": "Predict whether one sentence follows another (next-sentence prediction).",
    "odd-one-out": "Find the word that does not fit with the others.",
    "probe": "Read the tree of each sentence out of the vectors of a BERT.",
    "sample": "Draw records at random; print sample data: the poems of the Hyakunin Isshu.",
    "score": "Score how probable a text is: log-likelihood, perplexity, surprisal of its words.",
    "search": "Find the sentences of a corpus that are nearest in meaning to a query.",
    "serve": "Answer over HTTP: commands, embeddings, completions.",
    "shards": "Run a command over many files, in several processes.",
    "similarity": "Compute similarities of sentences: a matrix, nearest neighbors, or pairs.",
    "split": "Split text into sentences or paragraphs, Japanese and English.",
    "tag": "Find the entities in texts, or give each word a tag.",
    "tokenize": "Split Japanese text into words with lemma, part of speech and reading.",
    "train": "Train models on your own text: word vectors, sentence encoders, BERT, sequence to sequence.",
    "vectors": "Inspect, convert and select word vectors.",
    "warm": "Keep models open between commands.",
}


class Killed(BaseException):
    """A run that is to end by a signal, as programs do that know nothing of it: a closed pipe, Ctrl-C."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number)
        self.number = number


class Root(LazyGroup):
    """All commands; their errors become messages and exit codes."""

    def main(self, *arguments: Any, **more: Any) -> Any:
        """Run a command line, and end this process by a signal where that is how the run ends."""
        try:
            return super().main(*arguments, **more)
        except Killed as killed:
            interrupts.die_of(killed.number)

    def run(self, arguments: Sequence[str], part: PartRun | None = None) -> int:
        """Run a command line in a process that goes on; return its exit code.

        Args:
            part: what is read in the place of FILE.

        Raises:
            Killed: the process of a run of its own would end by a signal.
        """
        interrupts.remember()
        try:
            super().main(list(arguments), prog_name="nlptool", obj=part)
        except SystemExit as ending:
            return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
        except KeyboardInterrupt as error:
            raise Killed(signal.SIGINT) from error
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            click.echo(f"nlptool: cannot write <stdout>: {error.strerror}", err=True)
            return 1
        return 0

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take `help [COMMAND]...` for `[COMMAND]... --help`, and `version` for `--version`."""
        if args and args[0] in ("help", "version"):
            args = [*args[1:], f"--{args[0]}"]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with library_warnings.hidden(), interrupts.raised_as_such():
                return super().invoke(ctx)
        except WrongUsage as error:
            raise click.UsageError(error.with_hint, ctx) from error
        except NlptoolError as error:
            if ctx.obj is not None:  # a PartRun
                ctx.obj.disk_is_full = is_disk_full(error)
            if debugging.is_on(ctx):
                traceback.print_exc()
            click.echo(f"{_label(ctx)}: {error.message}", err=True)
            if error.hint:
                click.echo(f"  {error.hint}", err=True)
            ctx.exit(error.exit_code if isinstance(error, RunError) else 1)
        except BrokenPipeError as error:
            raise Killed(signal.SIGPIPE) from error
        except KeyboardInterrupt as error:
            raise Killed(signal.SIGINT) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # a bug of ours: the user gets a sentence, --debug the traceback
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:  # a help text on a full disk: see main
                raise
            if debugging.is_on(ctx):
                traceback.print_exc()
            click.echo(f"{_label(ctx)}: internal error: {type(error).__name__}: {error}", err=True)
            click.echo("  --debug shows where; please report it", err=True)
            ctx.exit(1)


@click.group(
    cls=Root,
    table=COMMANDS,
    module="nlptool.commands.{}",
    answers=ANSWERS,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "NLPTOOL", "max_content_width": 100},
)
@click.version_option(__version__, prog_name="nlptool", message="%(prog)s %(version)s")
def root() -> None:
    """Text analysis in the Unix manner, Japanese first: text in, JSONL out, offline.

    \b
    cat corpus.txt | nlptool tokenize          words, lemmas, parts of speech, readings
    cat corpus.txt | nlptool embed             a vector for each line
    cat corpus.txt | nlptool similarity -k 3   the three nearest neighbors of each line
    nlptool search 猫の話 --corpus corpus.txt  the lines nearest in meaning
    cat corpus.txt | nlptool train -o my.vec   word vectors trained on your text
    nlptool analogy king man woman             king - man + woman: queen
    echo 猫が[MASK]た。 | nlptool fill-mask    the most probable words for the mask
    echo む | nlptool generate -m hyakunin     the second half of a poem from its first syllable

    `nlptool COMMAND --help` or `nlptool help COMMAND` prints the manual of a command.
    """


def main() -> NoReturn:
    """The console script, where no warm server answers."""
    try:
        code = root.run(sys.argv[1:])
    except Killed as killed:
        interrupts.die_of(killed.number)
    sys.exit(code)


def _label(ctx: click.Context) -> str:
    return f"nlptool {ctx.invoked_subcommand}" if ctx.invoked_subcommand else "nlptool"
