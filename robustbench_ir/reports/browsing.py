"""All results of a folder as pages: a list with verdicts, and the report of each, served or written as files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock

from robustbench_ir._base.files import write_whole
from robustbench_ir._base.serving import HTML
from robustbench_ir._version import __version__
from robustbench_ir.errors import OptionError, RobustBenchError
from robustbench_ir.reports.content import Sheet, prepare_sheets
from robustbench_ir.reports.every_query import Asked, EveryQuery
from robustbench_ir.reports.page import report_page
from robustbench_ir.reports.templates import inlined, rendered
from robustbench_ir.reports.terminal import language_name
from robustbench_ir.reports.verdict import THRESHOLDS, verdict_sentence
from robustbench_ir.reports.worst import find_examples
from robustbench_ir.results.file import load_result
from robustbench_ir.results.verdict import overall, worst_of

INDEX = "index.html"
REPORTS = "reports"
QUERIES = "queries"
_OURS = re.compile(r"[A-Za-z0-9.-]{1,41}-[0-9a-f]{16}\.html")
_MARK = '<meta name="generator" content="irbench view">'
_MOST_LANGUAGES = 6


@dataclass(frozen=True)
class ListedResult:
    """A result as the list shows it.

    Attributes
    ----------
    page : str
        Name of its report.
    file : str
        Path of the file, relative to the folder.
    encoder, task, languages, date : str
        What was attacked, on what, and when the file was written (UTC).
    clean : float
        Clean score in the widest setting.
    headline : str
        The worst attack with its numbers.
    word, verdict : str
        The verdict, as a word and as a sentence.
    """

    page: str
    file: str
    encoder: str
    task: str
    languages: str
    date: str
    clean: float
    headline: str
    word: str
    verdict: str


@dataclass(frozen=True)
class Unreadable:
    """A file that is no result.

    Attributes
    ----------
    file : str
        Path of the file, relative to the folder.
    problem : str
        Why it cannot be shown.
    """

    file: str
    problem: str


_Stamp = tuple[int, int]
"""Time of the last change and size of a file: what was made from it is kept as long as both stay."""


@dataclass
class ResultFolder:
    """A folder of results. What is made of a file is made when it is first asked for, and kept until the file changes.

    Attributes
    ----------
    folder : pathlib.Path
        Folder that is searched for .json files, with the folders in it. Links are not followed.
    measure : str
        Such as ``"AP"``.
    worst : int
        Number of queries in each report.
    queries : bool
        Whether reports lead to pages with all queries, which only a server can have: they are made when asked for.
    """

    folder: Path
    measure: str = "AP"
    worst: int = 50
    queries: bool = False
    _every: tuple[Path, _Stamp, EveryQuery] | None = field(default=None, repr=False)
    _listed: dict[Path, tuple[_Stamp, ListedResult | Unreadable]] = field(default_factory=dict, repr=False)
    _reports: dict[Path, tuple[_Stamp, str]] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no folder.

        Raises
        ------
        OptionError
            If there is no such folder.
        """
        if not self.folder.is_dir():
            raise OptionError(f"{self.folder}: not a folder; name the one that has the results, such as results")

    def answer(self, path: str, query: str = "") -> tuple[str, bytes] | None:
        """Return type and content of the page at the path of an address; None if there is none.

        Parameters
        ----------
        path : str
            ``/``, ``/index.html``, or ``/reports/`` or ``/queries/`` and the name of a report. It is compared with what
            there is.
        query : str
            What stands behind the question mark, for the pages of queries.
        """
        with self._lock:
            if path in {"/", f"/{INDEX}"}:
                return HTML, self.index().encode()
            for file in self._files():
                if path == f"/{REPORTS}/{self._page(file)}":
                    found = self.report(file)
                    return None if found is None else (HTML, found.encode())
                if self.queries and path == f"/{QUERIES}/{self._page(file)}":
                    found = self.queries_of(file, query)
                    return None if found is None else (HTML, found.encode())
        return None

    def queries_of(self, file: Path, query: str) -> str | None:
        """Return a page of all queries of a file; None if it is no result. What the last one needs is kept.

        Parameters
        ----------
        file : pathlib.Path
            One of the files of the folder.
        query : str
            Attack, language, text and page, as in an address.
        """
        if isinstance(self._row(file), Unreadable):
            return None
        stamp = _stamp(file)
        if self._every is None or self._every[:2] != (file, stamp):
            (sheet,) = self._sheets(file)
            self._every = file, stamp, EveryQuery(sheet)
        report = f"../{REPORTS}/{self._page(file)}"
        return self._every[2].page(Asked.parse(query), f"../{INDEX}", report)

    def index(self) -> str:
        """Return the list of all results, and of all files that are none."""
        rows = [self._row(file) for file in self._files()]
        listed = sorted((one for one in rows if isinstance(one, ListedResult)), key=lambda one: one.date, reverse=True)
        problems = [one for one in rows if isinstance(one, Unreadable)]
        return rendered(
            "view.html.jinja",
            {},
            **inlined("report.css", "report.js"),
            version=__version__,
            folder=self.folder.resolve().name,
            results=listed,
            problems=problems,
            measure="mAP" if self.measure == "AP" else self.measure,
            reports=REPORTS,
            thresholds=THRESHOLDS,
        )

    def report(self, file: Path) -> str | None:
        """Return the report of a file; None if it is no result.

        Parameters
        ----------
        file : pathlib.Path
            One of the files of the folder.
        """
        if isinstance(self._row(file), Unreadable):
            return None
        stamp, kept = _stamp(file), self._reports.get(file)
        if kept is None or kept[0] != stamp:
            sheets = self._sheets(file)
            every = f"../{QUERIES}/{self._page(file)}" if self.queries else ""
            page = report_page(sheets, find_examples(sheets, self.worst), home=f"../{INDEX}", every=every)
            kept = self._reports[file] = stamp, page
        return kept[1]

    def pages(self) -> Iterator[tuple[str, str]]:
        """Yield path and content of every page, the list first."""
        yield INDEX, self.index()
        for file in self._files():
            page = self.report(file)
            if page is not None:
                yield f"{REPORTS}/{self._page(file)}", page

    def _files(self) -> list[Path]:
        """Return all .json files, links among them."""
        return sorted(
            Path(place, name) for place, _, names in os.walk(self.folder) for name in names if name.endswith(".json")
        )

    def _row(self, file: Path) -> ListedResult | Unreadable:
        name = file.relative_to(self.folder).as_posix()
        try:
            if file.is_symlink() or not file.is_file():
                return Unreadable(name, "not a file of its own; links are not followed")
            stamp, kept = _stamp(file), self._listed.get(file)
            if kept is None or kept[0] != stamp:
                (sheet,) = self._sheets(file)
                kept = stamp, self._listed_result(file, name, sheet, stamp)
        except (RobustBenchError, OSError) as error:
            # Messages begin with the path, which may name folders that whoever sees the page has no business with.
            problem = str(error).replace(str(file), name).removeprefix(f"{name}: ")
            kept = (0, 0), Unreadable(name, problem)
        self._listed[file] = kept
        return kept[1]

    def _sheets(self, file: Path) -> list[Sheet]:
        return prepare_sheets([(file.name, load_result(file))], self.measure)

    def _listed_result(self, file: Path, name: str, sheet: Sheet, stamp: _Stamp) -> ListedResult:
        result = sheet.result
        return ListedResult(
            page=self._page(file),
            file=name,
            encoder=sheet.name,
            task=result.task,
            languages=_languages(result.judgements.query_languages),
            date=datetime.fromtimestamp(stamp[0] / 1e9, UTC).strftime("%Y-%m-%d %H:%M"),
            clean=result.score(result.clean, sheet.setting, self.measure),
            headline=_headline(sheet),
            word=overall(sheet.verdicts) if sheet.verdicts else "not attacked",
            verdict=verdict_sentence(sheet.verdicts, sheet.name, sheet.recipe_names),
        )

    def _page(self, file: Path) -> str:
        """Return the name of a file's report, which has nothing that a path or an address could trip over."""
        name = os.fsencode(file.relative_to(self.folder))
        words = re.sub(r"[^A-Za-z0-9]+", "-", file.stem)[:40].strip("-") or "result"
        return f"{words}-{sha256(name).hexdigest()[:16]}.html"


def _stamp(file: Path) -> _Stamp:
    there = file.stat()
    return there.st_mtime_ns, there.st_size


def _languages(codes: Sequence[str]) -> str:
    if len(codes) > _MOST_LANGUAGES:
        return f"{len(codes)}: {', '.join(codes)}"
    return ", ".join(map(language_name, codes))


def _headline(sheet: Sheet) -> str:
    """Return the attack that costs most for certain, else that with the largest drop; empty without any."""
    worst = worst_of(sheet.verdicts)
    found = [one for one in sheet.at_severity if worst is None or one.recipe == worst.recipe]
    if not found:
        return ""
    one = found[0]
    share = "" if one.clean == 0 else f" ({-one.relative:+.0%})"
    return f"{sheet.recipe_names[one.recipe]} at severity {one.severity}: {one.clean:.3f} to {one.attacked:.3f}{share}"


def write_pages(results: ResultFolder, target: Path) -> int:
    """Write the list and all reports as files that any web server can show; return the number of reports.

    Reports of results that are gone are removed.

    Parameters
    ----------
    results : ResultFolder
        The results.
    target : pathlib.Path
        New folder, or one that was written so before.

    Raises
    ------
    OptionError
        If the folder has other files.
    """
    index = target / INDEX
    ours = index.is_file() and _MARK in index.read_text(encoding="utf-8", errors="replace")
    if target.exists() and not ours and (not target.is_dir() or any(target.iterdir())):
        raise OptionError(f"{target} has other files; name a new folder, or one that `irbench view --to` has written")
    (target / REPORTS).mkdir(parents=True, exist_ok=True)
    written = set()
    for name, page in results.pages():
        write_whole(target / name, page.encode())
        written.add(name)
    for old in (target / REPORTS).iterdir():
        if _OURS.fullmatch(old.name) and f"{REPORTS}/{old.name}" not in written:
            old.unlink()
    return len(written) - 1
