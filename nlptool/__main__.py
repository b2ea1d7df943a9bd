"""``python -m nlptool``."""

from nlptool.cli import main

main()
