"""Train an n-gram language model: counted, not learned by gradients."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nlptool.records.pipe import Pipe
from nlptool.tasks.train import language_corpus
from nlptool.tasks.train.language_corpus import CorpusOptions, Documents, LanguageCorpus
from nlptool.tasks.train.run import ModelOutput, Stop, TrainedModel, run_training, versions
from nlptool.tasks.train.work import held, remember_input

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nlptool.models.language.kneser_ney import NgramModel

_MANIFEST = "lm.json"


def train_ngrams(pipe: Pipe, output: ModelOutput, options: CorpusOptions, order: int, min_counts: list[int]) -> None:
    """Count the n-grams of the documents of ``pipe``, and estimate their probabilities by modified Kneser-Ney smoothing.

    Args:
        order: n.
        min_counts: see ``training.language.kneser_ney.estimate``.

    Raises:
        RunError: there is no text, or a folder cannot be written.
        KeyboardInterrupt: the training was stopped.
    """
    began = time.monotonic()
    with pipe.bar, held(pipe, output, _MANIFEST, ()) as folder:
        corpus = language_corpus.read(pipe, options)
        remember_input(pipe)

        def train(_: Path, stop: Stop) -> TrainedModel:
            from nlptool.models.language import folder as language_folder
            from nlptool.models.language.config import NGRAM, LanguageConfig
            from nlptool.models.seq2seq.config import BOS, EOS
            from nlptool.training.language import kneser_ney

            def report(done: int) -> None:
                if stop():
                    raise KeyboardInterrupt
                pipe.bar.work("n-grams", done, order, "orders")

            n_words = len(corpus.vocabulary)
            model = kneser_ney.estimate(
                rows(corpus.train), n_words, begin=BOS, end=EOS, order=order, min_counts=min_counts, report=report
            )
            scores = judged(model, corpus)
            config = LanguageConfig(NGRAM, n_words, context=order)
            manifest = {
                "shape": {"architecture": NGRAM, "order": order, "vocab_size": n_words, "n_ngrams": model.n_ngrams},
                "n_parameters": sum(model.n_ngrams),
                "seconds": round(time.monotonic() - began, 1),
                "scores": scores,
                "options": {"order": order, "min_counts": min_counts},
                "versions": versions("nlptool", "numpy", "tokenizers"),
                **corpus.about(options, output.save_dtype),
            }
            summary = language_corpus.summary(scores)
            return TrainedModel(
                [], manifest, lambda path: language_folder.write_ngrams(path, model, config, corpus.vocabulary), summary,
                language_corpus.card(manifest),
            )  # fmt: skip

        run_training(pipe, output, folder, _MANIFEST, train)


def rows(documents: Documents) -> Iterator[NDArray[np.uint32]]:
    """Yield the tokens of each document."""
    for first, end in zip(documents.starts, documents.starts[1:], strict=False):
        yield documents.tokens[first:end]


def judged(model: NgramModel, corpus: LanguageCorpus) -> dict[str, float]:
    """Return the scores on the held-out documents, {} without any."""
    import numpy as np

    from nlptool.models.language.measures import scores

    dev = corpus.dev
    if not len(dev.tokens):
        return {}
    total = 0.0
    for tokens in rows(dev):
        total -= float(model.score(np.concatenate([[model.begin], tokens, [model.end]])).sum())
    return scores(total, len(dev.tokens) + len(dev.starts) - 1, dev.n_words, dev.n_characters)
