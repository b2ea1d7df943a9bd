"""Train ``aozora-100d`` again: ``python recipes/aozora.py aozora.txt.xz``, and print the table of its card.

Without a corpus it prints the table alone. Training takes about 22 minutes: one thread, so that the files are the same each time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

FOLDER = Path(__file__).parent.parent / "nlptool" / "builtin" / "aozora-100d"

OPTIONS = (
    "--dimension 100 --window 5 --min-count 10 --max-words 62000 --epochs 10 --sample 1e-4 --negative 5 --tokenizer unidic "
    "--save-dtype int8 --deterministic"
)

QUESTIONS = {
    "王 男 女": "good", "父 男 女": "good", "兄 弟 妹": "good", "叔父 男 女": "good", "息子 男 女": "good",
    "王子 男 女": "good", "祖父 父 母": "good", "紳士 男 女": "good", "俳優 男 女": "good", "夫 男 女": "fair",
    "パリ フランス イギリス": "fair", "巴里 仏蘭西 英国": "good", "東京 日本 支那": "bad", "東京 日本 ロシヤ": "bad",
    "東京 日本 フランス": "fair", "夫 妻 女": "bad",
    "大きい 小さい 少ない": "good", "高い 低い 狭い": "good", "行っ 行く 来る": "good", "夏 暑い 寒い": "good",
    "昼 太陽 月": "fair", "朝 夕 夜": "good", "画家 絵 詩": "good", "武士 刀 百姓": "fair", "目 見る 聞く": "good",
    "医者 病院 学校": "fair", "魚 海 山": "fair", "春 桜 秋": "bad", "犬 仔犬 猫": "bad", "馬 走る 飛ぶ": "fair",
    "坊さん 寺 教会": "bad", "右 左 下": "good",
}  # fmt: skip
"""Questions that were written down before the training was over, none left out since, and a reader's judgement of the answers."""

WORDS = ("猫", "東京", "悲しい", "走る", "電車", "侍", "銀座", "数学", "漱石", "学校")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", nargs="?")
    corpus = parser.parse_args().corpus
    nlptool = [sys.executable, "-m", "nlptool"]
    if corpus:
        subprocess.run([*nlptool, "train", "word2vec", corpus, "-o", FOLDER, *OPTIONS.split()], check=True)
    for line in table(nlptool, FOLDER.name, QUESTIONS, WORDS):
        sys.stdout.write(line + "\n")


def table(nlptool: Sequence[str], model: str, judgements: Mapping[str, str], asked: Sequence[str]) -> list[str]:
    """Return the lines of a card: a question, its first five answers, and the judgement; a word and its neighbors."""
    questions = "".join(f"{question}\n" for question in judgements)
    answers = _run([*nlptool, "analogy", "-m", model, "-k", "5", "-f", "jsonl"], questions)
    rows = ["| A - B + C | the first five answers | |", "|---|---|---|"]
    for (question, judged), record in zip(judgements.items(), answers, strict=True):
        words = " ".join(answer["word"] for answer in record["answers"])
        rows.append(f"| {' - '.join(question.split()[:2])} + {question.split()[2]} | {words} | {judged} |")
    rows += ["", "| word | its ten neighbors |", "|---|---|"]
    neighbors = _run([*nlptool, "neighbors", "-m", model, "-f", "jsonl", *asked], "")
    return rows + [f"| {r['query']} | {' '.join(answer['word'] for answer in r['neighbors'])} |" for r in neighbors]


def _run(command: list[str], text: str) -> list[dict[str, list[dict[str, str]]]]:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return [orjson.loads(line) for line in done.stdout.split("\n") if line]


if __name__ == "__main__":
    main()
