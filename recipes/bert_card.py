"""Print the tables of the card of ``bert-mini-ja`` or ``bert-mini-en``: ``python recipes/bert_card.py ja|en DATA WORK``.

DATA and WORK are those of ``recipes/bert.py``; WORK holds the evaluations. The sentences are all those of the files in
``tests/data``, which were written down before the trainings; none is left out.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from corpora import NOT_SHIPPED

DATA = Path(__file__).parent.parent / "tests" / "data"

CLOZE = {
    "ja": ("everyday.jsonl", "everyday_modern.jsonl", "masked.jsonl"),
    "en": ("everyday_english.jsonl",),
}
DOCUMENTS = {
    "ja": {"ja_modern_dev": "modern documents", "ja_old_dev": "old works"},
    "en": {"en_dev": "documents"},
}
PAIRS = {
    "ja": (
        ("雨が降って来た。", "彼は傘をさした。"),
        ("雨が降って来た。", "元禄十五年に幕府は令を下した。"),
        ("「どこへ行くのか」と彼は聞いた。", "「学校へ行きます」と弟は答えた。"),
        ("「どこへ行くのか」と彼は聞いた。", "電子は原子核の周りを廻っている。"),
        ("昨日、新しいスマホを買いました。", "写真がとてもきれいに撮れます。"),
        ("昨日、新しいスマホを買いました。", "この寺は平安時代に建てられた。"),
    ),
    "en": (
        ("the man went to the store.", "he bought a gallon of milk."),
        ("the man went to the store.", "penguins are flightless birds."),
        ("It began to rain.", "She opened her umbrella."),
        ("It began to rain.", "The emperor moved the capital to Heian-kyo in 794."),
    ),
}
SENTENCES = {
    "ja": (
        "猫が魚を食べる。", "猫を魚が食べるた。", "彼は静かに立ち上った。", "静かに彼立ち上っはた。",
        "私は昨日東京へ行きました。", "私は明日東京へ行きました。",
    ),
    "en": ("The cat eats fish.", "The cat eat fish.", "He does not like it.", "He do not like it.", "Cat the fish eats."),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("language", choices=CLOZE)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    arguments = parser.parse_args()
    language, model = arguments.language, f"bert-mini-{arguments.language}"
    parts = (
        sources(language, arguments.data), scores(language, arguments.work), cloze(language, model), pairs(language, model),
        sentences(language, model),
    )  # fmt: skip
    for part in parts:
        sys.stdout.write("".join(f"{line}\n" for line in part) + "\n")


def sources(language: str, data: Path) -> Iterator[str]:
    """Yield the table of the texts that were learned from, with what their licences ask for."""
    yield from ("| source | licence | attribution |", "|---|---|---|")
    with (data / "text" / f"modern_{language}.sources.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["source"] not in NOT_SHIPPED:
                yield f"| `{row['source']}` | {row['licence']} | {row['attribution']} |"


def scores(language: str, work: Path) -> Iterator[str]:
    """Yield the tables of both evaluations on each set of held-out documents."""
    yield from ("| `evaluate mlm` | words | pieces | top-1 | top-5 | perplexity |", "|---|---|---|---|---|---|")
    for stem, name in DOCUMENTS[language].items():
        (record,) = read(work / f"bert-mini-{language}-mlm-{stem}.jsonl")
        for words, values in (("all", record), ("content", record["content"])):
            if values:
                shares = " | ".join(share(values[kind], values[f"{kind}_interval"]) for kind in ("top1", "top5"))
                yield f"| {name} | {words} | {values['n_pieces']:,} | {shares} | {values['perplexity']:.1f} |"
    yield from (
        "",
        "| `evaluate nsp` | not next: from | pairs | accuracy | area under the ROC curve |",
        "|---|---|---|---|---|",
    )
    for stem, name in DOCUMENTS[language].items():
        (record,) = read(work / f"bert-mini-{language}-nsp-{stem}.jsonl")
        for kind in ("another_document", "same_document"):
            values = record[kind]
            accuracy = share(values["accuracy"], values["accuracy_interval"])
            yield f"| {name} | {kind.replace('_', ' ')} | {values['pairs']:,} | {accuracy} | {values['auc']:.3f} |"


def share(value: float, interval: list[float]) -> str:
    low, high = interval
    return f"{100 * value:.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def cloze(language: str, model: str) -> Iterator[str]:
    """Yield a table for each file of sentences: the expected word, and the first five."""
    for name in CLOZE[language]:
        rows = read(DATA / name)
        guessed = run(["fill-mask", "-m", model, "-k", "5"], rows)
        tokens = [[each["token"] for each in record["masks"][0]["candidates"]] for record in guessed]
        right = [row["expected"] in found for row, found in zip(rows, tokens, strict=True)]
        yield from (
            f"`{name}`: {sum(right)} of {len(rows)} have the expected word among the first five.",
            "",
            "| | sentence | expected | the first five |",
            "|---|---|---|---|",
        )
        for row, found, is_right in zip(rows, tokens, right, strict=True):
            shown = row["text"].replace("[MASK]", "＿" if language == "ja" else "___")
            yield f"| {'yes' if is_right else 'no'} | {shown} | {row['expected']} | {' '.join(found)} |"
        yield ""


def pairs(language: str, model: str) -> Iterator[str]:
    yield from ("| is next | first | second |", "|---|---|---|")
    rows = [{"first": first, "second": second} for first, second in PAIRS[language]]
    for row, record in zip(
        rows, run(["nsp", "-m", model, "--first", "first", "--second", "second"], rows), strict=True
    ):
        yield f"| {record['is_next']:.2f} | {row['first']} | {row['second']} |"


def sentences(language: str, model: str) -> Iterator[str]:
    yield from ("| log-likelihood | perplexity | |", "|---|---|---|")
    for record in run(["score", "-m", model, "--no-pieces"], [{"text": text} for text in SENTENCES[language]]):
        yield f"| {record['pseudo_log_likelihood']:.1f} | {record['pseudo_perplexity']:.0f} | {record['text']} |"


def run(arguments: list[str], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records that a command makes of ``rows``."""
    done = subprocess.run(
        [sys.executable, "-m", "nlptool", *arguments, "-f", "jsonl"],
        input="".join(json.dumps(row) + "\n" for row in rows), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return parsed(done.stdout)


def read(path: Path) -> list[dict[str, Any]]:
    return parsed(path.read_text(encoding="utf-8"))


def parsed(lines: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.split("\n") if line]


if __name__ == "__main__":
    main()
