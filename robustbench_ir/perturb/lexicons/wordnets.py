"""Wordnets that the `wn` library has installed. They are read once into cards, so that no query depends on them."""

from __future__ import annotations

from dataclasses import dataclass

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import DataUnavailableError, OptionError, nearest
from robustbench_ir.perturb.lexicons.sources import Pair


@dataclass(frozen=True)
class InstalledWordnet:
    """A wordnet of the `wn` library.

    Attributes
    ----------
    synsets : tuple of (str, str)
        Word, in lower case and NFC, and its synset; synsets with one word are left out.
    licence, attribution : str
        Terms of the wordnet and its authors, as it states them.
    """

    synsets: tuple[Pair, ...]
    licence: str
    attribution: str


def read_installed_wordnet(specifier: str) -> InstalledWordnet:
    """Read an installed wordnet, https://github.com/goodmami/wn.

    Parameters
    ----------
    specifier : str
        The wordnet and its version, ``omw-fi:1.4``.

    Raises
    ------
    OptionError
        If the library is not installed.
    DataUnavailableError
        If the wordnet is not installed; the message says how to install it.
    """
    try:
        import wn
    except ImportError as error:
        raise OptionError(
            f"wordnet {specifier}: the library wn is not installed; pip install 'robustbench-ir[wordnets]'"
        ) from error
    installed = {lexicon.specifier(): lexicon for lexicon in wn.lexicons()}
    if specifier not in installed:
        known = nearest(specifier, installed) if installed else "there are none"
        raise DataUnavailableError(f"wordnet {specifier} is not installed: {known}; python -m wn download {specifier}")
    found = []
    for synset in wn.Wordnet(specifier, expand="").synsets():
        words = dict.fromkeys(" ".join(nfc(str(lemma)).lower().split()) for lemma in synset.lemmas())
        if len(words) > 1:
            found += [(word, synset.id) for word in words]
    lexicon = installed[specifier]
    attribution = " ".join(
        (lexicon.citation or f"{lexicon.label} {lexicon.version}, {lexicon.url or specifier}").split()
    )
    return InstalledWordnet(tuple(found), lexicon.license, attribution)
