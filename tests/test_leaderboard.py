"""The leaderboard: from a result to an entry, its checks, its board."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.random import default_rng

from robustbench_ir import Result, attack, save_result
from robustbench_ir.cli import irbench
from robustbench_ir.errors import OptionError, ResultError
from robustbench_ir.leaderboard.board import board, board_to_json
from robustbench_ir.leaderboard.building import build_board, check_submissions
from robustbench_ir.leaderboard.canonical import read_canonical, write_canonical
from robustbench_ir.leaderboard.entry import Declaration, entry_of, entry_to_json
from robustbench_ir.leaderboard.export import model_index, mteb_result
from robustbench_ir.leaderboard.faults import entry_faults
from robustbench_ir.leaderboard.folder import FiledEntry, submit
from robustbench_ir.leaderboard.marks import marked
from robustbench_ir.leaderboard.packing import packed
from robustbench_ir.leaderboard.ranking import contributions, ranked, shared_ranks
from robustbench_ir.leaderboard.ranks import judgements_of_entry, ranks_of_entry
from robustbench_ir.leaderboard.reading import entry_from_json, read_entry
from robustbench_ir.leaderboard.schema import Entry, RanksEntry, json_schema, related_data
from robustbench_ir.leaderboard.verifying import verify
from robustbench_ir.metrics.settings import per_query_scores, rank_distances
from tests.support.entries import read, table_of, with_judged, with_ranks
from tests.test_progress import Notes

ROOT = Path(__file__).parents[1]
DAY = "2026-11-26"
SAID = Declaration("char-ngram", "https://example.org/model", saw_task="no")


@pytest.fixture(scope="session")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path_factory.mktemp("cache")))
        return attack("char-ngram", "mini", ["typo", "word-order"], languages=["en", "sw", "am"], seeds=2)


@pytest.fixture(scope="session")
def entry(result: Result) -> Entry:
    return entry_of(result, SAID, DAY)


def changed(entry: Entry, change: Callable[[dict], None]) -> Entry:  # type: ignore[type-arg]
    table = json.loads(entry_to_json(entry))
    change(table)
    return entry_from_json(json.dumps(table).encode(), "changed")


def renamed(entry: Entry, name: str) -> Entry:
    """A different model: its fingerprint is another one."""
    return changed(entry, lambda table: table["model"].update(name=name, fingerprint=name))


def test_an_entry_has_the_scores_of_its_result(result: Result, entry: Entry) -> None:
    """On a parallel task the mean over query languages is the mean over ordered pairs, too."""
    assert entry_faults(entry) == []
    for setting in result.settings:
        assert entry.scores[0].average_precision[setting] == pytest.approx(
            result.score(result.clean, setting), abs=1e-6
        )
        for score, drop in zip(entry.scores[1:], result.drops(setting), strict=True):
            assert (score.recipe, score.severity) == (drop.recipe, drop.severity)
            assert score.average_precision[setting] == pytest.approx(drop.attacked, abs=1e-6)
            assert score.coverage == pytest.approx(drop.text_coverage), "an entry is checked against texts alone"
            assert score.rank_distance == pytest.approx(drop.clean_rank_distance + drop.rank_distance_change)


def test_what_is_written_is_what_is_read(entry: Entry) -> None:
    assert entry_from_json(entry_to_json(entry).encode(), "entry") == entry


def test_a_model_trained_on_squad_has_seen_xquad_r(result: Result) -> None:
    assert related_data("xquad-r", ["MS MARCO", "SQuAD 2.0"]) == ["SQuAD 2.0"]
    assert related_data("mini", ["SQuAD 2.0"]) == []
    on_xquad = replace(result, task="xquad-r@1")
    seen = entry_of(on_xquad, replace(SAID, datasets=["SQuAD"]), DAY)
    assert seen.training.saw_task == "yes"
    denied = changed(seen, lambda table: table["training"].update(saw_task="no"))
    assert entry_faults(denied) == ["training.saw_task: must be 'yes', the task is made of SQuAD"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t["scores"][1]["average_precision"].update(multilingual=0.9), "multilingual is 0.9, the queries"),
        (lambda t: t["scores"].pop(), "scores: must have one row"),
        (lambda t: t["scores"][0].update(rank_distance=None), "rank_distance is None"),
        (lambda t: t["cells"].append(t["cells"][1]), "the same recipe, severity and seed"),
        (lambda t: t["cells"][0].update(severity=1), "the first cell is clean"),
        (lambda t: t["cells"][0].update(changed="1" * 180), "no query changes without an attack"),
        (lambda t: t["cells"][1].update(changed="0" * 180), "differs where the query did not change"),
        (lambda t: t["cells"][1].update(changed="0" * 179), "cells.1: every list must have"),
        (lambda t: t["task"]["question"].__setitem__(0, 1000), "task.question: numbers must be"),
        (lambda t: t["task"]["question"].pop(), "task.question: 179 numbers, but 180 queries"),
    ],
)
def test_what_no_run_gives_is_refused(entry: Entry, change: Callable[[dict], None], said: str) -> None:  # type: ignore[type-arg]
    assert said in entry_faults(changed(entry, change))[0]


def _set(row: int, place: int, in_pool: int, in_language: int) -> Callable[[np.ndarray, np.ndarray], None]:
    def change(pool: np.ndarray, language: np.ndarray) -> None:
        pool[row, place], language[row, place] = in_pool, in_language

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set(1, 0, 451, 150), "cells.1: a rank is beyond the end of its pool"),
        (_set(1, 0, 450, 151), "cells.1: a rank is beyond the end of its pool"),
        (_set(1, 0, 3, 4), "cells.1: a passage ranks higher among all passages"),
        (_set(1, 0, 0, 0), "cells.1: a passage without a rank"),
        (_set(0, 0, 0, 1), "cells.0: a passage without a rank"),
        (lambda pool, _: pool.__setitem__((1, 0), pool[1, 1]), "two passages of a query have the same rank"),
    ],
)
def test_ranks_that_no_run_gives_are_refused(
    entry: Entry, change: Callable[[np.ndarray, np.ndarray], None], said: str
) -> None:
    assert said in entry_faults(read(with_ranks(table_of(entry), change)))[0]


def test_packed_numbers_are_as_many_as_the_entry_says(entry: Entry) -> None:
    table = table_of(entry)
    bomb = packed(np.zeros(1 << 24, dtype=np.int32))
    assert len(bomb) < 20_000, "so few bytes would become 64 MiB"
    for text in (bomb, "AAAA", packed(np.array([1])), packed(np.arange(1))[:-4]):
        wrong = read({**table, "ranks": {**table["ranks"], "in_pool": text}})
        assert entry_faults(wrong)[0].startswith("ranks: not ")
    for key, value in (("query", 1), ("passage_language", 3), ("grade", 0)):
        wrong = read(with_judged(table, key, lambda column, value=value: column.__setitem__(0, value)))
        assert entry_faults(wrong)[0].startswith(f"judged.{key}: ")


@pytest.mark.parametrize("name", ["AP", "nDCG@10", "RR@10", "R@100"])
def test_every_measure_follows_from_the_ranks_of_an_entry(result: Result, entry: Entry, name: str) -> None:
    assert isinstance(entry, RanksEntry)
    judgements, ranks = judgements_of_entry(entry), ranks_of_entry(entry)
    for cell, found in zip((result.clean, *result.attacked), ranks, strict=True):
        for setting in result.settings:
            mine = per_query_scores(judgements, found, name, setting)
            its = per_query_scores(result.judgements, cell.ranks, name, setting)
            np.testing.assert_array_equal(mine, its)
        np.testing.assert_array_equal(rank_distances(judgements, found), rank_distances(result.judgements, cell.ranks))


def test_the_board_has_the_means_of_each_language_of_the_result(result: Result, entry: Entry) -> None:
    made = board([FiledEntry(Path("mini") / "char-ngram.json", entry)], {}, resamples=10)
    (task,) = made["boards"]  # type: ignore[misc]
    (row,) = task["rows"]
    groups = task["group_of"]
    for setting in result.settings:
        for number, drop in enumerate(result.drops(setting, by="language")):
            recipe = [str(drop.recipe), drop.severity]
            cell, group = task["cells"].index(recipe), groups[drop.language]
            assert row["ap"][setting][cell][group] == pytest.approx(drop.attacked, abs=1e-5), number
            distance = drop.clean_rank_distance + drop.rank_distance_change
            assert row["rd"][cell][group] == pytest.approx(distance, abs=1e-4)


def test_a_difference_of_a_millionth_is_rounding_and_more_is_not(entry: Entry) -> None:
    def by(amount: float) -> list[str]:
        def change(table: dict) -> None:  # type: ignore[type-arg]
            table["scores"][0]["average_precision"]["multilingual"] += amount

        return entry_faults(changed(entry, change))

    assert by(5e-7) == []
    assert by(2e-6) != []


def test_nothing_is_overwritten_and_nothing_is_there_twice(entry: Entry, tmp_path: Path) -> None:
    first = submit(entry, tmp_path)
    assert first == tmp_path / "submissions" / "mini" / "char-ngram.json"
    with pytest.raises(ResultError, match="is an entry of the same run"):
        submit(entry, tmp_path)
    later = changed(entry, lambda table: table["model"].update(fingerprint="other weights"))
    assert submit(later, tmp_path).name == "char-ngram+2.json"
    assert read_entry(first) == entry


def test_an_entry_with_a_fault_is_not_taken(entry: Entry, tmp_path: Path) -> None:
    flattered = changed(entry, lambda table: table["scores"][0]["average_precision"].update(multilingual=1.0))
    with pytest.raises(ResultError, match="the queries give"):
        submit(flattered, tmp_path)
    assert not (tmp_path / "submissions").exists()


def test_canonical_digests_rank_and_others_do_not(entry: Entry, tmp_path: Path) -> None:
    other = entry_of(attack("bm25", "mini", ["typo"], languages=["en", "sw", "am"]), replace(SAID, name="cheat"), DAY)
    submit(entry, tmp_path)
    submit(changed(other, lambda table: table["cells"][1].update(queries_sha256="0" * 64)), tmp_path)
    told = Notes()
    honest, cheat = check_submissions([], tmp_path, today=DAY, progress=told)
    paths = [honest.path, cheat.path]
    assert told.stages == [
        f"{doing} {i} of 2: {path}" for doing in ("read", "check") for i, path in enumerate(paths, 1)
    ]
    assert (honest.path.name, honest.remark) == ("char-ngram.json", "checked")
    assert cheat.remark.startswith("non-comparable: mini@1 am,en,sw typo@")
    write_canonical(tmp_path, honest.digests or {})
    build_board(tmp_path)
    rows = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))["boards"][0]["rows"]
    assert [(row["model"]["name"], row["digests"], bool(row["ranks"])) for row in rows] == [
        ("char-ngram", "checked", True),
        ("cheat", "non-comparable", False),
    ]


def test_a_recipe_that_is_not_here_leaves_digests_unverified(entry: Entry, tmp_path: Path) -> None:
    def change(table: dict) -> None:  # type: ignore[type-arg]
        for row in (*table["cells"], *table["scores"]):
            row["recipe"] = row["recipe"].replace("word-order@", "word-order@9")

    path = submit(changed(entry, change), tmp_path)
    (verdict,) = check_submissions([path], tmp_path, today=DAY)
    assert verdict.faults == ()
    assert verdict.remark.startswith("not checked: word-order@9")


def test_queries_without_a_pool_of_their_own_are_canonical_too(shared_data: Path, tmp_path: Path) -> None:
    """AfriQA asks in Fon and answers in French: a pool of languages that nobody named."""
    cross = entry_of(attack("char-ngram", "afriqa", ["typo"], languages=["fon"]), SAID, DAY)
    assert list(cross.task.pool) == ["fr"]
    assert cross.scores[0].rank_distance is None
    path = submit(cross, tmp_path)
    assert check_submissions([path], tmp_path, today=DAY)[0].remark == "checked"


def test_a_newer_version_supersedes_and_both_stay(entry: Entry, tmp_path: Path) -> None:
    def newer(table: dict) -> None:  # type: ignore[type-arg]
        for row in (*table["cells"], *table["scores"]):
            row["recipe"] = row["recipe"].replace("typo@", "typo@9")
        table["cells"][1]["queries_sha256"] = "1" * 64

    submit(entry, tmp_path)
    submit(changed(entry, newer), tmp_path)
    build_board(tmp_path)
    rows = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))["boards"][0]["rows"]
    by_file = {row["file"]: row["superseded"] for row in rows}
    assert by_file == {"mini/char-ngram.json": "char-ngram+2.json", "mini/char-ngram+2.json": ""}


def test_a_new_entry_may_not_call_itself_verified_nor_come_from_tomorrow(entry: Entry, tmp_path: Path) -> None:
    later = changed(entry, lambda table: table.update(date="2026-11-27"))
    path = submit(marked(later, verify(later, 180, seed=1), "me", "2026-11-27"), tmp_path)
    (verdict,) = check_submissions([path], tmp_path, own_word=False, today=DAY)
    assert len(verdict.faults) == 2
    assert check_submissions([path], tmp_path, today="2026-11-27")[0].faults == ()
    assert build_board(tmp_path, today=DAY)[1][0].faults == ("date: 2026-11-27 is in the future",)


def test_the_board_has_the_same_bytes_from_the_same_entries(entry: Entry) -> None:
    filed = [FiledEntry(Path("mini") / f"{name}.json", renamed(entry, name)) for name in ("a", "b", "c")]
    assert board_to_json(board(filed, {})) == board_to_json(board(filed[::-1], {}))


def test_equal_models_share_a_rank_and_a_worse_one_does_not() -> None:
    """Sixty questions in two languages; the third model loses a tenth everywhere, the second nothing."""
    random = default_rng(0)
    good = random.uniform(0.3, 0.9, 120)
    noise = random.normal(0, 0.05, 120)
    rows = [good, good + noise - noise.mean(), good - 0.1]
    question, language = np.tile(np.arange(60), 2), np.repeat([0, 1], 60)
    first, second, third = ranked([contributions(row, question, language) for row in rows])
    assert (first.rank, second.rank, third.rank) == (1, 1, 3)
    assert third.best == third.worst == 3
    assert first.score == pytest.approx(good.mean())
    assert first.low < first.score < first.high


def test_intervals_are_those_of_the_statistics() -> None:
    """The same percentile interval as `robustbench_ir.metrics.statistics`, up to the noise of resampling."""
    from robustbench_ir.metrics.clusters import cluster_means
    from robustbench_ir.metrics.statistics import draws

    random = default_rng(1)
    value = random.uniform(0.1, 1, 150)
    question, language = np.tile(np.arange(50), 3), np.repeat([0, 1, 2], 50)
    (mine,) = ranked([contributions(value, question, language)], resamples=20_000)
    means = cluster_means(value, question, language, np.ones((3, 1), dtype=bool), 50)
    (draw,) = draws([means], default_rng(2), 20_000)
    low, high = np.percentile(draw[0, 51:], [2.5, 97.5])
    assert mine.score == pytest.approx(draw[0, 0], abs=1e-6)
    assert (mine.low, mine.high) == pytest.approx((low, high), abs=2e-3)


def test_a_rank_is_shared_with_the_best_of_the_group_only() -> None:
    """A tie with the row above is no tie with the leader: ranks cannot creep along a chain."""
    score = np.array([0.50, 0.49, 0.48])
    noise = np.linspace(-0.012, 0.012, 101)
    drawn = np.stack([score[0] + noise, np.full(101, score[1]), score[2] + noise])
    assert shared_ranks(score, drawn, 60) == [1, 1, 3]


def test_of_twenty_equal_models_all_share_the_first_rank_in_nineteen_of_twenty_boards() -> None:
    """Pair by pair at 5%, some model is found worse in most boards. 0.05 + 2.6 standard errors of 200 boards."""
    random = default_rng(3)
    question, language = np.tile(np.arange(60), 2), np.repeat([0, 1], 60)
    split = 0
    for _ in range(200):
        hard = random.normal(0, 0.2, 60)
        rows = [np.maximum(0.01, 0.9 + hard[question] + random.normal(0, 0.2, 120)) for _ in range(20)]
        found = ranked([contributions(row, question, language) for row in rows], resamples=400)
        split += any(one.rank > 1 for one in found)
    assert split / 200 < 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 200)


def test_a_model_that_is_clearly_better_is_first_among_many() -> None:
    random = default_rng(3)
    question, language = np.tile(np.arange(60), 2), np.repeat([0, 1], 60)
    rows = [np.maximum(0.01, 0.7 + 0.2 * (number == 7) + random.normal(0, 0.1, 120)) for number in range(20)]
    found = ranked([contributions(row, question, language) for row in rows])
    assert [one.rank for one in found] == [1 if number == 7 else 2 for number in range(20)]


def test_a_sample_holds_and_a_flattered_one_does_not(entry: Entry) -> None:
    found = verify(entry, 20, seed=0)
    assert found.holds
    assert found.sample == 20

    def flatter(pool: np.ndarray, language: np.ndarray) -> None:
        language[1:] = (language[1:] + 1) // 2
        pool[1:] = np.maximum((pool[1:] + 1) // 2, language[1:])

    assert not verify(read(with_ranks(table_of(entry), flatter)), 20, seed=0).holds


def test_verify_loads_no_path_that_an_entry_names(entry: Entry) -> None:
    for place in ("/etc", "../models", "openai:m@http://10.0.0.1/v1", "~/x"):
        with pytest.raises(ResultError, match="--model"):
            verify(changed(entry, lambda table, place=place: table["model"].update(encoder=place)), 5, seed=0)


def test_exports_have_every_score(entry: Entry) -> None:
    scores = json.loads(mteb_result(entry))["scores"]
    clean = [row["map"] for row in scores["clean"] if row["hf_subset"].endswith("multilingual")]
    assert np.mean(clean) == pytest.approx(entry.scores[0].average_precision["multilingual"], abs=1e-6)


def test_the_model_index_loads_in_huggingface_hub(entry: Entry) -> None:
    """It is pasted between the lines of a model card, and every score comes back with its attack and setting."""
    from huggingface_hub import ModelCard

    card = ModelCard(f"---\nlicense: mit\n{model_index(entry)}\n---\n\n# A model\n")
    assert card.data.model_name == "char-ngram"
    found = {one.dataset_config: one for one in card.data.eval_results or []}
    wanted = {
        f"{setting}, clean"
        if score.recipe == "clean"
        else f"{setting}, {score.recipe}, severity {score.severity}": value
        for score in entry.scores
        for setting, value in score.average_precision.items()
    }
    assert {config: one.metric_value for config, one in found.items()} == pytest.approx(wanted, abs=1e-6)
    assert {(one.source_name, one.dataset_name.partition(" ")[0]) for one in found.values()} == {
        ("robustbench-ir", entry.task.identity)
    }
    assert all((one.source_url or "").startswith("https://") for one in found.values())
    again = ModelCard(str(card))
    assert again.data.eval_results == card.data.eval_results


def test_no_name_ends_the_block_of_a_model_card(entry: Entry) -> None:
    from huggingface_hub import ModelCard

    hostile = "x\n---\nlicense: stolen\n# "
    text = model_index(entry.model_copy(update={"model": entry.model.model_copy(update={"name": hostile})}))
    card = ModelCard(f"---\n{text}\n---\n")
    assert card.data.model_name == hostile
    assert "license" not in card.data.to_dict()


def test_declarations_are_checked_with_one_line(result: Result) -> None:
    for wrong in (
        replace(SAID, link="javascript:alert(1)"),
        replace(SAID, name="a/../b"),
        replace(SAID, contact="x" * 200),
    ):
        with pytest.raises(OptionError, match=r"^model\."):
            entry_of(result, wrong, DAY)


def _submit_one(place: tuple[str, Path, int]) -> None:
    text, folder, number = place
    entry = entry_from_json(text.encode(), "entry")
    model = entry.model.model_copy(update={"name": "same", "fingerprint": str(number)})
    submit(entry.model_copy(update={"model": model}), folder)


def test_twenty_processes_that_submit_at_once_lose_nothing(entry: Entry, tmp_path: Path) -> None:
    """All of them want the same file name."""
    work = [(entry_to_json(entry), tmp_path, number) for number in range(20)]
    with multiprocessing.get_context("fork").Pool(20) as pool:
        pool.map(_submit_one, work, chunksize=1)
    found = [read_entry(path).model.fingerprint for path in (tmp_path / "submissions" / "mini").glob("*.json")]
    assert sorted(map(int, found)) == list(range(20))


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_build_that_is_killed_leaves_old_or_new_files_and_no_half_ones(
    entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """Killed before anything is put in its place, all is old; later, each file is wholly the one or the other."""
    submit(entry, tmp_path)
    build_board(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.suffix in {".html", ".json"}}
    submit(renamed(entry, "another"), tmp_path)

    replace_file, done = Path.replace, []

    def killed(self: Path, target: Path) -> None:
        if len(done) == written:
            raise KeyboardInterrupt
        done.append(target)
        replace_file(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        build_board(tmp_path)
    monkeypatch.undo()
    assert len(done) == written
    left = {path: path.read_bytes() for path in before}
    build_board(tmp_path)
    assert all(content == (path.read_bytes() if path in done else before[path]) for path, content in left.items())
    assert not [path for path in tmp_path.rglob(".*") if "index" in path.name or "leaderboard" in path.name]


def test_the_commands(result: Result, tmp_path: Path) -> None:
    file = save_result(result, tmp_path / "result.json")
    folder = str(tmp_path / "board")

    def run(*arguments: str) -> tuple[int, str]:
        answer = CliRunner().invoke(irbench, arguments, standalone_mode=False)
        return answer.return_value or 0, answer.stdout

    said = ("--name", "char-ngram", "--link", "https://example.org/", "--trained-on", "nothing at all")
    _, output = run("submit", str(file), *said, "--folder", folder)
    path = output.split(" is your entry")[0]
    check = ("leaderboard", "check", path, "--folder", folder)
    unrecorded = f"{path}: checked; not recorded: the board says 'not checked' until a maintainer runs "
    assert run(*check) == (0, unrecorded + "`irbench leaderboard check --record`\n")
    assert run(*check, "--record") == (0, f"{path}: checked, and recorded for the board\n")
    assert run(*check) == (0, f"{path}: checked\n")
    assert len(read_canonical(Path(folder))) == 12, "texts and layout of the task, digests and changes of five cells"
    assert run("leaderboard", "verify", path, "--sample", "100", "--by", "tester")[0] == 0
    assert read_entry(Path(path)).verified is not None
    assert "shows 1 entry" in run("leaderboard", "build", "--folder", folder)[1]
    assert run("leaderboard", "export", path, "--as", "model-index")[1].startswith("model-index:")
    Path(path).write_text("{}", encoding="utf-8")
    status, output = run("leaderboard", "check", "--folder", folder)
    assert status == 2
    assert "REFUSED" in output


def test_recipes_of_every_kind_have_an_identity_that_fits(entry: Entry) -> None:
    for recipe in (
        "typo@3~use-multilingual>=0.8",
        "synonym@3+mini~intfloat/e5>=0.75",
        "synonym-masked@1+d585f47b+mini~x>=1",
    ):
        changed(entry, lambda table, recipe=recipe: table["cells"][1].update(recipe=recipe))


def test_serve_listens_on_this_machine_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from http.server import ThreadingHTTPServer

    bound = []
    monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", lambda server: bound.append(server.server_address))
    answer = CliRunner().invoke(irbench, ["leaderboard", "serve", "--folder", str(tmp_path), "--port", "0"])
    assert answer.exit_code == 0
    assert bound[0][0] == "127.0.0.1"
    assert f"http://127.0.0.1:{bound[0][1]}/" in answer.output
    assert "Nothing has been submitted yet." in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


def test_the_schema_in_docs_is_current() -> None:
    """`python tools/leaderboard_schema.py > docs/leaderboard-schema.json` writes it anew."""
    written = json.loads((ROOT / "docs" / "leaderboard-schema.json").read_text(encoding="utf-8"))
    assert written == json_schema()


def test_the_entries_of_this_repository_hold(tmp_path: Path) -> None:
    """And `leaderboard.json` is what `irbench leaderboard build` makes of them."""
    folder = ROOT / "leaderboard"
    _, refused, entries = build_elsewhere(folder, tmp_path)
    assert refused == []
    assert entries > 0
    assert (tmp_path / "leaderboard.json").read_bytes() == (folder / "leaderboard.json").read_bytes()


def build_elsewhere(folder: Path, target: Path) -> tuple[Path, list[object], int]:
    (target / "submissions").symlink_to(folder / "submissions")
    for name in ("canonical.json", "reported.json"):
        (target / name).write_bytes((folder / name).read_bytes())
    page, refused, entries = build_board(target)
    return page, list(refused), entries
