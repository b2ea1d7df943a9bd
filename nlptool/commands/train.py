"""``nlptool train``: models of one's own, from one's own text."""

from __future__ import annotations

import importlib

import click

KINDS = {
    "word2vec": "Word vectors: word2vec, fastText, and models of counts.",
    "distil": "A small sentence encoder that learns from a large one.",
}


class _Kinds(click.Group):
    """Loads a subcommand when it is called; without one it is word2vec."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(KINDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in KINDS:
            return None
        found: click.Command = importlib.import_module(f"nlptool.commands.train_{name}").command
        found.short_help = KINDS[name]
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in KINDS and args[0] not in ctx.help_option_names):
            args = ["word2vec", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Kinds)
def command() -> None:
    """Train a model on text of your own. Without a subcommand: word2vec.

    \b
    cat corpus.txt | nlptool train -o my.vec           word vectors
    nlptool train word2vec --help                      their options
    """
