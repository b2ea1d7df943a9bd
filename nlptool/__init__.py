"""nlptool: text analysis in the Unix manner, Japanese first."""

from __future__ import annotations

__version__ = "0.1.0"
