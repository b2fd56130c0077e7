"""The queries that lost most.

A result holds ranks but no texts. The texts are made again from task, recipe, severity and seed, and checked: the task
by its digest, the perturbed queries by theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robustbench_ir._base.parallel import in_threads
from robustbench_ir.encoders import Encoder
from robustbench_ir.encoders.reranker import Reranked
from robustbench_ir.errors import DataUnavailableError, OptionError, ResultError, RobustBenchError
from robustbench_ir.evaluation.runner import Runner
from robustbench_ir.evaluation.semantic_floor import SemanticFloor, load_floor
from robustbench_ir.metrics.settings import Judgements, Setting, mean_over_passage_languages, per_query_scores
from robustbench_ir.perturb import Edit, Perturbation, digest, load_recipe, unchanged
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.reports.content import Sheet, task_name
from robustbench_ir.reports.shown_queries import TextPiece, cut_at_edits
from robustbench_ir.results.result import Cell, Result
from robustbench_ir.retrieval.ranking import Ranks
from robustbench_ir.retrieval.similarity import product_with
from robustbench_ir.retrieval.top_k import best_passages
from robustbench_ir.tasks import Passage, Task, load_task, task_card
from robustbench_ir.tasks.questions import draw_questions, questions_of
from robustbench_ir.tasks.task import TaskIdentity


@dataclass(frozen=True)
class QueryTexts:
    """The texts of one query.

    Attributes
    ----------
    before, after : tuple of TextPiece
        The query before and after, cut at the edits.
    edits : tuple of Edit
        The edits.
    perturbed : str
        The query as it was ranked.
    right : Passage
        The relevant passage that fell by most ranks.
    overtook : Passage, optional
        The irrelevant passage with the best rank under attack; known only if the encoder ran again.
    """

    before: tuple[TextPiece, ...]
    after: tuple[TextPiece, ...]
    edits: tuple[Edit, ...]
    perturbed: str
    right: Passage
    overtook: Passage | None = None


@dataclass(frozen=True)
class WorstQuery:
    """A query that lost much.

    Attributes
    ----------
    cell : Cell
        Recipe, severity and seed.
    row, judgement : int
        Row of the query, and of the judgement of the relevant passage that fell by most ranks.
    query_id, language : str
        Id and language of the query.
    passage_language : str
        Language of that passage.
    clean, attacked : float
        The measure before and after.
    rank_before, rank_after : int
        Rank of that passage, in the pool of the setting; 0 if it is not retrieved.
    texts : QueryTexts, optional
        None if they cannot be made again.
    """

    cell: Cell
    row: int
    judgement: int
    query_id: str
    language: str
    passage_language: str
    clean: float
    attacked: float
    rank_before: int
    rank_after: int
    texts: QueryTexts | None = None

    @property
    def movement(self) -> str:
        """What became of the rank of the passage, in words."""
        before, after = (f"{rank:,}" if rank else "" for rank in (self.rank_before, self.rank_after))
        if before == after:
            return f"stayed at rank {before}" if before else "was not retrieved, before or after"
        rose = self.rank_after and (not self.rank_before or self.rank_after < self.rank_before)
        if rose:
            return f"rose from rank {before or 'none'} to {after}"
        return f"fell from rank {before} to {after or 'none (not retrieved)'}, the furthest"


def worst_queries(sheet: Sheet, count: int = 20) -> list[WorstQuery]:
    """Find the queries whose measure fell most, at the severity and in the setting of the sheet, for the first seed.

    The recipes take turns, so that each is shown. Each question is shown once, in one language. Of equal drops, the one
    whose passage fell furthest comes first.

    Parameters
    ----------
    sheet : Sheet
        The result.
    count : int
        Largest number of queries.
    """
    result, layout = sheet.result, sheet.result.judgements
    queues = [
        queries_by_fall(sheet, next(iter(cells)))
        for (_, severity), cells in result.groups.items()
        if severity == sheet.severity
    ]
    found: list[WorstQuery] = []
    shown: set[str] = set()
    while queues and len(found) < count:
        for queue in list(queues):
            one = next((one for one in queue if layout.parallel_ids[one.row] not in shown), None)
            if one is None:
                queues.remove(queue)
            elif len(found) < count:
                found.append(one)
                shown.add(layout.parallel_ids[one.row])
    return found


def queries_by_fall(sheet: Sheet, cell: Cell, *, whole: bool = False) -> Iterator[WorstQuery]:
    """Yield queries of an attack, those whose measure fell most first.

    Parameters
    ----------
    sheet : Sheet
        The result, whose setting and measure count.
    cell : Cell
        The attack, with severity and seed.
    whole : bool
        Yield those that lost nothing, too, and those that gained.
    """
    layout, clean = sheet.result.judgements, sheet.result.clean.ranks
    languages = list(layout.pool)
    before, after = (
        mean_over_passage_languages(per_query_scores(layout, ranks, sheet.measure, sheet.setting))
        for ranks in (clean, cell.ranks)
    )
    judgement = _fallen_furthest(layout, clean, cell.ranks, sheet.setting)
    rank_before, rank_after = (_ranks_in(ranks, sheet.setting)[judgement] for ranks in (clean, cell.ranks))
    fall = np.where(np.isnan(before - after) | (judgement < 0), -np.inf, before - after)
    sinking = _places(rank_after, layout) - _places(rank_before, layout)
    for row in np.lexsort((-sinking, -fall)).tolist():
        if not fall[row] > (-np.inf if whole else 0):
            return
        yield WorstQuery(
            cell,
            row,
            int(judgement[row]),
            layout.query_ids[row],
            layout.languages[row],
            languages[layout.passage_language[judgement[row]]],
            float(before[row]),
            float(after[row]),
            int(rank_before[row]),
            int(rank_after[row]),
        )


def _ranks_in(ranks: Ranks, setting: Setting) -> NDArray[np.int32]:
    return ranks.in_pool if setting == "multilingual" else ranks.in_language


def _places(ranks: NDArray[np.int32], layout: Judgements) -> NDArray[np.int32]:
    """Return ranks with passages that are not retrieved behind all others."""
    return np.where(ranks > 0, ranks, layout.pool_size + 1).astype(np.int32)


def _fallen_furthest(layout: Judgements, before: Ranks, after: Ranks, setting: Setting) -> NDArray[np.intp]:
    """Return the judgement of each query that fell by most ranks; -1 where the setting has none.

    Where falls are equal, it is the one that was ranked best before.
    """
    own = layout.passage_language == layout.own_pool[layout.query]
    counts = {"multilingual": np.ones(len(own), dtype=bool), "monolingual": own, "cross-lingual": ~own}[setting]
    judgements = np.flatnonzero(counts)
    old, new = (_places(_ranks_in(ranks, setting), layout)[judgements] for ranks in (before, after))
    order = judgements[np.lexsort((old, old - new, layout.query[judgements]))]
    rows, first = np.unique(layout.query[order], return_index=True)
    fallen = np.full(len(layout.query_ids), -1)
    fallen[rows] = order[first]
    return fallen


def task_of_result(result: Result, name: str | None = None, cards: Path | None = None) -> Task:
    """Load the task of a result from data on this machine; nothing is downloaded.

    Parameters
    ----------
    result : Result
        Result with the name and the languages of the task.
    name : str, optional
        Value of `irbench attack --task`; by default the name in the result.
    cards : pathlib.Path, optional
        A user's folder of cards.

    Raises
    ------
    RobustBenchError
        If the data is not on this machine, the task does not exist, or its texts are not those that were ranked.
    """
    wanted = list(dict.fromkeys((*result.judgements.query_languages, *result.judgements.pool)))
    whole = load_task(name or task_name(TaskIdentity.parse(result.task)), wanted, cards, _no_download)
    task = draw_questions(whole, questions_of(result.task))
    if task.digest != result.task_digest:
        raise ResultError(f"{task.identity} holds other texts than those that were ranked; name yours with --task")
    return task


def _no_download(file: str, done: int, total: int | None) -> None:  # noqa: ARG001
    raise DataUnavailableError("a report downloads nothing")


def perturbed_again(task: Task, cell: Cell, cards: Path | None = None) -> list[Perturbation]:
    """Make the perturbed queries of a cell again.

    Parameters
    ----------
    task : Task
        Task of the result.
    cell : Cell
        Recipe, severity and seed.
    cards : pathlib.Path, optional
        A user's folder of cards.

    Raises
    ------
    RobustBenchError
        If the recipe is not the one that was run, if it makes other queries than those that were ranked, if passages
        were perturbed, or if a search found the queries, which only its encoder can repeat.
    """
    if cell.recipe.search:
        raise ResultError(
            f"the queries of {cell.recipe.label} were found by a search; `irbench attack` wrote them beside its result"
        )
    if cell.recipe.prompt:
        return [unchanged(query.query_id, query.text) for query in task.queries]
    if cell.recipe.on != "queries":
        raise ResultError(f"{cell.recipe.label}: the passages were perturbed, whose texts are not shown")
    (identity,), floor = cell.recipe.recipes, cell.recipe.floor
    recipe = load_recipe(identity.name, cards).for_task(task)
    if recipe.identity != identity:
        raise ResultError(f"{identity} ran, this irbench has {recipe.identity}; use the irbench of the signature")
    made = recipe.perturb(task.queries, cell.severity, cell.seed)
    judge = load_floor(SemanticFloor(floor.minimum, floor.encoder) if floor else None)
    made = judge.applied(made) if judge else made
    if digest(made) != cell.digest:
        raise ResultError(f"{cell.recipe} makes other queries here than those that were ranked; its tables differ")
    return made


def with_texts(
    found: Sequence[WorstQuery], task: Task, known: dict[str, list[Perturbation]], cards: Path | None = None
) -> tuple[list[WorstQuery], list[str]]:
    """Add the texts to the worst queries.

    Parameters
    ----------
    found : sequence of WorstQuery
        Queries of one result.
    task : Task
        From `task_of_result`.
    known : dict
        Perturbed queries by digest. Query sets that are made here are added, so that results of one task share them.
    cards : pathlib.Path, optional
        A user's folder of cards.

    Returns
    -------
    list of WorstQuery, list of str
        The queries, and the reasons why some have no texts.
    """
    faults: dict[AttackIdentity, str] = {}
    done = []
    for one in found:
        if one.cell.recipe in faults:
            done.append(one)
            continue
        try:
            if one.cell.digest not in known:
                known[one.cell.digest] = perturbed_again(task, one.cell, cards)
        except RobustBenchError as error:
            faults[one.cell.recipe] = str(error)
            done.append(one)
            continue
        done.append(replace(one, texts=_texts(task, known[one.cell.digest][one.row], one.judgement)))
    return done, list(faults.values())


def _texts(task: Task, made: Perturbation, judgement: int) -> QueryTexts:
    right = task.passages[int(task.qrels.passage[judgement])]
    return QueryTexts(*cut_at_edits(made), made.edits, made.text, right)


# The passage that overtook the relevant one. This needs scores, so the encoder runs again on a few queries.


def with_overtaking(found: Sequence[WorstQuery], task: Task, encoder: Encoder, setting: Setting) -> list[WorstQuery]:
    """Add the irrelevant passage that ranks best for the perturbed query.

    The embeddings of the pool come from the embedding store if an attack has left them there.

    Parameters
    ----------
    found : sequence of WorstQuery
        Those without texts stay unchanged.
    task : Task
        Task of the result.
    encoder : Encoder
        Encoder of the result; the fingerprints are equal.
    setting : str
        For multilingual, the best passage of the whole pool; otherwise the best in the language of the relevant
        passage.
    """
    rows = [place for place, one in enumerate(found) if one.texts]
    texts = [one.texts.perturbed for one in found if one.texts]
    if not texts:
        return list(found)
    runner = Runner(encoder, task)
    done = list(found)
    if isinstance(runner.fitted, Reranked):
        for place, text in zip(rows, texts, strict=True):
            done[place] = _with_best_reranked(found[place], runner, runner.fitted.top_k, text, setting)
        return done
    (scores,) = in_threads(product_with(runner.pool), [runner.encode(texts)])
    lowest = -np.inf if encoder.description.retrieves_zero else 0
    for place, score in zip(rows, scores, strict=True):
        done[place] = _with_best(found[place], runner, np.where(score > lowest, score, -np.inf), setting)
    return done


def _with_best(one: WorstQuery, runner: Runner, score: NDArray[np.float32], setting: Setting) -> WorstQuery:
    rivals = np.where(_rivals(one, runner.task, setting), score, -np.inf)
    (first,) = np.nonzero(rivals == rivals.max())
    best = int(first[runner.ties.keys(one.row, first).argmin()])
    return _overtaken(one, runner.task, best) if rivals[best] > -np.inf else one


def _with_best_reranked(one: WorstQuery, runner: Runner, top_k: int, text: str, setting: Setting) -> WorstQuery:
    task, allowed = runner.task, _rivals(one, runner.task, setting)
    part = slice(0, len(task.passages))
    if setting != "multilingual" and one.texts:
        part = task.passage_slices[one.texts.right.language]
    # The list holds every judged passage before the best of the others.
    depth = max(top_k, int(len(task.passages) - allowed.sum()) + 1) if setting == "multilingual" else top_k
    ties = runner.ties.for_queries([one.row]).for_passages(part)
    queries = runner.encode([text])
    first = best_passages(runner.pool[part], queries, depth, memory=runner.memory, ties=ties)
    rows = runner.reranked([text], replace(first, rows=np.where(first.rows < 0, -1, first.rows + part.start))).rows[0]
    best = next((int(row) for row in rows if row >= 0 and allowed[row]), None)
    return one if best is None else _overtaken(one, task, best)


def _rivals(one: WorstQuery, task: Task, setting: Setting) -> NDArray[np.bool_]:
    """Return which passages of the pool may have overtaken the relevant one, bool of shape (passages,)."""
    allowed = np.ones(len(task.passages), dtype=bool)
    allowed[task.qrels.passage[task.qrels.query == one.row]] = False
    if task.own_passage is not None and task.own_passage[one.row] >= 0:
        allowed[task.own_passage[one.row]] = False
    if setting != "multilingual" and one.texts:
        part = task.passage_slices[one.texts.right.language]
        allowed[: part.start] = allowed[part.stop :] = False
    return allowed


def _overtaken(one: WorstQuery, task: Task, row: int) -> WorstQuery:
    if one.texts is None:
        return one
    best: Passage = task.passages[row]
    return replace(one, texts=replace(one.texts, overtook=best))


# The worst queries of several results, with their texts, or the reason why these cannot be made again.


@dataclass(frozen=True)
class Examples:
    """The worst queries of a result.

    Attributes
    ----------
    worst : sequence of WorstQuery
        The queries.
    notes : sequence of str
        What a reader must know about them.
    source : str
        Source and terms of the texts.
    """

    worst: Sequence[WorstQuery] = ()
    notes: Sequence[str] = ()
    source: str = ""


def find_examples(
    sheets: Sequence[Sheet],
    count: int,
    task: str | None = None,
    cards: Path | None = None,
    encoders: Sequence[Encoder] = (),
) -> list[Examples]:
    """Find the worst queries of each result and make their texts again.

    Parameters
    ----------
    sheets : sequence of Sheet
        One for each result.
    count : int
        Number of queries of each result.
    task : str, optional
        Value of `irbench attack --task`; needed if the task is a folder, whose path a result does not hold.
    cards : pathlib.Path, optional
        A user's folder of cards.
    encoders : sequence of Encoder
        Encoders to run again, for the passages that overtook the relevant ones; each is used for its own results.

    Raises
    ------
    OptionError
        If an encoder made none of the results.
    """
    made = {sheet.result.encoder.fingerprint for sheet in sheets}
    for encoder in encoders:
        if encoder.description.fingerprint not in made:
            raise OptionError(
                f"none of these results was made by {encoder.description.name} (the fingerprints differ); name the "
                f"encoder that made one, {sheets[0].result.encoder.name}, with the same weights and options"
            )
    tasks: dict[str, Task | RobustBenchError] = {}
    known: dict[str, list[Perturbation]] = {}
    return [_examples(sheet, count, tasks, known, (task, cards, encoders)) for sheet in sheets]


def _examples(
    sheet: Sheet,
    count: int,
    tasks: dict[str, Task | RobustBenchError],
    known: dict[str, list[Perturbation]],
    sources: tuple[str | None, Path | None, Sequence[Encoder]],
) -> Examples:
    worst = worst_queries(sheet, count)
    if not worst:
        return Examples()
    name, cards, encoders = sources
    digest = sheet.result.task_digest
    if digest not in tasks:
        try:
            tasks[digest] = task_of_result(sheet.result, name, cards)
        except RobustBenchError as error:
            tasks[digest] = error
    task = tasks[digest]
    if isinstance(task, RobustBenchError):
        return Examples(worst, [_absent(sheet, task)])
    worst, faults = with_texts(worst, task, known, cards)
    notes = [f"No texts of some queries: {fault}." for fault in faults]
    source = _source(name or TaskIdentity.parse(sheet.result.task).name, cards)
    encoder = next((one for one in encoders if one.description.fingerprint == sheet.result.encoder.fingerprint), None)
    if encoder:
        return Examples(with_overtaking(worst, task, encoder, sheet.setting), notes, source)
    advice = (
        "Which passage overtook the right one is known only where the encoder runs again: add --with-passages to the "
        "command of this report."
    )
    return Examples(worst, [*notes, advice], source)


def _source(name: str, cards: Path | None) -> str:
    """Return the source and the terms of the texts from the card of the task; empty if it has no card."""
    try:
        card = task_card(name, cards)
    except RobustBenchError:
        return ""
    return f"Texts: {card.title}, {card.licence}. {card.citation}"


def _absent(sheet: Sheet, error: RobustBenchError) -> str:
    name = task_name(TaskIdentity.parse(sheet.result.task))
    how = (
        f"`irbench report --task {name}` names the folder where it is"
        if name.startswith("./")
        else f"`irbench attack --task {name}` downloads them once"
    )
    return f"A result holds ranks, no texts, and these are not here: {error}. {how}."
