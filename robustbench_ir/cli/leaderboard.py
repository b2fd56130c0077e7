"""`irbench leaderboard`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from robustbench_ir.cli.options import read_keywords
from robustbench_ir.cli.output import say
from robustbench_ir.cli.progress import progress_bar
from robustbench_ir.errors import OptionError

_WRONG = 2
_RECORDED = {
    True: ", and recorded for the board",
    False: "; not recorded: the board says 'not checked' until a maintainer runs `irbench leaderboard check --record`",
}

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
@click.option("--base", metavar="REF", help="Commit, branch or tag with the accepted entries: they were there first.")
@click.option(
    "--record",
    is_flag=True,
    help="Record what was found, so that the board says 'checked', too.",
)
@click.option("--offline", is_flag=True, help="Use no network, and print which queries were not made again.")
@click.option("--receipt", type=click.Path(path_type=Path), help="Write what was said of which bytes, as JSON.")
@click.pass_context
def check_command(
    context: click.Context,
    files: tuple[Path, ...],
    folder: Path,
    new: bool,
    base: str | None,
    record: bool,
    offline: bool,
    receipt: Path | None,
) -> None:
    """Check FILES, or all submissions: schema, ranks, queries, names, copies. Status 2 if one is refused.

    FILES lose against entries that are there; with --base, against those of that commit. The network is used only for
    missing data of a task, to make its queries again.
    """
    from contextlib import nullcontext

    from robustbench_ir._base.files import write_whole
    from robustbench_ir.leaderboard import receipts
    from robustbench_ir.leaderboard.building import check_submissions
    from robustbench_ir.leaderboard.canonical import write_canonical
    from robustbench_ir.resources.downloads import without_network

    if not files:
        _check_folder(folder)
    with without_network() if offline else nullcontext(), progress_bar() as progress:
        verdicts = check_submissions(files, folder, own_word=not new, base=base, progress=progress)
    for one in verdicts:
        for fault in one.faults:
            say(f"{one.path}: REFUSED: {fault}")
        if not one.faults:
            say(f"{one.path}: {one.remark}{'' if one.recorded else _RECORDED[record]}")
        if record and one.digests:
            write_canonical(folder, one.digests)
    if not verdicts:
        say(f"{folder}: no submission there")
    if receipt:
        write_whole(receipt, receipts.receipt(verdicts, _today(), base or "").encode())
    context.exit(_WRONG if any(one.faults for one in verdicts) else 0)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise OptionError(f"{folder}: no such folder; name that of the leaderboard with --folder")


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


@command.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--sample", type=click.IntRange(min=1), default=200, show_default=True, help="Number of queries.")
@click.option("--seed", type=click.IntRange(0, (1 << 63) - 1), help="Which queries. Default: drawn, and printed.")
@click.option("--model", help="Name or folder of the encoder, if it differs from the entry.")
@click.option(
    "--encode-kwarg",
    "encode_kwargs",
    multiple=True,
    callback=read_keywords,
    metavar="KEY=VALUE",
    help="Let this keyword of the entry reach the model's encode; may be repeated.",
)
@click.option(
    "--model-kwarg",
    "model_kwargs",
    multiple=True,
    callback=read_keywords,
    metavar="KEY=VALUE",
    help="Let this keyword of the entry reach the code that loads the model; may be repeated.",
)
@click.option("--by", default="", help="Your name; the entry is then marked as verified if the numbers hold.")
@click.option(
    "--run", "runs", multiple=True, help="For an entry of TREC runs: its run files, as `irbench score` takes them."
)
@click.pass_context
def verify_entry(  # noqa: PLR0917
    context: click.Context,
    file: Path,
    sample: int,
    seed: int | None,
    model: str | None,
    encode_kwargs: dict[str, str | int | float | bool],
    model_kwargs: dict[str, str | int | float | bool],
    by: str,
    runs: tuple[str, ...],
) -> None:
    """Run a random sample of the queries of an entry again, and print whether its numbers hold. Status 2 if not.

    An entry of TREC runs cannot be run again; with --run its run files are scored again, for all queries.
    """
    from secrets import randbelow

    from robustbench_ir.evaluation.score_runs import split_runs
    from robustbench_ir.leaderboard.building import read_sound_entry
    from robustbench_ir.leaderboard.folder import replace_with_mark
    from robustbench_ir.leaderboard.marks import check_mark, marked
    from robustbench_ir.leaderboard.rescoring import rescore
    from robustbench_ir.leaderboard.verifying import is_named_after, verify

    entry = read_sound_entry(file)
    if by:
        check_mark(entry, by, None if runs else sample)
    drawn = randbelow(1 << 63) if seed is None else seed
    keywords = {"encode_kwargs": encode_kwargs, "model_kwargs": model_kwargs}
    found = rescore(entry, *split_runs(runs)) if runs else verify(entry, sample, drawn, model, keywords)
    say(
        f"{file}: {'holds' if found.holds else 'DOES NOT HOLD'}: {found.sample} queries, seed {found.seed}; "
        f"{found.rank_agreement:.1%} of the ranks agree, means and drops of each recipe and setting differ by at most "
        f"{found.largest_mean_difference:.4f}"
    )
    for fault in found.faults:
        say(f"{file}: {fault}")
    if entry.model.kind != "run" and not is_named_after(entry.model.name, entry.model.encoder):
        say(f"what was run is {entry.model.encoder!a:.100}; the board shows it beside the name")
    if found.searched:
        say(f"{found.searched} sets of searched texts were not run: only the model's owner has them")
    if found.holds and by:
        replace_with_mark(file, marked(entry, found, by, _today()))
    context.exit(0 if found.holds else _WRONG)


@command.command("build")
@_folder_option
@click.option("--site", type=click.Path(path_type=Path), help="Folder of the page. Default: site in the folder.")
@click.pass_context
def build_command(context: click.Context, folder: Path, site: Path | None) -> None:
    """Write leaderboard.json and the page of all submissions. Status 2 if some were left out."""
    from robustbench_ir.leaderboard.building import build_board

    _check_folder(folder)
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

    _check_folder(folder)
    page, _, _ = build_board(folder)
    with BoardServer(page, port) as server, suppress(KeyboardInterrupt):
        say(f"{server.address} until you press Ctrl-C")
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
