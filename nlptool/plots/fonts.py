"""The fonts of a plot, and the treatment of characters that no font has.

matplotlib's own font, DejaVu Sans, has Latin, Greek and Cyrillic; other characters are looked for in the fonts of the system.
A label that could not be drawn legibly becomes a number, never a row of boxes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence

from nlptool.errors import RunError
from nlptool.plots import labels
from nlptool.terminal import library_warnings
from nlptool.text.scripts import is_japanese

OWN = "DejaVu Sans"
_PREFERRED = (
    "Noto Sans CJK JP", "Noto Sans JP", "Source Han Sans JP", "IPAexGothic", "IPAGothic", "IPAPGothic", "TakaoGothic",
    "TakaoPGothic", "VL Gothic", "VL PGothic", "Hiragino Sans", "Hiragino Kaku Gothic ProN", "Hiragino Kaku Gothic Pro",
    "Yu Gothic", "Meiryo", "MS Gothic", "Noto Sans Symbols", "Noto Sans Symbols 2", "Noto Sans Symbols2", "Noto Emoji",
    "Symbola", "Segoe UI Symbol", "Apple Symbols", "Arial Unicode MS",
)  # fmt: skip
_JAPANESE_FONT = "Debian and Ubuntu: apt install fonts-noto-cjk; Fedora: dnf install google-noto-sans-cjk-fonts"


class Lettering:
    """The fonts for texts.

    Args:
        texts: all that is written.
        forms: letters that may be written instead of others.

    Attributes:
        families: names of fonts, each for the characters that those before it lack.
        missing: the characters that no font has.
        forms: those of ``forms`` that a font of ``families`` has.

    Raises:
        RunError: matplotlib finds no folder for its cache.
    """

    def __init__(self, texts: Iterable[str], forms: str = "") -> None:
        self.families = [OWN]
        letters = {letter for text in texts for letter in labels.clean(text) if letter != " "}
        self.missing = letters - _charmap(OWN)
        self._numbered: list[str] = []
        self._add(_PREFERRED)
        if any(map(str.isalpha, self.missing)):
            _rescan()
            self._add(_PREFERRED)
        if any(map(str.isalpha, self.missing)):
            charmaps = {name: _charmap(name) for name in sorted(_names())}
            self._add(sorted(charmaps, key=lambda name: -len(self.missing & charmaps[name])))
        self.forms: set[str] = set(forms) & set().union(*map(_charmap, self.families)) if forms else set()

    def _add(self, names: Iterable[str]) -> None:
        """Add the fonts that have a missing character."""
        for name in names:
            if self.missing and name in _names():
                covered = self.missing & _charmap(name)
                self.families += [name] if covered else []
                self.missing -= covered

    def legible(self, texts: Sequence[str], prefix: str = "#") -> list[str]:
        """Return cleaned texts with U+FFFD for missing characters; if half of a text is missing, ``prefix`` and a number."""
        result = []
        for number, text in enumerate(map(labels.clean, texts), 1):
            lost = sum(letter in self.missing for letter in text)
            if lost and 2 * lost >= len(text.replace(" ", "")):
                self._numbered.append(text)
                text = f"{prefix}{number}"
            result.append("".join("\N{REPLACEMENT CHARACTER}" if letter in self.missing else letter for letter in text))
        return result

    def tell(self, note: Callable[[str], None]) -> None:
        """Report what could not be drawn as it is written."""
        if self._numbered:
            japanese = is_japanese(self._numbered)
            kind, hint = ("Japanese letters", f" ({_JAPANESE_FONT})") if japanese else ("all the letters needed", "")
            texts = "1 text is a number" if len(self._numbered) == 1 else f"{len(self._numbered):,} texts are numbers"
            note(f"no font of this system has {kind}: {texts} in the picture, #1 for the first{hint}")
        elif self.missing:
            some = " ".join(sorted(self.missing)[:5])
            more = f" and {len(self.missing) - 5:,} more" if len(self.missing) > 5 else ""
            note(f"no font of this system has {some}{more}: drawn as \N{REPLACEMENT CHARACTER}")


def _names() -> set[str]:
    """Return the fonts of the system, without matplotlib's own: one of those has a box for every character."""
    import matplotlib as mpl
    from matplotlib.font_manager import fontManager

    return {font.name for font in fontManager.ttflist if not str(font.fname).startswith(mpl.get_data_path())}


def _rescan() -> None:
    """Find fonts that were installed after matplotlib cached its list."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {font.fname for font in fontManager.ttflist}
    for path in sorted(set(findSystemFonts()) - known):
        with contextlib.suppress(OSError, RuntimeError, ValueError, KeyError):  # not a font that matplotlib can read
            fontManager.addfont(path)


@library_warnings.hidden()
def _charmap(name: str) -> set[str]:
    """Return the characters of the font ``name``."""
    try:
        from matplotlib.font_manager import FontProperties, findfont, get_font
    except OSError as error:
        raise RunError(f"cannot draw: {error}") from error

    try:
        path = findfont(FontProperties(family=[name]), fallback_to_default=False)
        return set(map(chr, get_font(path).get_charmap()))
    except (OSError, RuntimeError, ValueError):  # removed, or damaged
        return set()
