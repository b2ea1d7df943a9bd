"""The speed of continuing texts, for ``language.py greedy`` and ``language.py first-line``.

``greedy`` continues prompts of 5 to 40 tokens with a GPT of the size of GPT-2 small (12 layers of width 768,
50,257 tokens) with random weights and without an end token, so that everybody writes as many tokens. The peer is transformers'
``generate`` with its cache and prompts padded on the left, sorted by length, at the best of its batch sizes. Contenders
run in turn at equal threads, each in a process of its own, loading not counted: nlptool in float32 and in 8-bit integers; a
whole process of ``nlptool generate``, with its
start, loading and writing, is timed beside them.

``first-line`` is one line of 50 new tokens, the whole process.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from generation import ours
from masked import serve
from measure import NLPTOOL, in_turn, ratio, row, seconds, wall

BATCH_SIZES = (8, 16, 32, 64, 200)
PIECES = 50_257
PROMPT = (5, 40)  # tokens
IN_INT8 = "nlptool --quantize int8"


def make(folder: Path, layers: int, width: int) -> None:
    """A GPT with random weights, whose tokens are the words w0, w1 and so on."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel({f"w{id}": id for id in range(PIECES)}, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="w0", model_max_length=1024).save_pretrained(folder)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=PIECES, n_embd=width, n_layer=layers, n_head=width // 64, bos_token_id=None, eos_token_id=None, pad_token_id=0
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)
    for name in ("config.json", "generation_config.json"):  # transformers puts GPT-2's own ends where there are none
        about = json.loads((folder / name).read_text(encoding="utf-8"))
        (folder / name).write_text(json.dumps(about | {"eos_token_id": None, "bos_token_id": None}), encoding="utf-8")


def theirs(folder: Path, threads: int) -> Callable[[list[str], tuple[int, int, int]], tuple[float, int]]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(str(folder), padding_side="left")
    network = AutoModelForCausalLM.from_pretrained(str(folder)).eval()

    @torch.inference_mode()
    def run(lines: list[str], how: tuple[int, int, int]) -> tuple[float, int]:
        _, new_tokens, size = how
        started = time.perf_counter()
        n_tokens = 0
        encoded = tokenizer(lines)["input_ids"]
        order = sorted(range(len(lines)), key=lambda index: -len(encoded[index]))
        for start in range(0, len(order), size):
            batch = tokenizer.pad(
                {"input_ids": [encoded[index] for index in order[start : start + size]]}, return_tensors="pt"
            )
            found = network.generate(**batch, max_new_tokens=new_tokens, do_sample=False, use_cache=True)
            new = found[:, batch["input_ids"].shape[1] :]
            tokenizer.batch_decode(new)
            n_tokens += new.numel()
        return time.perf_counter() - started, n_tokens

    return run


def greedy(arguments: argparse.Namespace, folder: Path) -> None:
    model = Path(arguments.model or folder / "gpt")
    if not (model / "config.json").is_file():
        model.mkdir(parents=True, exist_ok=True)
        make(model, arguments.layers, arguments.width)
    draw = random.Random(1)
    lines = [
        " ".join(f"w{draw.randrange(1, PIECES)}" for _ in range(draw.randint(*PROMPT))) for _ in range(arguments.lines)
    ]
    prompts = folder / "prompts.txt"
    prompts.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    spawned = multiprocessing.get_context("spawn")
    ends = {}
    makers = {"nlptool": ours, IN_INT8: partial(ours, quantize="int8"), "transformers": theirs}
    for name, make_one in makers.items():
        ends[name], other = spawned.Pipe()
        spawned.Process(target=serve, args=(make_one, model, arguments.threads, other), daemon=True).start()
    tokens: dict[str, int] = {}

    def timed(name: str, some: list[str], size: int) -> float:
        ends[name].send((some, (1, arguments.new_tokens, size)))
        taken, tokens[name] = ends[name].recv()
        return float(taken)

    sizes = [size for size in BATCH_SIZES if size <= len(lines)] or [len(lines)]
    timed("transformers", lines[:2], 2)
    tried = {size: timed("transformers", lines[: max(size, 64)], size) / max(size, 64) for size in sizes}
    best = min(tried, key=lambda size: tried[size])
    whole = (
        f"{NLPTOOL} generate -m {model} --max-new-tokens {arguments.new_tokens} --threads {arguments.threads} {prompts}"
    )
    contenders: dict[str, Callable[[], float]] = {name: partial(timed, name, lines, best) for name in ends}
    contenders["nlptool, whole process"] = partial(wall, whole)
    times = in_turn(contenders, arguments.rounds)
    if tokens["nlptool"] != tokens["transformers"]:
        raise SystemExit(f"the contenders did not write as many tokens: {tokens}")
    row(
        f"{len(lines):,} prompts, {arguments.new_tokens} tokens each, {arguments.threads} threads",
        "median (range)",
        "tokens a second",
    )
    row("---", "---", "---")
    for name, values in times.items():
        label = f"{name}, batches of {best}" if name == "transformers" else name
        row(label, seconds(values), f"{tokens['nlptool'] / statistics.median(values):,.0f}")
    for name in ("nlptool", IN_INT8, "nlptool, whole process"):
        row(f"transformers / {name}", f"{ratio(times, 'transformers', name):.2f}", "")


def first_line(arguments: argparse.Namespace, _: Path) -> None:
    asked = (
        f"echo {arguments.text} | {NLPTOOL} generate -m {arguments.model or 'aozora-gpt'} -f text --max-new-tokens 50"
    )
    commands = {"greedy": asked, "sampled": f"{asked} --sample --seed 1"}
    times = in_turn({name: partial(wall, command) for name, command in commands.items()}, arguments.rounds)
    row("one line of 50 tokens, whole process", "median (range)")
    row("---", "---")
    for name, values in times.items():
        row(name, seconds(values))
