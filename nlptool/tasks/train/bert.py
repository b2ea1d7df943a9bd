"""Pre-train a BERT."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from nlptool.catalog import KNOWN
from nlptool.models.store import locate
from nlptool.models.store.card import SCRIPTS, Reads
from nlptool.records.pipe import Pipe
from nlptool.tasks.train import bert_corpus
from nlptool.tasks.train.bert_corpus import CorpusOptions
from nlptool.tasks.train.card import Card
from nlptool.tasks.train.run import ModelOutput, Stop, TrainedModel, results, run_options, run_training
from nlptool.tasks.train.work import held

_MANIFEST = "pretraining.json"
_WORK_FILES = ("bert-*", "corpus-*")

OPTIONS_OF_NEW = (
    "dictionary", "heads", "hidden_size", "init_embeddings", "intermediate_size", "layers", "lowercase",
    "nsp_warmup_ratio", "tokenizer", "vocab_size",
)  # fmt: skip
"""Options that have no effect on a BERT that exists already."""


def train_bert(
    pipe: Pipe, output: ModelOutput, corpus: CorpusOptions, *, device: str, threads: int | None, **settings: Any
) -> None:
    """Pre-train a BERT on the records of ``pipe``.

    Args:
        settings: the fields of ``BertSettings``.

    Raises:
        RunError: there is too little text, the training went wrong, or a folder cannot be written.
        ModelError: the network cannot be initialized from ``settings["init"]``.
        KeyboardInterrupt: the training was stopped; a checkpoint has been written.
    """
    began = time.monotonic()

    def train(work: Path, stop: Stop) -> TrainedModel:
        from nlptool.models.runtime import devices
        from nlptool.training.bert import network as bert_network
        from nlptool.training.bert.trainer import BertSettings, BertTraining

        torch_device = devices.torch_device(device, threads)
        init = _folder_of(settings["init"], pipe)
        store = bert_corpus.tokenized(pipe, work, corpus, init=init, stop=stop)
        tokenizer, documents, dev, info = store.load()
        if info["why"]:
            pipe.note(f"--tokenizer {info['tokenizer']}: {info['why']}")
        training = BertTraining(
            documents, dev, tokenizer, BertSettings(**{**settings, "init": init}), work, data=store.key,
            **run_options(pipe, output, stop, device=torch_device, began=began),
        )  # fmt: skip
        if settings["init"] is None and len(tokenizer.pieces) < corpus.vocab_size:
            pipe.note(f"the corpus gives {len(tokenizer.pieces):,} pieces, fewer than --vocab-size {corpus.vocab_size}")
        pipe.note(
            f"documents: {documents.n_documents:,}, of {documents.n_tokens:,} tokens; held out: "
            f"{dev.n_documents:,}, of {dev.n_tokens:,}; pieces: {len(tokenizer.pieces):,}; parameters: "
            f"{training.n_parameters:,}"
        )
        training.run()
        manifest = {
            "n_pieces": len(tokenizer.pieces),
            "n_documents": documents.n_documents,
            "n_dev_documents": dev.n_documents,
            "n_corpus_tokens": documents.n_tokens,
            "n_dev_tokens": dev.n_tokens,
            "dev_documents": info["dev_documents"],  # their indices in the corpus, from 0
            "save_dtype": output.save_dtype,
            "dev": corpus.dev,
            "tokenizer": info["tokenizer"],
            "dictionary": info["dictionary"],
            "lowercase": corpus.lowercase,
            SCRIPTS: _scripts(info.get(SCRIPTS, []), settings["init"]),
            **results(training, "transformers", "unidic-lite"),
        }
        if settings["init"] is not None:
            manifest["options"] = {k: value for k, value in manifest["options"].items() if k not in OPTIONS_OF_NEW}
            manifest["options"]["init"] = Path(settings["init"]).name  # its folder is private

        def save(folder: Path) -> None:
            bert_network.save(training.network, tokenizer, folder, output.save_dtype)

        scores = {name: value for name, value in training.scores.items() if not name.endswith("loss")}
        told = ", ".join(f"{name} {value:.1%}" for name, value in scores.items())
        summary = f"on the held-out documents {told}" if told else "done; no documents were held out"
        return TrainedModel(training.curves, manifest, save, summary, _card(manifest))

    with pipe.bar, held(pipe, output, _MANIFEST, _WORK_FILES) as folder:
        run_training(pipe, output, folder, _MANIFEST, train)


def _folder_of(init: str | None, pipe: Pipe) -> str | None:
    """Return the folder that transformers loads a BERT from, of a known name or a folder; None if there is none to begin with."""
    if init is None or not (init in KNOWN or locate.is_int8(Path(init))):
        return init
    return str(locate.find(init, plain=True, offline=True, note=pipe.note))


def _scripts(of_corpus: list[str], init: str | None) -> list[str]:
    """Return the scripts that a BERT has seen, those of the BERT that it began as included; [] if they are not known."""
    if init is None:
        return of_corpus
    before = Reads.of_model(init).scripts
    return [] if before is None else [*of_corpus, *sorted(before - set(of_corpus))]


def _card(manifest: dict[str, Any]) -> Card:
    network = "BertForPreTraining" if manifest["options"]["nsp"] else "BertForMaskedLM"
    words = f"MeCab with {manifest['dictionary']}, WordPiece" if manifest["tokenizer"] == "unidic" else "WordPiece"
    return Card(
        header="---\nlibrary_name: transformers\npipeline_tag: fill-mask\n---\n\n",
        text=f"A BERT of {manifest['n_parameters']:,} parameters ({network}), pre-trained by `nlptool train bert`.",
        facts=[
            f"Corpus: {manifest['n_documents']:,} documents, {manifest['n_corpus_tokens']:,} tokens; held out: "
            f"{manifest['n_dev_documents']:,} documents, {manifest['n_dev_tokens']:,} tokens",
            f"Tokenizer: {words}, {manifest['n_pieces']:,} pieces",
        ],
        scores="Scores on documents that were held out",
    )
