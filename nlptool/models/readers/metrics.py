"""Exact match and F1 of answers, by the definitions of the official scripts of SQuAD 1.1, SQuAD 2.0 and JSQuAD.

An answer is compared with each gold answer, and its best score counts. What is compared is normalised before:

squad, squad2: small letters, without ASCII punctuation and the articles a, an, the; words are what stands between blanks.
    P. Rajpurkar et al.: SQuAD: 100,000+ Questions for Machine Comprehension of Text (2016); P. Rajpurkar, R. Jia, P. Liang: Know
    What You Don't Know (2018). The two differ in questions without an answer, which ``squad`` does not know, and in answers
    that hold nothing but punctuation and articles: in ``squad2`` these are none.
jsquad: small letters, without full stops (。) at the end; F1 is that of characters, blanks between words included.
    K. Kurihara, D. Kawahara, T. Shibata: JGLUE (2022), https://github.com/yahoojapan/JGLUE. All else is as in ``squad2``.

The scripts give percentages; here all scores are 0 to 1, and more is better.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry.correlation import Interval
from nlptool.geometry.resampling import mean_intervals
from nlptool.text.scripts import main_script

METRICS = ("squad", "squad2", "jsquad")

THRESHOLD = 1.0
"""Probability of there being no answer, above which an answer does not count: the scripts' default."""

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def metric_for(texts: Iterable[str], *, all_have_answers: bool, version: str = "") -> tuple[str, str]:
    """Return the metric of the data set that questions look like, and the reason in words.

    Args:
        texts: questions and gold answers, whose script says which.
        all_have_answers: each question has a gold answer.
        version: of SQuAD, if the data say one: 1.1, v2.0.
    """
    script = main_script("\n".join(texts))
    if script in ("Japanese", "Han"):
        return "jsquad", f"the script is {script}"
    if not all_have_answers:
        return "squad2", "some questions have no answer"
    if version.lstrip("v").startswith("2"):
        return "squad2", f"the version is {version:.20}"
    return "squad", "all questions have an answer"


def normalized(text: str, metric: str) -> str:
    """Return what of an answer is compared."""
    text = text.lower()
    if metric == "jsquad":
        return " ".join(text.rstrip("。").split())
    return " ".join(_ARTICLE.sub(" ", text.translate(_PUNCTUATION)).split())


def _units(text: str, metric: str) -> Counter[str]:
    return Counter(text if metric == "jsquad" else text.split())


def _f1(answer: Counter[str], gold: Counter[str], metric: str) -> float:
    """Return the harmonic mean of the share of an answer's words, or characters, that are in a gold answer, and of the share of
    those of the gold answer that are in it, 0 to 1."""
    n_answer, n_gold = answer.total(), gold.total()
    if metric != "squad" and not (n_answer and n_gold):
        return float(n_answer == n_gold)
    n_both = (answer & gold).total()
    if not n_both:
        return 0.0
    precision, recall = n_both / n_answer, n_both / n_gold
    return 2 * precision * recall / (precision + recall)


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of the answers to N questions.

    Attributes:
        exact: exact match, (N,) of 0 and 1.
        f1: (N,), 0 to 1.
        has_answer: whether the question has an answer by the gold data, (N,) bool.
        is_answered: whether it was answered with anything but nothing, (N,) bool.
    """

    exact: NDArray[np.float64]
    f1: NDArray[np.float64]
    has_answer: NDArray[np.bool_]
    is_answered: NDArray[np.bool_]

    def with_threshold(self, no_answer: NDArray[np.float64], threshold: float = THRESHOLD) -> Scores:
        """Return the scores where no question is answered whose probability of having no answer is above a threshold.

        Args:
            no_answer: those probabilities, or any number that is greater where there is none, (N,).
        """
        is_refused = no_answer > threshold
        right = (~self.has_answer).astype(np.float64)
        return replace(
            self,
            exact=np.where(is_refused, right, self.exact),
            f1=np.where(is_refused, right, self.f1),
            is_answered=self.is_answered & ~is_refused,
        )

    def means(self) -> dict[str, float]:
        """Return the means: exact and f1 of all questions, and, if there are both kinds, has_answer_exact and has_answer_f1 of
        those that have an answer, no_answer_exact and no_answer_f1 of the others."""
        columns = self._columns()
        return {name: float(np.nanmean(column)) for name, column in columns.items()}

    def intervals(self, *, resamples: int, seed: int) -> dict[str, Interval | None]:
        """Return the 95 % bootstrap intervals, over questions, of what ``means`` returns."""
        columns = self._columns()
        matrix = np.stack(list(columns.values()), axis=1)  # (N, K)
        return dict(zip(columns, mean_intervals(matrix, resamples=resamples, seed=seed), strict=True))

    def _columns(self) -> dict[str, NDArray[np.float64]]:
        """Return a column for each mean, (N,), with NaN where a question is of the other part."""
        columns = {"exact": self.exact, "f1": self.f1}
        for part, belongs in (("has_answer", self.has_answer), ("no_answer", ~self.has_answer)):
            if belongs.any() and not belongs.all():
                columns[f"{part}_exact"] = np.where(belongs, self.exact, np.nan)
                columns[f"{part}_f1"] = np.where(belongs, self.f1, np.nan)
        return columns


def scores(answers: Sequence[str | None], gold: Sequence[Sequence[str]], metric: str) -> Scores:
    """Return the scores of answers.

    Args:
        answers: N texts; "": there is none; None: the question was not answered at all, which is wrong.
        gold: the gold answers of each question, () where there is none.
        metric: one of ``METRICS``.

    Raises:
        ValueError: there are no questions, the numbers differ, or one has no gold answer, which ``squad`` does not know.
    """
    if not len(gold) or len(answers) != len(gold):
        raise ValueError(f"{len(answers)} answers to {len(gold)} questions")
    if metric == "squad" and not all(gold):
        raise ValueError("a question without a gold answer has no score in SQuAD 1.1")
    exact, f1s = np.zeros(len(gold)), np.zeros(len(gold))
    for place, (answer, texts) in enumerate(zip(answers, gold, strict=True)):
        if answer is None:
            continue
        wanted = [normalized(text, metric) for text in texts]
        if metric != "squad":
            wanted = list(filter(None, wanted)) or [""]
        found = normalized(answer, metric)
        exact[place] = found in wanted
        units = _units(found, metric)
        f1s[place] = max(_f1(units, _units(text, metric), metric) for text in dict.fromkeys(wanted))
    has_answer = np.array([bool(texts) for texts in gold])
    return Scores(exact, f1s, has_answer, np.array([answer is None or answer != "" for answer in answers]))


def best_threshold(
    values: NDArray[np.float64],
    found: Scores,
    no_answer: NDArray[np.float64],
    order: NDArray[np.int64] | None = None,
) -> tuple[float, float]:
    """Return the best mean that a threshold of the probability of having no answer can give, and that threshold.

    Questions are answered in the order of their probabilities, as the script of SQuAD 2.0 does, and each prefix of this order
    is a choice: of questions with the same probability it may well be some, which no threshold tells from the others.

    Args:
        values: ``found.exact`` or ``found.f1``, (N,), without a threshold.
        no_answer: as ``Scores.with_threshold`` has it, (N,).
        order: of the questions with the same probability, (N,) numbers; else they are taken as they stand.
    """
    ranks = np.arange(len(values)) if order is None else order
    sequence = np.lexsort((ranks, no_answer))
    gains = np.where(found.has_answer, values, -found.is_answered.astype(np.float64))[sequence]
    start = float((~found.has_answer).sum())
    sums = np.cumsum(np.concatenate([[start], gains]))  # of the questions that are answered; the others have no answer
    best = int(sums.argmax())
    threshold = float(no_answer[sequence[best - 1]]) if best else 0.0
    return float(sums[best]) / len(values), threshold
