"""Compiled lexicons: made once from published tables, kept in the cache, and loaded in a fraction of a second.

The file is UTF-8 text behind a checksum: a line `entry<TAB>substitute<TAB>...` for each entry, a form feed, the same
for inflected forms, a form feed, and the same for loose spellings, sorted by code points. Entries become a dict. Forms
and loose spellings, of which there may be a million, stay bytes that are searched.
"""

from __future__ import annotations

import contextlib
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from hashlib import sha256
from itertools import chain

from robustbench_ir._base.cache import current_cache, read_cached
from robustbench_ir._base.files import write_checked
from robustbench_ir._base.text import Span
from robustbench_ir.errors import ResultError
from robustbench_ir.perturb.lexicons.inflection import Entries, Inflection, longest_beginning, without_proclitic
from robustbench_ir.perturb.lexicons.stems import STEM, remainders
from robustbench_ir.perturb.spelling import AS_WRITTEN, Spelling

_FORMAT = 7  # raised when the same sources would give other entries
_SECTION = b"\f\n"  # no entry holds a form feed, which is white space
_REMEMBERED = 1 << 16
_WITHIN_ENTRIES = re.compile("[ ./–-]")  # a word, for UAX #29, ends there at the latest


@dataclass(frozen=True)
class Lexicon:
    """Substitutes of words and phrases, the best first.

    Attributes
    ----------
    entries : mapping of str to tuple of str
        Entries as `spelling.same` has them, with one space between words.
    forms : bytes
        Inflected forms: lines `form<TAB>substitute<TAB>...` in order of their UTF-8.
    rules : Inflection
        How further forms are found.
    spelling : Spelling
        Which spellings are looked up.
    loose : bytes
        Loose spellings of entries and forms, in lines as those of the forms; no substitute where they may be several
        words.
    language : str
        Code of the substitutes' language, whose capitals they get.
    """

    entries: Entries
    forms: bytes = b""
    rules: Inflection = field(default_factory=Inflection)
    spelling: Spelling = AS_WRITTEN
    loose: bytes = b""
    language: str = ""

    def find(self, stretch: str) -> tuple[str, ...] | None:
        """Return the substitutes of a word or phrase, whatever its case.

        The exact spelling comes first, then inflected forms, then the loose spelling.

        Returns
        -------
        tuple of str or None
            The best first; empty for a word or compound that has to stay as it is; None if it is unknown in every form.
        """
        return self._remembered(stretch)

    def find_in(self, text: str, span: Span) -> tuple[str, ...] | None:
        """Return the substitutes of a stretch of a text; see `find`.

        A syllable of a compound has none, nor has a word beside another one with which it means something else.
        """
        stretch = text[span[0] : span[1]]
        found = self.find(stretch)
        if found and (self.rules.compounds or not stretch.count(" ")):
            before, after = text[: span[0]].rsplit(maxsplit=1)[-1:], text[span[1] :].split(maxsplit=1)[:1]
            neighbours = (*(f"{one} {stretch}" for one in before), *(f"{stretch} {one}" for one in after))
            longer = [self.entries.get(self.spelling.same(one)) for one in neighbours]
            if () in longer or (self.rules.compounds and " " not in stretch and any(longer)):
                return ()
        return found

    def may_begin(self, word: str) -> bool:
        """Return True if an entry of several words, with something between them, may begin with this word."""
        return self.spelling.same(word) in self._beginnings

    def without(self, wrong: Collection[tuple[str, str]]) -> Lexicon:
        """Return a lexicon that does not offer these substitutes for these words, however it finds the words.

        Parameters
        ----------
        wrong : collection of (str, str)
            Word and substitute, in lower case. Other words, such as other forms, keep the substitute. A word that has
            no other substitute stays as it is in every text.
        """
        kept = {}
        for word in dict.fromkeys(word for word, _ in wrong):
            offered = self.find(word) or ()
            left = tuple(other for other in offered if (word, other.lower()) not in wrong)
            if left != offered:
                kept[self.spelling.same(word)] = left
        return replace(self, entries={**self.entries, **kept}) if kept else self

    @property
    def digest(self) -> str:
        """SHA-256 of everything that it says."""
        rules = f"{self.rules.model_dump_json()}\f{self.spelling.digest}"
        return sha256(_SECTION.join((as_lines(self.entries), self.forms, self.loose, rules.encode()))).hexdigest()

    def may_continue(self, word: str) -> bool:
        """Return True if a longer entry begins with this word, as where there are no spaces between words."""
        return self._continues(word)

    @cached_property
    def _continues(self) -> Callable[[str], bool]:
        entries = sorted(self.entries)

        def test(word: str) -> bool:
            text = self.spelling.same(word)
            place = bisect_right(entries, text)
            return place < len(entries) and entries[place].startswith(text)

        return lru_cache(maxsize=_REMEMBERED)(test)

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        # A loosely spelt phrase begins with a loosely spelt word.
        first = {_WITHIN_ENTRIES.split(entry, maxsplit=1)[0] for entry in self.entries if _WITHIN_ENTRIES.search(entry)}
        return frozenset(first | {self.spelling.loosened(word) for word in first})

    @cached_property
    def _remembered(self) -> Callable[[str], tuple[str, ...] | None]:
        return lru_cache(maxsize=_REMEMBERED)(self._find)

    def _find(self, stretch: str) -> tuple[str, ...] | None:
        text = self.spelling.same(stretch)
        one_word = " " not in text
        bare = without_proclitic(text, self.rules.proclitics) if one_word else text
        for word in dict.fromkeys((text, bare)):
            found = self.entries.get(word)
            if found is None and one_word:
                found = _line(self.forms, word)
            if found is not None:
                return found
        for word in dict.fromkeys((text, bare)):
            found = self._find_loosely(word)
            if found:
                return found
        return (self._by_affixes(text, bare) or None) if one_word else None

    def _by_affixes(self, word: str, bare: str) -> tuple[str, ...]:
        if self.rules.prefixes:
            stems = (self.entries.get(STEM + one) for one in (word, *remainders(word, self.rules.prefixes)))
            found = next(filter(None, stems), None)
            if found:
                return found
        return longest_beginning(bare, self.entries, self.rules.beginning) if self.rules.beginning else ()

    def _find_loosely(self, word: str) -> tuple[str, ...]:
        loose = self.spelling.loosened(word)
        if not loose:
            return ()
        found = _line(self.loose, loose)
        if found is None and loose != word:
            return self.entries.get(loose) or _line(self.forms, loose) or ()
        return found or ()


def _line(lines: bytes, word: str) -> tuple[str, ...] | None:
    """Return the columns after `word` in sorted lines, by binary search; None if there is no such line."""
    if not lines:
        return None
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
    return None


def compiled_lexicon(
    what: Mapping[str, object],
    rules: Inflection,
    compile_entries: Callable[[], tuple[Entries, Entries]],
    spelling: Spelling = AS_WRITTEN,
) -> Lexicon:
    """Return a lexicon from the cache, or compile it and keep it there if the cache is writable.

    Parameters
    ----------
    what : mapping
        Everything that decides its content, as JSON: the card's row, the SHA-256 of the sources.
    rules : Inflection
        How inflected forms are found.
    compile_entries : callable
        Returns entries and inflected forms, in lower case.
    spelling : Spelling
        Which spellings are looked up.
    """
    path = current_cache().path("lexicons", _FORMAT, what, rules.model_dump(), spelling.digest, suffix=".tsv")
    content = read_cached(path)
    if content is None:
        entries, forms = (respelt(found, spelling) for found in compile_entries())
        forms = {form: substitutes for form, substitutes in forms.items() if form not in entries}
        content = _SECTION.join(map(as_lines, (entries, forms, loosely_spelt(entries, forms, spelling))))
        with contextlib.suppress(ResultError):
            write_checked(path, content)
    entry_lines, form_lines, loose_lines = content.split(_SECTION)
    columns = (line.split("\t") for line in entry_lines.decode().split("\n") if line)
    entries = {entry: tuple(substitutes) for entry, *substitutes in columns}
    return Lexicon(entries, form_lines, rules, spelling, loose_lines)


def respelt(entries: Entries, spelling: Spelling) -> dict[str, tuple[str, ...]]:
    """Return a lexicon under the spellings that are looked up.

    Parameters
    ----------
    entries : mapping
        The lexicon. Where several entries have one spelling, the one that is written so is kept, or another one if
        `spelling.full_first`.
    spelling : Spelling
        Which spellings are looked up.
    """
    found: dict[str, tuple[str, ...]] = {}
    for entry, substitutes in entries.items():
        key = spelling.same(entry)
        if key not in found or (entry == key) != spelling.full_first:
            found[key] = substitutes
    return found


def loosely_spelt(entries: Entries, forms: Entries, spelling: Spelling) -> dict[str, tuple[str, ...]]:
    """Return the loose spellings that differ from the words, with the substitutes that all of these words share.

    Parameters
    ----------
    entries, forms : mapping
        The lexicon and the inflected forms, as `spelling.same` has them.
    spelling : Spelling
        Which spellings are looked up.
    """
    if spelling.loose is None:
        return {}
    meant: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for word, substitutes in chain(entries.items(), forms.items()):
        loose = spelling.loosened(word)
        if loose and loose != word:
            meant[loose].append(substitutes)
    for loose, lists in meant.items():
        itself = entries.get(loose) or forms.get(loose)
        if itself:
            lists.append(itself)
    return {
        loose: tuple(one for one in lists[0] if all(one in other for other in lists[1:]))
        for loose, lists in meant.items()
    }


def as_lines(entries: Mapping[str, Sequence[str]]) -> bytes:
    """Return lines `entry<TAB>substitute<TAB>...` in order of their UTF-8."""
    rows = sorted("\t".join((entry, *substitutes)).encode() for entry, substitutes in entries.items())
    return b"".join(row + b"\n" for row in rows)
