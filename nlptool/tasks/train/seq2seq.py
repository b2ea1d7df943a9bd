"""Train an encoder–decoder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from nlptool.records.pipe import Pipe
from nlptool.tasks.train import seq2seq_corpus
from nlptool.tasks.train.card import Card
from nlptool.tasks.train.run import ModelOutput, Stop, TrainedModel, results, run_options, run_training
from nlptool.tasks.train.seq2seq_corpus import Side, Texts
from nlptool.tasks.train.work import held, remember_input

_MANIFEST = "seq2seq.json"
_WORK_FILES = ("seq2seq-*",)


def train_seq2seq(
    pipe: Pipe,
    output: ModelOutput,
    sides: tuple[Side, Side],
    *,
    fields: Texts | None,
    dev: str | float,
    device: str,
    threads: int | None,
    **settings: Any,
) -> None:
    """Train an encoder–decoder on the pairs of ``pipe``.

    Args:
        fields: names of the fields of source and target.
        dev: the held-out pairs: a share of the sources, or a file.
        settings: the fields of ``Seq2SeqSettings``.

    Raises:
        RunError: there are too few pairs, the training went wrong, or a folder cannot be written.
        KeyboardInterrupt: the training was stopped; a checkpoint has been written.
    """
    began = time.monotonic()
    with pipe.bar, held(pipe, output, _MANIFEST, _WORK_FILES) as folder:
        from nlptool.models.runtime import devices
        from nlptool.models.seq2seq import folder as seq2seq_folder
        from nlptool.training.seq2seq.trainer import Seq2SeqSettings, Seq2SeqTraining, weights

        torch_device = devices.torch_device(device, threads)
        corpus, counts = seq2seq_corpus.corpus(pipe, sides, names=fields, dev=dev, max_length=settings["max_length"])
        remember_input(pipe)

        def train(work: Path, stop: Stop) -> TrainedModel:
            training = Seq2SeqTraining(
                corpus, Seq2SeqSettings(**settings), work, **run_options(pipe, output, stop, device=torch_device, began=began)
            )  # fmt: skip
            training.run()
            manifest = {
                **counts,
                "dev": Path(dev).name if isinstance(dev, str) else dev,
                "save_dtype": output.save_dtype,
                "source_unit": corpus.source.unit,
                "target_unit": corpus.target.unit,
                "source_lowercase": sides[0].lowercase,
                "target_lowercase": sides[1].lowercase,
                "best_epoch": training.best and training.best["epoch"],
                "signatures": dict(training.signatures),
                "shape": training.config.as_dict(),
                **results(training, "sacrebleu"),
            }

            def save(folder: Path) -> None:
                tensors = weights(training.network)
                seq2seq_folder.write(
                    folder, tensors, training.config, corpus.source, corpus.target, precision=output.save_dtype
                )

            scores = training.scores
            summary = (
                f"on dev, free-running: exact match {scores['exact_match']:.1%}, BLEU {scores['bleu']:.1f}, "
                f"chrF {scores['chrf']:.1f}" if scores else "done; no pairs were held out"
            )  # fmt: skip
            return TrainedModel(training.curves, manifest, save, summary, _card(manifest))

        run_training(pipe, output, folder, _MANIFEST, train)


def _card(manifest: dict[str, Any]) -> Card:
    return Card(
        text=f"An encoder–decoder of {manifest['n_parameters']:,} parameters, trained by `nlptool train seq2seq`; "
        "`nlptool generate` runs it.",
        facts=[
            f"Pairs: {manifest['n_pairs']:,}; dev: {manifest['n_dev_pairs']:,}",
            f"Tokens: {manifest['source_unit']} to {manifest['target_unit']}",
        ],
        scores="Scores on dev\n\nExact match (0 to 1), BLEU and chrF (0 to 100) are of free-running greedy generation.",
    )
