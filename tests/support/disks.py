"""Disks that are full soon: real file systems, for tests that run as root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """Mount a file system of a size such as ``64k`` in a new folder, or skip the test."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, check=False).returncode:
        pytest.skip("CANNOT MOUNT a file system here")
    yield folder
    # Lazily, since the weights of a model may still be mapped into memory.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
