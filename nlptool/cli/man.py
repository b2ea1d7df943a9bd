"""Manual pages in roff, written by the commands' own ``--help``.

A page is what click prints for ``--help``, with another formatter: usage, text, groups of options and commands keep their order.
The source is UTF-8 and says so in its first line, which ``man`` (preconv) reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import click

from nlptool import __version__
from nlptool.cli.completion_scripts import HEAD, NAME, root_context
from nlptool.cli.groups import subcommands

_HEAD = f'.\\" -*- coding: utf-8 -*-\n.\\" {HEAD}\n'

_ESCAPES = str.maketrans(
    {"\\": "\\(rs", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq", "\u00a0": "\\ "}
)

_EXIT_STATUS = (
    ("0", "Success."),
    ("1", "The run failed, or an input file could not be read (the others were processed)."),
    ("2", "Wrong usage."),
    ("3", "Finished, but at least one record failed."),
    ("4", "A model or a dictionary is missing or damaged."),
    ("130, 141", "Ended by Ctrl-C; ended because the reader of the pipe was gone."),
)


def pages(root: click.Command) -> dict[str, str]:
    """Return file name -> roff source for ``root`` and each command below it, hidden ones excepted."""
    return dict(_pages(root_context(root)))


def _pages(ctx: click.Context) -> list[tuple[str, str]]:
    children = list(subcommands(ctx))
    found = [(f"{_page_name(ctx)}.1", _page(ctx, children))]
    for child in children:
        found += _pages(child)
    return found


def _page_name(ctx: click.Context) -> str:
    return ctx.command_path.replace(" ", "-")


def _page(ctx: click.Context, children: Sequence[click.Context]) -> str:
    name = _page_name(ctx)
    about = _escape(ctx.command.get_short_help_str(limit=200).rstrip("."))
    formatter = RoffFormatter()
    ctx.command.format_help(ctx, formatter)
    related = [ctx.parent] if ctx.parent else []
    if not children and ctx.parent and ctx.parent.parent:  # the commands of the root are listed on its own page
        related += [child for child in subcommands(ctx.parent) if child.info_name != ctx.info_name]
    related += children
    lines = [
        f'{_HEAD}.TH "{_escape(name.upper())}" 1 "" "{NAME} {__version__}" "{NAME} manual"\n.ad l\n.nh\n',
        f".SH NAME\n{_escape(name)} \\- {about}\n",
        formatter.getvalue(),
        _environment(ctx),
        ".SH EXIT STATUS\n",
        *(f".TP\n{_escape(code)}\n{_escape(meaning)}\n" for code, meaning in _EXIT_STATUS),
        ".SH SEE ALSO\n",
        ",\n".join(f"\\fB{_escape(_page_name(other))}\\fR(1)" for other in related) + "\n" if related else "",
    ]
    return "".join(lines)


def _environment(ctx: click.Context) -> str:
    prefix = ctx.command_path.upper().replace(" ", "_").replace("-", "_")
    below = "<COMMAND>_" if isinstance(ctx.command, click.Group) else ""
    rows = [
        (f"{prefix}_{below}<OPTION>", "The value of --<option>, unless it is given on the command line."),
        ("NLPTOOL_CACHE", "Folder for converted models."),
        ("HF_HOME, HF_HUB_CACHE", "Where models of the hub are kept."),
        ("HF_HUB_OFFLINE", "1: open no network connection, as with --offline."),
        ("NO_COLOR, FORCE_COLOR", "Never, or always, colour what a person reads."),
    ]
    return ".SH ENVIRONMENT\n" + "".join(f".TP\n\\fB{_escape(name)}\\fR\n{_escape(text)}\n" for name, text in rows)


class RoffFormatter(click.HelpFormatter):
    """What click writes as help, as the sections of a manual page."""

    def __init__(self) -> None:
        super().__init__(width=300)  # so that the help of a subcommand is not shortened

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        self.write(f".SH SYNOPSIS\n\\fB{_escape(prog)}\\fR {_escape(args)}\n.SH DESCRIPTION\n")

    def write_heading(self, heading: str) -> None:
        section = "SH" if heading in ("Options", "Commands") else "SS"
        self.write(f".{section} {_escape(heading.upper() if section == 'SH' else heading)}\n")

    def write_paragraph(self) -> None:
        """Write nothing: a macro begins each paragraph."""

    def write_text(self, text: str) -> None:
        for paragraph in re.split(r"\n[ \t]*\n", text.strip("\n")):
            lines = paragraph.split("\n")
            if lines[0].strip() == "\b":
                code = "\n".join(map(_escape_line, lines[1:]))
                self.write(f".PP\n.RS 4\n.nf\n{code}\n.fi\n.RE\n")
            else:
                self.write(f".PP\n{_prose(' '.join(paragraph.split()))}\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        for term, text in rows:
            name = re.sub(r"(?<![\w-])(--?[\w-]+)", lambda match: f"\0{match[1]}\1", term)
            if name == term:  # a command, which has no dashes
                name = f"\0{term}\1"
            name = _escape(name).replace("\0", "\\fB").replace("\1", "\\fR")
            self.write(f".TP\n{name}\n{_prose(' '.join(text.split()))}\n")


def _prose(text: str) -> str:
    """Escape a paragraph; what stands between backquotes becomes bold."""
    bold = re.sub(r"`([^`]+)`", "\0\\1\1", text)
    return _escape_line(bold).replace("\0", "\\fB").replace("\1", "\\fR")


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)


def _escape_line(line: str) -> str:
    """Escape a line of text; one that begins with a dot would be a request."""
    return ("\\&" if line.startswith(".") else "") + _escape(line)
