"""`irbench cache`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import groupby

import click

from robustbench_ir._base.files import abandoned
from robustbench_ir.cli.catalogue import print_lines
from robustbench_ir.encoders.store.limits import KeptShard, kept_shards, parse_age, parse_size, prune
from robustbench_ir.resources.downloads import cache_folder


@click.group("cache", short_help="See what embeddings are kept, and remove some.")
def command() -> None:
    """See what embeddings are kept between runs, and remove some.

    They lie in ROBUSTBENCH_IR_CACHE. Above ROBUSTBENCH_IR_CACHE_SIZE (20GB; `none` for no limit) those that were not
    used for longest go by themselves.
    """


@command.command("ls")
def ls() -> None:
    """List the embeddings that are kept: encoder, side, texts, size, last use."""
    folder = cache_folder() / "embeddings"
    shards = kept_shards(folder)
    if not shards:
        click.echo(f"nothing is kept in {folder}")
        return
    print_lines([*_lines(shards), ("total", "", "", readable(sum(shard.size for shard in shards)), str(folder))])


@command.command("prune")
@click.option("--older-than", help="Remove what was not used for so long: 30d, 12h, 2w.")
@click.option("--max-size", help="Remove what was not used for longest until so much is left: 5GB, 500MiB.")
@click.option("--encoder", help="Only of the encoder of this name or fingerprint; alone, everything of it.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def prune_command(older_than: str | None, max_size: str | None, encoder: str | None, dry_run: bool) -> None:
    """Remove embeddings; they are made again when they are needed.

    What is of no use goes with any pruning, and alone without an option: damaged embeddings, and the unfinished files
    that killed runs left behind more than an hour ago.
    """
    removed = prune(
        cache_folder() / "embeddings",
        unused_seconds=None if older_than is None else parse_age(older_than),
        largest=None if max_size is None else parse_size(max_size),
        encoder=encoder,
        remove=not dry_run,
    )
    leftovers = list(abandoned(cache_folder()))
    size = sum(shard.size for shard in removed) + sum(path.stat().st_size for path in leftovers)
    if removed:
        print_lines(_lines(removed))
    if leftovers:
        click.echo(f"{len(leftovers)} unfinished files of killed runs")
    if not dry_run:
        for path in leftovers:
            path.unlink(missing_ok=True)
    click.echo(f"{readable(size)} {'would be removed' if dry_run else 'removed'}")


def readable(size: int) -> str:
    """Return a number of bytes for people.

    >>> readable(1_234_567)
    '1.2 MB'
    """
    for unit, width in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= width:
            return f"{size / width:.1f} {unit}"
    return f"{size} B"


def _lines(shards: Iterable[KeptShard]) -> list[tuple[str, str, str, str, str]]:
    def owner(shard: KeptShard) -> tuple[str, str, str]:
        return shard.encoder, shard.side, shard.fingerprint

    lines = []
    for (encoder, side, fingerprint), group in groupby(sorted(shards, key=owner), key=owner):
        mine = list(group)
        used = time.strftime("%Y-%m-%d", time.localtime(max(shard.last_used for shard in mine)))
        texts = sum(shard.texts for shard in mine)
        size = readable(sum(shard.size for shard in mine))
        lines.append((encoder, side, f"{texts:,} texts", size, f"last used {used}  {fingerprint[:12]}"))
    return lines
