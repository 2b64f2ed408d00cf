"""Where the shipped data lie: beside the packages in a checkout, under ``share/tare`` when installed from a wheel."""

from __future__ import annotations

import sysconfig
from pathlib import Path


def data_path(*parts: str) -> Path:
    """Path of a shipped data file or folder.

    Parameters
    ----------
    *parts : str
        Components below the data folder, for example ``"published", "core.csv"``.

    Returns
    -------
    pathlib.Path
        The path; whether it exists is the caller's question.
    """
    checkout = Path(__file__).resolve().parent.parent / "data"
    root = checkout if (checkout / "schema").is_dir() else Path(sysconfig.get_path("data")) / "share" / "tare"
    return root.joinpath(*parts)
