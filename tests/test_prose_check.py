"""The check of phrases: it finds new ones, lets the listed old lines pass, and the list only becomes shorter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import prose_check


@pytest.mark.parametrize(
    ("line", "phrase"),
    [
        ("Of what. A name.", "Of what."),
        ("Whence resamples are drawn.", "Whence"),
        ("It is made anew.", "anew"),
        ("The caller is told.", "is told"),
        ("See to it that it ends.", "See to it that"),
        ("Nobody waits for it.", "Nobody"),
        ("The file is wanted and not here.", "wanted and not here"),
    ],
)
def test_a_phrase_is_found_and_a_better_one_is_named(
    line: str, phrase: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"A line.\n{line}\n", encoding="utf-8")
    assert prose_check.main([str(page)]) == 1
    assert f"{page}:2: {phrase!r}: write " in capsys.readouterr().out


def test_old_lines_pass_until_they_are_rewritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, allowed = tmp_path / "page.md", tmp_path / "allowed.txt"
    monkeypatch.setattr(prose_check, "ALLOWED", allowed)
    monkeypatch.setattr(prose_check, "searched_files", lambda: [page])
    page.write_text("Made anew.\n    Asked anew.\n", encoding="utf-8")
    allowed.write_text("Asked anew.\nGone anew.\n", encoding="utf-8")
    assert prose_check.main([]) == 1
    page.write_text("Asked anew.\nAsked anew.\n", encoding="utf-8")
    assert prose_check.main([]) == 1, "an old line may not stand twice"
    page.write_text("Made again.\n    Asked anew.\n", encoding="utf-8")
    assert prose_check.main([]) == 0
    prose_check.main(["--shrink"])
    assert allowed.read_text(encoding="utf-8") == "Asked anew.\n"


def test_a_plain_page_passes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("It is made again, and the caller receives the number of rows.\n", encoding="utf-8")
    assert prose_check.main([str(page)]) == 0
