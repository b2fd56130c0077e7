"""The README.md beside a trained model: its training, its scores, and its robustness."""

from __future__ import annotations

from collections.abc import Sequence

from robustbench_ir._base.files import write_whole
from robustbench_ir._base.showing import json_text, markdown_code, markdown_table, markdown_text
from robustbench_ir.results.result import Result
from robustbench_ir.training.record import SamplerName, Trained

_SAMPLERS: dict[SamplerName, str] = {
    "mono": "monolingual batches, the language drawn uniformly",
    "cross": "cross-lingual batches: query and passage of each pair in different languages",
    "hybrid": "hybrid: a batch is monolingual with probability {alpha:g}, else cross-lingual",
}
_HEADER = """---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
tags: [sentence-transformers, robustbench-ir]
language: [{languages}]
---
"""
_USE = """
```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("path/to/this/folder")
queries = model.encode_query(["..."])
passages = model.encode_document(["..."])
```
"""


def write_model_card(trained: Trained, results: Sequence[Result] = ()) -> None:
    """Write README.md into the folder of the model.

    Parameters
    ----------
    trained : Trained
        The model.
    results : sequence of Result
        Results of the model, once it was evaluated.
    """
    write_whole(trained.folder / "README.md", model_card(trained, results).encode())


def model_card(trained: Trained, results: Sequence[Result] = ()) -> str:
    """Return the card: Markdown behind the header that model hubs read.

    Parameters
    ----------
    trained : Trained
        The model.
    results : sequence of Result
        Results of the model, once it was evaluated.
    """
    record, outcome = trained.record, trained.outcome
    training = record.training
    languages = ", ".join(map(json_text, record.data.languages))
    losses = [(str(step), f"{loss:.4f}") for step, loss in outcome.validation_losses]
    parts = [
        _HEADER.format(languages=languages),
        f"# {markdown_text(training.base)}, trained on {markdown_text(record.data.name)} "
        f"({training.sampler}, seed {training.seed})\n",
        "A dual encoder for retrieval in many languages. Trained by `irbench train`; `training.json` has all of it.\n",
        *(
            f"> Some scores are of texts seen in training: {markdown_text(str(one))}.\n"
            for one in record.overlap
            if one
        ),
        _table(("", ""), _facts(trained)),
        "\n## Use\n",
        _USE,
        "\n## Validation loss\n",
        f"The weights are those of step {outcome.best_step}.\n",
        _table(("step", "loss"), losses),
        "\n## Scores\n",
        *(_scores(result) for result in results),
        "" if results else "Not evaluated yet: `irbench attack --model path/to/this/folder`.\n",
        "\n## Data\n",
        f"{markdown_text(record.data.name)}: {record.data.rows} rows in {len(record.data.languages)} languages, "
        f"digest {record.data.digest}. Licence of the texts: "
        f"{markdown_text(record.data.licence) or 'unknown, ask their owner'}.\n",
        *(f"- {markdown_text(note)}\n" for note in record.data.notes),
        *(f"- It has {markdown_text(str(one))}.\n" for one in record.overlap),
    ]
    return "\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def _facts(trained: Trained) -> list[tuple[str, str]]:
    training, outcome = trained.record.training, trained.outcome
    augmented = ", ".join(f"{markdown_text(name)} {share:g}" for name, share in training.augment)
    pruned = ", ".join(map(markdown_code, training.prune_vocabulary))
    facts = {
        "base": markdown_code(training.base),
        "batches": _SAMPLERS[training.sampler].format(alpha=training.alpha),
        "seed": str(training.seed),
        "loss": f"{outcome.loss}, scale {training.scale:g}",
        "optimiser": f"AdamW, learning rate {outcome.learning_rate:g}, weight decay {training.weight_decay:g}, "
        f"linear decay, warm-up {training.warmup:.0%} of the steps",
        "batch size": f"{training.batch_size} pairs"
        + (f", gradients of {training.accumulate} batches a step" if training.accumulate > 1 else ""),
        "steps": f"{outcome.steps} of at most {training.steps}",
        "perturbed queries": f"{augmented}, severity {training.severity}" if augmented else "none",
        "weights kept": "of the best validation loss" if training.keep == "best" else "of the last step",
        **({"precision": outcome.precision} if outcome.precision else {}),
        **({"not trained": markdown_text(", ".join(training.freeze))} if training.freeze else {}),
        **({"vocabulary": f"pruned to the data and {pruned}"} if pruned else {}),
        "prompts": "`Query: ` and `Passage: `",
        "libraries": markdown_text(", ".join(f"{name} {version}" for name, version in outcome.versions.items())),
    }
    return list(facts.items())


def _scores(result: Result) -> str:
    rows = [
        (
            markdown_text(str(found.recipe)),
            str(found.severity),
            setting,
            f"{found.clean.value:.3f}",
            f"{found.attacked.value:.3f}",
            f"{found.drop.value:+.3f} [{found.drop.low:+.3f}, {found.drop.high:+.3f}]",
            f"{found.coverage:.0%}",
        )
        for setting in result.distinct_settings
        for found in result.findings(setting)
    ]
    names = ("recipe", "severity", "setting", "clean mAP", "attacked mAP", "drop, 95% interval", "coverage")
    return f"On {markdown_text(result.task)}:\n\n{_table(names, rows)}"


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return f"\n{markdown_table(names, rows)}\n"
