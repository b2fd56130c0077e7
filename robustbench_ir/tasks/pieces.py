"""Long passages cut into pieces, which an encoder reads one by one."""

from __future__ import annotations

from itertools import pairwise

from robustbench_ir._base.text import word_spans


def pieces(text: str, language: str, words: int) -> tuple[str, ...]:
    """Cut a text after every N words.

    Parameters
    ----------
    text : str
        The text.
    language : str
        Code of its language, for scripts without spaces between words.
    words : int
        Number of words of a piece, 1 or more; the last piece may have fewer.

    Returns
    -------
    tuple of str
        At least one piece. White space at the ends of pieces is left out; nothing else is.

    Examples
    --------
    >>> pieces("one two, three four five", "en", 2)
    ('one two,', 'three four', 'five')
    """
    spans = word_spans(text, language)
    firsts = [start for start, _ in spans[words::words]]
    cuts = [0, *firsts, len(text)]
    return tuple(text[start:stop].strip() for start, stop in pairwise(cuts))
