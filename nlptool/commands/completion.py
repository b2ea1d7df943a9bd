"""``nlptool completion``: the completion scripts of the shells."""

from __future__ import annotations

import click

from nlptool.cli import completion_scripts
from nlptool.cli.help import Command


@click.command(cls=Command)
@click.argument("shell", metavar="SHELL", type=click.Choice(list(completion_scripts.FILES)))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell: bash, zsh or fish.

    Commands, options, the words that an option takes and file names are then completed with TAB.

    \b
    bash, for all new shells (with the bash-completion package), or for this one:
      nlptool completion bash > ~/.local/share/bash-completion/completions/nlptool
      source <(nlptool completion bash)

    \b
    zsh, into a folder of $fpath, or for this shell (after compinit):
      nlptool completion zsh > ~/.zfunc/_nlptool
      source <(nlptool completion zsh)

    \b
    fish, for all new shells, or for this one:
      nlptool completion fish > ~/.config/fish/completions/nlptool.fish
      nlptool completion fish | source
    """
    click.echo(completion_scripts.script(shell, ctx.find_root().command), nl=False)
