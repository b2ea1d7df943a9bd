"""BERT, pre-trained from scratch: masked words and next sentences, on documents of one's own.

Source: J. Devlin et al.: BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding (NAACL 2019). The
network is that of transformers. The words' probabilities are computed at the masked places alone, which on a processor is most
of the time saved. Everything is kept in a work folder, so that an interrupted training goes on where it was.
"""

from __future__ import annotations

import copy
import itertools
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nlptool.errors import ModelError, RunError
from nlptool.training import bert_network, bert_start
from nlptool.training.bert_tokenizers import BertTokenizer
from nlptool.training.checkpoints import Checkpoint, Place, steps_done
from nlptool.training.document_corpus import Documents, digest_key
from nlptool.training.pretraining_examples import Batch, Examples
from nlptool.training.wordpiece import PAD

_BETAS = (0.9, 0.98)
_EPSILON = 1e-6
_LARGEST_GRADIENT = 1.0
_LOGGED = 50  # steps between two lines of the curves
_JUDGED = 20  # times at most that the held-out documents are looked at
_DEV_EXAMPLES = 512  # of them
_SAVED = 120  # seconds between two checkpoints
_MEASURED = 10.0  # seconds for which the speed is measured
_AHEAD = 4  # batches that are made while a GPU computes
WORK_FILES = ("bert-*", "corpus-*")
"""What a work folder holds."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen of a network and its training."""

    layers: int = 4
    width: int = 256
    heads: int = 4
    intermediate: int = 1024
    max_length: int = 128  # tokens
    dropout: float = 0.0
    nsp: bool = True
    mask: str = "words"  # pieces
    share: float = 0.15  # of the tokens, which are to be guessed
    nsp_from: float = 0.25  # share of the steps before which next sentences do not count
    vectors: bool = True  # begin with word2vec's vectors of the pieces
    short: float = 0.1  # share of sequences that are shorter
    batch: int = 32  # sequences
    accumulate: int = 1  # batches of a step
    rate: float = 1e-3  # the highest
    weight_decay: float = 0.01
    warm_up: float = 0.05  # share of the steps in which the learning rate rises
    steps: int | None = None
    epochs: int | None = None
    minutes: float | None = None
    init: str | None = None  # the folder of a BERT
    seed: int = 1


class Pretraining:
    """One training, in a work folder.

    Args:
        data: a name for the documents: the same only for the same ones.
        dev: the documents that are held out.
        resume: go on from the checkpoint of an interrupted training.
        began: ``time.monotonic()`` from which on ``settings.minutes`` are counted.
        report: is told how the work goes on.
        note: is told how long it will take, and the like.
        stop: asked between two steps, and while vectors are learned: when it says yes, a checkpoint is written (of the steps)
            and KeyboardInterrupt raised.

    Raises:
        RunError: there is too little text, or a checkpoint of other settings.
        ModelError: it cannot begin as ``settings.init``.
    """

    def __init__(
        self,
        documents: Documents,
        dev: Documents,
        tokenizer: BertTokenizer,
        settings: Settings,
        work: Path,
        *,
        data: str,
        resume: bool = False,
        device: str = "cpu",
        began: float | None = None,
        report: Callable[[str, int, int, str], None] = lambda label, done, total, unit: None,
        note: Callable[[str], None] = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.settings = settings
        self.curves: list[dict[str, Any]] = []
        self.seconds = 0.0
        self.n_steps = 0
        self.n_tokens = 0  # that went through the network, without padding
        self.scores: dict[str, float] = {}  # on the held-out documents, at the end
        self._tokenizer = tokenizer
        self._work = work
        self._path = work / f"bert-{digest_key([data, asdict(settings)])}.safetensors"
        self._resume = resume
        self._device = torch.device(device)
        self._began = time.monotonic() if began is None else began
        self._report = report
        self._note = note
        self._stop = stop
        self._since: list[Mapping[str, Tensor | float]] = []  # of the steps since the last line of the curves
        self._examples = self._made(documents, nsp=settings.nsp, short=settings.short)
        if settings.nsp and documents.n_documents == 1:
            note("the corpus is one document: sentences that do not follow come from elsewhere in it")
        self._dev = self._held_out(dev)
        torch.manual_seed(settings.seed)
        self.network = self._begun(documents).to(self._device)

    @property
    def n_parameters(self) -> int:
        return sum(each.numel() for each in self.network.parameters())

    def run(self) -> None:
        """Train ``network``, which is then on the CPU.

        Raises:
            RunError: the training went wrong.
            KeyboardInterrupt: it was stopped; a checkpoint is there.
            OSError: the work folder cannot be written.
        """
        self.network.train()
        optimizer = torch.optim.AdamW(self._groups(), lr=self.settings.rate, betas=_BETAS, eps=_EPSILON, fused=True)
        checkpoint = Checkpoint(self._path, self.network, optimizer)
        total = self.n_steps = self._planned(self._path)
        place = checkpoint.restore(self._device) if self._resume else Place()
        if self._resume:
            self._tell(place, self._path, total)
        self.curves, self._since = place.curves, list(place.losses)
        self.n_tokens = self.curves[-1]["tokens"] if self.curves else 0
        n_judged = max(1, min(_JUDGED, total // _LOGGED))
        judged = {math.ceil(total * number / n_judged) for number in range(1, n_judged + 1)}
        step, began, saved = place.step, time.monotonic() - place.seconds, time.monotonic()

        def save() -> None:
            self._check(step)
            checkpoint.save(Place(step, time.monotonic() - began, self.curves, list(map(_floats, self._since))))

        batches = self._batches(step)
        while step < total:
            if self._stop():
                save()
                raise KeyboardInterrupt
            rate = self._rate(step, total)
            for group in optimizer.param_groups:
                group["lr"] = rate
            self._since.append(self._step(optimizer, list(itertools.islice(batches, self.settings.accumulate)), step))
            step += 1
            self._report("training", step, total, "steps")
            if step % _LOGGED == 0 or step in judged:
                self._check(step)
                about = {"stage": "pre-training", "step": step, "seconds": round(time.monotonic() - began, 1)}
                self._log({**about, "learning_rate": rate}, judge=step in judged)
            if time.monotonic() - saved > _SAVED:
                save()
                saved = time.monotonic()
        if place.step < total:
            save()
        self.seconds = round(time.monotonic() - began, 1)
        self.scores = {name[4:]: value for name, value in self.curves[-1].items() if name.startswith("dev_")}
        self.network.to("cpu").eval()

    def _tell(self, place: Place, path: Path, total: int) -> None:
        if place.step:
            self._note(f"going on after {place.step:,} of {total:,} steps")
        elif path.exists():
            self._note(f"the checkpoint {path} is damaged: beginning anew")
        else:
            self._note("there is no checkpoint yet: beginning anew")

    def _check(self, step: int) -> None:
        """
        Raises:
            RunError: a loss or a gradient since the last line of the curves is not finite.
        """
        self._since = [_floats(each) for each in self._since]  # waits for a GPU
        if not all(math.isfinite(value) for each in self._since for value in each.values()):
            raise RunError(
                f"the training went wrong: the loss or its gradient is not finite after {step:,} steps",
                hint="a smaller --rate, or a longer --warm-up",
            )

    def _log(self, about: dict[str, Any], *, judge: bool) -> None:
        """A line of the curves."""
        steps = list(map(_floats, self._since))
        self._since = []
        self.n_tokens += round(sum(each["tokens"] for each in steps))
        means = {name: sum(each[name] for each in steps) / len(steps) for name in steps[0] if name != "tokens"}
        line = {**about, "tokens": self.n_tokens, **{name: round(value, 5) for name, value in means.items()}}
        if judge and self._dev:
            line |= {f"dev_{name}": value for name, value in self._judge().items()}
        self.curves.append(line)

    def _step(self, optimizer: torch.optim.Optimizer, batches: list[Batch], step: int) -> dict[str, Tensor | float]:
        """Take a step; what is worth knowing of it."""
        torch.manual_seed(self.settings.seed + step)  # of the dropout, which is then the same after an interruption
        said: dict[str, Tensor | float] = {"tokens": float(sum(batch.n_tokens for batch in batches))}
        optimizer.zero_grad()
        # So early that they cannot be told apart yet, next sentences would only add noise, in which the words are lost.
        begun = self.settings.init is not None or step >= self.settings.nsp_from * self.n_steps
        for batch in batches:
            losses = self._losses(batch)
            counted = [value * (begun or name != "nsp_loss") for name, value in losses.items()]
            loss = torch.stack(counted).sum() / len(batches)
            loss.backward()  # type: ignore[no-untyped-call]
            for name, value in (("loss", loss), *((name, each / len(batches)) for name, each in losses.items())):
                said[name] = said.get(name, 0.0) + value.detach()
        said["gradient_norm"] = nn.utils.clip_grad_norm_(self.network.parameters(), _LARGEST_GRADIENT)
        optimizer.step()
        return said

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        words, next_sentence = self._logits(batch)
        targets = self._tensor(batch.targets)
        mlm = functional.cross_entropy(words, targets) if len(targets) else words.sum()
        if next_sentence is None:
            return {"mlm_loss": mlm}
        return {"mlm_loss": mlm, "nsp_loss": functional.cross_entropy(next_sentence, self._tensor(batch.follows))}

    def _logits(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """(M, V) at the masked places, and (B, 2) of the next sentences; in float32."""
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            return bert_network.logits(
                self.network,
                self._tensor(batch.ids),
                self._tensor(batch.types),
                None if batch.there is None else self._tensor(batch.there),
                self._tensor(batch.places),
            )

    def _tensor(self, values: Any) -> Tensor:
        return torch.from_numpy(values).to(self._device, non_blocking=True)

    def _groups(self) -> list[dict[str, Any]]:
        """The parameters for the optimizer: biases and norms do not decay."""
        decaying = [each for each in self.network.parameters() if each.ndim > 1]
        others = [each for each in self.network.parameters() if each.ndim <= 1]
        decay = self.settings.weight_decay
        return [{"params": decaying, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]

    def _rate(self, step: int, total: int) -> float:
        """It rises in a line, and falls in a line to 0."""
        warm_up = max(1, round(self.settings.warm_up * total))
        share = (step + 1) / warm_up if step < warm_up else (total - step) / max(1, total - warm_up)
        return self.settings.rate * share

    def _batches(self, step: int) -> Iterator[Batch]:
        """Those from a step on. For a GPU some are made ahead, beside its work."""
        batches = self._examples.batches(step * self.settings.accumulate)
        if self._device.type == "cpu":
            yield from batches
            return
        with ThreadPoolExecutor(1) as pool:
            waiting = [pool.submit(next, batches) for _ in range(_AHEAD)]
            while True:
                waiting.append(pool.submit(next, batches))
                yield waiting.pop(0).result()

    def _planned(self, path: Path) -> int:
        """How many steps there are; what was planned is kept beside the checkpoint, at ``path``.

        Raises:
            RunError: there is a checkpoint, but of other settings.
        """
        plan = path.with_suffix(".json")
        if self._resume and plan.is_file():
            return int(json.loads(plan.read_text(encoding="utf-8"))["n_steps"])
        for other in sorted(self._work.glob("bert-*.json")) if self._resume else ():
            before = json.loads(other.read_text(encoding="utf-8"))
            if 0 < steps_done(other.with_suffix(".safetensors")) < before["n_steps"]:
                told = _differences(before["settings"], self.settings)
                raise RunError(
                    f"the training that was interrupted had {told}", hint="without --resume the training begins anew"
                )
        n_steps = self._measured()
        plan.write_text(json.dumps({"n_steps": n_steps, "settings": asdict(self.settings)}), encoding="utf-8")
        return n_steps

    def _measured(self) -> int:
        """The number of steps: what comes first of so many steps, epochs and minutes."""
        settings = self.settings
        epoch_steps = -(-self._examples.n_batches(0) // settings.accumulate)
        limits = [settings.steps] if settings.steps is not None else []
        limits += [settings.epochs * epoch_steps] if settings.epochs is not None else []
        pace, judging = self._pace(_MEASURED if settings.minutes is not None else 0.0)
        if settings.minutes is not None:
            left = 60 * settings.minutes - (time.monotonic() - self._began) - _JUDGED * judging
            limits.append(max(1, int(left / pace)))
        n_steps = min(limits)
        self._note(
            f"steps: {n_steps:,}, of {settings.batch * settings.accumulate:,} sequences each; epochs: "
            f"{n_steps / epoch_steps:.2f}; minutes: about {n_steps * pace / 60:.1f}"
        )
        return n_steps

    def _pace(self, least: float) -> tuple[float, float]:
        """Seconds that a step takes, and an evaluation; measured for ``least`` seconds, on a copy of the network."""
        network, self.network = self.network, copy.deepcopy(self.network)
        try:
            optimizer = torch.optim.AdamW(self._groups(), lr=self.settings.rate, fused=True)
            batches = self._batches(0)
            times: list[float] = []
            while len(times) < 3 or (sum(times) < least and len(times) < 30):
                if self._stop():
                    raise KeyboardInterrupt
                began = time.monotonic()
                said = self._step(optimizer, list(itertools.islice(batches, self.settings.accumulate)), 0)
                _floats(said)  # waits for a GPU
                times.append(time.monotonic() - began)
            began = time.monotonic()
            if least and self._dev:
                self._judge()
            judging = time.monotonic() - began
        finally:
            self.network = network
        return sum(times[1:]) / (len(times) - 1), judging

    def _made(self, documents: Documents, *, nsp: bool, short: float, evaluating: bool = False) -> Examples:
        settings = self.settings
        return Examples(
            documents, self._tokenizer, batch=settings.batch, max_length=settings.max_length, seed=settings.seed,
            short=short, nsp=nsp, mask=settings.mask, share=settings.share, evaluating=evaluating,
        )  # fmt: skip

    def _held_out(self, dev: Documents) -> list[Batch]:
        """Always the same examples of the documents that are held out, with the same masks."""
        if not dev.n_tokens:
            return []
        nsp = self.settings.nsp and dev.n_documents > 1
        if self.settings.nsp and not nsp:
            self._note("one document is held out: whether sentences follow is not judged")
        examples = self._made(dev, nsp=nsp, short=0.0, evaluating=True)
        n_batches = min(examples.n_batches(0), -(-_DEV_EXAMPLES // self.settings.batch))
        return list(itertools.islice(examples.batches(), n_batches))

    def _begun(self, documents: Documents) -> Any:
        settings, pieces = self.settings, self._tokenizer.pieces
        shared: Any = {"max_length": settings.max_length, "dropout": settings.dropout, "nsp": settings.nsp}
        if settings.init is not None:
            network = bert_network.begun(settings.init, note=self._note, **shared)
            if len(pieces) > network.config.vocab_size:
                raise ModelError(f"{settings.init}: its tokenizer has more pieces than its network")
            return network
        network = bert_network.new(
            vocabulary=len(pieces), layers=settings.layers, width=settings.width, heads=settings.heads,
            intermediate=settings.intermediate, padding=pieces.index(PAD), **shared,
        )  # fmt: skip
        if not (self._resume and steps_done(self._path)):  # else all of it is in the checkpoint
            counts = bert_start.frequencies(documents.tokens, len(pieces))
            dim = settings.width - bert_start.n_positions(settings.width, settings.heads)
            rows = bert_start.vectors(
                documents, pieces, dim, seed=settings.seed, stop=self._stop,
                report=lambda done, total: self._report("vectors of pieces", done, total, "tokens"),
            ) if settings.vectors else None  # fmt: skip
            bert_start.begin(network, counts, rows, seed=settings.seed)
        return network

    @torch.no_grad()
    def _judge(self) -> dict[str, float]:
        """On the held-out documents: the loss at the masks in nats, how often the right piece is the first or among the
        first five, and how often it is right whether a sentence follows."""
        self.network.eval()
        loss, first, fifth, right, n_masks, n_pairs = 0.0, 0, 0, 0, 0, 0
        for batch in self._dev:
            words, next_sentence = self._logits(batch)
            targets = self._tensor(batch.targets)
            loss += float(functional.cross_entropy(words, targets, reduction="sum"))
            best = words.topk(5).indices == targets[:, None]
            first, fifth = first + int(best[:, 0].sum()), fifth + int(best.sum())
            n_masks += len(targets)
            if next_sentence is not None and batch.types.any():
                right += int((next_sentence.argmax(1) == self._tensor(batch.follows)).sum())
                n_pairs += len(next_sentence)
        self.network.train()
        said = {"mlm_loss": loss / n_masks, "top1": first / n_masks, "top5": fifth / n_masks} if n_masks else {}
        said |= {"nsp_accuracy": right / n_pairs} if n_pairs else {}
        return {name: round(value, 4) for name, value in said.items()}


def _floats(said: Mapping[str, Tensor | float]) -> dict[str, float]:
    return {name: float(value) for name, value in said.items()}


def _differences(before: dict[str, Any], settings: Settings) -> str:
    now = asdict(settings)
    names = [name for name in now if before.get(name) != now[name]]
    told = (f"--{name.replace('_', '-')} {before.get(name)} and not {now[name]}" for name in names)
    return ", ".join(told) or "another corpus"
