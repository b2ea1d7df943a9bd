"""The figures of generation: ``python tests/benchmarks/generation.py cold`` and ``... generate [--data english.txt]``.

``generate`` runs a T5 of the size of t5-small (6 + 6 layers, width 512, 32,128 pieces) with random weights on lines of the text
FILE, greedily and with 4 beams, in float32, against ``generate`` of transformers on the same lines, sorted by length, at the best
of its batch sizes. Random weights end nothing, so that everybody writes as many tokens. Contenders run in turn at equal
threads, each in a process of its own, since the waiting threads of one would take the processors of the other. Loading is not
counted; tokenizing, sorting and the texts' decoding are.

``cold`` is one line, the whole process, with a built-in model, against a script with transformers and a T5 of its size.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from masked import serve
from measure import NLPTOOL, about_this_machine, in_turn, ratio, row, seconds, wall

from nlptool import catalog
from nlptool.models.generation import loading as generator_loading
from nlptool.models.generation.decoding import Decoding
from nlptool.specs import GeneratorSpec

SENTENCES = Path(__file__).parent.parent / "data" / "sentences.txt"
BATCH_SIZES = (1, 8, 16, 32, 64)
PIECES = 32_128
SMALL = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 1, "num_heads": 4}
"""A T5 of about the size of the model of the hundred poems."""


def make(folder: Path, lines: list[str], **measures: int) -> None:
    """A T5 with random weights and a tokenizer of its own; t5-small's measures unless others are given."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(
        lines, trainers.BpeTrainer(vocab_size=PIECES, special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = T5Config(**{"vocab_size": PIECES, "decoder_start_token_id": 0} | measures)
    T5ForConditionalGeneration(config).save_pretrained(folder)


def cold(arguments: argparse.Namespace, folder: Path) -> None:
    name = next((known.name for known in catalog.KNOWN.values() if known.task == "generate"), None)
    if name is None:
        raise SystemExit("no model that generates is built in")
    make(folder, SENTENCES.read_text(encoding="utf-8").splitlines(), **SMALL)
    line = "むらさめのつゆもまだひぬまきのはに"
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(
            "from transformers import AutoModelForSeq2SeqLM, AutoTokenizer\n"
            f"tokenizer = AutoTokenizer.from_pretrained({str(folder)!r})\n"
            f"model = AutoModelForSeq2SeqLM.from_pretrained({str(folder)!r})\n"
            f"found = model.generate(**tokenizer({line!r}, return_tensors='pt'), max_new_tokens=16)\n"
            "print(tokenizer.decode(found[0], skip_special_tokens=True))\n"
        )
        file.flush()
        commands = {
            "nlptool": f"echo {line} | {NLPTOOL} generate -m {name}",
            "transformers": f"{sys.executable} {file.name}",
        }
        times = in_turn({each: partial(wall, command) for each, command in commands.items()}, arguments.rounds)
    row(f"one line, whole process, {name}", "median (range)")
    row("---", "---")
    for each, values in times.items():
        row(each, seconds(values))
    row("transformers / nlptool", f"{ratio(times, 'transformers', 'nlptool'):.1f}")


def ours(
    folder: Path, threads: int, quantize: str | None = None
) -> Callable[[list[str], tuple[int, int, int]], tuple[float, int]]:
    spec = GeneratorSpec(str(folder), threads=threads, engine="ct2", quantize=quantize)
    model = generator_loading.locate(spec).open()

    def run(lines: list[str], how: tuple[int, int, int]) -> tuple[float, int]:
        beams, new_tokens, _ = how
        started = time.perf_counter()
        found = model.generate(model.tokenize(lines), Decoding(beams=beams, max_new_tokens=new_tokens))
        return time.perf_counter() - started, sum(len(outputs[0].ids) for outputs in found)

    return run


def theirs(folder: Path, threads: int) -> Callable[[list[str], tuple[int, int, int]], tuple[float, int]]:
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    network = AutoModelForSeq2SeqLM.from_pretrained(str(folder)).eval()

    @torch.inference_mode()
    def run(lines: list[str], how: tuple[int, int, int]) -> tuple[float, int]:
        beams, new_tokens, size = how
        started = time.perf_counter()
        n_tokens = 0
        encoded = tokenizer(lines)
        order = sorted(range(len(lines)), key=lambda index: -len(encoded["input_ids"][index]))
        for start in range(0, len(order), size):
            batch = [{name: values[index] for name, values in encoded.items()} for index in order[start : start + size]]
            found = network.generate(
                **tokenizer.pad(batch, return_tensors="pt"), num_beams=beams, max_new_tokens=new_tokens, do_sample=False
            )
            tokenizer.batch_decode(found, skip_special_tokens=True)
            n_tokens += found[:, 1:].numel()
        return time.perf_counter() - started, n_tokens

    return run


def generate(arguments: argparse.Namespace, folder: Path) -> None:
    path = arguments.data or SENTENCES
    found = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if len(line.split()) > 2]
    lines = list(itertools.islice(itertools.cycle(found), arguments.lines))
    if not (folder / "config.json").is_file():
        make(folder, found)
    spawned = multiprocessing.get_context("spawn")
    ends = {}
    for name, make_one in {"nlptool": ours, "transformers": theirs}.items():
        ends[name], other = spawned.Pipe()
        spawned.Process(target=serve, args=(make_one, folder, arguments.threads, other), daemon=True).start()
    tokens: dict[str, int] = {}

    def timed(name: str, some: list[str], how: tuple[int, int, int]) -> float:
        ends[name].send((some, how))
        taken, tokens[name] = ends[name].recv()
        return float(taken)

    row(f"{len(lines):,} lines, {arguments.threads} threads", "median (range)", "tokens a second")
    row("---", "---", "---")
    for beams in arguments.beams:
        how = (beams, arguments.new_tokens)
        sample = lines[:: max(1, len(lines) // 64)]
        timed("transformers", sample[:8], (*how, 8))
        tried = {size: timed("transformers", sample, (*how, size)) for size in BATCH_SIZES}
        best = min(tried, key=lambda size: tried[size])
        times = in_turn({name: partial(timed, name, lines, (*how, best)) for name in ends}, arguments.rounds)
        kind = "greedy" if beams == 1 else f"{beams} beams"
        for name, values in times.items():
            label = name if name == "nlptool" else f"{name}, batches of {best}"
            row(f"{kind}, {label}", seconds(values), f"{tokens[name] / statistics.median(values):,.0f}")
        row(f"{kind}, transformers / nlptool", f"{ratio(times, 'transformers', 'nlptool'):.2f}", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cold", "generate"])
    parser.add_argument("--data", type=Path, help="an English text, a sentence a line; that of the tests, repeated")
    parser.add_argument("--lines", type=int, default=500)
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--new-tokens", type=int, default=32)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", type=Path, help="a folder to keep the model in")
    arguments = parser.parse_args()
    print(about_this_machine(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        (cold if arguments.what == "cold" else generate)(arguments, arguments.model or Path(name))


if __name__ == "__main__":
    main()
