"""``python -m nlptool``."""

from __future__ import annotations

from nlptool.cli.start import main

main()
