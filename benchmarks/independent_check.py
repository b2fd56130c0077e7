"""Compute clean mAP and rank distance of XQuAD-R again, by another road, and compare them with a result file.

    python benchmarks/independent_check.py --model FOLDER --data "$ROBUSTBENCH_IR_DATA/xquad-r" --result e5.json

Nothing of `robustbench_ir` is imported: the files are read with `json`, texts are encoded by sentence-transformers,
passages are sorted with `argsort`, averages are taken with loops. Prompts are those of the E5 family.
"""

from __future__ import annotations

import argparse
import json
import unicodedata
from collections import defaultdict
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

LANGUAGES = ["ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh"]


def average_precision(ranks: list[int]) -> float:
    """Return AP of the ranks of the relevant passages."""
    return sum(place / rank for place, rank in enumerate(sorted(ranks), start=1)) / len(ranks)


def read(folder: Path) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]], dict[str, list[int]]]:
    """Return (language, id, text) of questions, (language, text) of sentences, and question id to relevant rows."""
    questions, sentences, relevant = [], [], defaultdict(list)
    for language in LANGUAGES:
        for article in json.loads((folder / f"{language}.json").read_text(encoding="utf-8"))["data"]:
            for paragraph in article["paragraphs"]:
                first = len(sentences)
                breaks = paragraph["sentence_breaks"]
                sentences += [(language, unicodedata.normalize("NFC", paragraph["context"][a:b])) for a, b in breaks]
                for question in paragraph["qas"]:
                    start = question["answers"][0]["answer_start"]
                    gold = next(number for number, (a, b) in enumerate(breaks) if a <= start < b)
                    questions.append((language, question["id"], unicodedata.normalize("NFC", question["question"])))
                    relevant[question["id"]].append(first + gold)
    return questions, sentences, relevant


def main() -> None:
    """Print both sets of numbers; fail where mAP differs by 1e-4, or rank distance by 1e-3 of a rank."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "data", "result"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    questions, sentences, relevant = read(arguments.data)
    model = SentenceTransformer(str(arguments.model), device="cpu")
    passages = model.encode([f"passage: {text}" for _, text in sentences], normalize_embeddings=True)
    queries = model.encode([f"query: {text}" for *_, text in questions], normalize_embeddings=True)
    language_of = [language for language, _ in sentences]
    rows_of = {one: [row for row, other in enumerate(language_of) if other == one] for one in LANGUAGES}
    single, multilingual, distance = defaultdict(list), defaultdict(list), defaultdict(list)
    for (language, question, _), query in zip(questions, queries, strict=True):
        order = np.argsort(-(passages @ query), kind="stable")
        rank = np.empty(len(order), dtype=int)
        rank[order] = np.arange(1, len(order) + 1)
        ranks = [int(rank[row]) for row in relevant[question]]
        multilingual[language].append(average_precision(ranks))
        distance[language].append(max(ranks) - min(ranks))
        for row in relevant[question]:
            own = rank[rows_of[language_of[row]]]
            single[language, language_of[row]].append(1 / np.count_nonzero(own <= rank[row]))
    found = {
        "monolingual": np.mean([np.mean(values) for (a, b), values in single.items() if a == b]),
        "cross-lingual": np.mean([np.mean(values) for (a, b), values in single.items() if a != b]),
        "multilingual": np.mean([np.mean(values) for values in multilingual.values()]),
        "rank_distance": np.mean([np.mean(values) for values in distance.values()]),
    }
    scores = json.loads(arguments.result.read_text(encoding="utf-8"))["clean_scores"]
    for name, value in found.items():
        setting, measure = ("multilingual", name) if name == "rank_distance" else (name, "AP")
        (theirs,) = [score for key, score in scores.items() if f"|pool={setting}|measure={measure}|" in key]
        print(f"{name:15} independent {value:.6f}   irbench {theirs:.6f}   difference {abs(value - theirs):.1e}")
        if abs(value - theirs) >= (1e-3 if name == "rank_distance" else 1e-4):
            raise SystemExit(f"{name}: the two differ")


if __name__ == "__main__":
    main()
