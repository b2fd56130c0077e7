"""Write the rows of the cards that have many: Tatoeba, NTREX, MasakhaNEWS, Belebele. What stands above them is prose.

    python tools/make_task_cards.py "$ROBUSTBENCH_IR_DATA/MANIFEST.tsv" masakhanews

The manifest gives path, SHA-256 and public address of each file; Belebele is pinned by its revision on the hub.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

from robustbench_ir.resources.languages import language_code

TASKS = Path(__file__).parents[1] / "tasks"
MARK = "# From here on made by tools/make_task_cards.py; do not edit.\n"
DEPRECATED = {"kzj"}  # now dtp, which has a file of its own

# English, and African languages of resource class 2 or below (Joshi et al. 2020).
NTREX_12 = ("am", "bem", "en", "ha", "ig", "om", "rw", "so", "sw", "wo", "yo", "zu")

# The revision that mteb's BelebeleRetrieval was pinned to before it moved to a copy; variants as listed there.
BELEBELE_REVISION = "75b399394a9803252cfec289d103de462763db7c"
VARIANTS = """
acm_Arab afr_Latn als_Latn amh_Ethi apc_Arab arb_Arab ars_Arab ary_Arab arz_Arab asm_Beng azj_Latn bam_Latn ben_Beng
bod_Tibt bul_Cyrl cat_Latn ceb_Latn ces_Latn ckb_Arab dan_Latn deu_Latn ell_Grek eng_Latn est_Latn eus_Latn fin_Latn
fra_Latn fuv_Latn gaz_Latn grn_Latn guj_Gujr hat_Latn hau_Latn heb_Hebr hin_Deva hrv_Latn hun_Latn hye_Armn ibo_Latn
ilo_Latn ind_Latn isl_Latn ita_Latn jav_Latn jpn_Jpan kac_Latn kan_Knda kat_Geor kaz_Cyrl kea_Latn khk_Cyrl khm_Khmr
kin_Latn kir_Cyrl kor_Hang lao_Laoo lin_Latn lit_Latn lug_Latn luo_Latn lvs_Latn mal_Mlym mar_Deva mkd_Cyrl mlt_Latn
mri_Latn mya_Mymr nld_Latn nob_Latn npi_Deva nso_Latn nya_Latn ory_Orya pan_Guru pbt_Arab pes_Arab plt_Latn pol_Latn
por_Latn ron_Latn rus_Cyrl shn_Mymr sin_Sinh slk_Latn slv_Latn sna_Latn snd_Arab som_Latn sot_Latn spa_Latn srp_Cyrl
ssw_Latn sun_Latn swe_Latn swh_Latn tam_Taml tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi tsn_Latn tso_Latn tur_Latn
ukr_Cyrl urd_Arab uzn_Latn vie_Latn war_Latn wol_Latn xho_Latn yor_Latn zho_Hans zho_Hant zsm_Latn zul_Latn
"""
TWINS = {"arb_Arab", "ben_Beng", "hin_Deva", "npi_Deva", "sin_Sinh", "urd_Arab"}


def tatoeba(manifest: Path) -> dict[str, str]:
    """Return language code to row, for each language that the manifest has a pair of files of."""
    files = manifest_rows(manifest)
    rows = {}
    for path, english in files.items():
        name = path.removeprefix("tatoeba/tatoeba.")
        if name == path or not name.endswith("-eng.eng"):
            continue
        source = name.removesuffix("-eng.eng")
        code = source if source in DEPRECATED else language_code(source)
        sentences = files[f"tatoeba/tatoeba.{source}-eng.{source}"]
        rows[code] = f"sentences = {pin(sentences)}\nenglish = {pin(english)}\n"
    return rows


def ntrex(manifest: Path) -> dict[str, str]:
    """Return language code to row, for each language of NTREX that the manifest has."""
    files = manifest_rows(manifest)
    documents = pin(files["ntrex/DOCUMENT_IDS.tsv"])
    rows = {}
    for path, file in files.items():
        name = path.removeprefix("ntrex/newstest2019-ref.").removesuffix(".txt")
        if "/" not in name:
            rows[language_code(name.partition("-")[0])] = f"sentences = {pin(file)}\ndocuments = {documents}\n"
    return rows


def masakhanews(manifest: Path, split: str) -> dict[str, str]:
    """Return language code to row, for each language of MasakhaNEWS."""
    found = ((path.split("/"), file) for path, file in manifest_rows(manifest).items())
    return {
        language_code(parts[1]): f"articles = {pin(file)}\n"
        for parts, file in found
        if parts[0] == "masakhanews" and parts[-1] == f"{split}.tsv"
    }


def manifest_rows(manifest: Path) -> dict[str, dict[str, str]]:
    """Return path to row of a manifest."""
    with manifest.open(encoding="utf-8", newline="") as stream:
        return {row["path"]: row for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)}


def pin(file: dict[str, str]) -> str:
    """Return an inline table that pins a file."""
    return f'{{ path = {json.dumps(file["path"])}, sha256 = "{file["sha256"]}", url = "{file["url"]}" }}'


def belebele() -> dict[str, str]:
    """Return language code to row, for each variant; with the twin in Latin script where there is one."""
    rows = {}
    for variant in VARIANTS.split():
        code = "zh-Hant" if variant == "zho_Hant" else language_code(variant)
        row = "\n".join(hub_file(variant)) + "\n"
        if variant in TWINS:
            row += f"twin = {{ {', '.join(hub_file(f'{variant[:3]}_Latn'))} }}\n"
        if code in rows:
            raise SystemExit(f"two variants have the code {code}")
        rows[code] = row
    return rows


def hub_file(variant: str) -> tuple[str, ...]:
    """Return the lines that pin a variant's file on the hub."""
    facts = {"repository": "facebook/belebele", "revision": BELEBELE_REVISION, "file": f"data/{variant}.jsonl"}
    return tuple(f'{key} = "{value}"' for key, value in facts.items())


def write(name: str, rows: dict[str, str]) -> None:
    """Put the rows below the prose of a card."""
    path = TASKS / f"{name}.toml"
    prose = path.read_text(encoding="utf-8").partition(MARK)[0]
    tables = "".join(f"\n[languages.{code}]\n{row}" for code, row in sorted(rows.items()))
    path.write_text(f"{prose}{MARK}{tables}", encoding="utf-8")


def main() -> None:
    """Write the rows of the named cards."""
    manifest, *names = Path(sys.argv[1]), *sys.argv[2:]
    made: dict[str, Callable[[], dict[str, str]]] = {
        "tatoeba": lambda: tatoeba(manifest),
        "tatoeba-from-en": lambda: tatoeba(manifest),
        "ntrex": lambda: ntrex(manifest),
        "ntrex-12": lambda: {code: row for code, row in ntrex(manifest).items() if code in NTREX_12},
        "masakhanews": lambda: masakhanews(manifest, "test"),
        "masakhanews-passages": lambda: masakhanews(manifest, "test"),
        "masakhanews-dev": lambda: masakhanews(manifest, "dev"),
        "belebele": belebele,
    }
    for name in names:
        write(name, made[name]())


if __name__ == "__main__":
    main()
