"""Pairs of words that keep company: `collocations`."""

from __future__ import annotations

from collections.abc import Sequence

from nlptool.records.formats.columns import write
from nlptool.records.pipe import Pipe
from nlptool.storage.output import Output
from nlptool.tasks.counted_tokens import Counted, consume
from nlptool.tasks.pair_counts import PairCounter, PairSums
from nlptool.tasks.sums import sums_of
from nlptool.tasks.token_arrays import Portions
from nlptool.tasks.word_pairs import MEASURES, Chosen, Measured, field

SHOWN = 30
"""Pairs in a table, unless -k says how many."""

_IN_TABLE = ("log-likelihood", "log-dice")  # and the one that sorts: what 80 columns hold


def write_collocations(pipe: Pipe, counted: Counted, chosen: Chosen, *, nodes: Sequence[str], format: str) -> None:
    """Write the pairs of the records of ``pipe``, those with the highest value of the measure first; of each of ``nodes``, if
    there are any, the words that stand near it.

    Args:
        format: jsonl | csv | tsv | table.

    Raises:
        RunError: something cannot be written, or a record failed and ``--on-error fail`` was chosen.
    """

    def count() -> PairSums:
        names = counted.names()
        counter = PairCounter(names, chosen.window, nodes)
        portions = Portions(names, counter)
        consume(pipe, counted, lambda record, tokens: portions.add(tokens))
        portions.end()
        return PairSums.of_counter(names, counter, nodes)

    with Output(pipe.output, inputs=pipe.files or ("-",), before_write=pipe.bar.clear) as output:
        sums = sums_of(pipe, output, count, lambda files: PairSums.added(files, with_nodes=bool(nodes)))
        if sums is None:
            return
        measured = Measured.of_nodes(sums, chosen) if nodes else Measured.of_pairs(sums, chosen)
        limit = SHOWN if chosen.most is None and format == "table" else chosen.most
        shown = [name for name in MEASURES if format != "table" or name in (*_IN_TABLE, chosen.measure)]
        first = ["node", "word", "count", "left", "right", "node_count", "word_count"]
        columns = first if nodes else ["first", "second", "count", "first_count", "second_count"]
        blocks = measured.blocks(sums, chosen, limit, columns)
        n_written = write(output, [*columns, *map(field, shown)], blocks, format)
    for node in nodes:
        if not sums.n_of(node):
            pipe.note(
                f"{node} is none of the {counted.of} of the input: it may be several of them, or written another way"
            )
    if measured.n_rare:
        pipe.note(
            f"pairs that occur fewer than {chosen.min_count:,} times, left out (--min-count): {measured.n_rare:,}"
        )
    if chosen.most is None and n_written < len(measured):
        pipe.note(f"the table shows {n_written:,} of {len(measured):,} pairs; -k N shows N, -f jsonl all")
