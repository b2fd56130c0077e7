"""The class of machine that made the numbers: enough to judge times by, nothing that names the machine."""

from __future__ import annotations

import os
import platform

from robustbench_ir.processes import processors


def machine_class() -> str:
    """Return cores, memory, processor architecture and accelerator.

    >>> machine_class()  # doctest: +SKIP
    '2 cores x86_64, 8 GiB, no GPU'
    """
    cores = processors()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 0
    import torch

    graphics = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no GPU"
    return f"{cores} core{'s' if cores > 1 else ''} {platform.machine()}, {memory:.0f} GiB, {graphics}"
