"""English abbreviations: whether a full stop belongs to the word before it or ends the sentence."""

from __future__ import annotations

import re


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_TITLES = _words("mr mrs ms dr drs prof messrs mme mlle mt ft e.g eg i.e ie vs viz cf approx p.s ps attn")
"""What always has something behind it."""

_RANKS = _words("rev gen col lt capt sgt sen rep gov hon cmdr adm maj pres supt cpl pvt brig insp atty fr")
"""What has a name behind it if it has a capital."""

_NUMBERED = _words(
    """no nos p pp vol vols ch chap sec sect fig figs art eq ex ref refs para pt ver v c ca b d r cc tel ext
    jan feb mar apr jun jul aug sep sept oct nov dec"""
)
"""What is an abbreviation before a number."""

_DATES = _words("mon tue tues wed thu thur thurs fri sat sun jan feb mar apr jun jul aug sep sept oct nov dec")

_WORDS = _words(
    """etc inc ltd co corp jr sr st ave blvd rd hwy dept univ assn bros al est ext ed eds trans anon op cit ibid repr rev
    esp incl excl min max hr hrs sec secs oz lb lbs sq yr yrs mo wk wks intl natl govt mfg mgr misc tech corp assoc orig
    abbr adj adv tbsp tsp temp gal avg dist"""
)
"""What may end a sentence or not, as the next word tells."""

_STARTERS = _words(
    """the it he she they we you this that these those there in on at but and however a an as if when while his her its my our
    your their for to what who why how where which i after before since because although though so then now with from by
    one some many most all both each every no not yes also is are was were do does did can could will would may might
    please thanks thank let"""
)
"""Words that begin a sentence, and hardly ever a name, when they have a capital."""

_AFTER_HOURS = _words(
    """eastern pacific central mountain greenwich monday tuesday wednesday thursday friday saturday sunday january february march
    april may june july august september october november december"""
)

_WORD_BEFORE = re.compile(r"[^\W_]+(?:\.[^\W_]+)*\Z")
_ALPHANUMERIC = re.compile(r"[^\W_]")
_NEXT_WORD = re.compile(r"[\"'“‘(\[]*([^\W_]+)")
_AFTER_WORD = frozenset(" \n,'’")
_ROMAN = re.compile(r"[IVXLC]+\b")
_LONGEST = 24  # characters of a word that is looked at


def begins_sentence(text: str, position: int) -> bool:
    """Return whether the word at ``position`` begins a sentence although no blank stands before it."""
    word = _NEXT_WORD.match(text, position)
    if word is None or not word[1][0].isupper() or word[1].lower() not in _STARTERS:
        return False
    return text[word.end() : word.end() + 1] in _AFTER_WORD


def is_abbreviation(text: str, first: int, stop: int, after: int, *, closed: bool) -> bool:
    """Return whether the full stop at ``stop``, with a blank or a quote behind it, does not end the sentence.

    Args:
        text: the text; the sentence begins at ``first``.
        after: where the next word begins.
        closed: whether a quote or bracket closes between the two.
    """
    following = _NEXT_WORD.match(text, after)
    next_word = following[1] if following else ""
    lower = next_word[:1].islower()
    if closed and lower:
        return True
    low = max(first, stop - _LONGEST)
    before = _WORD_BEFORE.search(text, low, stop)
    if before is None:
        return False
    word = before[0]
    key = word.lower()
    leads = before.start() <= first + 2 and not _ALPHANUMERIC.search(text, first, before.start())
    if word.isdecimal():
        return leads and len(word) <= 3  # the number of a list item
    if closed:
        return False
    if key in _TITLES or (key in _RANKS and not (word.islower() and next_word[:1].isupper())):
        return True
    number = next_word[:1].isdecimal()
    is_initial = following is not None and len(next_word) == 1 and text.startswith(".", following.end())
    starts = next_word.lower() in _STARTERS and not lower and not is_initial
    if len(word) == 1:
        if leads:
            return not starts or word in "AI"
        return number or lower or (word.isupper() and bool(next_word) and not starts)
    if key in _NUMBERED and (number or (key not in _DATES and key != "no" and _ROMAN.match(text, after))):
        return True
    if key in ("a.m", "p.m"):
        return not next_word[:1].isupper() or next_word.isupper() or next_word.lower() in _AFTER_HOURS
    if "." in word and all(len(part) <= 2 for part in word.split(".")):
        return lower or number or (bool(next_word) and not starts)
    if key in _DATES:
        return lower or number or next_word.lower() in _DATES
    if key in _WORDS and following is None and text[after] in "-–—&/":
        return True
    if key in _WORDS:
        return lower or number or (bool(next_word) and not starts and key != "etc")
    return False
