"""Tables for papers: what they say, and that LaTeX makes a two-column page of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from robustbench_ir import save_result
from robustbench_ir.cli import irbench
from robustbench_ir.errors import OptionError
from robustbench_ir.reports.comparison import comparison_latex
from robustbench_ir.reports.content import prepare_sheets
from robustbench_ir.reports.latex import Column, latex_number, to_latex
from robustbench_ir.results.compare import compare, standing
from robustbench_ir.results.result import Result
from tests.support.results import result_of_ranks

FEW = 2000
RECIPES = ("code-switching", "diacritics", "synonym", "transliteration", "typo", "word-order", "casing-spacing")


def made(name: str, lost: dict[str, float], questions: int = 100, severity: int = 3) -> Result:
    """Return a result in which AP falls from 1 to 1/2 in the given share of the questions."""
    clean = np.ones((questions, 2), dtype=np.int32)
    attacked = {}
    for recipe, share in lost.items():
        ranks = clean.copy()
        ranks[: round(questions * share)] = 2
        attacked[f"{recipe}@1", severity] = ranks
    return result_of_ranks(clean, attacked, ("en", "hi"), name=name)


def table_of(*results: Result, columns: tuple[Column, ...] = ("clean", "attacked", "drop")) -> str:
    prepared = prepare_sheets([(f"{place}.json", one) for place, one in enumerate(results)], resamples=FEW)
    return to_latex(prepared, columns)


def rows_of(text: str) -> list[list[str]]:
    """Return the cells of the rows below the heading."""
    body = text.partition("\\midrule\n")[2].partition("\n\\bottomrule")[0]
    return [[cell.strip() for cell in line.removesuffix("\\\\").split("&")] for line in body.splitlines()]


def test_models_by_recipes_with_the_best_in_bold_and_daggers() -> None:
    """Shares of 20% and 2% of the questions: p is about 2**-19 for 20 flips, and 1/2 for two."""
    text = table_of(made("one", {"typo": 0.2, "slip": 0.02}), made("two", {"typo": 0.4, "slip": 0.0}))
    dagger, none = r"$^{\dagger}$", r"\phantom{$^{\dagger}$}"
    assert rows_of(text) == [
        ["one", "1.000", r"\textbf{0.900}", rf"\textbf{{0.100}}{dagger}", "0.990", f"0.010{none}"],
        ["two", "1.000", "0.800", f"0.200{dagger}", r"\textbf{1.000}", rf"\textbf{{0.000}}{none}"],
    ]
    assert r" & & \multicolumn{2}{c}{typo} & \multicolumn{2}{c}{slip} \\" in text
    assert r"\cmidrule(lr){3-4}\cmidrule(lr){5-6}" in text
    assert r"encoder & clean & attacked & drop & attacked & drop \\" in text


def test_holm_counts_every_drop_of_the_table() -> None:
    """Six questions that all fall have p = 2/64 = 0.031: enough alone, and not among two drops (0.062)."""
    alone = table_of(made("one", {"typo": 0.06}))
    assert r"0.030$^{\dagger}$" in alone
    assert "Holm's correction for the 1 drop of the table" in alone
    two = table_of(made("one", {"typo": 0.06, "slip": 0.06}))
    assert r"\phantom" in two
    assert r"0.030$^{\dagger}$" not in two
    assert "for the 2 drops of the table" in two


def test_a_gain_has_a_minus_sign_and_no_hyphen() -> None:
    clean = np.full((50, 1), 2, dtype=np.int32)
    text = table_of(result_of_ranks(clean, {("typo@1", 3): np.ones_like(clean)}))
    assert r"$-$0.500$^{\dagger}$" in text
    assert latex_number(-0.0001, ".3f") == "0.000"
    assert latex_number(float("nan"), ".3f") == "--"
    assert not re.search(r"[ {]-\d", text.partition(r"\begin{table")[2])


def test_the_caption_says_task_measure_setting_severity_test_and_number() -> None:
    one = made("one", {"typo": 0.2})
    (cell,) = one.attacked
    text = table_of(replace(one, attacked=(replace(cell, not_covered={"hi": "no table"}),)), made("two", {"typo": 0.2}))
    caption = re.findall(r"^\\caption\{(.*)\}$", text, flags=re.MULTILINE)
    assert caption == [
        "mAP of 2 encoders on hand, multilingual setting (100 questions in 2 query languages). Attacked: queries "
        "perturbed by each recipe at severity 3 (1 seed). Drop: clean minus attacked, so that a negative drop is a "
        "gain. typo does not cover hi; its numbers are of the other languages, where the clean "
        "score is 1.000 (one), 1.000 (two). Bold: best of the column, not a test. "
        r"$^{\dagger}$: the drop differs from 0 ($p<0.05$, two-sided sign-flip permutation test over questions, "
        "Holm's correction for the 2 drops of the table)."
    ]
    assert r"\label{tab:robustness-hand-multilingual-3}" in text


def test_columns_are_chosen() -> None:
    text = table_of(made("one", {"typo": 0.2}), columns=("clean", "relative"))
    assert rows_of(text) == [["one", "1.000", r"10.0\%"]]
    assert r"encoder & clean & drop \% \\" in text
    assert rows_of(table_of(made("one", {"typo": 0.2}), columns=("attacked",))) == [["one", "0.900"]]


def test_results_of_other_tasks_have_tables_of_their_own() -> None:
    one = made("one", {"typo": 0.2})
    text = table_of(one, replace(one, task="other@1"))
    assert re.findall(r"\\label\{(.*)\}", text) == [
        "tab:robustness-hand-multilingual-3",
        "tab:robustness-other-multilingual-3",
    ]


def test_clean_results_have_a_table() -> None:
    text = table_of(made("one", {}))
    assert rows_of(text) == [["one", "1.000"]]
    assert r"\label{tab:robustness-hand-multilingual}" in text
    assert "Attacked" not in text


def test_names_are_never_obeyed() -> None:
    text = table_of(made("a_b&c%${}~^#\n\\input{x}", {"ty\\po": 0.2}))
    assert r"ty\textbackslash{}po" in text
    assert "\\input" not in text[text.index(r"\begin{table") :]
    assert {len(row) for row in rows_of(text.replace("\\&", ""))} == {4}


def test_the_command_chooses_setting_severity_and_columns(tmp_path: Path) -> None:
    path = str(save_result(made("one", {"typo": 0.2}), tmp_path / "one.json"))
    run = ["report", path, "--format", "latex"]
    answer = CliRunner().invoke(irbench, [*run, "--setting", "cross-lingual", "--columns", "clean,drop"])
    assert answer.exit_code == 0, answer.output
    assert "cross-lingual setting" in answer.output
    assert r"encoder & clean & drop \\" in answer.output
    for more, said in (
        (["--columns", "clena"], "did you mean 'clean'?"),
        (["--severity", "5"], "severity 5 was not run; there are: 3"),
        (["--columns", "clean", "--format", "csv"], "--columns is for --format latex"),
    ):
        with pytest.raises(OptionError, match=re.escape(said)):
            CliRunner().invoke(irbench, [*run, *more], catch_exceptions=False)


# A real LaTeX.

PAGE = r"""\documentclass[10pt,twocolumn]{article}
\usepackage{booktabs}
\begin{document}
Table~\ref{%s} is near.
%s
\end{document}
"""


def compiled(text: str, folder: Path) -> str:
    """Compile a table in a two-column page of 10 points, twice for its reference, and return the log."""
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("LATEX ABSENT: apt install texlive-latex-base texlive-latex-recommended")
    label = re.findall(r"\\label\{(.*?)\}", text)[0]
    (folder / "page.tex").write_text(PAGE % (label, text), encoding="utf-8")
    for _ in range(2):
        done = subprocess.run(
            [program, "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
            cwd=folder, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:]
    assert (folder / "page.pdf").read_bytes().startswith(b"%PDF")
    return (folder / "page.log").read_text(encoding="latin-1")


@pytest.mark.parametrize("recipes", [1, 2, 5, 7])
def test_latex_makes_a_page_without_anything_too_wide(recipes: int, tmp_path: Path) -> None:
    lost = {recipe: 0.05 * place for place, recipe in enumerate(RECIPES[:recipes])}
    names = (
        "bm25", "multilingual-e5-small", "normalised:deromanise-hi:sentence-transformers/LaBSE", "a_b&c%${}~^#<>|"
    )  # fmt: skip
    text = table_of(*(made(name, lost) for name in names), columns=("clean", "attacked", "drop", "relative"))
    log = compiled(text, tmp_path)
    assert "Overfull" not in log
    assert "undefined" not in log
    assert "multiply defined" not in log


def test_a_small_table_fits_into_one_column(tmp_path: Path) -> None:
    text = table_of(made("bm25", {"typo": 0.2}), made("char-ngram", {"typo": 0.1}))
    assert r"\begin{table}[t]" in text
    assert "Overfull" not in compiled(text, tmp_path)


def test_a_comparison_is_compiled_too(tmp_path: Path) -> None:
    pair = [made(name, {"typo": share, "code-switching": share / 2}) for name, share in (("/a/b_c", 0.2), ("d%", 0.6))]
    text = comparison_latex(compare(pair, resamples=200), standing(pair, resamples=200))
    assert "A, b\\_c, and B, d\\%, on" in text
    assert len(set(re.findall(r"\\label\{(.*?)\}", text))) == text.count(r"\begin{table*}") == 3
    log = compiled(text, tmp_path)
    assert "Overfull" not in log
    assert "multiply defined" not in log
