"""Pages from templates. Every text is escaped, whoever wrote it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from importlib.resources import files
from pathlib import PurePath

from markupsafe import Markup

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
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    loader = FunctionLoader(lambda name: (files("robustbench_ir.reports") / name).read_text(encoding="utf-8"))
    environment = Environment(
        autoescape=True, loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= functions
    environment.globals |= functions
    return html_page(environment.get_template(template).render(**values))


def inlined(*names: str) -> dict[str, str]:
    """Return the style sheet and the script of a page, and the hashes by which a browser allows only these two texts.

    Parameters
    ----------
    *names : str
        Files with the ending css or js.

    Returns
    -------
    dict of str to str
        `style` and `style_hash`, `script` and `script_hash`.
    """
    found: dict[str, str] = {}
    for name in names:
        kind = {".css": "style", ".js": "script"}[PurePath(name).suffix]
        text = (files("robustbench_ir.reports") / name).read_text(encoding="utf-8")
        found[kind] = Markup(text)  # noqa: S704
        found[f"{kind}_hash"] = "sha256-" + b64encode(sha256(text.encode()).digest()).decode()
    return found
