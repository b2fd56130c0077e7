r"""Text of unknown authors, made safe for where it is shown: a function for each place.

Names, ids, titles, notes and paths come from result files, entries, cards, models and task folders that anyone can
write. What each function guarantees of its result, whatever the text is:

=================  ====================================================================================================
`terminal_text`    one line; nothing that moves the cursor, sets a title, turns the direction of a line or is invisible
`terminal_lines`   the same for each line of a longer text; lines stay lines
`csv_text`         no cell is a formula of a spreadsheet, also after blanks; numbers stay numbers
`json_text`        the same value for a program, with escapes for whatever a terminal would obey
`markdown_text`    one line that is shown literally: no markup, link, mention, formula or heading; `markdown_code` and
                   `markdown_block` show a text literally in a code span and in a block
`latex_text`       one line of text without commands, comments and arguments
`html_text`        no tag, entity or end of an attribute
`figure_text`      no formula of matplotlib, and a name in the legend even if it begins with an underscore
=================  ====================================================================================================

In all of them, control characters (C0, C1), line and paragraph separators, lone surrogates, and characters that embed
or override the direction of text become visible escapes such as ``\x1b`` and ``\u202e``; in JSON, escapes of JSON. All
but HTML also show every other character that Unicode lets a reader not see, such as the zero-width space; joiners stay
inside the scripts that need them. Pages leave these alone, because they show queries as people typed them.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Container, Iterable, Sequence

_OBEYED = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_OBEYED_BUT_LINES = re.compile(f"(?![\t\n])[{_OBEYED}]")
# Default_Ignorable_Code_Point of Unicode 16 without the variation selectors of emoji, and the blank that is a letter.
_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Joiners are a part of the spelling after letters of Arabic, Syriac, the scripts of India and their neighbours, and
# Mongolian, and inside emoji. Elsewhere they only make two equal names different.
_JOINED = "\u0620-\u1aff\ua840-\uabff\U00011000-\U00011fff\u2600-\u27bf\ufe0f\U0001f000-\U0001faff"
_HIDDEN = re.compile(f"[{_OBEYED}{_UNSEEN}]|(?<![{_JOINED}])[\u200c\u200d]")
_HIDDEN_BUT_LINES = re.compile(f"(?!\n)(?:{_HIDDEN.pattern})")
_SHORT_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def _escape(found: re.Match[str]) -> str:
    r"""Return the visible form of a character: ``\x1b``, ``\u202e``, ``\U000e0041``."""
    code = ord(found[0])
    long = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return _SHORT_ESCAPES.get(found[0], long)


def terminal_text(text: str) -> str:
    r"""Return one line that a terminal shows and does not obey.

    >>> print(terminal_text("\x1b[31mred"))
    \x1b[31mred
    """
    return text if text.isascii() and text.isprintable() else _HIDDEN.sub(_escape, text)


def terminal_lines(text: str) -> str:
    """Return a text of several lines that a terminal shows and does not obey; lines stay."""
    return _HIDDEN_BUT_LINES.sub(_escape, text)


_FORMULA = re.compile(r"(^|[;\t])(\s*[=+\-@\uff0b\uff0d\uff1d\uff20])")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    r"""Return rows as comma-separated values.

    A text that a spreadsheet would calculate gets an apostrophe, which tells a spreadsheet that it is text. None is an
    empty cell.

    >>> print(csv_text([("encoder", -0.5), ("=1+1", "-0.5")]), end="")
    encoder,-0.5
    '=1+1,-0.5
    """
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([_csv_value(value) for value in row] for row in rows)
    return stream.getvalue()


def _csv_value(value: object) -> object:
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    return _HIDDEN.sub(_escape, _FORMULA.sub(r"\1'\2", value))


def json_text(value: object, indent: int | None = None) -> str:
    """Return JSON whose characters are written as they are, but for those that a terminal would obey.

    Parameters
    ----------
    value : object
        Value of which JSON can be made, without NaN.
    indent : int, optional
        See `json.dumps`.
    """
    written = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    return _HIDDEN_BUT_LINES.sub(lambda found: json.dumps(found[0])[1:-1], written)


_MARKUP = re.compile(r"[\\`*_{}\[\]<>#|~&$]")
# What GitHub makes links of without any markup, and what makes a list or a heading at the start of a line.
_LINK = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp)(?=:)|\b(www)(?=\.)|(?<![\w@])(?=@\w)|(?<=[\w.+-])(?=@[\w-]+\.\w)")
_BLOCK = re.compile(r"^(?=[-+=]+(\s|$))|^(\d{1,9})(?=[.)](\s|$))")
_BARE_BAR = re.compile(r"(?<!\\)\|")


def markdown_text(text: str) -> str:
    r"""Return Markdown that shows a text literally, on one line.

    >>> print(markdown_text("<b>[x](https://example.org)"))
    \<b\>\[x\](https\://example.org)
    """
    shown = _HIDDEN.sub(_escape, " ".join(text.split()))
    literal = _MARKUP.sub(r"\\\g<0>", shown)
    return _BLOCK.sub(r"\2\\", _LINK.sub(r"\1\2\\", literal))


def markdown_code(text: str) -> str:
    r"""Return a code span that shows a text literally, also in a table.

    >>> print(markdown_code("a`b"))
    ``a`b``
    """
    shown = _HIDDEN.sub(_escape, " ".join(text.split())).replace("|", "\u2502")
    fence = _fence(shown, 1)
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{space}{shown}{space}{fence}" if shown else ""


def markdown_block(text: str) -> str:
    """Return a block of code that shows the lines of a text literally."""
    shown = _HIDDEN_BUT_LINES.sub(_escape, text)
    fence = _fence(shown, 3)
    return f"{fence}\n{shown}\n{fence}"


def _fence(text: str, least: int) -> str:
    return "`" * max(least, 1 + max(map(len, re.findall("`+", text)), default=0))


def markdown_table(names: Sequence[str], rows: Iterable[Sequence[str]], right: Container[int] = ()) -> str:
    """Return a GitHub-flavoured table.

    Parameters
    ----------
    names : sequence of str
        Column headings, in Markdown.
    rows : iterable of sequence of str
        Cells of each row, in Markdown.
    right : container of int
        Indices of the columns that are aligned to the right.
    """
    rule = ["---:" if place in right else "---" for place in range(len(names))]
    lines = ([_BARE_BAR.sub(r"\|", cell) for cell in row] for row in (names, rule, *rows))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "–": "--",
    "±": r"$\pm$",
}


def latex_text(text: str) -> str:
    r"""Return LaTeX that shows a text literally, on one line.

    >>> print(latex_text(r"\input{x} 5%"))
    \textbackslash{}input\{x\} 5\%
    """
    shown = _HIDDEN.sub(_escape, " ".join(text.split()))
    written = "".join(_LATEX.get(one, one) for one in shown)
    # After the end of a row, `\\`, LaTeX reads these two as the row's own options.
    return f"{{{written[0]}}}{written[1:]}" if written.startswith(("[", "*")) else written


def latex_comment(text: str) -> str:
    """Return a line of LaTeX that is never read."""
    return "% " + _HIDDEN.sub(_escape, " ".join(text.split()))


def html_text(text: str) -> str:
    """Return HTML that shows a text literally, between tags and inside quoted attributes."""
    return html.escape(_OBEYED_BUT_LINES.sub(_escape, text), quote=True)


def html_page(page: str) -> str:
    """Return a page whose texts are escaped already, without the characters that no page should have."""
    return _OBEYED_BUT_LINES.sub(_escape, page)


def figure_text(text: str) -> str:
    r"""Return a text for matplotlib, which reads a formula between dollar signs and hides labels that begin with ``_``.

    >>> print(figure_text("$x$"))
    \$x\$
    """
    shown = _HIDDEN.sub(_escape, text).replace("$", r"\$")
    return f"\N{THIN SPACE}{shown}" if shown.startswith("_") else shown
