"""``nlptool evaluate minimal-pairs``: how often a language model finds the good one of two sentences more probable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.errors import ModelError
from nlptool.records.formats import results
from nlptool.records.minimal_pairs import Names
from nlptool.records.pipe import Pipe
from nlptool.specs import ScoringSpec

if TYPE_CHECKING:
    from nlptool.models.generation.generator import Generator
    from nlptool.models.masked.model import MaskedModel
    from nlptool.tasks.evaluate.minimal_pairs import Scorer


@click.command("minimal-pairs", cls=Command)
@options.records("evaluate", writes=False)
@click.option("--good", metavar="NAME", show_default="good, sentence_good, good_sentence, acceptable, 1",
              help="Field of the acceptable sentence.")  # fmt: skip
@click.option("--bad", metavar="NAME", show_default="bad, sentence_bad, bad_sentence, unacceptable, 2",
              help="Field of the other one.")  # fmt: skip
@click.option("--section", metavar="NAME", show_default="section, phenomenon, UID, paradigm, linguistics_term, type, 3",
              help="Field that says what a pair is an example of.")  # fmt: skip
@click.option("--mean", is_flag=True, help="Compare the mean of the tokens of each sentence instead of the sum.")
@click.option("--within-word", is_flag=True,
              help="Masked models: also mask the following subwords of the same word, as of `nlptool score`.")  # fmt: skip
@options.details("pair")
@options.scoring(targets=False)
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe,
    good: str | None,
    bad: str | None,
    section: str | None,
    mean: bool,
    within_word: bool,
    details_file: str | None,
    format: str | None,
    spec: ScoringSpec,
) -> None:
    """Evaluate a language model on minimal pairs: how often it gives the acceptable one of two sentences the higher probability.

    A line holds a good and a bad sentence, and perhaps what the pair is an example of, separated by tabs; or a record has
    fields for them, as BLiMP (sentence_good, sentence_bad, UID) and JBLiMP (good_sentence, bad_sentence, phenomenon) do. Any
    model that reads from left to right is judged by the log-likelihoods of `nlptool score`, a masked one by
    pseudo-log-likelihoods.

    The output is one record a file: n_pairs; accuracy, the share of the pairs whose good sentence has the higher score (0 to 1;
    0.5 is chance), with its 95 % interval; n_ties, the pairs with two equal scores, which count as wrong; and the same for each
    section. With --mean the scores are divided by the numbers of tokens, for pairs of unequal length. --details FILE writes the
    scores of each pair.

    \b
    printf '猫が魚を食べる。\\t猫を魚が食べるた。\\n' | nlptool evaluate minimal-pairs
    nlptool evaluate minimal-pairs -m openai-community/gpt2 anaphor_gender_agreement.jsonl
    nlptool evaluate minimal-pairs -m ./lm -I tsv --header jblimp.tsv -f jsonl --details pairs.jsonl
    """
    from nlptool.tasks.evaluate import minimal_pairs
    from nlptool.tasks.languages import chosen
    from nlptool.tasks.open_model import open_model

    names = Names(good, bad, section)
    pipe.form = names.form(pipe.form)
    opened: list[Scorer] = []

    def scorer_of(file: Pipe) -> Scorer:
        if not opened:
            model = open_model(chosen(spec, file), pipe)
            opened.append(_scorer(model, within_word=within_word, room=spec.max_length))
        return opened[0]

    files = minimal_pairs.judge(pipe, names, scorer_of, mean=mean)
    rules = {"model": opened[0].name if opened else spec.model, "score": "mean" if mean else "sum"}
    rules |= {"quantize": spec.quantize} if spec.quantize else {}
    records = minimal_pairs.evaluate(files, rules)
    results.show(list(minimal_pairs.table_rows(records)) if results.wants_table(format) else records, format)
    if details_file is not None:
        results.write_details(details_file, minimal_pairs.details(files), inputs=pipe.files or ("-",))


def _scorer(model: MaskedModel | Generator, *, within_word: bool, room: int | None) -> Scorer:
    from nlptool.models.generation.likelihood import is_decoder, of_texts
    from nlptool.models.masked.model import MaskedModel
    from nlptool.models.masked.pseudo_likelihood import likelihoods
    from nlptool.tasks.evaluate.minimal_pairs import Scorer

    if isinstance(model, MaskedModel):

        def of_masked(texts: Sequence[str]) -> list[tuple[float, int]]:
            return [(each.total, each.n_pieces) for each in likelihoods(model, texts, within_word=within_word)]

        return Scorer(model.name, of_masked)
    if within_word:
        raise click.UsageError(f"--within-word is for masked models, and {model.name} is none")
    if not is_decoder(model):
        raise ModelError(
            f"{model.name} is an encoder–decoder, which gives a sentence no probability by itself",
            hint="nlptool score --target NAME scores its targets",
        )

    def of_others(texts: Sequence[str]) -> list[tuple[float, int]]:
        return [(each.total, each.n_scored) for each in of_texts(model, texts, room=room)]

    return Scorer(model.name, of_others)
