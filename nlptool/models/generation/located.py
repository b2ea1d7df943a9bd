"""A model that writes texts and has been found: how it is opened, by its engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlptool.errors import RunError
from nlptool.models.generation import pieces
from nlptool.models.generation import tokenizer as generation_tokenizer
from nlptool.models.generation.constraints import DecoderConstraints
from nlptool.models.generation.decoding import Engine
from nlptool.models.generation.generator import Generator
from nlptool.models.generation.model_settings import ModelSettings
from nlptool.models.generation.tokenizer import NEW_TOKENS
from nlptool.models.language import folder as language_folder
from nlptool.models.seq2seq import folder as seq2seq_folder
from nlptool.specs import GeneratorSpec


@dataclass(frozen=True, slots=True)
class LocatedGenerator:
    """A model that is ready to be opened, here or in another process."""

    name: str  # a hub id where the name was short for one
    engine: str  # ct2 | numpy | torch
    device: str  # cpu | cuda | mps
    spec: GeneratorSpec
    folder: Path  # of the model
    about: Mapping[
        str, Any
    ]  # the manifest: see ``transformers_config.describe``; of a model of our own its ``kind`` alone
    settings: ModelSettings = field(default_factory=ModelSettings)  # what the model asks for
    copy: Path | None = None  # the converted copy

    @property
    def kind(self) -> str:
        """encoder-decoder | decoder."""
        return str(self.about.get("kind", "encoder-decoder"))

    def open(self) -> Generator:
        """Load the network.

        Raises:
            ModelError: it cannot be loaded.
            RunError: a language is missing or not known, or --max-length leaves no room.
        """
        if is_ours(self.folder):
            return self._open_ours()
        spec = self.spec
        texts, rules = generation_tokenizer.for_transformers(
            self.name,
            self._pieces(),
            self.about,
            source_lang=spec.source_lang,
            target_lang=spec.target_lang,
            max_length=spec.max_length,
            prefix=spec.prefix,
            new_tokens=int(self.settings.values.get("max_new_tokens", NEW_TOKENS)),
        )
        return Generator(
            texts,
            rules,
            self._engine(rules),
            name=self.name,
            spec=spec,
            new_tokens=NEW_TOKENS,
        )

    def _open_ours(self) -> Generator:
        spec = self.spec
        for option, value in (("--source-lang", spec.source_lang), ("--target-lang", spec.target_lang)):
            if value is not None:
                raise RunError(f"{self.name} takes no {option}", hint=f"leave out {option} {value}")
        if language_folder.is_language(self.folder):
            texts, rules = generation_tokenizer.for_language(
                language_folder.read(self.folder), max_length=spec.max_length, prefix=spec.prefix
            )
            return Generator(texts, rules, self._engine(rules), name=self.name, spec=spec, new_tokens=NEW_TOKENS)
        model = seq2seq_folder.read(self.folder)
        texts, rules = generation_tokenizer.for_seq2seq(model, max_length=spec.max_length, prefix=spec.prefix)
        if self.engine == "torch":
            engine = self._torch(rules)
        else:
            from nlptool.models.seq2seq import ct2_export as seq2seq_ct2

            engine = self._ct2(self.folder, rules, seq2seq_ct2.translator_files(model))
        return Generator(texts, rules, engine, name=self.name, spec=spec, new_tokens=model.config.max_length)

    def _ct2(self, folder: Path, rules: DecoderConstraints, files: Mapping[str, bytes] | None = None) -> Engine:
        from nlptool.models.generation import ct2_backend

        compute_type = self.spec.quantize or "float32"
        return ct2_backend.open_engine(
            folder, rules, threads=self.spec.threads or 0, files=files, compute_type=compute_type
        )

    def _engine(self, rules: DecoderConstraints) -> Engine:
        if self.engine == "numpy":
            from nlptool.models.generation import numpy_backend

            return numpy_backend.open_engine(self.folder, rules, threads=self.spec.threads or 1)
        return self._torch(rules) if self.copy is None else self._ct2(self.copy, rules)

    def _pieces(self) -> pieces.Pieces:
        if self.copy is not None or self.engine == "numpy":
            return pieces.read(self.copy or self.folder, self.about)
        from nlptool.models.generation import transformers_config

        return transformers_config.pieces(self.folder, transformers_config.load_tokenizer(self.folder), self.about)

    def _torch(self, rules: DecoderConstraints) -> Engine:
        from nlptool.models.generation import torch_backend

        return torch_backend.open_engine(
            self.folder,
            rules,
            name=self.name,
            device=self.device,
            threads=self.spec.threads,
            dtype="float32" if self.spec.deterministic else None,
            allow_pickle=self.spec.allow_pickle,
        )


def is_ours(folder: Path) -> bool:
    """Return whether a folder holds a model of `nlptool train seq2seq` or `nlptool train lm`."""
    return seq2seq_folder.is_seq2seq(folder) or language_folder.is_language(folder)
