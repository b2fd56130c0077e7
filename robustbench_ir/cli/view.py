"""`irbench view`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from robustbench_ir._base.serving import LocalServer
from robustbench_ir.cli.options import measure_option
from robustbench_ir.cli.output import say
from robustbench_ir.metrics.measures import look_up_measure
from robustbench_ir.reports.browsing import INDEX, ResultFolder, write_pages


@click.command("view", short_help="Browse all results of a folder, down to the query.")
@click.argument("folder", default="results", type=click.Path(path_type=Path, file_okay=False))
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the pages to this folder, for any web server, instead of showing them.",
)
@click.option(
    "--worst", type=click.IntRange(min=0), default=50, show_default=True, help="Number of queries in each report."
)
@measure_option
def command(folder: Path, port: int, target: Path | None, worst: int, measure: str) -> None:
    """Browse all results of FOLDER, and of the folders in it: a list with verdicts, and the report of each.

    \b
    irbench view                              those of the folder results, on this machine only, until Ctrl-C
    irbench view runs --to site               as files that can be hosted
    """  # noqa: D301
    look_up_measure(measure)
    results = ResultFolder(folder, measure, worst, queries=target is None)
    if target:
        reports = write_pages(results, target)
        say(f"{target / INDEX}  {reports} report{'' if reports == 1 else 's'}; open it, or host the folder")
        return
    with LocalServer(results.answer, port) as server, suppress(KeyboardInterrupt):
        say(f"{server.address} until you press Ctrl-C")
        server.serve_forever()
    say("no longer shown")
