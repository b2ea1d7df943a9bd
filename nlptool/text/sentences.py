"""Sentences of Japanese and English text, as offsets into it.

A sentence ends at a mark (。！？!?. and runs of them, … before a blank), with the closing quotes, emoji and laughter behind it.
A mark inside a pair of brackets or quotes does not end the sentence around it; a pair that is longer than ``LONGEST_PAIR`` or
that an empty line interrupts counts as unclosed, and its marks are marks again. Where the closing bracket follows a mark, the
sentence ends behind it unless what follows goes on: 「はい。」と言った。 is one sentence, 「はい。」「いいえ。」 are two.

A line break alone ends no sentence: prose may be wrapped anywhere. An empty line does, and so does a line break before an
ideographic space, a list item, a Markdown heading or a table row, before and after a rule (``-----``), and after a line that is
a quotation from beginning to end (dialogue: 「はい」). Verse and headings without marks therefore stay together up to the next
empty line.

Time is linear in the length of the text: every pattern is bounded or begins where the last match ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nlptool.text.abbreviations import begins_sentence, is_abbreviation
from nlptool.text.scripts import japanese

LONGEST_PAIR = 300  # characters between an opening bracket and its closing one

_PAIRS = {
    "「": "」", "『": "』", "｢": "｣", "（": "）", "(": ")", "［": "］", "[": "]", "【": "】", "〈": "〉", "《": "》", "〔": "〕",
    "｛": "｝", "{": "}", "“": "”", "«": "»",
}  # fmt: skip
_OPENING = {closing: opening for opening, closing in _PAIRS.items()}
_ROUND = frozenset("（(［[｛{〔【")
_CJK_QUOTES = frozenset("「『｢")
_CJK_MARKS = frozenset("。｡！？‼⁇⁈⁉")
_MARKS = frozenset("。｡！？!?．.…‥‼⁇⁈⁉")

_LINE_ITEM = (
    r"[ \t]*(?:[-*+] |[•‣▪●○◯◎■□◆◇▲△▼▽★☆※▶►➤・･①-⑳]|#{1,6} |\d{1,2}[.)] |[（(]\d{1,2}[）)]|\u3000|\|"
    r"|[-=*_~─━＊]{3,}[ \t]*(?:\r?\n|\Z))"
)
_HARD_BREAK = re.compile(
    rf"[\f\u2029]|\n(?=[^\S\n]*\n)|(?<=[-=*_~─━＊]{{3}})\r?\n|\n(?={_LINE_ITEM})|\r(?=[^\S\r\n]*\r(?!\n))"
)
"""What ends a sentence and every open bracket, whatever stands before it."""

_MAY_BREAK = re.compile(r"[\n\r\f\u2029]")

_HEADING = re.compile(r"[ \t]*#{1,6} [^\n\r\f\u2029]*(?=\r?\n)")

_EMOJI = "[\u2600-\u263f\u2641\u2643-\u2775\u2794-\u27bf\u2b50\u2b55\ufe0f\u200d\u20e3\U0001f000-\U0001faff\U000e0020-\U000e007f]"
_SOFT = f"(?:[♪☆★♡♥❤]|{_EMOJI})"  # a mark behind a sentence-final particle or verb
_RUN = "[。｡！？!?．.…‥‼⁇⁈⁉]"
_MARK = re.compile(rf"{_RUN}++(?:[ \u00a0][.?!]++(?=\s|\Z))*+|[・･]{{2,}}+{_RUN}*+|{_SOFT}++|\^_*\^")
_BRACKETS = frozenset([*_PAIRS, *_PAIRS.values(), '"'])
_TOKEN = re.compile(f"[{_RUN[1:-1]}・･♪☆★♡♥❤^{_EMOJI[1:-1]}{re.escape(''.join(sorted(_BRACKETS)))}]")
"""Where a mark or bracket may be: one set of characters is found fastest."""

_LAUGH = "[（(](?:[苦爆]?笑|泣|滝?汗|涙|怒|照れ?|爆|謎|死|嘘|違|[wｗ]{1,9})[）)]"
_LAUGHTER = re.compile(_LAUGH)
_TAIL = re.compile(
    rf"""(?:[」』｣）)\]］】〉》〕｝}}”’»]
        |["'](?=[\s」』）)”’"',;:、]|\Z)
        |[\[［]\d{{1,3}}[\]］]                                          # the number of a footnote
        |{_LAUGH}
        |m?[（(](?:(?![（(）)\n])[^\W\d]?[^\w\n（(）)]){{1,8}}[^\W\d]?[）)][m;；]?      # (^_^;): no two letters side by side
        |{_EMOJI}|(?<=\u200d)[♀♂]|[ \u3000]{_EMOJI}++(?=\s|\Z)
        |[ ]?[:;=][-'o^]?[)(DPp|/]{{1,3}}(?=\s|\Z)|[ ]?\^_*\^(?=\s|\Z)        # :-)
        |ｗ)""",
    re.VERBOSE,
)
"""What belongs to the mark before it."""

_LONGEST_TAIL = 60  # characters

_BLANKS = re.compile(r"\s*")
_CLOSERS = frozenset("」』｣）)]］】〉》〕｝}”’»\"'")
_NO_SENTENCE = frozenset(",;:、，；：・）)]］」』")
"""What stands behind a mark only inside a sentence."""

_GOES_ON = re.compile(
    r"(?:と(?!ても|ころ|うとう|にかく|きどき|もかく|もあれ|どのつまり)|って|っと|なん(?:て|か)|など|なる|なの|なり"
    r"|の(?!ち|ん|び|ど|ぞ|ろ|ぼ|みな)|は(?!い|じ|た|っ|な|や|る|あ|ー|ぁ)|を|が(?!ら|っ|ん)(?!、)|に(?!こ|わ|や|げ|っ)|へ(?!え|ぇ|ー)"
    r"|で(?!も|は、|すが|すから|きる)|も(?!う|し|っ|ち|は|の|と|ー|ら)|や(?!が|っ|は|め|ま|れ)|から(?!だ|か)|まで|より(?!に)|か(?!つ|れ|く|の|な|ら|え|け|わ|っ)"
    r"|だ(?!か|が|け|れ|い)|ばかり|くらい|ぐらい|だけ|さえ|しか(?!し)|すら|的|系|型|派|風|式)"
)
"""What goes on with the sentence behind a quotation that ended with a mark: a particle, the copula, a suffix."""

_NAME_GOES_ON = re.compile(r"を|[のはがにも](?=[\u4e00-\u9fff\u30a1-\u30fa])|は、")
"""A name that ends with 。 (モーニング娘。の曲) goes on; 。 itself is nearly always an end."""

_SAID = re.compile(
    r"(?:I|[Hh]e|[Ss]he|[Tt]hey|[Ww]e|(?:[A-Z][\w’'-]*\.?[ \n]){0,3}[A-Z][\w’'-]*)[ \n]"
    r"(?:said|asked|cried|replied|answered|exclaimed|shouted|whispered|called|inquired|demanded|continued|added|repeated|returned"
    r"|muttered|murmured|remarked|observed|screamed|yelled|wondered|thought|says|asks|began|went on|interrupted|ejaculated)\b"
)
"""Who asks the question that stands before it."""


_FINAL = re.compile(r".?[すねよわぞたいうるん]\Z", re.DOTALL)
_FINAL_BEFORE_STAR = re.compile(r"(?:.?[すねよわぞ]|[しっん][ただ])\Z", re.DOTALL)
"""What a sentence can end with; before ☆ also stands what is part of a name (らき☆すた)."""

_KANJI_OR_HIRAGANA = re.compile(r"[\u3041-\u3096\u4e00-\u9fff]")


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield the sentences of ``text`` in order as (start, end), without the blanks around them.

    Together they hold every character of the text that is not blank.
    """
    if not _MAY_BREAK.search(text):
        yield from _sentences(text, 0)
        return
    heading = _HEADING.match(text)
    start = heading.end() if heading else 0
    if heading:
        yield from _sentences(heading[0], 0)
    for found in _HARD_BREAK.finditer(text):
        yield from _sentences(text[start : found.start()], start)
        start = found.end()
        if heading := _HEADING.match(text, start):
            yield from _sentences(heading[0], start)
            start = heading.end()
    yield from _sentences(text[start:], start)


def _sentences(block: str, offset: int) -> Iterator[tuple[int, int]]:
    """Yield the sentences of a text without hard breaks, moved by ``offset``."""
    stop = len(block.rstrip())
    first = stop - len(block[:stop].lstrip())
    if first == stop:
        return
    marks: list[tuple[int, int]] = []
    brackets: list[int] = []
    end = first
    for token in _TOKEN.finditer(block, first, stop):
        start = token.start()
        if block[start] in _BRACKETS:
            brackets.append(start)
        elif start >= end and (mark := _MARK.match(block, start, stop)):
            end = mark.end()
            marks.append((start, end))
    if not marks and not brackets:
        yield first + offset, stop + offset
        return
    pairs = _outer_pairs(block, brackets) if brackets else []
    pairs.append((stop, stop))
    coming = 0  # the first pair that is not behind us
    for start, end in marks:
        if start < first:
            continue  # absorbed by the sentence before
        while pairs[coming][1] <= start:
            opened, closed = pairs[coming]
            coming += 1
            if opened >= first and (cut := _end_at_bracket(block, first, opened, closed, stop)):
                yield first + offset, cut + offset
                first = _BLANKS.match(block, cut).end()  # type: ignore[union-attr]
        if start >= first and pairs[coming][0] > start and (cut := _end_at_mark(block, first, start, end, stop)):
            yield first + offset, cut + offset
            first = _BLANKS.match(block, cut).end()  # type: ignore[union-attr]
    for opened, closed in pairs[coming:-1]:
        if opened >= first and (cut := _end_at_bracket(block, first, opened, closed, stop)):
            yield first + offset, cut + offset
            first = _BLANKS.match(block, cut).end()  # type: ignore[union-attr]
    if first < stop:
        yield first + offset, stop + offset


def _outer_pairs(block: str, brackets: list[int]) -> list[tuple[int, int]]:
    """Return the pairs of brackets that stand in no other pair, as (opening, behind the closing), in order."""
    waiting: dict[str, list[int]] = {}
    pairs: list[tuple[int, int]] = []
    for position in brackets:
        bracket = block[position]
        if bracket in _PAIRS:
            waiting.setdefault(bracket, []).append(position)
            continue
        opening = _OPENING.get(bracket, '"')
        open_ones = waiting.get(opening)
        if bracket == '"' and not _closes(block, position, open_now=bool(open_ones)):
            waiting[bracket] = [position]
        elif open_ones:
            opened = open_ones.pop()
            if position - opened <= LONGEST_PAIR:
                pairs.append((opened, position + 1))
    pairs.sort()
    outer: list[tuple[int, int]] = []
    for opened, closed in pairs:
        if not outer or opened >= outer[-1][1]:
            outer.append((opened, closed))
        elif outer[-1][1] < closed <= outer[-1][0] + LONGEST_PAIR:  # （「）」
            outer[-1] = (outer[-1][0], closed)
    return outer


def _closes(block: str, position: int, *, open_now: bool) -> bool:
    """Return whether the straight quote at ``position`` closes one; ``open_now``: whether one is open."""
    before = block[position - 1 : position]
    after = block[position + 1 : position + 2]
    opens_word = (not before or before.isspace() or before in _PAIRS) and bool(after) and not after.isspace()
    ends_word = bool(before) and not before.isspace() and (not after or after.isspace() or not after.isalnum())
    if opens_word != ends_word:
        return ends_word
    return open_now


def _after_tail(block: str, position: int, stop: int) -> int:
    """Return where what belongs to a mark before ``position`` ends."""
    longest = min(stop, position + _LONGEST_TAIL)
    while position < longest and (more := _TAIL.match(block, position, stop)):
        position = more.end()
    return position


def _end_at_mark(block: str, first: int, start: int, end: int, stop: int) -> int:
    """Return where the sentence from ``first`` ends, whose mark is at (``start``, ``end``), or 0 if it goes on."""
    tail = _after_tail(block, end, stop)
    if tail >= stop:
        return stop
    closed = tail > end and not _CLOSERS.isdisjoint(block[end:tail])
    after = _BLANKS.match(block, tail, stop).end()  # type: ignore[union-attr]
    blank = after > tail
    following = block[after]
    if not blank and following in _NO_SENTENCE:
        return 0
    mark = block[start:end]
    before = block[start - 1] if start > first else ""
    if mark[0] not in _MARKS and mark[0] not in "・･":
        return _end_at_soft_mark(block, start, tail, after) if before else 0
    if not _CJK_MARKS.isdisjoint(mark) or (("!" in mark or "?" in mark) and before and japanese().match(before)):
        if blank and "\n" not in block[tail:after]:
            return tail
        is_stop = "。" in mark or "｡" in mark
        goes_on = _NAME_GOES_ON if is_stop and not closed else _GOES_ON
        return 0 if goes_on.match(block, after) and (not blank or closed) else tail
    if mark in (".", "．"):
        if before and (japanese().match(before) or (mark == "．" and before in _CLOSERS)):
            return 0 if not blank and following.isascii() and following.isalnum() else tail
        if not blank:
            return tail if before.islower() and begins_sentence(block, after) else 0
        return 0 if is_abbreviation(block, first, start, after, closed=closed) else tail
    if not blank:
        if begins_sentence(block, after):
            return tail
        is_japanese = "…" not in mark and _KANJI_OR_HIRAGANA.match(following) and not _GOES_ON.match(block, after)
        return tail if is_japanese and before.isascii() and not block.endswith("Yahoo", first, start) else 0
    if "!" in mark or "?" in mark:
        if closed and (following.islower() or _SAID.match(block, after)):
            return 0
        is_name = mark == "!" and block.endswith("Yahoo", first, start) and not begins_sentence(block, after)
        return 0 if is_name else tail
    return 0 if following.islower() else tail  # an ellipsis


def _end_at_soft_mark(block: str, start: int, tail: int, after: int) -> int:
    """Return where a Japanese sentence ends whose last sign is ♪, an emoji or the like, or 0 if it goes on."""
    final = _FINAL if block[start] in "♪^" or block[start] > "\uffff" else _FINAL_BEFORE_STAR
    if not final.match(block, max(0, start - 2), start) or block[after] in _MARKS or _GOES_ON.match(block, after):
        return 0
    return tail


def _end_at_bracket(block: str, first: int, opened: int, closed: int, stop: int) -> int:
    """Return where the sentence from ``first`` ends that holds a pair of brackets, if that is behind the pair; else 0."""
    last = closed - 1
    while last > opened and (block[last] in _CLOSERS or block[last].isspace()):
        last -= 1
    tail = _after_tail(block, closed, stop)
    if tail >= stop:
        return 0
    after = _BLANKS.match(block, tail, stop).end()  # type: ignore[union-attr]
    blank = after > tail
    following = block[after]
    if not blank and following in _NO_SENTENCE:
        return 0
    bracket = block[opened]
    leads = opened == first
    line_break = blank and "\n" in block[tail:after]
    mark = block[last]
    if mark not in _MARKS or last == opened:
        if opened and _LAUGHTER.fullmatch(block, opened, closed):
            return _end_at_soft_mark(block, opened, tail, after)
        dialogue = leads and line_break and bracket in _CJK_QUOTES
        return tail if dialogue and not _GOES_ON.match(block, after) else 0
    if following.islower() or (mark in "…‥" and not line_break and not (leads and bracket in _CJK_QUOTES)):
        return 0
    if bracket in _CJK_QUOTES or not following.isascii() or bracket in "（":
        if _GOES_ON.match(block, after):
            return 0
        if blank:
            return tail
        if bracket == "『" and mark not in "。｡":
            return 0
        return tail if leads else 0
    if not blank:
        return 0
    if mark == ".":
        return 0 if bracket in _ROUND and is_abbreviation(block, opened + 1, last, after, closed=True) else tail
    return 0 if _SAID.match(block, after) else tail
