"""Make the pages that the documentation site generates, and mend the links that lead out of docs/ (hooks of MkDocs).

mkdocs build --strict
"""

from __future__ import annotations

import html
import json
import posixpath
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import robustbench_ir
import robustbench_ir.testing
from robustbench_ir import errors
from robustbench_ir.cli import irbench
from robustbench_ir.errors import DataUnavailableError
from robustbench_ir.leaderboard import schema
from robustbench_ir.leaderboard.building import build_board
from robustbench_ir.perturb import Perturbation, Recipe, load_recipe, recipe_names
from robustbench_ir.reports.shown_queries import text_direction
from robustbench_ir.resources.languages import languages
from robustbench_ir.results import file as result_file
from robustbench_ir.tasks import Query, load_task

ROOT = Path(__file__).parents[1]
_SOURCE = "https://github.com/robustbench-ir/robustbench-ir/blob/main"
_RAW = "https://raw.githubusercontent.com/robustbench-ir/robustbench-ir/main"
_SEVERITY = 3
_TRIED = 10  # queries of a language that are tried until a recipe changes one


_LIBRARY = """# Library

Everything that `import robustbench_ir as rb` offers. The modules behind these names may move from one release to
the next; the names do not.
"""
_COMMAND_LINE = """# Command line

Every command, as `irbench COMMAND --help` prints it. [Completion](completion.md) offers the names of recipes,
tasks, languages, encoders and measures.
"""
_RECIPES = f"""# Recipes

What each recipe does at severity {_SEVERITY} of 5, seed 0, to a query of `mini` in each language that both have;
changed words are marked. `irbench review pages` shows real queries of every language, and `irbench
recipes show NAME` says everything about a recipe.
"""
_SCHEMAS = """# Files of results and entries

A result is what `irbench attack` writes; an entry is what `irbench submit` makes of it for the leaderboard. Both
are JSON, and are read strictly: an unknown or missing field is an error. For other tools there are JSON Schemas:
[results](result-schema.json), [entries](leaderboard-schema.json).
"""
_ERRORS = """# Errors

The command line prints an error as one line that says the next step, and ends with status 2. The library raises
these classes, all of them in `robustbench_ir.errors`.
"""
_BOARD = """# Leaderboard

<a href="../board/index.html">Open the leaderboard</a>: encoders on four tasks, with the scores after the attacks,
the loss by language, and comparisons.

[Submit your model](submit.md) says how an entry is made, [the score sheet](score-sheet.md) what each number means,
and [findings](findings.md) what the entries show.
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages; the README is the first page, and the navigation stands for the index of docs/."""
    files.remove(files.src_uris["README.md"])
    for uri, page in _PAGES.items():
        files.append(File.generated(config, uri, content=page()))
    result_schema = json.dumps(result_file.ResultRecord.model_json_schema(), indent=1, ensure_ascii=False)
    files.append(File.generated(config, "result-schema.json", content=result_schema))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Let links that lead out of docs/ lead to the repository, and those of the README to the pages of the site."""
    here = "" if page.file.src_uri == "index.md" else "docs"

    def mended(link: re.Match[str]) -> str:
        target, _, anchor = link[2].partition("#")
        inside = target.removeprefix(f"{_SOURCE}/").removeprefix(f"{_RAW}/")
        if inside == target and target.startswith(("https:", "http:")):
            return link[0]
        place = posixpath.normpath(inside if inside != target else posixpath.join(here, target))
        if place in {"README.md", "docs/README.md"}:
            inside = "index.md"
        elif place.startswith("docs/"):
            inside = place.removeprefix("docs/")
        else:
            inside = f"{_SOURCE}/{place}"
        return f"{link[1]}({inside}{'#' if anchor else ''}{anchor})"

    return re.sub(r"(\])\((?!mailto:|#)([^)\s]+)\)", mended, markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001
    """Name the search, and let the Tab key reach code that scrolls, which the theme leaves out."""
    named = output.replace(
        'data-md-component="search" role="dialog"', 'data-md-component="search" role="dialog" aria-label="Search"'
    )
    return named.replace("<pre><span></span><code>", '<pre tabindex="0"><span></span><code>')


def on_post_build(config: MkDocsConfig) -> None:
    """Put the leaderboard into the site, built from a copy so that the repository stays as it is."""
    with tempfile.TemporaryDirectory() as copy:
        folder = Path(copy) / "leaderboard"
        shutil.copytree(ROOT / "leaderboard", folder)
        build_board(folder, Path(config.site_dir) / "board")


def _first_page() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def _library() -> str:
    parts = [
        _LIBRARY,
        "## robustbench_ir\n",
        *_directives(robustbench_ir.__name__, "rb"),
        "## robustbench_ir.testing\n",
        *_directives(robustbench_ir.testing.__name__, "robustbench_ir.testing"),
    ]
    return "\n".join(parts)


def _directives(module: str, prefix: str) -> Iterator[str]:
    """Yield a directive of mkdocstrings for each public name, at the place where it is defined."""
    public = import_module(module)
    elsewhere = {"__version__", "RobustBenchError"}  # the error has a page
    for name in sorted(set(public.__all__) - elsewhere, key=str.lower):
        thing = getattr(public, name)
        home = getattr(thing, "__module__", module) or module
        yield f"::: {home}.{name}\n    options:\n      heading: {prefix}.{name}\n      toc_label: {name}\n"


def _command_line() -> str:
    context = irbench.make_context("irbench", [], resilient_parsing=True, terminal_width=80)
    return "\n".join([_COMMAND_LINE, *_help(irbench, context)])


def _help(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield a section with the help of a command, and of each command in it."""
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner and not inner.hidden:
                yield from _help(inner, inner.make_context(name, [], parent=context, resilient_parsing=True))


def _errors() -> str:
    return "\n".join([_ERRORS, *_records(errors.__name__, "Error", "Warning", bases=True)])


def _schemas() -> str:
    parts = [
        _SCHEMAS,
        "## Results\n",
        *_records(result_file.__name__, "Record"),
        "## Entries\n",
        *_records(schema.__name__, "Record", "Entry", "Cell", "Score"),
    ]
    return "\n".join(parts)


def _records(module: str, *endings: str, bases: bool = False) -> Iterator[str]:
    """Yield a directive for each class of a module whose name has one of the endings."""
    for name, thing in vars(import_module(module)).items():
        if isinstance(thing, type) and thing.__module__ == module and name.endswith(endings):
            options = f"      members: false\n      show_bases: {str(bases).lower()}\n      show_signature: false\n"
            yield f"::: {module}.{name}\n    options:\n{options}"


def _recipes() -> str:
    """Show what each recipe does to a query of `mini` in each of its languages."""
    task = load_task("mini")
    queries = {code: [one for one in task.queries if one.language == code][:_TRIED] for code in task.query_languages}
    parts = [_RECIPES]
    for name in recipe_names():
        parts += _recipe(load_recipe(name), queries)
    return "\n".join(parts)


def _recipe(recipe: Recipe, queries: dict[str, list[Query]]) -> Iterator[str]:
    card = recipe.card
    yield f"## {card.name}\n"
    covered = f" ({len(card.languages)} languages)" if len(card.languages) > 1 else ""
    yield f"**{html.escape(card.title)}{covered}.** {html.escape(card.description)}\n"
    if card.needs_model:
        yield "It needs a model from a hub, so this page has no examples of it.\n"
        return
    try:
        rows = [row for code, own in queries.items() if recipe.covers(code) for row in _row(recipe, code, own)]
    except DataUnavailableError:
        yield "Its word lists were not at hand when this page was made, so this page has no examples of it.\n"
        return
    if rows:
        yield "| language | before | after |\n|---|---|---|"
        yield from rows
        yield ""


def _row(recipe: Recipe, code: str, queries: list[Query]) -> Iterator[str]:
    """Yield a row of the table for the first query that changes."""
    for query in queries:
        (one,) = recipe.perturb([query], _SEVERITY, 0)
        if one.changed:
            texts = zip((one.clean, one.text), _marked(one), strict=True)
            cells = (
                f'<span lang="{code}" dir="{text_direction(code, text)}">{marked}</span>' for text, marked in texts
            )
            yield f"| {languages()[code].name} | {' | '.join(cells)} |"
            return


def _marked(one: Perturbation) -> tuple[str, str]:
    """Return the two texts as HTML in which the changed words are marked."""
    before, after, position = "", "", 0
    for edit in one.edits:
        between = _shown(one.clean[position : edit.span[0]])
        before += f"{between}<del>{_shown(edit.before)}</del>"
        after += f"{between}<ins>{_shown(edit.after)}</ins>"
        position = edit.span[1]
    rest = _shown(one.clean[position:])
    return before + rest, after + rest


def _shown(text: str) -> str:
    """Escape a text for a cell of a Markdown table; every sign that Markdown could read is a character reference."""
    return re.sub(r"[!-/:-@\[-`{-~]", lambda sign: f"&#{ord(sign[0])};", text)


_PAGES: dict[str, Callable[[], str]] = {
    "index.md": _first_page,
    "api.md": _library,
    "command-line.md": _command_line,
    "errors.md": _errors,
    "leaderboard.md": lambda: _BOARD,
    "recipes.md": _recipes,
    "schemas.md": _schemas,
}
