"""Pages from templates. Every text is escaped, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

from robustbench_ir._base.showing import html_page


def rendered(template: str, functions: dict[str, Callable[..., str]], **values: object) -> str:
    """Return the page of a template of this package.

    Parameters
    ----------
    template : str
        Name of the file.
    functions : dict of str to callable
        Filters of the template, which it may also call.
    **values : object
        What the template shows; `markupsafe.Markup` is not escaped again.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= functions
    environment.globals |= functions
    source = (files("robustbench_ir.reports") / template).read_text(encoding="utf-8")
    return html_page(environment.from_string(source).render(**values))
