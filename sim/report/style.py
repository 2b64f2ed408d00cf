"""What things look like: colours that colour-blind readers tell apart, a hatch and a line of its own per provenance.

Colour says *what* (technology or memory category), hatch and line say *where the figure comes from*; so no figure
depends on colour alone. The palette is Okabe and Ito's (2008, "Color Universal Design"), whose smallest distance
under simulated deuteranomaly is about six times that of matplotlib's default cycle.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

import matplotlib
from matplotlib.font_manager import fontManager

from sim.record.document import Provenance

ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#9A9A9A"
INK = "#1A1A1A"
PAPER = "#FFFFFF"
FAINT = "#D0D0D0"

TITLE_PT = 20.0
HEADING_PT = 14.5
TEXT_PT = 13.0
SMALL_PT = 12.0

TECHNOLOGY_COLOURS = {"process": GREEN, "container": BLUE, "microvm": ORANGE, "vm": VERMILLION}
CATEGORY_COLOURS = {
    "application": GREEN,
    "shared libraries": YELLOW,
    "page cache": SKY,
    "kernel objects": GREY,
    "engine": BLUE,
    "vmm": PURPLE,
    "guest kernel": VERMILLION,
    "guest userspace": ORANGE,
}
SPARE_COLOURS = (PURPLE, SKY, "#4D4D4D")

HATCHES: dict[Provenance, str] = {"measured": "", "recorded": "\\\\", "emulated": "xx", "simulated": "//"}
LINES: dict[Provenance, Any] = {
    "measured": "-",
    "recorded": (0, (8, 2, 1.5, 2)),
    "emulated": (0, (1.2, 1.2)),
    "simulated": (0, (5, 1.6)),
}
PROJECTED_LINE = (0, (2, 4))

_CJK_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP")
_RC_LOCK = threading.RLock()


def technology_colour(technology: str) -> str:
    """Return the colour of a technology; one that is not in the table gets a spare colour, always the same."""
    return TECHNOLOGY_COLOURS.get(technology) or _spare(technology)


def category_colour(category: str) -> str:
    """Return the colour of a memory category; an unknown one gets a spare colour, always the same."""
    return CATEGORY_COLOURS.get(category) or _spare(category)


def _spare(name: str) -> str:
    return SPARE_COLOURS[crc32(name.encode()) % len(SPARE_COLOURS)]


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with the house style and leave matplotlib as it was.

    matplotlib's settings are global, so a lock keeps two threads from drawing in each other's style. The reader's own
    matplotlibrc has no say: the same records give the same figure everywhere. ``$`` is an ordinary character, as names
    come from record files.
    """
    installed = set(fontManager.get_font_names())
    with _RC_LOCK, matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "font.family": ["DejaVu Sans", *(name for name in _CJK_FONTS if name in installed)],
                "font.size": TEXT_PT,
                "text.parse_math": False,
                "text.color": INK,
                "axes.edgecolor": INK,
                "axes.labelcolor": INK,
                "axes.titlesize": HEADING_PT,
                "axes.labelsize": TEXT_PT,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "xtick.color": INK,
                "ytick.color": INK,
                "xtick.labelsize": SMALL_PT,
                "ytick.labelsize": SMALL_PT,
                "hatch.linewidth": 0.8,
                "svg.hashsalt": "tare",
                "svg.fonttype": "path",
            }
        )
        yield
