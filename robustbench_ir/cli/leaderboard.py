"""`irbench leaderboard`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from robustbench_ir.cli.output import say

_WRONG = 2

_folder_option = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("leaderboard"),
    show_default=True,
    help="Folder of the leaderboard.",
)


@click.group("leaderboard", short_help="Check, verify, build and show the leaderboard.")
def command() -> None:
    """Check, verify, build and show the leaderboard. `irbench submit` adds to it."""


@command.command("check")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@_folder_option
@click.option("--new", is_flag=True, help="For new submissions, which must not be marked as verified.")
@click.option("--record", is_flag=True, help="Keep the digests that were computed again as the canonical ones.")
@click.option("--offline", is_flag=True, help="Use no network, and print which digests were not computed again.")
@click.pass_context
def check_command(
    context: click.Context, files: tuple[Path, ...], folder: Path, new: bool, record: bool, offline: bool
) -> None:
    """Check FILES, or all submissions: schema, aggregates, digests, names, duplicates. Status 2 if one is refused.

    The network is used only for missing data of a task, to make its queries again.
    """
    from contextlib import nullcontext

    from robustbench_ir.leaderboard.building import check_submissions
    from robustbench_ir.leaderboard.canonical import write_canonical
    from robustbench_ir.resources.downloads import without_network

    with without_network() if offline else nullcontext():
        verdicts = check_submissions(files, folder, own_word=not new)
    for one in verdicts:
        for fault in one.faults:
            say(f"{one.path}: REFUSED: {fault}")
        if not one.faults:
            say(f"{one.path}: {one.remark}")
        if record and one.digests:
            write_canonical(folder, one.digests)
    if not verdicts:
        say(f"{folder}: no submission there")
    context.exit(_WRONG if any(one.faults for one in verdicts) else 0)


@command.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--sample", type=click.IntRange(min=1), default=50, show_default=True, help="Number of queries.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which queries.")
@click.option("--model", help="Name or folder of the encoder, if it differs from the entry.")
@click.option("--by", default="", help="Your name; the entry is then marked as verified if the numbers hold.")
@click.option(
    "--run", "runs", multiple=True, help="For an entry of TREC runs: its run files, as `irbench score` takes them."
)
@click.pass_context
def verify_entry(
    context: click.Context, file: Path, sample: int, seed: int, model: str | None, by: str, runs: tuple[str, ...]
) -> None:
    """Run a random sample of the queries of an entry again, and print whether its numbers hold. Status 2 if not.

    An entry of TREC runs cannot be run again; with --run its run files are scored again, for all queries.
    """
    from robustbench_ir._base.files import write_whole
    from robustbench_ir.evaluation.score_runs import split_runs
    from robustbench_ir.leaderboard.building import read_sound_entry
    from robustbench_ir.leaderboard.entry import entry_to_json
    from robustbench_ir.leaderboard.rescoring import rescore
    from robustbench_ir.leaderboard.schema import Entry
    from robustbench_ir.leaderboard.verifying import verify

    entry = read_sound_entry(file)
    found = rescore(entry, *split_runs(runs)) if runs else verify(entry, sample, seed, model)
    say(
        f"{file}: {'holds' if found.holds else 'DOES NOT HOLD'}: {found.equal} of {found.compared} values of "
        f"{found.sample} queries agree; largest difference {found.largest:.4f}, mean {round(found.mean, 4) + 0.0:+.4f}"
    )
    if found.searched:
        say(f"{found.searched} query sets of searches were not run: only the model's owner has their queries")
    if found.holds and by:
        mark = {"by": by, "date": datetime.now(UTC).date().isoformat(), "sample": found.sample}
        write_whole(file, entry_to_json(Entry.model_validate({**entry.model_dump(), "verified": mark})).encode())
    context.exit(0 if found.holds else _WRONG)


@command.command("build")
@_folder_option
@click.option("--site", type=click.Path(path_type=Path), help="Folder of the page. Default: site in the folder.")
@click.pass_context
def build_command(context: click.Context, folder: Path, site: Path | None) -> None:
    """Write leaderboard.json and the page of all submissions. Status 2 if some were left out."""
    from robustbench_ir.leaderboard.building import build_board

    page, refused, entries = build_board(folder, site)
    for one in refused:
        say(f"{one.path}: LEFT OUT: {one.faults[0]}", error=True)
    say(f"{page} shows {entries} {'entry' if entries == 1 else 'entries'}")
    context.exit(_WRONG if refused else 0)


@command.command("serve")
@_folder_option
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
def serve_command(folder: Path, port: int) -> None:
    """Show the page on this machine only."""
    from contextlib import suppress

    from robustbench_ir.leaderboard.building import build_board
    from robustbench_ir.leaderboard.serving import BoardServer

    page, _, _ = build_board(folder)
    with BoardServer(page, port) as server:
        say(f"{server.address} until you press Ctrl-C")
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    say("no longer served")


@command.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--as", "form", type=click.Choice(["model-index", "mteb"]), required=True)
def export_command(file: Path, form: str) -> None:
    """Print an entry as the model-index block of a model card, or as a result file of mteb."""
    from robustbench_ir.leaderboard.building import read_sound_entry
    from robustbench_ir.leaderboard.export import model_index, mteb_result

    click.echo(model_index(read_sound_entry(file)) if form == "model-index" else mteb_result(read_sound_entry(file)))
