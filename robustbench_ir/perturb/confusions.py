"""Tables of misspellings: what people write in place of what, language by language."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Annotated, NamedTuple

from pydantic import Field, model_validator

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import CardError
from robustbench_ir.perturb.keyboards.profiles import WordProfile
from robustbench_ir.resources.cards import Card, Tables, read_card

_Weight = Annotated[float, Field(gt=0)]
_Letters = Annotated[str, Field(min_length=1)]


class JoinedWords(Card):
    """Words that people write together with their neighbours.

    Attributes
    ----------
    to_next, to_previous : str
        Such words in lower case, with spaces between them: those that lose the space after them, and the one before.
    weight : float
        Weight of the lost space.
    """

    to_next: str = ""
    to_previous: str = ""
    weight: _Weight = 1.0

    def __bool__(self) -> bool:
        return bool(self.to_next or self.to_previous)


class Misspellings(Card):
    """One table under `attacks/misspellings/`. All of it is in lower case and NFC; weights are comparable in a table.

    Attributes
    ----------
    title, source, licence : str
        Language, source of the facts, and terms of the source.
    decomposed : bool
        Whether the table speaks of decomposed text (NFD): jamo instead of Hangul syllables, letters before their tones.
    profile : WordProfile
        Where in a word people misspell.
    whole_until : int
        Words of up to so many letters lose their marks at most, unless a confusion names the whole word: everybody can
        spell "on", and a slip of a key is no misspelling.
    exchanged : list of (str, float)
        Spellings with spaces between them that people take for each other, and the weight of each exchange.
    confusions : list of (str, str, float)
        The right and the wrong spelling of a stretch, and its weight. ``^`` and ``$`` at the ends of the right one
        stand for the beginning and the end of a word; a space in the wrong one splits the word.
    doubled, single, dropped : list of (str, float)
        Letters, and the weight with which each is doubled, loses its double, or is left out.
    marks : float
        Weight with which a word loses all its accents, tone marks and dots; 0 if people drop none or one at a time.
    plain : dict of str to str
        Letters that lose more than a mark when marks are dropped, and what is left of them.
    joined : JoinedWords
        Words that lose a space.
    """

    title: str
    source: str
    licence: str
    decomposed: bool = False
    profile: WordProfile = WordProfile(fifths=[0.15, 0.26, 0.25, 0.21, 0.13], first=0.4)
    whole_until: int = Field(default=0, ge=0)
    exchanged: list[tuple[_Letters, _Weight]] = []
    confusions: list[tuple[_Letters, str, _Weight]] = []
    doubled: list[tuple[_Letters, _Weight]] = []
    single: list[tuple[_Letters, _Weight]] = []
    dropped: list[tuple[_Letters, _Weight]] = []
    marks: float = Field(default=0.0, ge=0)
    plain: dict[str, str] = {}
    joined: JoinedWords = JoinedWords()

    @model_validator(mode="after")
    def _something(self) -> Misspellings:
        rules = [*self.exchanged, *self.confusions, *self.doubled, *self.single, *self.dropped]
        if not rules and not self.marks and not self.joined:
            raise ValueError("the table is empty: give at least one confusion")
        return self


class Rule(NamedTuple):
    """A stretch of a word and what people write for it.

    Attributes
    ----------
    right, wrong : str
        The stretch and its misspelling.
    weight : float
        Weight of the misspelling.
    at_start, at_end : bool
        Whether it stands at the beginning, or the end, of a word.
    operation : str
        Name of the operation.
    """

    right: str
    wrong: str
    weight: float
    at_start: bool
    at_end: bool
    operation: str


@cache
def misspellings(name: str, tables: Tables) -> Misspellings:
    """Read and check a table.

    Parameters
    ----------
    name : str
        Name of a table under `attacks/misspellings/`.
    tables : Tables
        Where the table is found.

    Raises
    ------
    CardError
        If there is no such table, or it has a fault; the message names file and key.
    """
    entry = tables.find(f"misspellings/{name}.toml")
    card = read_card(Misspellings, entry)
    for place, (right, wrong, _) in enumerate(card.confusions):
        bare = right.removeprefix("^").removesuffix("$")
        if not bare or bare == wrong or bare != bare.lower():
            raise CardError(
                f"{entry}: key 'confusions.{place}': {right!r} must be lower case, not empty and not its misspelling"
            )
    for place, (group, _) in enumerate(card.exchanged):
        if len(set(group.split())) < 2:
            raise CardError(f"{entry}: key 'exchanged.{place}': {group!r} needs two spellings, with a space between")
    return card


def rules_of(card: Misspellings) -> Iterator[Rule]:
    """Yield all that a table says of stretches of words as rules.

    Parameters
    ----------
    card : Misspellings
        A checked table.
    """
    for group, weight in card.exchanged:
        members = group.split()
        for right in members:
            yield from (
                _rule(right, wrong, weight / (len(members) - 1), "confuse") for wrong in members if wrong != right
            )
    for right, wrong, weight in card.confusions:
        yield _rule(right, wrong, weight, "split" if " " in wrong else "confuse")
    for letters, weight in card.doubled:
        yield from (_rule(letter, letter * 2, weight, "double") for letter in letters)
    for letters, weight in card.single:
        yield from (_rule(letter * 2, letter, weight, "undouble") for letter in letters)
    for letters, weight in card.dropped:
        yield from (_rule(letter, "", weight, "omit") for letter in letters)


def _rule(right: str, wrong: str, weight: float, operation: str) -> Rule:
    bare = right.removeprefix("^").removesuffix("$")
    return Rule(bare, nfc(wrong), weight, right.startswith("^"), right.endswith("$"), operation if wrong else "omit")
