"""What a study's report says in words: how big it was, what its verdicts do not say, how to read its numbers."""

from __future__ import annotations

from robustbench_ir.study.record import Study

HOW_TO_READ = """\
- hybrid, mono, cross: how batches were filled. A monolingual batch has one language; in a cross-lingual one, query and
  passage of each pair have different languages; hybrid training draws one kind or the other for each batch.
- mAP: mean average precision, the macro average over query languages (ordered pairs in the cross-lingual setting).
- rank distance: largest minus smallest rank of the parallel passages that answer a query, in the pool of all languages;
  lower is fairer. It can fall because everything sinks: read it beside mAP.
- drop = clean - attacked; relative drop = drop / clean. A better model has more to lose, so that the claims about
  robustness are about the relative drop. A model that finds nothing loses nothing: read it beside clean mAP too.
- gap: relative drop of the lower-resource query languages (class 3 or below, Joshi et al. 2020) minus that of the
  others (class 4 or above), over the languages that the attack can touch.
- Intervals are of 95%: questions are drawn anew (parallel queries of a question stay together; both sides of a
  difference get the same questions), and the variance between seeds is added with Student's t. With one seed they are
  over questions only.
- p is of the same standard error, after Holm over all comparisons of all claims on one task from one base. In brackets:
  p by sign flips of whole questions, which is about these very models, not about the way to train.
- A claim is supported where the interval of each difference excludes 0 on the claimed side and p is below 0.05; refuted
  where one does on the other side; else inconclusive. "no case": the task lacks what the claim is about."""

MANY, WEAK = 30, 0.1
CHANGES = "Each column is judged by itself, with its own adjustment for many comparisons."


def size_of(study: Study) -> str:
    """Say how much was trained, on what, and how often."""
    card = study.config
    training = card["training"]
    steps = training.get("steps", "the default number of") if isinstance(training, dict) else "?"
    seeds = len({one.seed for one in study.checkpoints if one.seconds > 0}) or 1
    bases = ", ".join(dict.fromkeys(one.base for one in study.checkpoints))
    names = card["data"]
    data = ", ".join(map(str, names)) if isinstance(names, list | tuple) else str(names)
    sentences = [
        f"Base: {bases}. Trained on {data}: {study.training_rows:,} rows in {len(study.trained_languages)} "
        f"languages, {steps} steps each, {seeds} seed{'s' if seeds > 1 else ''} for each way to fill a batch.",
    ]
    if len(study.trained_languages) < MANY:
        sentences.append(f"Trained languages: {', '.join(study.trained_languages)}; all others are new to the models.")
    if "tatoeba" in data:
        sentences.append(
            "The training data are short everyday sentences and their translations, not questions and passages: a "
            "query is half of the words of a sentence, its passage the sentence, or a translation of it. They teach "
            "which sentence a phrase is from, not which passage answers a question."
        )
    if any("static" in one.base for one in study.checkpoints):
        sentences.append(
            "A static encoder is a table of vectors for pieces of words, averaged: it knows no word order and no "
            "context, has no pretraining behind it, and meets a language that it was not trained on only in pieces "
            "that languages share. The paper fine-tuned XLM-R and LaBSE on question and passage pairs."
        )
    return " ".join(sentences)


def cannot_say(study: Study, task: str) -> str:
    """Say what the verdicts do not say."""
    bases = len({one.base for one in study.checkpoints})
    seeds = len({one.seed for one in study.checkpoints if one.seconds > 0})
    sentences = [
        f"Every verdict is for {'this base' if bases == 1 else 'these bases'}, this training data and {task}; none is "
        "a verdict on the paper, whose models were larger and trained on other data."
    ]
    if bases == 1:
        sentences.append("One base was tried, so that a claim about every base can be refuted here but not confirmed.")
    if seeds > 1:
        sentences.append(
            f"With {seeds} seeds the spread between trainings is known from {seeds} values: Student's t of about "
            f"{seeds - 1} degrees of freedom makes the intervals wide, so that a difference has to be several "
            f"times that spread to count, and small ones stay inconclusive. Inconclusive does not mean equal."
        )
    else:
        sentences.append(
            "There is one seed: the intervals are over questions only, and the verdicts are about these very models, "
            "not about what another training of the same kind would give."
        )
    crossing = [
        one.number.value
        for one in study.rows
        if one.task == task and one.quantity == "mAP cross-lingual" and one.number.value > 0 and not one.against
    ]
    if crossing and max(crossing) < WEAK:
        sentences.append(
            f"No model here finds passages of another language: cross-lingual mAP is at most {max(crossing):.3f}. What "
            "is said of the cross-lingual and multilingual settings compares models that fail there, and a drop from "
            "almost nothing says little."
        )
    return " ".join(sentences)
