"""The root group: one line a command, and our errors turned into messages and exit codes.

A command's module is imported when the command is called, not before: ``nlptool --help`` must come back in a blink.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from typing import Any, NoReturn

import click

from nlptool import __version__
from nlptool.cli import debugging
from nlptool.cli.groups import LazyGroup
from nlptool.cli.unknown_commands import ANSWERS
from nlptool.errors import NlptoolError, RunError, WrongUsage
from nlptool.terminal import library_warnings

COMMANDS = {
    "analogy": "A is to B as C is to what: word vectors answer.",
    "attention": "Which token looks at which: the attention weights of a BERT.",
    "compare": "Whether two embeddings find the same items alike: RSA, CKA.",
    "completion": "Print the completion script of a shell.",
    "embed": "Sentence embeddings: a vector for each line of text.",
    "evaluate": "Scores on gold data: analogies, similarities, masked words, generated text.",
    "fill-mask": "Which words stand behind [MASK]: a BERT's guesses.",
    "generate": "Text for text: translate, answer, go on, with an encoder–decoder or a GPT.",
    "index": "Keep a corpus's embeddings on disk, for search.",
    "map": "A place in the plane for each record, and a picture of all.",
    "mask": "Hide words of a text behind [MASK], as BERT is trained.",
    "models": "The models: what there is, what is here, fetch, verify, remove.",
    "neighbors": "The words whose vectors are nearest to a word's.",
    "nsp": "Whether one sentence follows another: BERT's next-sentence prediction.",
    "odd-one-out": "The word that does not belong with the others.",
    "sample": "Data to try things on: the hundred poems.",
    "score": "How natural a sentence is: a BERT's pseudo-log-likelihood.",
    "search": "The sentences of a corpus that are nearest in meaning to a query.",
    "similarity": "How alike sentences are: a matrix, the nearest of each, pairs.",
    "tokenize": "Cut Japanese text into words, with lemma, part of speech and reading.",
    "train": "Train a model on your own text: word vectors, encoders, a BERT, sequence to sequence.",
    "vectors": "Files of word vectors: what is in one, convert, select.",
}


class Root(LazyGroup):
    """All commands; their errors become messages and exit codes."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take `help [COMMAND]...` for `[COMMAND]... --help`, and `version` for `--version`."""
        if args and args[0] in ("help", "version"):
            args = [*args[1:], f"--{args[0]}"]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with library_warnings.hidden():
                return super().invoke(ctx)
        except WrongUsage as error:
            raise click.UsageError(error.message, ctx) from error
        except NlptoolError as error:
            if debugging.is_on(ctx):
                traceback.print_exc()
            click.echo(f"{_label(ctx)}: {error.message}", err=True)
            if error.hint:
                click.echo(f"  {error.hint}", err=True)
            ctx.exit(error.exit_code if isinstance(error, RunError) else 1)
        except BrokenPipeError:
            _die_of(signal.SIGPIPE)
        except KeyboardInterrupt:
            _die_of(signal.SIGINT)
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
    cat corpus.txt | nlptool similarity -k 3   the nearest three of each line
    nlptool search 猫の話 --corpus corpus.txt  the lines that are nearest in meaning
    cat corpus.txt | nlptool train -o my.vec   word vectors of your own
    nlptool analogy king man woman             king is to man as queen is to woman
    echo 猫が[MASK]た。 | nlptool fill-mask    the words that may stand there
    echo む | nlptool generate -m hyakunin     a poem's second half, from its deciding syllable

    `nlptool COMMAND --help` is the manual of a command.
    """


def main() -> None:
    """The console script."""
    try:
        root(prog_name="nlptool")
    except KeyboardInterrupt:
        _die_of(signal.SIGINT)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        click.echo(f"nlptool: cannot write <stdout>: {error.strerror}", err=True)
        sys.exit(1)


def _label(ctx: click.Context) -> str:
    return f"nlptool {ctx.invoked_subcommand}" if ctx.invoked_subcommand else "nlptool"


def _die_of(number: signal.Signals) -> NoReturn:
    """End as if the signal had done it, so that the shell sees 130 or 141 and its loops stop."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    sys.exit(128 + number)
