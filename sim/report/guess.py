"""A guess against the truth: what a student expected, what was found, and how many times apart they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from sim.errors import ParameterError
from sim.record.document import Provenance
from sim.report.picture import Picture
from sim.report.sheet import FOOT_IN, MARGIN_IN, TITLE_IN, WIDTH_IN, Sheet
from sim.report.style import FAINT, GREY, HEADING_PT, INK, PAPER, TEXT_PT, drawing, technology_colour
from sim.report.unitscale import UnitScale
from sim.spec.ranges import require_number

CLOSE = 1.1
"""Up to this factor a guess counts as right."""

_ROW_IN = 1.15
_LEFT_IN = 1.6
_BELOW_IN = 0.5
_PLOT_WIDTH_IN = WIDTH_IN - _LEFT_IN - 4 * MARGIN_IN
_LEAST_DECADES = 2.0
_MOST_TICKS = 8


@dataclass(frozen=True, slots=True)
class Guess:
    """One guess and its truth, both in the same base unit (s, bytes or instances), greater than 0 and finite.

    Attributes
    ----------
    technology : str
        What was guessed about.
    guess, truth : float
        The number that was expected, and the one that was found.
    provenance : {"measured", "simulated", "recorded", "emulated"}
        Where the truth is from.

    Raises
    ------
    ParameterError
        A number outside its range.
    """

    technology: str
    guess: float
    truth: float
    provenance: Provenance

    def __post_init__(self) -> None:
        for name, value in (("guess", self.guess), ("truth", self.truth)):
            require_number(f"guess about '{self.technology}'", name, value, "in base units")

    def verdict(self) -> str:
        """Say how far the guess is from the truth, as a factor.

        Examples
        --------
        >>> Guess("vm", 30.0, 5.0, "simulated").verdict()
        '6 times too high'
        """
        factor = max(self.guess / self.truth, self.truth / self.guess)
        if factor <= CLOSE:
            return "right"
        times = f"{factor:.2g}" if factor < 10 else f"{float(f'{factor:.2g}'):,.0f}"
        return f"{times} times too {'high' if self.guess > self.truth else 'low'}"


def draw_guess(name: str, title: str, scale: UnitScale, guesses: Sequence[Guess]) -> Picture:
    """Draw guesses against truths, one row each, on one logarithmic axis: equal distances are equal factors.

    Parameters
    ----------
    name : str
        Name of the picture.
    title : str
        The question that was asked.
    scale : UnitScale
        Writes the numbers: SECONDS, BYTES or COUNTS.
    guesses : sequence of Guess
        At least one, the first on top.

    Returns
    -------
    Picture
        Its alternative text has every number and verdict.

    Raises
    ------
    ParameterError
        No guess.
    """
    if not guesses:
        raise ParameterError(f"draw guess '{name}': there is no guess", "give at least one Guess")
    with drawing():
        plot_in = _ROW_IN * len(guesses)
        sheet = Sheet(title, TITLE_IN + plot_in + _BELOW_IN + FOOT_IN)
        axes = sheet.axes(_LEFT_IN, FOOT_IN + _BELOW_IN, _PLOT_WIDTH_IN, plot_in)
        widest_in = max(sheet.text_size_in(text, TEXT_PT)[0] for g in guesses for text in _labels(scale, g))
        _frame(axes, scale, guesses, widest_in)
        for row, guess in enumerate(guesses):
            _draw_row(axes, scale, guess, row)
        sheet.note("Filled: the truth. Open: your guess. Logarithmic axis.", MARGIN_IN, FOOT_IN / 2)
    words = "; ".join(
        f"{g.technology}: guessed {scale.text(g.guess)}, {g.provenance} {scale.text(g.truth)}, {g.verdict()}"
        for g in guesses
    )
    return Picture(name, title, sheet.figure, f"Guess against truth, logarithmic axis. {words}.")


def _labels(scale: UnitScale, guess: Guess) -> tuple[str, str]:
    """What is written at the truth and at the guess."""
    return (
        f"{guess.provenance}: {scale.text(guess.truth)}",
        f"guess: {scale.text(guess.guess)}, {guess.verdict()}",
    )


def _frame(axes: Axes, scale: UnitScale, guesses: Sequence[Guess], widest_in: float) -> None:
    values = [math.log10(value) for g in guesses for value in (g.guess, g.truth)]
    decades = max(max(values) - min(values), _LEAST_DECADES)
    middle = (max(values) + min(values)) / 2
    # labels are centred on their marks: half of the widest must fit beside the outermost mark
    reach = decades / 2 / (1 - (widest_in + 2 * MARGIN_IN) / _PLOT_WIDTH_IN)
    low, high = 10 ** (middle - reach), 10 ** (middle + reach)
    ticks = scale.log_ticks(low, high)
    ticks = ticks[:: math.ceil(len(ticks) / _MOST_TICKS) or 1]
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(len(guesses) - 0.5, -0.5)
    axes.set_xticks(ticks, [scale.tick_text(tick) for tick in ticks])
    axes.set_yticks(range(len(guesses)), [g.technology for g in guesses], fontsize=HEADING_PT)
    axes.tick_params(axis="y", length=0)
    axes.minorticks_off()
    axes.grid(axis="x", color=FAINT, linewidth=0.8)


def _draw_row(axes: Axes, scale: UnitScale, guess: Guess, row: int) -> None:
    colour = technology_colour(guess.technology)
    axes.plot([guess.guess, guess.truth], [row, row], color=GREY, linewidth=2.5, zorder=2)
    axes.plot(guess.truth, row, "o", color=colour, markersize=15, zorder=4)
    axes.plot(
        guess.guess, row, "D", markersize=12, markerfacecolor=PAPER, markeredgecolor=INK, markeredgewidth=2, zorder=3
    )
    # the truth is written above its mark and the guess below its own, so that they never overlap
    of_truth, of_guess = _labels(scale, guess)
    for value, y, place, text in (
        (guess.truth, row - 0.2, "bottom", of_truth),
        (guess.guess, row + 0.2, "top", of_guess),
    ):
        label = axes.text(value, y, text, ha="center", va=place, fontsize=TEXT_PT, zorder=5)
        label.set_bbox({"facecolor": PAPER, "edgecolor": "none", "pad": 1})
