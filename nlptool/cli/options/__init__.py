"""Every shared option, spelled once, with its help."""

from __future__ import annotations

from nlptool.cli.options.decoding import decoding, take
from nlptool.cli.options.models import (
    allow_pickle,
    batch_tokens,
    bert,
    deterministic,
    device,
    dim,
    encoder,
    engine,
    generator,
    max_length,
    model,
    offline,
    precision,
    prompt,
    seed,
    threads,
    threads_alone,
    workers,
)
from nlptool.cli.options.records import (
    debug,
    format_choice,
    pair_fields,
    pair_names,
    progress,
    quiet,
    records,
    table_choice,
    top_k,
)
from nlptool.cli.options.similarity import measure, memory, threshold
from nlptool.cli.options.training import share_or_file
from nlptool.cli.options.types import Command, Decorator, FloatRange, typed
from nlptool.cli.options.words import answers, vocabulary, word_vectors, words_argument

__all__ = [
    "Command",
    "Decorator",
    "FloatRange",
    "allow_pickle",
    "answers",
    "batch_tokens",
    "bert",
    "debug",
    "decoding",
    "deterministic",
    "device",
    "dim",
    "encoder",
    "engine",
    "format_choice",
    "generator",
    "max_length",
    "measure",
    "memory",
    "model",
    "offline",
    "pair_fields",
    "pair_names",
    "precision",
    "progress",
    "prompt",
    "quiet",
    "records",
    "seed",
    "share_or_file",
    "table_choice",
    "take",
    "threads",
    "threads_alone",
    "threshold",
    "top_k",
    "typed",
    "vocabulary",
    "word_vectors",
    "words_argument",
    "workers",
]
