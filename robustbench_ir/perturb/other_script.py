"""A query in another script: which stretches of it change, and what each becomes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import regex

from robustbench_ir._base.text import Span, word_spans
from robustbench_ir.errors import CardError
from robustbench_ir.perturb.constraints import LONGEST_WORD
from robustbench_ir.perturb.romanisation import Romaniser, Spellings, joined_spellings
from robustbench_ir.resources.cards import Tables
from robustbench_ir.resources.languages import Language

Manner = Literal["likeliest", "drawn", "chat"]
"""How words are spelt: the likeliest spelling; one drawn as people vary; one drawn, as in chats."""

_TEXTS_REMEMBERED = 1 << 12
_WORDS_REMEMBERED = 1 << 16
_ENDS = frozenset(".?!…")
_FULL_WIDTH = r"\uFF01-\uFF5E\u3000"
_APOSTROPHES = "'‘’ʻʼ`´"


@dataclass(frozen=True)
class OtherScript:
    """A convention that leads into another script, prepared for the texts of one language.

    Attributes
    ----------
    romaniser : Romaniser
        Spells stretches of letters.
    language : Language
        The language.
    own : regex.Pattern
        A stretch of letters and marks of the language's own script.
    signs : mapping of str to str
        Signs between words to those of the other script.
    convertible : regex.Pattern
        A stretch between words that has letters of the script, signs, digits or full-width forms.
    """

    romaniser: Romaniser
    language: Language
    own: regex.Pattern[str] = field(repr=False)
    signs: Mapping[str, str] = field(repr=False)
    convertible: regex.Pattern[str] = field(repr=False)
    _words: dict[tuple[str, bool], Spellings] = field(default_factory=dict, repr=False, compare=False)
    _texts: dict[str, tuple[Sequence[Span], tuple[Span, ...]]] = field(default_factory=dict, repr=False, compare=False)

    def stretches(self, text: str, words: Sequence[Span]) -> tuple[Span, ...]:
        """Return the stretches that change: words with a letter or digit of the script, and signs between words.

        Parameters
        ----------
        text : str
            The query, NFC.
        words : sequence of (int, int)
            Its words that may be changed, in order.
        """
        known = self._texts.get(text)
        if known is not None and (known[0] is words or known[0] == words):
            return known[1]
        if len(self._texts) >= _TEXTS_REMEMBERED:
            self._texts.clear()
        found = tuple(self._found(text, words))
        self._texts[text] = words, found
        return found

    def _found(self, text: str, words: Sequence[Span]) -> Iterator[Span]:
        if not (self.own.search(text) or _DIGITS.search(text)):
            return  # a query without a letter or digit of the script is not written in it
        unreadable = self.romaniser.convention.unreadable
        if unreadable and regex.search(unreadable, text):
            return
        reached, final = 0, self.ending(text)
        for start, end in [*self._whole_words(text, words), (len(text), len(text))]:
            if start > reached and (start > reached + 1 or text[reached] != " "):
                yield from _with_ending(self._between(text, reached, start), final)
            if self._changes(text[start:end]):
                yield start, end
            reached = end

    def counted(self, text: str, stretches: Sequence[Span]) -> frozenset[str]:
        """Return the words that are read as what is counted: all that the table has, if they only stand behind numbers.

        Parameters
        ----------
        text : str
            The query, NFC.
        stretches : sequence of (int, int)
            What changes in it.
        """
        table = self.romaniser.after_numbers
        if not table:
            return frozenset()
        places = [(text[start:end], start > 0 and text[start - 1].isdigit()) for start, end in stretches]
        elsewhere = {word for word, counts in places if not counts}
        return frozenset(word for word, counts in places if counts and word in table) - elsewhere

    def _changes(self, word: str) -> bool:
        """Return True if a word has a letter of the script, a digit that is not an ASCII one, or a full-width form."""
        if word.isascii() and "Latn" not in self.language.scripts:
            return False
        return bool(self.own.search(word) or _NOT_ASCII.search(word))

    def _whole_words(self, text: str, words: Sequence[Span]) -> Iterator[Span]:
        """Yield the words, with what belongs to them; words that the table knows as one are one."""
        tail = self.romaniser.convention.tail
        if not tail and self.language.has_spaces:
            yield from words
            return
        place = 0
        while place < len(words):
            last = place if self.language.has_spaces else self._last_of_known(text, words, place)
            while last + 1 < len(words) and _read_together(text, words[last], words[last + 1]):
                last += 1
            (start, _), (_, end) = words[place], words[last]
            after = regex.compile(tail).match(text, end) if tail else None
            covered = last
            while after and covered + 1 < len(words) and words[covered + 1][0] < after.end():
                covered += 1
            if after and words[covered][1] <= after.end():
                end, last = after.end(), covered
            yield start, end
            place = last + 1

    def _last_of_known(self, text: str, words: Sequence[Span], place: int) -> int:
        """Return the place of the last word of the longest known stretch that begins with a word.

        ICU cuts 述べた behind the kanji; a known stretch with kana at its end may end inside of a word.
        """
        start, end = words[place]
        last = place
        while (
            last + 1 < len(words) and words[last + 1][0] == words[last][1] and words[last][1] - start < _LONGEST_KNOWN
        ):
            last += 1
        for reached in range(min(words[last][1], start + _LONGEST_KNOWN), end, -1):
            while words[last][0] >= reached:
                last -= 1
            if (words[last][1] == reached or "ぁ" <= text[reached - 1] <= "ゖ") and self.romaniser.knows(
                text[start:reached].lower()
            ):
                return last
        return place

    def _between(self, text: str, start: int, end: int) -> Iterator[Span]:
        """Yield what changes between two words; letters of the script there are protected words, or were no words."""
        protected: list[Span] | None = None
        for match in self.convertible.finditer(text, start, end):
            if _JOINERS.fullmatch(match[0]):
                continue  # emoji are joined by them
            if self.own.search(match[0]):
                protected = word_spans(text, self.language.code) if protected is None else protected
                if len(match[0]) > LONGEST_WORD or any(
                    left < match.end() and match.start() < right for left, right in protected
                ):
                    continue
            yield match.span()

    def spellings(self, stretch: str, *, chat: bool = False) -> Spellings:
        """Return what a stretch may become; what is not in the script of the language stays."""
        known = self._words.get((stretch, chat))
        if known is None:
            if len(self._words) >= _WORDS_REMEMBERED:
                self._words.clear()
            known = self._words[stretch, chat] = self._spelt(stretch, chat=chat)
        return known

    def _spelt(self, stretch: str, *, chat: bool) -> Spellings:
        usual = self.romaniser.chat.get(stretch.lower()) if chat else None
        whole = usual or self.romaniser.words.get(stretch.lower())
        if whole is not None:
            found = whole if usual else self.romaniser(stretch)
        elif self.own.fullmatch(stretch):
            found = self.romaniser(stretch)
        elif _LETTERS.search(stretch) and not self.own.search(stretch):
            found = Spellings((stretch,), (1.0,))
        else:
            found = joined_spellings(self._pieces(stretch))
        if not chat or not self.own.search(stretch):
            return found
        return found._replace(texts=tuple(text.lower() for text in found.texts))

    def _pieces(self, stretch: str) -> Iterator[Spellings]:
        reached = 0
        for match in self.own.finditer(stretch):
            if match.start() > reached:
                yield self._translated(stretch[reached : match.start()])
            yield self.romaniser(match[0])
            reached = match.end()
        if reached < len(stretch):
            yield self._translated(stretch[reached:])

    def _translated(self, signs: str) -> Spellings:
        numbers = _NUMERALS.sub(lambda found: _value(found[0]), signs)
        pieces = [self.signs.get(one) or _plain(one, self.signs) for one in _BACK_TO_BACK.sub(r"\1 ", numbers)]
        return Spellings(("".join(pieces),), (1.0,))

    def ending(self, text: str) -> Span:
        """Return the signs that end the text, such as a question mark; an empty stretch if it ends without."""
        end = len(text.rstrip())
        start = end
        while start and self.signs.get(text[start - 1], _plain(text[start - 1], {}))[-1:] in _ENDS:
            start -= 1
        return start, end

    def asks(self, text: str) -> bool:
        """Return True if a mark inside of a word makes the text a question."""
        question = self.romaniser.convention.question
        return bool(question) and question in text


def _with_ending(stretches: Iterator[Span], final: Span) -> Iterator[Span]:
    """Yield the stretches between two words; the signs that end the text are one, if one of them changes."""
    touched = False
    for start, end in stretches:
        if end > final[0] >= 0 and final[0] < final[1]:
            touched = True
        last = min(end, final[0]) if touched else end
        if start < last:
            yield start, last
    if touched:
        yield final


_LONGEST_KNOWN = 12
_DOUBLES_THE_NEXT = frozenset("っッ")
_KATAKANA = regex.compile("[ァ-ヺー]+")
_NOT_ASCII = regex.compile(r"(?V1)[[\p{Nd}\uFF01-\uFF5E]--[\x00-\x7f]]")
_BACK_TO_BACK = regex.compile(r"(?V1)([[\p{Pe}\p{Pf}]--[\x00-\x7f’]])(?=[[\p{Ps}\p{Pi}]--[\x00-\x7f]])")
_DIGITS = regex.compile(r"(?V1)[\p{Nd}--[0-9\uFF10-\uFF19]]")
_JOINERS = regex.compile(r"[\u200B-\u200D]+")
_LETTERS = regex.compile(r"(?V1)[\p{L}--[\uFF01-\uFF5E]]")
_NUMERALS = regex.compile(r"(?V1)[\p{No}&&\p{Script=Ethi}\p{Script=Taml}\p{Script=Mlym}]+")


def _read_together(text: str, word: Span, following: Span) -> bool:
    """Return True if ICU cut one word: at a small tsu (なか, っ, た), or inside of a name (ハッチ, ン, ソン)."""
    if word[1] != following[0]:
        return False
    left, right = text[word[1] - 1], text[following[0]]
    return not _DOUBLES_THE_NEXT.isdisjoint((left, right)) or bool(_KATAKANA.fullmatch(left + right))


def _plain(character: str, signs: Mapping[str, str]) -> str:
    """Return an ASCII digit or full-width form as ASCII; "" for a sign that is left out."""
    if character in signs:
        return ""
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    return unicodedata.normalize("NFKC", character) if "\uff01" <= character <= "\uff5e" else character


def _value(numerals: str) -> str:
    """Return the value of old numerals, such as the Ethiopic ones, which count tens and hundreds by signs."""
    total, group = 0, 0
    for numeral in numerals:
        value = int(unicodedata.numeric(numeral, 0))
        if value >= 100:
            total += (group or 1) * value
            group = 0
        else:
            group += value
    return str(total + group)


def other_script(romaniser: Romaniser, language: Language, tables: Tables) -> OtherScript:
    """Prepare a convention for the texts of a language.

    Parameters
    ----------
    romaniser : Romaniser
        A convention that writes another script than the language's own.
    language : Language
        The language.
    tables : Tables
        Where the signs are found.

    Raises
    ------
    CardError
        If a row of `attacks/_marks.toml` is not a table of strings.
    """
    signs = tables.rows("_marks.toml").get(romaniser.script)
    if signs is not None and not (isinstance(signs, dict) and all(isinstance(one, str) for one in signs.values())):
        raise CardError(f"attacks/_marks.toml: key {romaniser.script!r}: a table of signs to signs is needed")
    mapping = {**(signs or {}), **romaniser.convention.marks}
    names = "".join(rf"\p{{Script={code}}}" for code in sorted(language.scripts))
    taken = "".join(map(regex.escape, mapping))
    joiners = _APOSTROPHES if "Latn" in language.scripts else "\u200c\u200d"
    own = rf"[[{names}]--[\p{{Nd}}\p{{No}}{taken}]]"
    marks = r"[\p{M}--[\uFE00-\uFE0F\u20D0-\u20FF]]" if "Latn" not in language.scripts else ""
    native = regex.compile(rf"(?V1){own}[{own}{marks}{joiners}ー]*")
    others = rf"{taken}{_FULL_WIDTH}[\p{{Nd}}--0-9][[{names}]&&\p{{No}}]" if signs is not None else taken
    convertible = regex.compile(rf"(?V1)[{own}{marks}{others}]+" if signs is not None or taken else rf"(?V1){own}+")
    return OtherScript(
        romaniser, language, native, mapping if signs is not None else romaniser.convention.marks, convertible
    )
