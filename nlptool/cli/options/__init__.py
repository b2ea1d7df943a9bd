"""Every shared option, spelled once, with its help."""

from __future__ import annotations

from nlptool.cli.options.decoding import DECODING_OPTIONS, decoding
from nlptool.cli.options.models import (
    allow_pickle,
    batch_tokens,
    bert,
    bert_model,
    check_stride,
    chooser,
    classifier,
    deterministic,
    device,
    dim,
    encoder,
    encoder_or_bert,
    engine,
    generator,
    layer,
    max_length,
    model,
    offline,
    precision,
    probe,
    prompt,
    prompt_name,
    reader,
    scoring,
    seed,
    spec,
    tagger,
    threads,
    threads_alone,
    unicode_errors,
    workers,
    workers_auto,
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
    given,
    refuse,
    refuse_without,
    typed,
)
from nlptool.cli.options.words import answers, vocabulary, word_vectors, words_argument
