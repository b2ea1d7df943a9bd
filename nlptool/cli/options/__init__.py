"""Every shared option, spelled once, with its help.

``records`` gives a command FILE arguments and all the options of reading and writing, and hands it a ``Pipe``. Options
that only some commands share are decorators of their own.
"""

from __future__ import annotations

from nlptool.cli.options.computation import (
    allow_pickle,
    batch_tokens,
    deterministic,
    device,
    engine,
    offline,
    seed,
    threads,
    threads_alone,
    unicode_errors,
    workers,
    workers_auto,
)
from nlptool.cli.options.decoding import DECODING_OPTIONS, decoding
from nlptool.cli.options.generators import check_stride, generator, scoring
from nlptool.cli.options.models import (
    bert,
    bert_model,
    chooser,
    classifier,
    dim,
    encoder,
    encoder_or_bert,
    layer,
    max_length,
    model,
    precision,
    probe,
    prompt,
    prompt_name,
    reader,
    spec,
    tagger,
)
from nlptool.cli.options.records import (
    debug,
    details,
    format_choice,
    pair_fields,
    pair_names,
    pair_score,
    progress,
    quiet,
    record_format,
    records,
    run,
    table_choice,
    top_k,
)
from nlptool.cli.options.similarity import measure, memory, threshold
from nlptool.cli.options.types import (
    Command,
    Decorator,
    FloatRange,
    IntRange,
    Number,
    NumberOrAuto,
    Text,
    given,
    refuse,
    refuse_without,
    typed,
)
from nlptool.cli.options.words import answers, vocabulary, word_vectors, words_argument
