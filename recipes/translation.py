"""Train ``mini-en-ja`` and ``mini-ja-en``: ``python recipes/translation.py DATA WORK [--gpu] [--only NAME]``.

DATA holds ``labelled/enja_tanaka``; WORK gets the pairs, the models and their evaluations. The same command goes on from there
after an interruption. ``--only`` makes one of the two. One core of a processor that computes in bfloat16: about an hour a model.

The pairs are written as people write them. A small share is added again in another spelling, so that the models also know it:
small letters, capitals, typographic quotes, full-width digits, no full stop at the end, two sentences in one line.
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from command_line import nlptool
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from nlptool.models.generation import metrics

Pair = tuple[str, str]  # English, Japanese

COMMON = (
    "--source-unit subwords --target-unit subwords --layers 2 --hidden-size 192 --heads 4 --optimizer muon --precision bfloat16 "
    "--learning-rate 2e-3 --dropout 0 --evaluations 5 --keep last --save-dtype float16"
)
VOCABULARIES = {
    "mini-en-ja": "--vocab-size 4000 --target-vocab-size 4500",
    "mini-ja-en": "--vocab-size 4500 --target-vocab-size 4000",
}
ON_CPU = "--device cpu --threads 1 --batch-tokens 4000 --max-steps 8000"
ON_GPU = "--device cuda --batch-tokens 16000 --max-steps 6000"

SHIPPED = ("config.json", "model.safetensors", "source.json", "target.json", "curves.jsonl")
MANIFEST = "seq2seq.json"
BUILTIN = Path(__file__).parent.parent / "nlptool" / "builtin"

_FULL_WIDTH = str.maketrans({chr(code): chr(code + 0xFEE0) for code in b"?!()"})
_FULL_WIDTH_DIGITS = str.maketrans({chr(code): chr(code + 0xFEE0) for code in b"0123456789"})
_JAPANESE = re.compile(r"[぀-ヿ㐀-鿿]")
_FULL_STOP = re.compile(r"(?<!\.)[.。]$")
_QUOTED = re.compile(r'"([^"]*)"')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--only", choices=list(VOCABULARIES))
    arguments = parser.parse_args()
    for name in [arguments.only] if arguments.only else VOCABULARIES:
        work: Path = arguments.work / name
        work.mkdir(parents=True, exist_ok=True)
        write_pairs(arguments.data / "labelled" / "enja_tanaka", work, japanese_first=name == "mini-ja-en")
        make(name, work, f"{VOCABULARIES[name]} {ON_GPU if arguments.gpu else ON_CPU}")


def make(name: str, work: Path, options: str) -> None:
    """Train one model, evaluate it, and put it where nlptool ships it."""
    folder = work / name
    if not folder.is_dir():
        nlptool(
            "train", "seq2seq", *COMMON.split(), *options.split(), "--dev", work / "dev.tsv", "--resume",
            "--checkpoint-dir", work / "checkpoints", "--plot", work / "curves.png", "-o", folder, work / "train.tsv",
        )  # fmt: skip
    scores = {f"beams {beams}": evaluate(folder, work, beams) for beams in (1, 4)}
    (work / "scores.json").write_text(json.dumps(scores, indent=2, ensure_ascii=False), encoding="utf-8")
    (BUILTIN / name).mkdir(exist_ok=True)
    for part in SHIPPED:
        shutil.copyfile(folder / part, BUILTIN / name / part)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    about = {
        field: value for field, value in manifest.items() if field not in ("files", "sha256")
    }  # the card is another one
    text = json.dumps(about, indent=2, ensure_ascii=False)
    (BUILTIN / name / MANIFEST).write_text(f"{text}\n", encoding="utf-8")


def evaluate(folder: Path, work: Path, beams: int) -> dict[str, object]:
    """Translate the pairs of dev; return BLEU and chrF, 0 to 100, with 95 % intervals of 1,000 bootstrap samples of the pairs.

    The translations are in ``work``, a line each: those of the first sixteen pairs are the examples of the card.
    """
    pairs = _pairs((work / "dev.tsv").read_text(encoding="utf-8"))
    (work / "dev.source").write_text("".join(f"{source}\n" for source, _ in pairs), encoding="utf-8")
    translated = work / f"dev.beams-{beams}"
    with translated.open("wb") as file:
        nlptool(
            "generate", "-m", folder, "--threads", "1", "--beams", str(beams), "-f", "text", work / "dev.source", stdout=file
        )  # fmt: skip
    found = translated.read_text(encoding="utf-8").split("\n")[: len(pairs)]
    references = [target for _, target in pairs]
    tokenize = metrics.choose(references)
    ours, theirs = ([metrics.clean(text, tokenize) for text in texts] for texts in (found, references))
    scores: dict[str, object] = {"exact_match": sum(map(str.__eq__, ours, theirs)) / len(pairs)}
    for name, metric in {"bleu": BLEU(tokenize=tokenize), "chrf": CHRF()}.items():
        score = metric.corpus_score(ours, [theirs], n_bootstrap=1000)
        mean, half = float(score._mean), float(score._ci)  # of the samples: an interval is mean ± half
        scores[name] = {
            "score": score.score,
            "interval": [mean - half, mean + half],
            "signature": str(metric.get_signature()),
        }
    return scores


def write_pairs(data: Path, work: Path, *, japanese_first: bool) -> None:
    """Write ``train.tsv`` and ``dev.tsv``, without pairs in train whose English or Japanese is in dev."""
    dev = _pairs((data / "dev.tsv").read_text(encoding="utf-8"))
    known = {text for pair in dev for text in pair}
    with lzma.open(data / "train.tsv.xz", "rt", encoding="utf-8", newline="\n") as file:
        learned = [as_written(pair) for pair in _pairs(file.read()) if known.isdisjoint(pair)]
    learned += in_other_spellings(learned, japanese_first=japanese_first)
    for name, pairs in (("dev", dev), ("train", learned)):
        ordered = (pair[::-1] if japanese_first else pair for pair in pairs)
        lines = "".join(f"{source}\t{target}\n" for source, target in ordered)
        (work / f"{name}.tsv").write_text(lines, encoding="utf-8")


def _pairs(text: str) -> list[Pair]:
    rows = (line.split("\t") for line in text.split("\n") if line)
    return [(english, japanese) for english, japanese in rows]


def as_written(pair: Pair) -> Pair:
    """Return a pair with the full-width question and exclamation marks and brackets of Japanese."""
    english, japanese = pair
    return english, japanese.translate(_FULL_WIDTH) if _JAPANESE.search(japanese) else japanese


def in_other_spellings(pairs: Sequence[Pair], *, japanese_first: bool) -> Iterator[Pair]:
    """Yield a share of the pairs again, for each other spelling of the source that it changes; always the same ones."""
    choose = random.Random(1)
    for spell, share in _JAPANESE_SPELLINGS if japanese_first else _ENGLISH_SPELLINGS:
        changed = [(pair, other) for pair in pairs if (other := spell(pair)) != pair]
        yield from (other for _, other in choose.sample(changed, min(len(changed), round(share * len(pairs)))))
    ended = [pair for pair in pairs if _FULL_STOP.search(pair[1])]
    for _ in range(round(_TWO_SENTENCES * len(pairs))):
        first, second = choose.sample(ended, 2)
        yield f"{first[0]} {second[0]}", first[1] + second[1]


def _small_letters(pair: Pair) -> Pair:
    return pair[0].lower(), pair[1]


def _capitals(pair: Pair) -> Pair:
    return pair[0].upper(), pair[1]


def _typographic_quotes(pair: Pair) -> Pair:
    return _QUOTED.sub(r"“\1”", pair[0]).replace("'", "’"), pair[1]


def _no_full_stop(pair: Pair) -> Pair:
    return (_FULL_STOP.sub("", pair[0]), _FULL_STOP.sub("", pair[1])) if _FULL_STOP.search(pair[0]) else pair


def _no_maru(pair: Pair) -> Pair:
    return (_FULL_STOP.sub("", pair[0]), _FULL_STOP.sub("", pair[1])) if _FULL_STOP.search(pair[1]) else pair


def _full_width_digits(pair: Pair) -> Pair:
    return pair[0], pair[1].translate(_FULL_WIDTH_DIGITS)


def _half_width(pair: Pair) -> Pair:
    return pair[0], pair[1].replace("？", "?").replace("！", "!")


_ENGLISH_SPELLINGS: Sequence[tuple[Callable[[Pair], Pair], float]] = (
    (_small_letters, 0.03),
    (_capitals, 0.01),
    (_typographic_quotes, 0.02),
    (_no_full_stop, 0.02),
)
_JAPANESE_SPELLINGS: Sequence[tuple[Callable[[Pair], Pair], float]] = (
    (_full_width_digits, 0.02),
    (_half_width, 0.01),
    (_no_maru, 0.03),
)
_TWO_SENTENCES = 0.03


if __name__ == "__main__":
    main()
