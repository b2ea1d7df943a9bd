"""``python -m nlptool``."""

from __future__ import annotations

from nlptool.cli.main import main

main()
