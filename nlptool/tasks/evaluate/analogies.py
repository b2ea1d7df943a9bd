"""Analogy questions, answered by word vectors and counted."""

from __future__ import annotations

from typing import Any

from nlptool.errors import RecordError
from nlptool.records.record import Record


def tally(outcome: Any, oov: str) -> dict[str, Any]:
    correct, wrong, skipped = (int((outcome == value).sum()) for value in (1, 0, -1))
    if oov == "wrong":
        wrong += skipped
    accuracy = round(correct / (correct + wrong), 4) if correct + wrong else None
    return {
        "questions": len(outcome), "correct": correct, "wrong": wrong, "skipped": skipped, "accuracy": accuracy,
    }  # fmt: skip


def parse_question(record: Record) -> tuple[str, str, str, str]:
    words = record.text.strip().split("\t") if "\t" in record.text.strip() else record.text.split()
    if len(words) != 4:
        raise RecordError("NotFourWords", f"a question has four words, this has {len(words)}")
    first, second, third, fourth = words
    return first, second, third, fourth
