"""A figure measured in inches, so that text can be checked for fit before it is placed.

Figures are made without pyplot: no global list of figures, no display, any thread.
"""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim.record.document import Provenance
from sim.report.series import REALITY
from sim.report.style import GREY, HATCHES, INK, LINES, PAPER, PROJECTED_LINE, SMALL_PT, TITLE_PT

WIDTH_IN = 13.33
"""Width of a 16:9 slide; a font size on the figure is then the same font size on the slide."""
MARGIN_IN = 0.25
TITLE_IN = 0.65
FOOT_IN = 0.5


class Sheet:
    """A figure of slide width, with a title above and the key to the provenances below.

    Parameters
    ----------
    title : str
        The figure's message, in one line.
    height_in : float
        Height of the whole figure, inches.
    """

    def __init__(self, title: str, height_in: float) -> None:
        self.height_in = height_in
        self.figure = Figure(figsize=(WIDTH_IN, height_in), facecolor=PAPER)
        self._canvas = FigureCanvasAgg(self.figure)
        self.note(title, MARGIN_IN, height_in - 0.15, size_pt=TITLE_PT, weight="bold", vertical="top")

    def axes(self, left_in: float, bottom_in: float, width_in: float, height_in: float) -> Axes:
        """Add axes at a place given in inches from the lower left corner."""
        return self.figure.add_axes(
            (left_in / WIDTH_IN, bottom_in / self.height_in, width_in / WIDTH_IN, height_in / self.height_in)
        )

    def blank_axes(self, left_in: float, bottom_in: float, width_in: float, height_in: float) -> Axes:
        """Add axes without frame and ticks, whose x coordinates are inches."""
        axes = self.axes(left_in, bottom_in, width_in, height_in)
        axes.set_axis_off()
        axes.set_xlim(0, width_in)
        return axes

    def note(
        self,
        text: str,
        x_in: float,
        y_in: float,
        size_pt: float = SMALL_PT,
        weight: str = "normal",
        vertical: str = "center",
    ) -> None:
        """Write text at a place given in inches."""
        self.figure.text(x_in / WIDTH_IN, y_in / self.height_in, text, fontsize=size_pt, fontweight=weight, va=vertical)

    def text_size_in(self, text: str, size_pt: float) -> tuple[float, float]:
        """Return width and height of a text, inches."""
        probe = self.figure.text(0, 0, text, fontsize=size_pt)
        extent = probe.get_window_extent()
        probe.remove()
        return extent.width / self.figure.dpi, extent.height / self.figure.dpi

    def provenance_key(self, provenances: Iterable[Provenance], *, lines: bool, projected: bool = False) -> None:
        """Explain hatches or lines at the foot of the sheet.

        Parameters
        ----------
        provenances : iterable of {"measured", "simulated", "recorded", "emulated"}
            Those that occur in the figure.
        lines : bool
            Whether the figure draws curves (True) or bars (False).
        projected : bool
            Whether a part of a curve is an extrapolation.
        """
        present = set(provenances)
        handles: list[Line2D | Patch] = []
        for provenance in (p for p in REALITY if p in present):
            if lines:
                handles.append(Line2D([], [], color=INK, linestyle=LINES[provenance], linewidth=3, label=provenance))
            else:
                hatch = HATCHES[provenance]
                handles.append(Patch(facecolor=PAPER, edgecolor=INK, hatch=hatch, label=provenance))
        if projected:
            handles.append(
                Line2D(
                    [],
                    [],
                    color=GREY,
                    linestyle=PROJECTED_LINE,
                    marker="o",
                    markerfacecolor=PAPER,
                    label="projected from the slope",
                )
            )
        self.figure.legend(
            handles=handles,
            loc="lower right",
            bbox_to_anchor=(1 - 0.5 * MARGIN_IN / WIDTH_IN, 0.03 / self.height_in),
            ncols=len(handles),
            frameon=False,
            fontsize=SMALL_PT,
            handlelength=3.0,
            handleheight=1.2,
        )
