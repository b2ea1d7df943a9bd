"""Metrics of generated texts against references: exact match, BLEU and chrF, the latter two computed by sacrebleu.

BLEU: Papineni et al. 2002, https://aclanthology.org/P02-1040. chrF: Popović 2015, https://aclanthology.org/W15-3049.
sacrebleu: Post 2018, https://aclanthology.org/W18-6319; a signature holds the settings of a score.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from nlptool.errors import RunError
from nlptool.text.scripts import japanese

TOKENIZERS = ("char", "13a", "intl", "zh", "ja-mecab", "none")
"""sacrebleu's tokenizers that download nothing."""

_NO_BLANKS = re.compile(rf"{japanese().pattern}|[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff]")
"""Letters of scripts without blanks between words: Japanese and Chinese, Thai and Lao, Tibetan, Burmese, Khmer."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of a corpus. Higher is better."""

    n: int  # pairs
    exact_match: float  # the share of hypotheses that equal one of their references, 0 to 1
    bleu: float  # 0 to 100; 0 if no hypothesis has four tokens
    chrf: float  # chrF2, 0 to 100
    tokenize: str  # the tokenizer of BLEU, one of ``TOKENIZERS``; never auto
    signatures: Mapping[str, str]  # sacrebleu's, of ``bleu`` and ``chrf``


def scores(hypotheses: Sequence[str], references: Sequence[str | Sequence[str]], *, tokenize: str = "auto") -> Scores:
    """Score a corpus of n pairs.

    Texts that are tokenized into characters are compared without blanks, others with each run of blanks as one blank.

    Args:
        hypotheses: n texts; an empty one scores 0.
        references: n texts, or n lists of one or more each.
        tokenize: the tokenizer of BLEU: one of ``TOKENIZERS``, or auto for ``choose``.

    Raises:
        RunError: a package that the tokenizer needs is not installed.
        ValueError: there are no pairs, not as many references as hypotheses, or a hypothesis without a reference.
    """
    if not hypotheses or len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} hypotheses for {len(references)} references")
    reference_lists = [[texts] if isinstance(texts, str) else list(texts) for texts in references]
    if not all(reference_lists):
        raise ValueError("a hypothesis has no reference")
    tokenize = choose([text for texts in reference_lists for text in texts]) if tokenize == "auto" else tokenize
    ours = [clean(text, tokenize) for text in hypotheses]
    theirs = [[clean(text, tokenize) for text in texts] for texts in reference_lists]
    most = max(map(len, theirs))
    # sacrebleu takes the first references of all hypotheses, the second ones, ...; None if there are fewer
    streams: Any = [[texts[rank] if rank < len(texts) else None for texts in theirs] for rank in range(most)]
    bleu, chrf = _bleu(tokenize), CHRF()
    return Scores(
        n=len(ours),
        exact_match=sum(text in texts for text, texts in zip(ours, theirs, strict=True)) / len(ours),
        bleu=min(100.0, bleu.corpus_score(ours, streams).score),  # a perfect score can be rounded up
        chrf=chrf.corpus_score(ours, streams).score,
        tokenize=tokenize,
        signatures={"bleu": str(bleu.get_signature()), "chrf": str(chrf.get_signature())},
    )


def is_exact(hypothesis: str, references: Sequence[str], tokenize: str) -> bool:
    """Return whether a text equals one of its references, after ``clean``."""
    return clean(hypothesis, tokenize) in [clean(text, tokenize) for text in references]


def sentence_chrf(hypothesis: str, references: Sequence[str]) -> float:
    """Return the chrF2 of one text, 0 to 100, against the reference that gives the highest."""
    return float(_SENTENCE.sentence_score(hypothesis, references).score)


_SENTENCE = CHRF()


def choose(references: Sequence[str]) -> str:
    """Choose BLEU's tokenizer: char if most letters belong to scripts without blanks between words, else 13a."""
    n_without = sum(len(_NO_BLANKS.findall(text)) for text in references)
    n_with = sum(sum(map(str.isalpha, _NO_BLANKS.sub("", text))) for text in references)
    return "char" if n_without > n_with else "13a"


def clean(text: str, tokenize: str) -> str:
    """Return a text without blanks if ``tokenize`` is char, else stripped, with each run of blanks as one."""
    return ("" if tokenize == "char" else " ").join(text.split())


def _bleu(tokenize: str) -> BLEU:
    try:
        return BLEU(tokenize=tokenize, force=True)  # no advice about tokenized texts on stderr
    except RuntimeError as error:
        raise RunError(
            f"BLEU's tokenizer {tokenize} needs packages that are not installed",
            hint="pip install 'sacrebleu[ja]', or take char, which needs nothing",
        ) from error
