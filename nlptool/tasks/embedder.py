"""The vectors of records: those that they bring along, or those of an encoder, opened when the first text needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nlptool import catalog
from nlptool.errors import RecordError, RunError
from nlptool.geometry.measures import MEASURES, USUAL
from nlptool.records.json_bytes import fields
from nlptool.records.notes import Note, NotedValues, notes
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.specs import EncoderSpec
from nlptool.tasks import given_vectors
from nlptool.tasks.encoding import open_encoder
from nlptool.tasks.languages import UNSEEN_SCRIPT, ModelScripts
from nlptool.tasks.model_names import same_model

if TYPE_CHECKING:
    from nlptool.models.encoders.encoder import Embeddings

_EMPTY = "texts with nothing in them or without a known {}, which have no vector and were left out"


def encoder_notes(*, leaves_out_unknown: bool) -> dict[str, Note]:
    """Return the sentences about the entries of an encoder's records.

    Args:
        leaves_out_unknown: what the encoder does not know counts for nothing, and not for [UNK].
    """
    unknown = "n_unknown of word vectors" if leaves_out_unknown else "n_unknown of an encoder"
    return notes("truncated", unknown, "n_subwords", "n_byte_fallback")


class Embedder:
    """Finds or computes the vectors of records, all of the same model and dimension.

    Args:
        role: query | document: use the prompt of that name, if the model has such prompts.
        model: the model of the vectors that these are compared with, with the ``identity`` of its files, and ``dimension``.
        measure: of similarity; None: that of the model.
        beside: the embedder of those vectors; its encoder is used again if it has the same prompt and parts.

    Attributes:
        model: its name, "" while it is not known.
        dimension: components of a vector; 0 before the first one.
        dim: components that were kept (``--dim``), None for all.
        takes_tokens: whether the encoder takes the tokens of records.
        prompt: the text before each text.
    """

    def __init__(
        self,
        pipe: Pipe,
        spec: EncoderSpec,
        *,
        role: str | None = None,
        model: str = "",
        identity: str = "",
        dimension: int = 0,
        measure: str | None = None,
        beside: Embedder | None = None,
    ) -> None:
        self.model = model
        self.dimension = dimension
        self.dim = spec.dim
        self.takes_tokens = False
        self._task: str | None = None
        self._measure = measure
        self._own_measure: str | None = None  # of the model
        self._leaves_out_unknown = False
        self.prompt = ""
        self._n_empty = 0
        self._noted = NotedValues()
        self._scripts: ModelScripts | None = None
        self._pipe = pipe
        self._spec = spec
        self._role = role
        self._beside = beside
        self._identity = identity
        self._encode: Callable[[Sequence[Any]], Embeddings] | None = None

    def __call__(self, records: Iterable[Record]) -> tuple[list[Record], NDArray[np.float32]]:
        """Return those of the pending ``records`` that have a vector, and the vectors, (n, D) float32.

        Of the others some fail; those that are empty are counted.
        """
        vectors: dict[int, Any] = {}  # by the number of the record
        with_vector: dict[int, Record] = {}
        to_embed: list[tuple[int, Record, Any]] = []
        for number, record in enumerate(record for record in records if record.pending):
            try:
                values = fields(record.raw)
                embedding = values.get("embedding")
                if embedding is not None and embedding != "":  # what an empty cell of a table holds
                    vectors[number] = self._given(embedding, values)
                    with_vector[number] = record
                elif "embedding" not in values and (text := self._text(record, values)):
                    to_embed.append((number, record, text))
                else:
                    self._n_empty += 1
            except RecordError as error:
                record.fail(error)
        if to_embed:
            self._embed(to_embed, vectors, with_vector)
        order = sorted(vectors)
        stacked = (
            np.stack([vectors[number] for number in order]) if order else np.empty((0, self.dimension), np.float32)
        )
        return [with_vector[number] for number in order], stacked

    @property
    def measure(self) -> str:
        """The measure of similarity, decided when the first vector is there: the one that was asked for, that of the model, which
        it says itself or the records that bring its vectors, or cosine."""
        if self._measure is not None:
            return self._measure
        if self._own_measure is None and self._spec.model:
            from nlptool.models.encoders import loading as encoder_loading

            self._own_measure = encoder_loading.measure(self._spec)
        found = self._own_measure or USUAL
        if self.dimension:
            self._measure = found
        return found

    @property
    def asked_measure(self) -> str | None:
        """The measure that was asked for, or that vectors have decided; None: there is none yet."""
        return self._measure

    def adopt(self, of: str, *, model: str, identity: str, dimension: int, dim: int | None, measure: str) -> None:
        """Take vectors that were made before for the first ones, with which all others are compared.

        Args:
            of: what holds them, for the message.
            model, identity, dimension, dim, measure: as of the attributes and arguments.

        Raises:
            RunError: they are of another model than the one that was asked for, or than others.
        """
        wanted = self.model or self._spec.model
        if wanted and model and not same_model(wanted, model):
            raise RunError(
                f"the vectors of {of} are of {model}, and not of {wanted}: their similarity would mean nothing"
            )
        if self._identity and identity and self._identity != identity:
            raise RunError(f"the vectors of {of} were made by another {model}: its files were not the same")
        if self.dimension and dimension and self.dimension != dimension:
            raise RunError(
                f"the vectors of {of} have {dimension:,} components, and not {self.dimension:,}: another model, or --dim"
            )
        self.model, self._identity = self.model or model, self._identity or identity
        self.dimension, self.dim, self._measure = self.dimension or dimension, self.dim or dim, measure

    def encode(self, texts: Sequence[Any]) -> Embeddings:
        """Embed texts with the encoder, opened if it has not been."""
        if self._encode is None:
            self._encode = self._open()
        return self._encode(texts)

    def entries(self, embeddings: Embeddings, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Return what the entry of each text says: ``truncated``, and what the model does not know of it; for ``say`` it is
        counted."""
        entries: list[dict[str, Any]] = [{"truncated": True} if truncated else {} for truncated in embeddings.truncated]
        for row, counts in enumerate(embeddings.counts or ()):
            entries[row] |= {name: count for name, count in counts.items() if count}
        for row, script in self._scripts.unseen(texts) if self._scripts is not None else ():
            entries[row][UNSEEN_SCRIPT] = script
        notes = self._notes()
        for entry in entries:
            self._noted.add(entry, notes)
        return entries

    def say(self, of: str = "", *, empty: bool = True) -> None:
        """Say on stderr how many texts were left out or truncated, and what the model does not know of them.

        Args:
            of: what stands before it, where there are texts of two kinds: ``corpus: ``.
            empty: those without a vector were left out.
        """
        if self._n_empty and empty:
            left_out = _EMPTY.format("word" if self._leaves_out_unknown else "piece")
            self._pipe.note(f"{of}{left_out}: {self._n_empty:,}")
        for sentence in self._noted.said(self._notes()):
            self._pipe.note(of + sentence)
        self._n_empty, self._noted = 0, NotedValues()

    def sums(self) -> dict[str, int | None]:
        """Return what ``say`` would say: sentence -> the number behind it; None: it has none."""
        empty = {_EMPTY.format("word" if self._leaves_out_unknown else "piece"): self._n_empty} if self._n_empty else {}
        return {**empty, **dict(self._noted.sums(self._notes()))}

    def state(self) -> dict[str, Any]:
        """Return, as JSON, what ``say`` will say so far."""
        return {"empty": self._n_empty, "noted": self._noted.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a ``state``."""
        self._n_empty += state["empty"]
        self._noted.restore(state["noted"])

    def _notes(self) -> dict[str, Note]:
        of_scripts = self._scripts.notes if self._scripts is not None else {}
        return encoder_notes(leaves_out_unknown=self._leaves_out_unknown) | of_scripts

    def _text(self, record: Record, values: Mapping[str, Any]) -> Any:
        """Return a record's tokens or its text; "" if there is nothing to embed."""
        tokens = values.get("tokens")
        if isinstance(tokens, list) and all(isinstance(token, str | dict) for token in tokens):
            if self._encode is None:
                self._encode = self._open()
            if self.takes_tokens:
                return tokens
            if tokens and not record.text:
                raise RecordError(
                    "MissingField",
                    f"the record has no text, and {self.model} takes no tokens",
                    hint=f"nlptool tokenize without --drop-input keeps it; -m {catalog.JAPANESE_WORDS} takes tokens",
                )
        return record.text if record.text.strip() else ""

    def _given(self, value: Any, values: Mapping[str, Any]) -> NDArray[np.float32]:
        """Return the vector that a record brings along."""
        entry = given_vectors.entry_of(values)
        model = str(entry.get("model") or "")
        if model and self._spec.model and not same_model(model, self._spec.model):
            raise _other(model, self._spec.model)
        if model and self.model and not same_model(model, self.model):
            raise _other(model, self.model)
        vector = given_vectors.parsed(value, entry)
        self._check(len(vector))
        self.model = self.model or model or self._spec.model
        self.dimension = len(vector)
        if self._own_measure is None and model:  # whose records name no usual measure
            named = entry.get("measure", USUAL)
            self._own_measure = named if named in MEASURES else USUAL
        if self.dim is None and type(dim := entry.get("dim")) is int and dim > 0:
            self.dim = dim
        return vector

    def _check(self, length: int) -> None:
        if self.dimension and length != self.dimension:
            raise RecordError(
                "OtherDimension",
                f"the vector has {length:,} components, those before it have {self.dimension:,}: another model, or --dim",
            )

    def _embed(
        self, to_embed: list[tuple[int, Record, Any]], vectors: dict[int, Any], with_vector: dict[int, Record]
    ) -> None:
        """Embed the texts that came without a vector, and add them to ``vectors`` and ``with_vector``."""
        if self.dimension and not (self.model or self._spec.model):
            for _, record, _ in to_embed:
                record.fail(
                    RecordError(
                        "NoEmbedding",
                        "the record has no embedding, and those of the others do not say which model made them",
                        hint="-m names it",
                    )
                )
            return
        embeddings = self.encode([text for _, _, text in to_embed])
        finite: list[bool] = np.isfinite(embeddings.vectors.sum(axis=1, dtype=np.float64)).tolist()
        entries = self.entries(embeddings, [record.text for _, record, _ in to_embed])
        for row, (number, record, _) in enumerate(to_embed):
            record.entry = {**record.entry, **entries[row]}
            try:
                if row in embeddings.errors:
                    raise embeddings.errors[row]
                if row not in embeddings.no_vector:
                    if not finite[row]:
                        raise RecordError("NotFinite", "the model's vector holds NaN or infinity")
                    self._check(embeddings.vectors.shape[1])
                    self.dimension = embeddings.vectors.shape[1]
                    vectors[number], with_vector[number] = embeddings.vectors[row], record
                else:
                    self._n_empty += 1
            except RecordError as error:
                record.fail(error)

    def _open(self) -> Callable[[Sequence[Any]], Embeddings]:
        from nlptool.models.encoders import loading as encoder_loading
        from nlptool.tasks.open_model import locate_model

        name = self._spec.model or self.model or catalog.DEFAULT_ENCODER
        spec = replace(self._spec, model=name, dim=self.dim, role=self._role, role_is_optional=True)
        located = locate_model(spec, self._pipe)
        if self.model and not same_model(located.name, self.model):
            raise RunError(
                f"the vectors are of {self.model}, and {located.name} would make others",
                hint=f"-m {self.model}, or no -m at all",
            )
        self.model = located.name
        if self._identity and encoder_loading.identity(replace(spec, model=self.model)) != self._identity:
            raise RunError(
                f"the vectors were made by another {self.model}: its files are not those that are here now",
                hint="embed the corpus again with this one",
            )
        self.takes_tokens, self.prompt = located.takes_tokens, located.prompt
        self._task, self._leaves_out_unknown = located.task, located.leaves_out_unknown
        self._own_measure = located.measure
        self._scripts = ModelScripts(self.model, "embed")
        same = self._beside
        if same is not None and same._encode is not None:
            of_same = (same.model, same.prompt, same._task)
            if of_same == (self.model, self.prompt, self._task):
                return same._encode
        return open_encoder(located)

    def identity(self) -> str:
        """Return a hash of the model's files; "" while the model was not needed."""
        if self._encode is not None and not self._identity:
            from nlptool.models.encoders import loading as encoder_loading

            self._identity = encoder_loading.identity(replace(self._spec, model=self.model))
        return self._identity


def _other(model: str, wanted: str) -> RecordError:
    return RecordError(
        "OtherModel",
        f"the embedding is of {model}, the others are of {wanted}: their similarity would mean nothing",
        hint=f"nlptool embed -m {wanted} makes it anew",
    )
