"""Entries that say what is not so: each change of a number or a claim is refused by `check` or by `verify`.

Whoever finds another way to cheat adds a line to `MUTATIONS`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from robustbench_ir import attack, poison
from robustbench_ir.cli import irbench
from robustbench_ir.defences import normalised
from robustbench_ir.encoders import load_encoder
from robustbench_ir.errors import ResultError, RobustBenchError
from robustbench_ir.leaderboard.building import build_board, check_submissions
from robustbench_ir.leaderboard.canonical import read_canonical, write_canonical
from robustbench_ir.leaderboard.entry import Declaration, entry_of, entry_to_json
from robustbench_ir.leaderboard.faults import entry_faults
from robustbench_ir.leaderboard.folder import submit
from robustbench_ir.leaderboard.marks import marked
from robustbench_ir.leaderboard.names import slug
from robustbench_ir.leaderboard.ranks import judgements_of_entry
from robustbench_ir.leaderboard.reading import read_entry
from robustbench_ir.leaderboard.schema import Entry, RanksEntry
from robustbench_ir.leaderboard.verifying import verify
from robustbench_ir.results.result import Result
from tests.support.entries import (
    DAY,
    Table,
    read,
    rescored,
    small_table,
    small_values,
    table_of,
    with_judged,
    with_places,
    with_ranks,
)

SAID = Declaration("char-ngram", "https://example.org/char", saw_task="no", parameters=0)
ALL = 120


@pytest.fixture(scope="session")
def honest(honest_result: Result) -> RanksEntry:
    injected = poison("char-ngram", "mini", languages=["en", "sw"])
    return entry_of(honest_result, SAID, DAY, poisonings=[injected])


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> RanksEntry:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path_factory.mktemp("cache")))
        result = attack("bm25", "mini", ["typo", "transliteration"], languages=["en", "sw"])
    return entry_of(result, Declaration("bm25", "https://example.org/bm25", saw_task="no"), DAY)


# What a cheat writes. Averages are made to follow afterwards, as a cheat would, unless they are what is changed.

Change = Callable[[Table], Table | None]


def put(*place: str | int, value: object) -> Change:
    """Return a change of one value."""

    def change(table: Table) -> None:
        inner = table
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value

    return change


def ranked(change: Callable[[np.ndarray, np.ndarray], None]) -> Change:
    """Return a change of ranks in the pool and in the language, arrays of shape (cells, judgements)."""
    return lambda table: with_ranks(table, change)


def judged(key: str, change: Callable[[np.ndarray], None]) -> Change:
    """Return a change of one column of the judgements."""
    return lambda table: with_judged(table, key, change)


def everywhere(key: str, before: str, after: str) -> Change:
    """Return a change of a value in all cells and scores."""

    def change(table: Table) -> None:
        for row in (*table["cells"], *table["scores"]):
            row[key] = row[key].replace(before, after)

    return change


def added(*place: str | int, amount: float) -> Change:
    """Return a change of one number by an amount."""

    def change(table: Table) -> None:
        inner = table
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] += amount

    return change


def _one_place(pool: np.ndarray, _: np.ndarray) -> None:
    deep = int(np.flatnonzero(pool[1] > 20)[0])
    pool[1, deep] += 1


def _no_drop(pool: np.ndarray, language: np.ndarray) -> None:
    pool[1:], language[1:] = pool[0], language[0]


def _perfect(pool: np.ndarray, language: np.ndarray) -> None:
    pool[:], language[:] = np.arange(pool.shape[1]) % 2 + 1, 1


def _clean_worse(pool: np.ndarray, language: np.ndarray) -> None:
    pool[0, ::20] = np.minimum(pool[0, ::20] + 1, 300)


def _a_little_better(pool: np.ndarray, language: np.ndarray) -> None:
    """Move each attacked rank below 20 up by one: nobody sees it in one query."""
    better = pool[1:] - 1
    pool[1:] = np.where((pool[1:] > 20) & (better >= language[1:]), better, pool[1:])


def _outside_a_known_sample(pool: np.ndarray, language: np.ndarray) -> None:
    """Be honest where `verify` looked when its seed was always 0."""
    query = np.repeat(np.arange(ALL), 2)
    unseen = ~np.isin(query, np.random.default_rng(0).choice(ALL, 50, replace=False))
    pool[:, unseen], language[:, unseen] = (np.arange(2 * ALL) % 2 + 1)[unseen], 1


def _fairer(pool: np.ndarray, language: np.ndarray) -> None:
    """Bring the deepest passages nearer: the rank distance falls, and AP hardly changes."""
    pool[:] = np.where(pool > 100, np.maximum(pool - 50, np.maximum(language, 51)), pool)


def _one_language(pool: np.ndarray, language: np.ndarray) -> None:
    half = pool.shape[1] // 2
    pool[:, half:], language[:, half:] = np.arange(half) % 2 + 1, 1


def _exchanged(pool: np.ndarray, language: np.ndarray) -> None:
    for one in (pool, language):
        one[[1, 2]] = one[[2, 1]]


def _in_language(_: np.ndarray, language: np.ndarray) -> None:
    language[1] = np.maximum(language[1] - 1, 1)


def _hidden(place: np.ndarray) -> None:
    place[:, ::10] = 0


def _two_numbers(key: str) -> Callable[[np.ndarray], None]:
    def change(column: np.ndarray) -> None:
        column[[0, 1]] = column[[1, 0]] if key == "passage_language" else column[0] + 1

    return change


def _swapped_order(table: Table) -> None:
    for key in ("pool", "queries"):
        table["task"][key] = dict(reversed(table["task"][key].items()))


def _flagged(which: str) -> Change:
    def change(table: Table) -> Table:
        made = with_ranks(table, _no_drop) if which == "0" else table
        for cell in made["cells"][1:]:
            cell["changed"] = which * ALL
        return made

    return change


def _one_flag(table: Table) -> None:
    changed = table["cells"][2]["changed"]
    assert "0" in changed, "transliteration leaves some queries alone"
    table["cells"][2]["changed"] = changed.replace("0", "1", 1)


def _second_seed(table: Table) -> Table:
    """Claim a second seed, with the ranks of the first one."""
    table["cells"].append({**table["cells"][1], "seed": 1})
    shape = len(table["cells"]) - 1, table["judged"]["count"]
    from robustbench_ir.leaderboard.packing import packed, unpacked

    for key in ("in_pool", "in_language"):
        rows = unpacked(table["ranks"][key], shape[0] * shape[1]).reshape(shape)
        table["ranks"][key] = packed(np.concatenate([rows, rows[[1]]]))
    return table


def _without_a_cell(table: Table) -> None:
    table["cells"].pop()


MARK = {
    "by": "me",
    "date": DAY,
    "sample": ALL,
    "seed": 7,
    "irbench": "0.2.0",
    "entry_sha256": "0" * 64,
    "largest_mean_difference": 0.0,
    "rank_agreement": 1.0,
    "searched": 0,
}

MUTATIONS: dict[str, Change] = {
    # ranks
    "one rank of one query": ranked(_one_place),
    "attacked ranks are the clean ones": ranked(_no_drop),
    "every relevant passage comes first": ranked(_perfect),
    "a clean rank in ten is worse": ranked(_clean_worse),
    "attacked ranks are a little better": ranked(_a_little_better),
    "perfect outside a known sample": ranked(_outside_a_known_sample),
    "a smaller rank distance": ranked(_fairer),
    "perfect in one language": ranked(_one_language),
    "ranks of two recipes exchanged": ranked(_exchanged),
    "ranks in the language alone": ranked(_in_language),
    "a passage without a rank": ranked(lambda pool, language: (pool.put(0, 0), language.put(0, 0))),  # type: ignore[arg-type,func-returns-value]
    "a rank beyond the pool": ranked(lambda pool, _: pool.put(0, 10_000)),
    "two passages at one rank": ranked(lambda pool, _: pool.put(0, pool[0, 1])),
    "other packed bytes": put("ranks", "in_pool", value="AAAA"),
    # what changed
    "every query changed": _flagged("1"),
    "no query changed": _flagged("0"),
    "one query more changed": _one_flag,
    "a query changed without an attack": put("cells", 0, "changed", value="1" + "0" * (ALL - 1)),
    # questions, languages, pools, judgements
    "every query has a question of its own": put("task", "question", value=list(range(ALL))),
    "all queries have one question": put("task", "question", value=[0] * ALL),
    "questions in another order": put("task", "question", value=[1, 0, *range(2, 60), *range(60)]),
    "languages in another order": _swapped_order,
    "another number of queries": put("task", "queries", value={"en": 61, "sw": 59}),
    "another language of the queries": put("task", "queries", value={"en": 60, "am": 60}),
    "a larger pool": put("task", "pool", "en", value=151),
    "another language in the pool": put("task", "pool", value={"en": 150, "sw": 150, "am": 150}),
    "other texts": put("task", "sha256", value="0" * 64),
    "another version of the task": put("task", "identity", value="mini@2"),
    "another task": put("task", "identity", value="xquad-r@1"),
    "passages in another language": judged("passage_language", _two_numbers("passage_language")),
    "another grade": judged("grade", _two_numbers("grade")),
    "other judged queries": judged("query", _two_numbers("query")),
    "fewer judgements": put("judged", "count", value=239),
    "another least grade": put("judged", "relevant_from", value=2),
    # recipes
    "other queries": put("cells", 1, "queries_sha256", value="0" * 64),
    "another severity": put("cells", 1, "severity", value=2),
    "another seed": put("cells", 1, "seed", value=1),
    "another version of a recipe": everywhere("recipe", "typo@", "typo@9"),
    "another recipe": everywhere("recipe", "typo@5", "diacritics@4"),
    "a seed that was not run": _second_seed,
    "a cell without ranks of its own": _without_a_cell,
    "no clean cell": put("cells", 0, "recipe", value="typo@5"),
    # averages
    "a larger mean": added("scores", 0, "average_precision", "multilingual", amount=1e-5),
    "a smaller drop": added("scores", 1, "average_precision", "cross-lingual", amount=1e-5),
    "a smaller mean rank distance": added("scores", 0, "rank_distance", amount=-1e-5),
    "more coverage": put("scores", 2, "coverage", value=1.0),
    "a row less": lambda table: table["scores"].pop() and None,
    # the model
    "the name of another encoder": put("model", "name", value="bm25"),
    "another encoder": put("model", "encoder", value="bm25"),
    "an encoder that is a folder": put("model", "encoder", value="/etc"),
    "another revision": put("model", "revision", value="abc"),
    "another fingerprint": put("model", "fingerprint", value="0" * 32),
    "another number of dimensions": put("model", "dimensions", value=8),
    "another similarity": put("model", "similarity", value="dot"),
    "another kind": put("model", "kind", value="multi-vector"),
    "a kind of runs": put("model", "kind", value="run"),
    "a kind whose ranks have no order": put("model", "kind", value="reranked"),
    "another prompt of queries": put("model", "query_prompt", value="query: "),
    "another prompt of passages": put("model", "passage_prompt", value="passage: "),
    "an option": put("model", "options", value={"max_length": 6}),
    "an option that trusts": put("model", "options", value={"trust_remote_code": True}),
    "a keyword": put("model", "options", value={"model_kwargs": {"trust_remote_code": True}}),
    "some passages are not retrieved": put("model", "retrieves_zero", value=False),
    "another number of weights": put("model", "parameters", value=1_000),
    # injected passages
    "passages are found less often": lambda table: with_places(table, _hidden),
    "a smaller share that finds passages": added("poison", 0, "asr_at_10", amount=-1e-5),
    "passages with a payload": put("poison", 0, "craft", value="payload"),
    "more passages": put("poison", 0, "budget", value=2),
    "passages in one language": put("poison", 0, "sources", value=["en"]),
    "a query without a passage": lambda table: with_places(table, lambda place: place.put(0, 11)),
    # the rest
    "a day that is yet to come": put("date", value="2999-01-01"),
    "another format": put("schema_version", value=1),
    "a format that is not known": put("schema_version", value=3),
    "a mark of its own": put("verified", value=MARK),
    "one more key": put("rank", value=1),
}
AS_WRITTEN = {
    name for name in MUTATIONS if name.startswith(("a larger mean", "a smaller", "more coverage", "a row less"))
}


def mutated(honest: Entry, name: str) -> Table:
    table = table_of(honest)
    changed = MUTATIONS[name](table) or table
    assert json.dumps(changed) != json.dumps(table_of(honest)), "it changes nothing"
    if name in AS_WRITTEN:
        return changed
    try:
        return rescored(changed)
    except (RobustBenchError, ValueError, IndexError):
        return changed  # nothing follows from it, and nothing has to


def refusal(table: Table, folder: Path) -> str:
    """Return why `check`, or else `verify`, refuses an entry; empty if neither does."""
    name = table["model"]["name"]
    path = folder / "submissions" / slug(table["task"]["identity"].split("@")[0]) / f"{slug(name)}.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(table), encoding="utf-8")
    (verdict,) = check_submissions([path], folder, own_word=False, today=DAY)
    if verdict.faults:
        return f"check: {verdict.faults[0]}"
    try:
        found = verify(read_entry(path), 200, seed=int.from_bytes(os.urandom(4), "big"))
    except RobustBenchError as error:
        return f"verify: {error}"
    return "" if found.holds else f"verify: {found.faults[0]}"


def test_there_are_many_mutations_and_the_honest_entry_is_accepted(honest: RanksEntry, tmp_path: Path) -> None:
    assert len(MUTATIONS) >= 40
    assert refusal(table_of(honest), tmp_path) == ""


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_changed_number_or_claim_is_refused_in_one_line(name: str, honest: RanksEntry, tmp_path: Path) -> None:
    said = refusal(mutated(honest, name), tmp_path)
    assert said.startswith(("check: ", "verify: "))
    assert "\n" not in said
    assert said.isprintable()


def test_a_defence_that_says_so_is_no_copy_and_a_copy_that_says_so_is_one(tmp_path: Path) -> None:
    """Invisible characters: the repair changes the attacked queries, and none of the clean ones."""
    who = load_encoder("char-ngram")
    runs = {
        name: attack(encoder, "mini", recipes=["invisible"], languages=["en", "sw"])
        for name, encoder in (("plain", who), ("guarded", normalised(who, ["invisible"])))
    }
    clean = [one.clean.ranks.in_pool.tolist() for one in runs.values()]
    assert clean[0] == clean[1]
    for name, result in runs.items():
        submit(entry_of(result, Declaration(name, "https://example.org"), DAY), tmp_path)
    _, refused, entries = build_board(tmp_path, today=DAY)
    assert (refused, entries) == ([], 2)
    path = tmp_path / "submissions" / "mini" / "guarded.json"
    guarded = json.loads(path.read_text(encoding="utf-8"))
    for key, value in (("encoder", "mine"), ("encoder", "normalised:invisible:bm25"), ("fingerprint", "other")):
        table = json.loads(json.dumps(guarded))
        table["model"][key] = value
        path.write_text(json.dumps(table), encoding="utf-8")
        _, refused, entries = build_board(tmp_path, today=DAY)
        assert entries < 2, (key, value)
        assert "a copy under another name" in refused[0].faults[0]
    plain = json.loads((tmp_path / "submissions" / "mini" / "plain.json").read_text(encoding="utf-8"))
    plain["model"].update({key: guarded["model"][key] for key in ("name", "encoder", "fingerprint")})
    path.write_text(json.dumps(plain), encoding="utf-8")
    _, refused, entries = build_board(tmp_path, today=DAY)
    assert entries < 2, "its attacked ranks are those of the encoder without the defence"


def test_canonical_digests_alone_refuse_another_layout(honest: RanksEntry, tmp_path: Path) -> None:
    """Where the data is not at hand: questions, order, judgements and flags are known by their digests."""
    path = submit(honest, tmp_path)
    (verdict,) = check_submissions([path], tmp_path, today=DAY)
    write_canonical(tmp_path, verdict.digests or {})
    names = ["every query has a question of its own", "languages in another order", "passages in another language"]
    names += ["another grade", "every query changed", "one query more changed", "a larger pool"]
    for name in [*names, "another language in the pool"]:
        path.write_text(json.dumps(mutated(honest, name)), encoding="utf-8")
        _, refused, entries = build_board(tmp_path, today=DAY)
        assert (entries, len(refused)) == (0, 1), name


def test_an_older_canonical_file_works_and_says_so(honest: RanksEntry, tmp_path: Path) -> None:
    path = submit(honest, tmp_path)
    (verdict,) = check_submissions([path], tmp_path, today=DAY)
    older = {key: value for key, value in (verdict.digests or {}).items() if not key.endswith((" layout", " changed"))}
    write_canonical(tmp_path, older)
    build_board(tmp_path, today=DAY)
    (made,) = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))["boards"]
    assert made["rows"][0]["digests"] == "checked"
    assert "is older and has no layout" in made["rows"][0]["why"]
    write_canonical(tmp_path, verdict.digests or {})
    assert len(read_canonical(tmp_path)) == len(older) + 4
    build_board(tmp_path, today=DAY)
    (made,) = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))["boards"]
    assert made["rows"][0]["why"] == ""


def test_two_entries_with_other_questions_do_not_outvote_the_first(tmp_path: Path) -> None:
    for number, name in enumerate(("honest/model", "two", "three")):
        table = small_table()
        table["model"].update(name=name)
        table["task"]["question"] = [0, 1] if number == 0 else [0, 0]
        path = submit(read(table), tmp_path)
        os.utime(path, (number, number))
    build_board(tmp_path, today=DAY)
    (made,) = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))["boards"]
    standings = {row["model"]["name"]: row["digests"] for row in made["rows"]}
    assert standings == {"honest/model": "not checked", "two": "non-comparable", "three": "non-comparable"}


def test_an_unknown_version_of_a_recipe_takes_no_headline(tmp_path: Path) -> None:
    for name, recipe in (("honest/model", "typo@3"), ("other", "typo@999")):
        table = json.loads(json.dumps(small_table()).replace("typo@3", recipe))
        table["model"].update(name=name)
        submit(read(table), tmp_path)
    build_board(tmp_path, today=DAY)
    (made,) = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))["boards"]
    assert made["headline"] == [["typo@3", 3]]


def test_a_run_of_which_there_are_values_only_is_submitted_again_with_its_ranks(tmp_path: Path) -> None:
    submit(read(small_values()), tmp_path)
    assert submit(read(small_table()), tmp_path).name == "honest--model+2.json"
    build_board(tmp_path, today=DAY)
    (made,) = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))["boards"]
    rows = {row["format"]: (row["superseded"], bool(row["ranks"])) for row in made["rows"]}
    assert rows == {1: ("honest--model+2.json", False), 2: ("", True)}


def test_few_bytes_do_not_ask_for_much_memory() -> None:
    """Limits are known before anything is unpacked."""
    table = small_table()
    table["judged"]["count"] = 1 << 21
    table["cells"] += [{**table["cells"][1], "seed": seed} for seed in range(1, 4)]
    (fault,) = entry_faults(read(table))
    assert fault == "judged.count: 10485760 ranks in all cells; an entry has at most 8388608"
    table["judged"]["count"] += 1
    with pytest.raises(ResultError, match=r"judged\.count: "):
        read(table)


# Who was first.


def git(folder: Path, *arguments: str, date: str = "2026-11-20T00:00:00Z") -> None:
    who = {f"GIT_{role}_{what}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    when = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    command = ["git", "-C", str(folder), "-c", "init.defaultBranch=main", *arguments]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **who, **when})


def placed(folder: Path, table: Table) -> Path:
    """Write an entry where it belongs, without the checks of `submit`."""
    entry = read(table)
    path = folder / "submissions" / "mini" / f"{slug(entry.model.name)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(entry_to_json(entry), encoding="utf-8")
    return path


def copy_of(honest: Entry, name: str = "a/copy", **model: object) -> Table:
    table = table_of(honest)
    table["model"].update(name=name, **model)
    return table


def files_on_board(folder: Path) -> set[str]:
    build_board(folder, today=DAY)
    boards = json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))["boards"]
    return {row["file"] for made in boards for row in made["rows"]}


def run(*arguments: str) -> tuple[int, str]:
    answer = CliRunner().invoke(irbench, ["leaderboard", *arguments])
    return answer.exit_code, f"{answer.output}{answer.exception or ''}"


def a_little_other(table: Table) -> Table:
    return rescored(with_ranks(table, _one_place))


def _slightly(honest: Entry) -> Table:
    def change(pool: np.ndarray, _: np.ndarray) -> None:
        deep = int(np.flatnonzero(pool[0] > 20)[0])
        pool[:, deep] += 1

    return rescored(with_ranks(copy_of(honest, fingerprint="0" * 32), change))


def _shorter(table: Table) -> Table:
    from robustbench_ir.leaderboard.packing import packed, unpacked

    count = table["judged"]["count"]
    for key, text in table["ranks"].items():
        table["ranks"][key] = packed(unpacked(text, 3 * count)[: 2 * count])
    table["cells"].pop()
    return rescored(table)


COPIES: dict[str, Callable[[Entry], Table]] = {
    "the same file": copy_of,
    "another fingerprint": lambda honest: copy_of(honest, fingerprint="0" * 32),
    "some ranks changed": lambda honest: a_little_other(copy_of(honest)),
    "one rank of each cell changed, and another fingerprint": _slightly,
    "a cell less": lambda honest: _shorter(copy_of(honest, fingerprint="0" * 32)),
}


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_that_sorts_first_takes_nothing_away(kind: str, honest: RanksEntry, tmp_path: Path) -> None:
    """Case A2: `a--copy.json` stands before `char-ngram.json`."""
    first = submit(honest, tmp_path)
    os.utime(first, (1, 1))
    copy = placed(tmp_path, COPIES[kind](honest))
    status, said = run("check", "--new", str(copy), "--folder", str(tmp_path))
    assert status == 2
    assert "REFUSED: a copy under another name" in said or "REFUSED: the same run as" in said
    assert str(first) in said
    if "deeper ranks" not in said:  # those few are found when a file is new, one by one
        assert files_on_board(tmp_path) == {"mini/char-ngram.json"}


def test_without_anything_that_tells_both_are_named(honest: RanksEntry, tmp_path: Path) -> None:
    first, copy = submit(honest, tmp_path), placed(tmp_path, copy_of(honest))
    for path in (first, copy):
        os.utime(path, (1, 1))
    status, said = run("check", "--folder", str(tmp_path))
    assert status == 2
    assert said.count("nothing says which was first") == 2


def test_the_order_of_commits_tells_who_was_first_and_not_their_dates(honest: RanksEntry, tmp_path: Path) -> None:
    git(tmp_path, "init")
    submit(honest, tmp_path)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "honest")
    copy = placed(tmp_path, copy_of(honest))
    os.utime(copy, (1, 1))
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "copy", date="2001-01-01T00:00:00Z")
    assert files_on_board(tmp_path) == {"mini/char-ngram.json"}
    said = {one.path.name: one.faults for one in check_submissions([], tmp_path, today=DAY)}
    assert said["char-ngram.json"] == ()
    assert said["a--copy.json"][0].startswith("the same run as")


def test_a_branch_that_was_there_before_the_honest_entry_is_not_first(honest: RanksEntry, tmp_path: Path) -> None:
    """The copy is committed on an old state, and the main branch merged into it: its first parent is the copy."""
    git(tmp_path, "init")
    (tmp_path / "README").write_text("x", encoding="utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "root")
    git(tmp_path, "branch", "stranger")
    submit(honest, tmp_path)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "honest")
    git(tmp_path, "checkout", "stranger")
    copy = placed(tmp_path, copy_of(honest))
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "copy")
    git(tmp_path, "merge", "main", "-m", "merge")
    status, said = run("check", "--base", "main", "--folder", str(tmp_path))
    assert status == 2
    assert f"{copy}: REFUSED: the same run as" in said
    assert "char-ngram.json: checked" in said


@pytest.fixture
def accepted(honest: RanksEntry, other: RanksEntry, tmp_path: Path) -> Path:
    """A repository with two accepted entries."""
    git(tmp_path, "init")
    submit(honest, tmp_path)
    submit(other, tmp_path)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "accepted")
    git(tmp_path, "checkout", "-b", "proposal")
    return tmp_path


def test_an_accepted_entry_is_neither_changed_nor_deleted(accepted: Path, honest: RanksEntry) -> None:
    assert run("check", "--base", "main", "--folder", str(accepted))[0] == 0
    path = accepted / "submissions" / "mini" / "char-ngram.json"
    placed(accepted, a_little_other(table_of(honest)))
    status, said = run("check", "--base", "main", "--folder", str(accepted))
    assert (status, said.count("REFUSED")) == (2, 1)
    assert "was changed; an accepted entry stays as it is" in said
    path.unlink()
    copy = placed(accepted, copy_of(honest))
    status, said = run("check", "--base", "main", str(copy), "--folder", str(accepted))
    assert status == 2
    assert f"{path}: REFUSED: was deleted" in said


def test_a_proposal_cannot_mark_itself(accepted: Path, honest: RanksEntry) -> None:
    """A mark that is right in every byte, on an accepted entry and on a new one."""
    path = accepted / "submissions" / "mini" / "char-ngram.json"
    path.write_text(entry_to_json(marked(honest, verify(honest, ALL, seed=3), "me", DAY)), encoding="utf-8")
    status, said = run("check", "--base", "main", "--folder", str(accepted))
    assert status == 2
    assert "verified: a mark is written on the main branch" in said
    git(accepted, "checkout", ".")
    new = read(copy_of(honest, "char-ngram", fingerprint="9" * 32))
    place = path.with_name("char-ngram+2.json")
    place.write_text(entry_to_json(marked(new, verify(honest, ALL, seed=3), "me", DAY)), encoding="utf-8")
    assert (
        "only `irbench leaderboard verify` may write it" in run("check", "--base", "main", "--folder", str(accepted))[1]
    )


@pytest.mark.parametrize("base", ["nothing", "--output=x", "main..proposal", ""])
def test_a_base_that_is_no_commit_is_refused_in_one_line(base: str, accepted: Path) -> None:
    status, said = run("check", f"--base={base}", "--folder", str(accepted))
    assert status != 0
    assert said.startswith("--base ")
    assert "\n" not in said
    assert not (accepted / "x").exists()


def test_a_receipt_says_what_was_checked(accepted: Path) -> None:
    receipt = accepted / "receipt.json"
    assert run("check", "--base", "main", "--folder", str(accepted), "--receipt", str(receipt))[0] == 0
    said = json.loads(receipt.read_text(encoding="utf-8"))
    assert [one["file"] for one in said["files"]] == ["mini/bm25.json", "mini/char-ngram.json"]
    assert all(one["accepted"] and one["said"] == ["checked"] and len(one["sha256"]) == 64 for one in said["files"])


def test_perfect_rankings_are_no_copies_of_each_other(tmp_path: Path) -> None:
    """Two good models may rank all that is relevant first; ranks further down are what copies share."""
    for name in ("one", "two"):
        table = small_table()
        table["model"].update(name=name)
        submit(read(table), tmp_path)
    assert all(one.faults == () for one in check_submissions([], tmp_path, today=DAY))


def test_judgements_of_an_entry_are_those_of_its_task(honest: RanksEntry) -> None:
    from robustbench_ir import load_task
    from robustbench_ir.metrics.settings import judgements_of

    mine, its = judgements_of_entry(honest), judgements_of(load_task("mini", ["en", "sw"]))
    assert mine.languages == its.languages
    assert dict(mine.pool) == dict(its.pool)
    for column in ("question", "query", "passage_language", "grade"):
        np.testing.assert_array_equal(getattr(mine, column), getattr(its, column))
