"""How well generated texts agree with references: exact match, and BLEU and chrF as sacrebleu computes them.

BLEU: Papineni et al. 2002, https://aclanthology.org/P02-1040. chrF: Popović 2015, https://aclanthology.org/W15-3049.
sacrebleu: Post 2018, https://aclanthology.org/W18-6319; its signatures say with which settings a number was made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from nlptool.errors import RunError
from nlptool.text.scripts import JAPANESE

TOKENIZERS = ("char", "13a", "intl", "zh", "ja-mecab", "none")
"""What ``tokenize`` can be besides auto: those of sacrebleu's that fetch nothing."""

_UNPARTED = re.compile(rf"{JAPANESE.pattern}|[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff]")
"""A letter of a script without blanks between words: Japanese and Chinese, Thai and Lao, Tibetan, Burmese, Khmer."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Of a corpus. Higher is better.

    Attributes:
        n: pairs.
        exact_match: the share of hypotheses that are one of their references, 0 to 1.
        bleu: 0 to 100; 0 if no hypothesis has four tokens.
        chrf: chrF2, 0 to 100.
        tokenize: into what texts were cut for BLEU, one of ``TOKENIZERS``; never auto.
        signatures: sacrebleu's, of ``bleu`` and ``chrf``.
    """

    n: int
    exact_match: float
    bleu: float
    chrf: float
    tokenize: str
    signatures: Mapping[str, str]


def scores(hypotheses: Sequence[str], references: Sequence[str | Sequence[str]], *, tokenize: str = "auto") -> Scores:
    """Score a corpus of n pairs.

    Texts that are cut into characters are compared without their blanks, others with runs of blanks as one.

    Args:
        hypotheses: n texts; an empty one is a bad one.
        references: n texts, or n lists of one or more each.
        tokenize: for BLEU: one of ``TOKENIZERS``; auto: ``choose``.

    Raises:
        RunError: what the tokenizer needs is not installed.
        ValueError: there are no pairs, not as many references as hypotheses, or a hypothesis without a reference.
    """
    if not hypotheses or len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} hypotheses for {len(references)} references")
    several = [[each] if isinstance(each, str) else list(each) for each in references]
    if not all(several):
        raise ValueError("a hypothesis has no reference")
    tokenize = choose([text for texts in several for text in texts]) if tokenize == "auto" else tokenize
    ours = [clean(text, tokenize) for text in hypotheses]
    theirs = [[clean(text, tokenize) for text in texts] for texts in several]
    most = max(map(len, theirs))
    # sacrebleu wants the first references of all, the second of all, ...; where there are fewer, None
    streams: Any = [[texts[rank] if rank < len(texts) else None for texts in theirs] for rank in range(most)]
    bleu, chrf = _bleu(tokenize), CHRF()
    return Scores(
        n=len(ours),
        exact_match=sum(text in texts for text, texts in zip(ours, theirs, strict=True)) / len(ours),
        bleu=min(100.0, bleu.corpus_score(ours, streams).score),  # a perfect one is rounded upwards
        chrf=chrf.corpus_score(ours, streams).score,
        tokenize=tokenize,
        signatures={"bleu": str(bleu.get_signature()), "chrf": str(chrf.get_signature())},
    )


def is_exact(hypothesis: str, references: Sequence[str], tokenize: str) -> bool:
    """Whether a text is one of its references, but for blanks that mean nothing."""
    return clean(hypothesis, tokenize) in [clean(text, tokenize) for text in references]


def sentence_chrf(hypothesis: str, references: Sequence[str]) -> float:
    """chrF2 of one text, 0 to 100: that of the reference for which it is highest."""
    return float(_SENTENCE.sentence_score(hypothesis, references).score)


_SENTENCE = CHRF()


def choose(references: Sequence[str]) -> str:
    """How texts are cut for BLEU: char where most letters are of scripts without blanks between words, else 13a."""
    n_unparted = sum(len(_UNPARTED.findall(text)) for text in references)
    n_other = sum(sum(map(str.isalpha, _UNPARTED.sub("", text))) for text in references)
    return "char" if n_unparted > n_other else "13a"


def clean(text: str, tokenize: str) -> str:
    """The text as it is compared: without blanks if it is cut into characters, else runs of them as one and none at the ends."""
    return ("" if tokenize == "char" else " ").join(text.split())


def _bleu(tokenize: str) -> BLEU:
    try:
        return BLEU(tokenize=tokenize, force=True)  # its advice on texts that look tokenized would go to stderr
    except RuntimeError as error:
        raise RunError(
            f"BLEU's tokenizer {tokenize} needs packages that are not installed",
            hint="pip install 'sacrebleu[ja]', or take char, which needs nothing",
        ) from error
