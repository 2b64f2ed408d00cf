"""Names and values of the boxes: inside where they fit, else in the gutter beside the stack with a leader line."""

from __future__ import annotations

from matplotlib.axes import Axes

from sim.report.series import shortened
from sim.report.sheet import Sheet
from sim.report.spread import spread
from sim.report.stacks import Layer
from sim.report.style import INK, SMALL_PT
from sim.report.unitscale import BYTES

LABEL_IN = 0.44


def fitting_text(sheet: Sheet, layer: Layer, width_in: float, height_in: float) -> str:
    """Return name and value on as few lines as fit the box; empty when none fits."""
    name, value = _name(layer), BYTES.text(layer.height_bytes)
    for text in (
        f"{name}  {value}",
        f"{name}\n{value}",
        f"{name}\n{value}".replace(" ", "\n", 1),
    ):
        wide_in, tall_in = sheet.text_size_in(text, SMALL_PT)
        if wide_in + 0.12 <= width_in and tall_in + 0.07 <= height_in:
            return text
    return ""


def _name(layer: Layer) -> str:
    return "hypervisor" if layer.category == "vmm" else shortened(layer.category)


def draw_gutter(axes: Axes, layers: list[Layer], edge_in: float, side: int, bytes_per_in: float) -> None:
    """Write the labels of thin layers beside the stack, each with a leader to its middle."""
    middles_in = [(layer.bottom_bytes + layer.height_bytes / 2) / bytes_per_in for layer in layers]
    low_in, high_in = (limit / bytes_per_in for limit in axes.get_ylim())
    places_in = spread(middles_in, [LABEL_IN] * len(layers), low_in, high_in)
    for layer, middle_in, place_in in zip(layers, middles_in, places_in, strict=True):
        text_in = edge_in + side * 0.3
        axes.plot(
            [edge_in, edge_in + side * 0.06, text_in - side * 0.04],
            [middle_in * bytes_per_in, middle_in * bytes_per_in, place_in * bytes_per_in],
            color=INK,
            linewidth=0.9,
        )
        axes.text(
            text_in,
            place_in * bytes_per_in,
            f"{_name(layer)}\n{BYTES.text(layer.height_bytes)}",
            ha="right" if side < 0 else "left",
            va="center",
            fontsize=SMALL_PT,
            linespacing=1.0,
        )
