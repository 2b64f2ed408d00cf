"""The lecture's box diagram, containers beside virtual machines, drawn to scale.

The usual diagram gives a container three fifths of a virtual machine's height. Drawn true, it is a hair; so the lower
stack is drawn twice: to the common scale, and enlarged by a stated factor, which is exact.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import ConnectionPatch, Rectangle

from sim.errors import RecordError
from sim.record.document import Records
from sim.report.boxlabels import draw_gutter, fitting_text
from sim.report.picture import Picture
from sim.report.sheet import FOOT_IN, MARGIN_IN, WIDTH_IN, Sheet
from sim.report.stacks import Layer, Stack, both_stacks
from sim.report.style import (
    FAINT,
    GREY,
    HATCHES,
    HEADING_PT,
    INK,
    PAPER,
    SMALL_PT,
    TITLE_PT,
    category_colour,
    drawing,
    technology_colour,
)
from sim.report.unitscale import BYTES

HEIGHT_IN = 7.5
STACK_IN = 4.1
HEAD_IN = 1.3
BASE_IN = 0.5
BOX_IN = 1.3
APART_IN = 0.1
GUTTER_IN = 1.7
HAIR_IN = 0.06
"""A box lower than this has no outline, which would hide its colour."""
SIDES_APART_IN = 0.55
INSET_APART_IN = 0.85
PAIR_IN = 2 * BOX_IN + APART_IN


def draw_boxes(records: Records) -> Picture:
    """Draw a virtual machine's and a container's memory as stacked boxes whose heights are true to scale.

    Parameters
    ----------
    records : Records
        Any; only instances of the experiment "memory" are drawn, measured ones before simulated ones.

    Raises
    ------
    RecordError
        The records hold memory neither of a container nor of a virtual machine.
    """
    stacks = both_stacks(records)
    if not stacks:
        raise RecordError(
            "draw the box diagram: the records hold no memory of a container or a vm", "measure it with 'tare compare'"
        )
    title = "Containers and virtual machines: the boxes, drawn to scale"
    high, low = stacks[0], stacks[1] if len(stacks) == 2 else None
    factor = magnification(high.total_bytes, low.total_bytes) if low else 1
    bytes_per_in = high.total_bytes / STACK_IN
    with drawing():
        sheet = Sheet(title, HEIGHT_IN)
        axes = _panel(sheet, MARGIN_IN, WIDTH_IN - 2 * MARGIN_IN, bytes_per_in)
        left_in = GUTTER_IN
        _draw_base(axes, left_in, PAIR_IN * len(stacks) + SIDES_APART_IN * (len(stacks) - 1), bytes_per_in)
        _draw_stack(sheet, axes, high, left_in, bytes_per_in, gutter="left")
        right_in = left_in + PAIR_IN + SIDES_APART_IN
        if low is not None:
            _draw_stack(sheet, axes, low, right_in, bytes_per_in, gutter="right" if factor == 1 else None)
        if low is not None and factor > 1:
            _draw_ratio(axes, high, low, right_in, bytes_per_in)
            _draw_inset(sheet, axes, low, right_in, bytes_per_in, factor)
        _draw_scale_bar(axes, left_in + PAIR_IN + 0.2, bytes_per_in)
        sheet.note(_note(stacks), MARGIN_IN, FOOT_IN / 2 + 0.08)
        sheet.provenance_key((stack.provenance for stack in stacks), lines=False)
    return Picture("boxes", title, sheet.figure, _alt(stacks, factor))


def magnification(high_bytes: float, low_bytes: float) -> int:
    """Return the largest of 1, 2, 5, 10, 20, ... by which the lower stack may grow and still be the lower one."""
    steps = [mantissa * 10**power for power in range(7) for mantissa in (1, 2, 5)]
    return max((step for step in steps if step * low_bytes <= high_bytes), default=1)


def _panel(sheet: Sheet, left_in: float, width_in: float, bytes_per_in: float) -> Axes:
    """Make axes with x in inches and y in bytes; every panel has the same height in inches."""
    height_in = BASE_IN + STACK_IN + HEAD_IN
    axes = sheet.blank_axes(left_in, FOOT_IN + 0.35, width_in, height_in)
    axes.set_ylim(-BASE_IN * bytes_per_in, (STACK_IN + HEAD_IN) * bytes_per_in)
    return axes


def _draw_base(axes: Axes, left_in: float, width_in: float, bytes_per_in: float) -> None:
    height = BASE_IN * bytes_per_in
    base = Rectangle((left_in, -height), width_in, height, facecolor=FAINT, edgecolor=INK, linestyle=(0, (4, 3)))
    axes.add_patch(base)
    words = "host kernel and hardware" if width_in < 3 else "host kernel and hardware: one for all, not to scale"
    axes.text(left_in + width_in / 2, -height / 2, words, ha="center", va="center", fontsize=SMALL_PT)


def _draw_stack(
    sheet: Sheet, axes: Axes, stack: Stack, left_in: float, bytes_per_in: float, gutter: str | None
) -> None:
    """Draw the boxes of one side; name those too thin for text in the gutter, when there is one."""
    thin: list[Layer] = []
    for layer in stack.layers:
        width_in = PAIR_IN if layer.across else BOX_IN
        lefts_in = [left_in] if layer.across else [left_in, left_in + BOX_IN + APART_IN]
        text = fitting_text(sheet, layer, width_in, layer.height_bytes / bytes_per_in)
        for x_in in lefts_in:
            box = Rectangle(
                (x_in, layer.bottom_bytes),
                width_in,
                layer.height_bytes,
                facecolor=category_colour(layer.category),
                edgecolor=INK,
                linewidth=0.9 if layer.height_bytes > HAIR_IN * bytes_per_in else 0.0,
                hatch=HATCHES[stack.provenance],
                label=f"{stack.technology}/{layer.category} ({stack.provenance})",
            )
            axes.add_patch(box)
            if text and gutter:
                centre = (x_in + width_in / 2, layer.bottom_bytes + layer.height_bytes / 2)
                frame = {"facecolor": PAPER, "edgecolor": "none", "boxstyle": "round,pad=0.18"}
                axes.text(*centre, text, ha="center", va="center", fontsize=SMALL_PT, bbox=frame)
        if not text:
            thin.append(layer)
    if gutter and thin:
        edge_in = left_in if gutter == "left" else left_in + PAIR_IN
        draw_gutter(axes, thin, edge_in, -1 if gutter == "left" else 1, bytes_per_in)
    if gutter:
        _draw_heads(axes, stack, left_in, bytes_per_in)


def _draw_heads(axes: Axes, stack: Stack, left_in: float, bytes_per_in: float) -> None:
    """Write the side's title and the applications' names above the boxes."""
    top_bytes = stack.total_bytes
    for column, name in enumerate(("app A", "app B")):
        x_in = left_in + column * (BOX_IN + APART_IN) + BOX_IN / 2
        axes.text(x_in, top_bytes + 0.05 * bytes_per_in, name, ha="center", va="bottom", fontsize=SMALL_PT)
    axes.text(
        left_in + PAIR_IN / 2,
        top_bytes + 0.32 * bytes_per_in,
        f"{stack.technology}, {stack.provenance}\n{BYTES.text(stack.total_bytes)} each",
        ha="center",
        va="bottom",
        fontsize=HEADING_PT,
        fontweight="bold",
    )


def _draw_ratio(axes: Axes, high: Stack, low: Stack, left_in: float, bytes_per_in: float) -> None:
    """Say, in the empty space above the lower stack, what the eye sees there."""
    ratio = low.total_bytes / high.total_bytes
    axes.text(
        left_in + PAIR_IN / 2,
        low.total_bytes + 0.3 * bytes_per_in,
        f"{low.technology}, {low.provenance},\nto the same scale:\n{BYTES.text(low.total_bytes)} each,\n"
        f"{100 * ratio:.2g} % of the {high.technology}",
        ha="center",
        va="bottom",
        fontsize=HEADING_PT,
        fontweight="bold",
    )


def _draw_scale_bar(axes: Axes, x_in: float, bytes_per_in: float) -> None:
    """Draw a length of round bytes, upright."""
    length_bytes = BYTES.round_below(1.3 * bytes_per_in)
    axes.plot([x_in, x_in], [0, length_bytes], color=INK, linewidth=3, solid_capstyle="butt", label="scale bar")
    words = BYTES.tick_text(length_bytes)
    axes.text(x_in + 0.07, length_bytes / 2, words, rotation=90, va="center", ha="left", fontsize=SMALL_PT)


def _draw_inset(sheet: Sheet, main: Axes, stack: Stack, source_in: float, bytes_per_in: float, factor: int) -> None:
    """Draw a stack again, enlarged, with rays from where it comes."""
    left_in = MARGIN_IN + source_in + PAIR_IN + INSET_APART_IN
    inset = _panel(sheet, left_in, WIDTH_IN - left_in - 0.05, bytes_per_in / factor)
    _draw_base(inset, 0, PAIR_IN, bytes_per_in / factor)
    _draw_stack(sheet, inset, stack, 0, bytes_per_in / factor, gutter="right")
    _draw_scale_bar(inset, -0.32, bytes_per_in / factor)
    for y_bytes in (0, stack.total_bytes):
        ray = ConnectionPatch(
            (source_in + PAIR_IN, y_bytes),
            (0, y_bytes),
            "data",
            "data",
            axesA=main,
            axesB=inset,
            color=GREY,
            linewidth=1.3,
            zorder=0,
        )
        sheet.figure.add_artist(ray)
    inset.text(
        PAIR_IN / 2,
        stack.total_bytes + 0.84 * bytes_per_in / factor,
        f"enlarged {factor} times",
        ha="center",
        va="bottom",
        fontsize=TITLE_PT,
        fontweight="bold",
        color=technology_colour(stack.technology),
    )


def _alt(stacks: tuple[Stack, ...], factor: int) -> str:
    words = " ".join(_stack_words(stack) for stack in stacks)
    if len(stacks) == 1:
        extra = " The other side is not shown, for lack of memory figures."
    else:
        extra = f" The {stacks[1].technology} is shown again, enlarged {factor} times." if factor > 1 else ""
    return f"Stacked boxes, heights proportional to host memory per instance. {words}{extra}"


def _stack_words(stack: Stack) -> str:
    layers = ", ".join(f"{layer.category} {BYTES.text(layer.height_bytes)}" for layer in stack.layers)
    return f"{stack.technology} ({stack.provenance}) {BYTES.text(stack.total_bytes)}: {layers}."


def _note(stacks: tuple[Stack, ...]) -> str:
    sides = "; ".join(f"{s.technology}: {s.provenance}, {s.driver}, mean of {s.samples}" for s in stacks)
    return (
        f"Heights: host memory per app. A box across both apps serves both; its height is the share of one.\n{sides}."
    )
