"""``nlptool score``: pseudo-log-likelihood of a text under a masked language model."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.formats import cells
from nlptool.records.formats.record_rows import Layout
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.records.writing import write_records
from nlptool.specs import MaskedModelSpec


@click.command(cls=Command)
@options.records("score")
@click.option("--within-word", is_flag=True,
              help="Also mask the following subwords of the same word, which corrects the score of long words.")  # fmt: skip
@click.option(
    "--pieces/--no-pieces", default=True, show_default=True, help="Write the log-probability of each subword."
)
@options.bert
@options.record_format()
def command(pipe: Pipe, within_word: bool, pieces: bool, format: str, spec: MaskedModelSpec) -> None:
    """Score how natural a text is: its pseudo-log-likelihood under a masked language model (BERT and similar models).

    Each subword of the text is masked in turn, and the model gives the probability of the original subword (Salazar et al.
    2020). Each record gets `pseudo_log_likelihood`, the sum of the natural logarithms (at most 0, higher is more natural);
    `pseudo_perplexity`, exp(-sum / number of subwords) (at least 1, lower is more natural); and `pieces`, a list of {piece,
    log_probability}. Of two sentences with the same meaning, the more acceptable one should have the higher sum; if their
    lengths differ, compare perplexities. Between models with different tokenizers only the sums can be compared.

    \b
    printf '猫が魚を食べる。\\n猫を魚が食べるた。\\n' | nlptool score --no-pieces
    nlptool score --within-word corpus.txt > scored.jsonl
    echo The store sells milk. | nlptool score

    --within-word also masks the following subwords of the same word (PLL-word-l2r, Kauf and Ivanova 2023): otherwise the
    subwords of a rare long word predict each other, and its probability is overestimated.

    An unknown subword is scored as [UNK] and counted in the entry; special tokens in the text, such as [MASK], are read but not
    scored: their log-probability is null. An empty line gets null and the reason. A text longer than the
    model takes is scored whole, each subword in the window around it, and a text of n subwords takes n sequences of the network.
    --max-length N scores only the first N tokens of a text, special tokens included, and so limits the time that one takes.

    With different batches a log-probability may change by less than 1e-5; --deterministic makes the output byte-identical.
    """
    from nlptool.tasks.languages import MASKED, ModelScripts, chosen, masked_text
    from nlptool.tasks.open_model import open_model
    from nlptool.tasks.score import NOTES, WINDOW, score

    model = open_model(chosen(spec, pipe), pipe)
    scripts = ModelScripts(model.name, MASKED)
    lists = windows(pipe.read(), largest=WINDOW)
    scored = score(
        lists,
        model,
        within_word=within_word,
        pieces=pieces,
        truncate=spec.max_length is not None,
        report=lambda done, total: pipe.bar.within(done, total, "subwords"),
    )
    scored = scripts.noted(scored, masked_text)
    columns = cells.Columns({"pseudo_log_likelihood": float, "pseudo_perplexity": float, "text": str})
    layout = Layout(
        {"pseudo_log_likelihood": float, "pseudo_perplexity": float, **({"pieces": dict} if pieces else {})}
    )
    write_records(pipe, scored, format, layout, table=columns, notes=NOTES | scripts.notes)
