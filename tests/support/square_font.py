"""A font with a square for each letter, for tests on machines whose fonts have no Japanese."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

_JAPANESE = ((0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xFE10, 0xFE1F), (0xFE30, 0xFE4F), (0xFF00, 0xFFEF))


def install(folder: Path, letters: str, name: str = "nlptool test font") -> None:
    """Write the font of some letters into a folder."""
    glyphs = {f"u{ord(letter):x}": letter for letter in letters}
    pen = TTGlyphPen(None)
    for number, corner in enumerate([(0, 0), (0, 800), (800, 800), (800, 0)]):
        (pen.lineTo if number else pen.moveTo)(corner)
    pen.closePath()
    square = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", *glyphs])
    builder.setupCharacterMap({ord(letter): glyph for glyph, letter in glyphs.items()})
    builder.setupGlyf(dict.fromkeys([".notdef", *glyphs], square))
    builder.setupHorizontalMetrics(dict.fromkeys([".notdef", *glyphs], (1000, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": name, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(folder / f"{name}.ttf")


def data_home(folder: Path) -> Path | None:
    """Return a folder for ``XDG_DATA_HOME`` whose fonts have Japanese letters; None where the system has such fonts.

    Args:
        folder: where it is made, unless another process has made it.
    """
    if shutil.which("fc-list"):
        listed = subprocess.run(["fc-list", ":lang=ja"], capture_output=True, check=False, timeout=60)
        if listed.stdout.strip():
            return None
    if not folder.exists():
        made = folder.with_name(f"{folder.name}.{os.getpid()}")
        (made / "fonts").mkdir(parents=True)
        install(made / "fonts", "".join(chr(code) for first, last in _JAPANESE for code in range(first, last + 1)))
        try:
            made.rename(folder)
        except OSError:  # another process was faster
            shutil.rmtree(made)
    return folder
