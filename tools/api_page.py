"""Write docs/api.md: every public name with its signature and docstring, from the code itself.

PYTHONPATH=. python tools/api_page.py > docs/api.md
"""

from __future__ import annotations

import inspect
import re
from dataclasses import is_dataclass
from inspect import Parameter, Signature
from types import ModuleType

import robustbench_ir
import robustbench_ir.testing

_WIDTH = 100
_INTRODUCTION = """# Library

Everything that `import robustbench_ir as rb` offers, written from the docstrings by `tools/api_page.py`. The modules
behind these names may move from one release to the next; the names do not.
"""


def page() -> str:
    """Return the whole page."""
    parts = [_INTRODUCTION, *_section(robustbench_ir, "rb", "## robustbench_ir")]
    parts += _section(robustbench_ir.testing, "robustbench_ir.testing", "## robustbench_ir.testing")
    return "\n".join(parts)


def _section(module: ModuleType, prefix: str, title: str) -> list[str]:
    about = inspect.cleandoc(module.__doc__ or "").split("\n")[0]
    names = [name for name in sorted(module.__all__, key=str.lower) if not name.startswith("__")]
    return [title, "", about, "", *(_entry(prefix, name, getattr(module, name)) for name in names)]


def _entry(prefix: str, name: str, thing: object) -> str:
    if isinstance(thing, ModuleType):  # a package that is called like its function of the same name
        thing = getattr(thing, name)
    documented = inspect.cleandoc(getattr(thing, "__doc__", None) or "")
    parts = [f"### `{prefix}.{name}`", "", "```python", f"{name}{_signature(thing)}", "```", "", _markdown(documented)]
    members: list[str] = []
    for member, value in vars(thing).items() if inspect.isclass(thing) else ():
        function = value.fget if isinstance(value, property) else getattr(value, "func", value)
        function = getattr(function, "__func__", function)
        if member.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
            continue
        called = inspect.isfunction(value) or isinstance(value, classmethod | staticmethod)
        shown = re.sub(r"\(\n *|,?\n\)|\n *", _joined, _signature(function)) if called else ""
        members.append(f"- `{member}{shown}`: {_first_line(function.__doc__)}")
    return "\n".join([*parts, *(["", *members] if members else []), ""])


def _signature(thing: object) -> str:
    """Return the parameters as code, one a line where they are many; nothing for what takes none of its own."""
    if inspect.isclass(thing) and not is_dataclass(thing) and "__init__" not in vars(thing):
        return ""
    try:
        signature = inspect.signature(thing)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""
    shown: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is Parameter.KEYWORD_ONLY and not any(one.startswith("*") for one in shown):
            shown.append("*")
        if parameter.name not in {"self", "cls"} and not parameter.name.startswith("_"):
            shown.append(_parameter(parameter))
    nothing = inspect.isclass(thing) or signature.return_annotation is Signature.empty
    returned = "" if nothing else f" -> {signature.return_annotation}"
    line = f"({', '.join(shown)}){returned}"
    return line if len(line) <= _WIDTH else "(\n" + "".join(f"    {one},\n" for one in shown) + f"){returned}"


def _parameter(parameter: Parameter) -> str:
    star = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    text = f"{star}{parameter.name}"
    if parameter.annotation is not Parameter.empty:
        text += f": {parameter.annotation}"
    if parameter.default is Parameter.empty:
        return text
    if isinstance(parameter.default, str | int | float | tuple | None):
        return f"{text} = {parameter.default!r}"
    made = type(parameter.default).__name__
    return f"{text} = ..." if made.startswith("_") else f"{text} = {made}()"


def _joined(match: re.Match[str]) -> str:
    return {"(": "(", ")": ")"}.get(match[0].strip(" ,\n"), " ")


def _first_line(text: str) -> str:
    return inspect.cleandoc(text).split("\n\n")[0].replace("\n", " ")


def _markdown(text: str) -> str:
    """Return a numpydoc docstring as Markdown: sections in bold, entries as lists."""
    lines, listed = [], False
    source = text.split("\n")
    for place, line in enumerate(source):
        if re.fullmatch(r"-{3,}", line):
            continue
        if place + 1 < len(source) and re.fullmatch(r"-{3,}", source[place + 1]):
            listed = line in {"Parameters", "Returns", "Yields", "Raises", "Attributes"}
            lines += [f"**{line}**", ""]
        elif listed and line and not line.startswith(" "):
            lines.append(f"- `{line}`")
        elif listed and line:
            lines.append(f"  {line.strip()}")
        else:
            lines.append(line)
    return _examples("\n".join(lines).replace("``", "`"))


def _examples(text: str) -> str:
    """Put what is typed at a prompt into fences."""
    return re.sub(
        r"((?:^(?:>>>|\.\.\.).*\n?(?:^(?!>>>|\.\.\.|$|\*\*).+\n?)*)+)",
        r"```python\n\1\n```\n",
        text,
        flags=re.MULTILINE,
    )


if __name__ == "__main__":
    print(page(), end="")
