"""UniDic's parts of speech as universal ones (https://universaldependencies.org/u/pos)."""

from __future__ import annotations

_UPOS = (
    ("名詞-固有名詞", "PROPN"), ("名詞-数詞", "NUM"), ("名詞-助動詞語幹", "AUX"), ("名詞", "NOUN"), ("代名詞", "PRON"),
    ("形状詞-助動詞語幹", "AUX"), ("形状詞", "ADJ"), ("連体詞", "DET"), ("副詞", "ADV"), ("接続詞", "CCONJ"),
    ("感動詞", "INTJ"), ("動詞-非自立可能-サ行変格", "AUX"), ("動詞", "VERB"), ("形容詞", "ADJ"), ("助動詞", "AUX"),
    ("助詞-接続助詞", "SCONJ"), ("助詞-準体助詞", "SCONJ"), ("助詞-終助詞", "PART"), ("助詞", "ADP"), ("接頭辞", "NOUN"),
    ("接尾辞-形状詞的", "PART"), ("接尾辞-形容詞的", "AUX"), ("接尾辞-動詞的", "PART"), ("接尾辞", "NOUN"),
    ("補助記号-一般", "SYM"), ("補助記号", "PUNCT"), ("記号-文字", "NOUN"), ("記号", "PUNCT"), ("空白", "PUNCT"),
)  # fmt: skip


def upos(xpos: str) -> str:
    """Return the universal part of speech that UD Japanese GSD has most often for a UniDic one, whatever its context: right for
    95 % of the words of its dev set."""
    return next((tag for prefix, tag in _UPOS if xpos.startswith(prefix)), "X")
