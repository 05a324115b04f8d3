from __future__ import annotations

import datetime
import os
from typing import Any

from mmmim.environment import device_names, processor, versions

PEERS = ("onedl-mmpretrain",)


def machine() -> dict[str, Any]:
    """Return what a figure depends on: processor, cores, load, devices, versions and the day."""
    return dict(
        date=datetime.date.today().isoformat(),
        processor=processor(),
        cores=os.cpu_count(),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        devices=device_names(),
        **versions(PEERS),
    )
