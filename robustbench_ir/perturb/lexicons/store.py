"""Compiled lexicons: made once from published tables, kept in the cache, and loaded in a fraction of a second.

The file is UTF-8 text behind a checksum: a line `entry<TAB>substitute<TAB>...` for each entry, an empty line, and the
same for inflected forms, sorted by code points. Entries become a dict. Forms, of which there may be a million, stay
bytes that are searched.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import sha256

from robustbench_ir._base.cache import current_cache, read_cached
from robustbench_ir._base.files import write_checked
from robustbench_ir._base.text import Span
from robustbench_ir.errors import ResultError
from robustbench_ir.perturb.lexicons.inflection import Entries, Inflection, longest_beginning, without_proclitic
from robustbench_ir.perturb.lexicons.stems import STEM, remainders

_FORMAT = 4  # raised when the same sources would give other entries
_FORMS_REMEMBERED = 1 << 16


@dataclass(frozen=True)
class Lexicon:
    """Substitutes of words and phrases, the best first.

    Attributes
    ----------
    entries : mapping of str to tuple of str
        Entries in lower case, NFC, with one space between words.
    forms : bytes
        Inflected forms: lines `form<TAB>substitute<TAB>...` in order of their UTF-8.
    rules : Inflection
        How further forms are found.
    """

    entries: Entries
    forms: bytes = b""
    rules: Inflection = field(default_factory=Inflection)

    def find(self, stretch: str) -> tuple[str, ...] | None:
        """Return the substitutes of a word or phrase in lower case.

        Returns
        -------
        tuple of str or None
            The best first; empty for a compound whose parts have to stay too; None if it is unknown in every form.
        """
        found = self.entries.get(stretch)
        if found is None and self._inflects and " " not in stretch:
            return self._form(stretch) or None
        return found

    def find_in(self, text: str, span: Span) -> tuple[str, ...] | None:
        """Return the substitutes of a stretch of a text; see `find`.

        A syllable of a compound has none.
        """
        stretch = text[span[0] : span[1]].lower()
        found = self.find(stretch)
        if found and self.rules.compounds and " " not in stretch:
            before, after = text[: span[0]].rsplit(maxsplit=1)[-1:], text[span[1] :].split(maxsplit=1)[:1]
            neighbours = (
                *(f"{one.lower()} {stretch}" for one in before),
                *(f"{stretch} {one.lower()}" for one in after),
            )
            if any(one in self.entries for one in neighbours):
                return ()
        return found

    @property
    def digest(self) -> str:
        """SHA-256 of everything that it says."""
        return sha256(as_lines(self.entries) + b"\n" + self.forms + self.rules.model_dump_json().encode()).hexdigest()

    @cached_property
    def _inflects(self) -> bool:
        return bool(self.forms or self.rules.proclitics or self.rules.prefixes or self.rules.beginning)

    @cached_property
    def _form(self) -> Callable[[str], tuple[str, ...]]:
        return lru_cache(maxsize=_FORMS_REMEMBERED)(self._find_form)

    def _find_form(self, word: str) -> tuple[str, ...]:
        bare = without_proclitic(word, self.rules.proclitics)
        found = _line(self.forms, word) or self.entries.get(bare) or _line(self.forms, bare)
        if not found and self.rules.prefixes:
            stems = (self.entries.get(STEM + one) for one in (word, *remainders(word, self.rules.prefixes)))
            found = next(filter(None, stems), ())
        if not found and self.rules.beginning:
            return longest_beginning(bare, self.entries, self.rules.beginning)
        return found


def _line(lines: bytes, word: str) -> tuple[str, ...]:
    """Return the columns after `word` in sorted lines, by binary search."""
    wanted = word.encode("utf-8", "surrogatepass")
    low, high = 0, len(lines)
    while low < high:
        start = lines.rfind(b"\n", low, (low + high) // 2) + 1 or low
        end = lines.find(b"\n", start)
        columns = lines[start:end].split(b"\t")
        if columns[0] == wanted:
            return tuple(column.decode() for column in columns[1:])
        if columns[0] < wanted:
            low = end + 1
        else:
            high = start
    return ()


def compiled_lexicon(
    what: Mapping[str, object], rules: Inflection, compile_entries: Callable[[], tuple[Entries, Entries]]
) -> Lexicon:
    """Return a lexicon from the cache, or compile it and keep it there if the cache is writable.

    Parameters
    ----------
    what : mapping
        Everything that decides its content, as JSON: the card's row, the SHA-256 of the sources.
    rules : Inflection
        How inflected forms are found.
    compile_entries : callable
        Returns entries and inflected forms.
    """
    path = current_cache().path("lexicons", _FORMAT, what, rules.model_dump(), suffix=".tsv")
    content = read_cached(path)
    if content is None:
        entries, forms = compile_entries()
        content = as_lines(entries) + b"\n" + as_lines(forms)
        with contextlib.suppress(ResultError):
            write_checked(path, content)
    entry_lines, _, form_lines = content.partition(b"\n\n")
    columns = (line.split("\t") for line in entry_lines.decode().split("\n") if line)
    return Lexicon({entry: tuple(substitutes) for entry, *substitutes in columns}, form_lines, rules)


def as_lines(entries: Mapping[str, Sequence[str]]) -> bytes:
    """Return lines `entry<TAB>substitute<TAB>...` in order of their UTF-8."""
    rows = sorted("\t".join((entry, *substitutes)).encode() for entry, substitutes in entries.items())
    return b"".join(row + b"\n" for row in rows)
