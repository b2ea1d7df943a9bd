"""The console script: a command line goes to the warm server where one is wanted, else it is run in this process.

Nothing heavy is imported here: what a warm server answers takes little longer than starting Python.
"""

from __future__ import annotations

import os
import sys

from nlptool.cli.warm import places

TYPE_CHECKING = (
    False  # as of typing, whose import would take a seventh of the start of a command that a warm server runs
)
if TYPE_CHECKING:
    from typing import NoReturn

COMPLETE = "--complete"
"""The first argument of what completion scripts ask: see ``completed_values``."""

_ANSWERED = (0, 3)  # exit codes of a run that has read its input to the end


def main() -> None:
    """Run the command line of this process."""
    arguments = sys.argv[1:]
    if arguments[:1] == [COMPLETE]:
        from nlptool.cli import completed_values

        completed_values.main(arguments[1:])
        return
    if not places.wanted(arguments):
        _run_here()
    environment = dict(os.environ)
    from nlptool.cli.warm import client

    outcome = client.run(arguments)
    if isinstance(outcome, int):
        sys.exit(outcome)
    try:
        _run_here()
    except SystemExit as ending:
        if ending.code in _ANSWERED and outcome is client.NotRun.NO_SERVER:
            from nlptool.cli.warm.starting import leave_behind

            leave_behind(arguments[0], environment)
        raise


def _run_here() -> NoReturn:
    from nlptool.cli.main import main as run_here

    run_here()
