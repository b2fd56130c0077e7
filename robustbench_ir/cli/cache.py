"""`irbench cache`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import groupby

import click

from robustbench_ir._base.cache import (
    CHECKED,
    KINDS,
    CacheEntry,
    CacheKind,
    cache_folder,
    current_cache,
    damaged_entries,
    entries,
    remove,
    to_prune,
)
from robustbench_ir._base.files import abandoned
from robustbench_ir._base.sizes import parse_age, parse_size, readable
from robustbench_ir.cli.catalogue import print_lines
from robustbench_ir.cli.lists import list_option
from robustbench_ir.cli.output import say
from robustbench_ir.encoders.store.limits import damaged_shards, shard_owner, text_count
from robustbench_ir.resources.downloads import damaged_downloads

_kinds_option = list_option(
    "--kind", "kinds", of=click.Choice(KINDS), help="Only entries of these kinds, such as cells,embeddings."
)


@click.group("cache", short_help="List what is kept between runs, check it, and remove some of it.")
def command() -> None:
    """List what is kept between runs, check it, and remove some of it.

    The folder is ROBUSTBENCH_IR_CACHE. It holds downloads, embeddings, cells (results of single settings), searches,
    floors (edits that a semantic floor took back), compiled lexicons, and word lists for nltk. Above
    ROBUSTBENCH_IR_CACHE_SIZE (20GB; `none` for no limit) the entries that were not used for longest are removed
    automatically. Downloads do not count for this limit, and only `prune --kind downloads` removes them.
    """


@command.command("ls")
@_kinds_option
def list_cache(kinds: tuple[CacheKind, ...]) -> None:
    """List the cache: kind, number of entries, size, last use.

    With --kind it lists single files, and for embeddings each encoder.
    """
    listed = {kind: found for kind in kinds or KINDS if (found := _of(kind))}
    if not listed:
        say(f"nothing is kept in {cache_folder()}")
        return
    everything = [entry for found in listed.values() for entry in found]
    lines = [] if kinds else _by_kind(everything)
    for kind in kinds:
        found = listed.get(kind, [])
        folder = current_cache().of(kind)
        if kind == "embeddings":
            lines += _by_encoder(found)
        else:
            lines += [(kind, str(one.files[0].relative_to(folder)), *_size_and_use([one])) for one in found]
    print_lines([*lines, ("total", "", readable(sum(entry.size for entry in everything)), str(cache_folder()))])


@command.command("prune")
@_kinds_option
@click.option("--older-than", help="Remove entries that were not used for this long: 30d, 12h, 2w.")
@click.option("--max-size", help="Remove entries not used for longest until this size is left: 5GB, 500MiB.")
@click.option("--encoder", help="Only embeddings of the encoder of this name or fingerprint.")
@click.option("--dry-run", is_flag=True, help="Print what would be removed, and remove nothing.")
def prune_cache(
    kinds: tuple[CacheKind, ...], older_than: str | None, max_size: str | None, encoder: str | None, dry_run: bool
) -> None:
    """Remove entries that can be made again. Without an age or a size, all of a named kind or encoder is removed.

    Downloads stay unless their kind is named. Useless files are always removed, even without an option: damaged
    embeddings, and unfinished files of runs that were killed more than an hour ago.
    """
    if encoder is not None:
        listed = [
            one for one in _of("embeddings") if encoder in {shard_owner(one).encoder, shard_owner(one).fingerprint}
        ]
    else:
        chosen = kinds or [kind for kind in KINDS if kind != "downloads"]
        listed = [entry for kind in chosen for entry in _of(kind)]
    gone = to_prune(
        listed,
        unused_seconds=None if older_than is None else parse_age(older_than),
        largest=None if max_size is None else parse_size(max_size),
        everything=bool(kinds or encoder) and older_than is None and max_size is None,
    )
    leftovers = list(abandoned(cache_folder()))
    size = sum(entry.size for entry in gone) + sum(path.stat().st_size for path in leftovers)
    if gone:
        print_lines(_by_kind(gone))
    if leftovers:
        say(f"{len(leftovers)} unfinished files of killed runs")
    if not dry_run:
        remove(gone)
        for path in leftovers:
            path.unlink(missing_ok=True)
    say(f"{readable(size)} {'would be removed' if dry_run else 'removed'}")


@command.command("verify")
@_kinds_option
@click.option("--remove", "removes", is_flag=True, help="Remove damaged entries; they are made or downloaded again.")
@click.pass_context
def verify_cache(context: click.Context, kinds: tuple[CacheKind, ...], removes: bool) -> None:
    """Read everything that is kept, and print what is damaged. Status 1 if something is damaged.

    Damage needs no action: each run notices it and does the work again.
    """
    checks = {**dict.fromkeys(CHECKED, damaged_entries), "embeddings": damaged_shards, "downloads": damaged_downloads}
    bad = []
    for kind in kinds or KINDS:
        if kind in checks:
            found = _of(kind)
            broken = checks[kind](found)
            say(f"{kind}: {len(found) - len(broken):,} of {len(found):,} entries are whole")
            bad += broken
    for entry in bad:
        say(f"{entry.files[0]}: is damaged{', removed' if removes else ''}")
    if removes:
        remove(bad)
    context.exit(1 if bad and not removes else 0)


def _of(kind: CacheKind) -> list[CacheEntry]:
    return entries(current_cache().of(kind), kind)


def _size_and_use(group: Iterable[CacheEntry]) -> tuple[str, str]:
    found = list(group)
    used = time.strftime("%Y-%m-%d", time.localtime(max(entry.last_used for entry in found)))
    return readable(sum(entry.size for entry in found)), f"last used {used}"


def _by_kind(listed: Iterable[CacheEntry]) -> list[tuple[str, ...]]:
    """Return a line for each kind: its name, number of entries, size and last use."""
    groups: dict[str, list[CacheEntry]] = {}
    for entry in listed:
        groups.setdefault(entry.kind, []).append(entry)
    return [(kind, f"{len(group):,} entries", *_size_and_use(group)) for kind, group in groups.items()]


def _by_encoder(shards: Iterable[CacheEntry]) -> list[tuple[str, ...]]:
    def name(entry: CacheEntry) -> tuple[str, str, str]:
        who = shard_owner(entry)
        return who.encoder, who.side, who.fingerprint

    lines: list[tuple[str, ...]] = []
    for (encoder, side, fingerprint), group in groupby(sorted(shards, key=name), key=name):
        found = list(group)
        size, used = _size_and_use(found)
        lines.append((encoder, f"{side} {sum(map(text_count, found)):,} texts", size, f"{used}  {fingerprint[:12]}"))
    return lines
