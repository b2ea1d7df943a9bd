"""Train a language model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from nlptool.records.pipe import Pipe
from nlptool.tasks.train import language_corpus
from nlptool.tasks.train.language_corpus import CorpusOptions
from nlptool.tasks.train.run import ModelOutput, Stop, TrainedModel, results, run_options, run_training
from nlptool.tasks.train.work import held, remember_input

_MANIFEST = "lm.json"
_WORK_FILES = ("language-*",)
_DEV_STREAMS = 16  # in which the held-out documents are read
_DEV_TOKENS = 64  # of each at once


def train_language_model(
    pipe: Pipe,
    output: ModelOutput,
    options: CorpusOptions,
    *,
    samples: bool,
    device: str,
    threads: int | None,
    **settings: Any,
) -> None:
    """Train a language model on the documents of ``pipe``.

    Args:
        samples: note a text that the network writes after each evaluation.
        settings: the fields of ``LanguageSettings``.

    Raises:
        RunError: there is no text, the training went wrong, or a folder cannot be written.
        KeyboardInterrupt: the training was stopped; a checkpoint has been written.
    """
    began = time.monotonic()
    with pipe.bar, held(pipe, output, _MANIFEST, _WORK_FILES) as folder:
        from nlptool.models.language.config import FEEDFORWARD, TRANSFORMER
        from nlptool.models.runtime import devices
        from nlptool.training.language import gpt
        from nlptool.training.language.streams import Streams
        from nlptool.training.language.trainer import DevText, LanguageSettings, LanguageTraining

        torch_device = devices.torch_device(device, threads)
        corpus = language_corpus.read(pipe, options)
        remember_input(pipe)
        chosen = LanguageSettings(**settings)
        if chosen.architecture == TRANSFORMER:
            gpt.tokenizer_of(corpus.vocabulary)  # what could not be saved is not trained
        streams = Streams(
            corpus.train.tokens,
            corpus.train.starts,
            batch_size=chosen.batch_size,
            length=chosen.context,
            seed=chosen.seed,
        )
        if chosen.context > streams.length and chosen.architecture in (FEEDFORWARD, TRANSFORMER):
            pipe.note(
                f"--context {chosen.context:,} is longer than the {streams.length:,} tokens of each of the {streams.batch_size} "
                "streams of the corpus: the network learns nothing of tokens farther away"
            )
        dev = corpus.dev
        dev_text = None
        if len(dev.tokens):
            of_dev = Streams(
                dev.tokens, dev.starts, batch_size=_DEV_STREAMS, length=max(_DEV_TOKENS, chosen.context), seed=None
            )
            dev_text = DevText(of_dev, dev.n_characters, dev.n_words)

        def train(work: Path, stop: Stop) -> TrainedModel:
            def sampled(ids: list[int]) -> None:
                pipe.note(f"it writes: {corpus.vocabulary.decode(ids)!r}")

            training = LanguageTraining(
                streams, dev_text, len(corpus.vocabulary), chosen, work, data=corpus.name,
                sampled=sampled if samples else None, **run_options(pipe, output, stop, device=torch_device, began=began),
            )  # fmt: skip
            training.run()
            config = chosen.config(len(corpus.vocabulary))
            manifest = {
                "best_epoch": training.best and training.best["epoch"],
                "shape": config.as_dict(),
                **corpus.about(options, output.save_dtype),
                **results(training),
            }

            def save(folder: Path) -> None:
                training.save(folder, corpus.vocabulary, output.save_dtype)

            return TrainedModel(
                training.curves,
                manifest,
                save,
                language_corpus.summary(training.scores),
                language_corpus.card(manifest),
            )

        run_training(pipe, output, folder, _MANIFEST, train)
