"""A guess beside the truth, and pictures whose words reach the page."""

from __future__ import annotations

import math
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.display import HTML

from sim.errors import ParameterError
from sim.report.guess import Guess, draw_guess
from sim.report.picture import Picture
from sim.report.show import figure_html, show
from sim.report.unitscale import BYTES, COUNTS, SECONDS

WIDE = (Guess("container", 500.0, 0.0049, "measured"), Guess("vm", 5.3, 5.14, "simulated"))


def picture() -> Picture:
    return draw_guess("guess", "How long?", SECONDS, WIDE)


@pytest.mark.parametrize(
    ("guess", "truth", "verdict"),
    [
        (10.0, 5.0, "2 times too high"),
        (5.0, 12.5, "2.5 times too low"),
        (5.2, 5.0, "right"),
        (1.0, 123456.0, "120,000 times too low"),
    ],
)
def test_the_verdict_is_a_factor(guess: float, truth: float, verdict: str) -> None:
    assert Guess("vm", guess, truth, "simulated").verdict() == verdict


@pytest.mark.parametrize("guess", [0, -3.0, math.inf, math.nan, "5 ms"])
def test_a_guess_that_is_no_positive_number_is_refused_with_a_hint(guess: float) -> None:
    with pytest.raises(ParameterError, match="guess about 'vm'") as caught:
        Guess("vm", guess, 5.0, "simulated")
    assert "greater than 0" in caught.value.hint


def test_without_a_guess_there_is_nothing_to_draw() -> None:
    with pytest.raises(ParameterError, match="no guess"):
        draw_guess("guess", "How long?", SECONDS, [])


def test_the_words_hold_every_number_and_where_it_is_from() -> None:
    alt = picture().alt
    for words in ("guessed 500 s", "measured 4.90 ms", "times too high", "simulated 5.14 s", "right"):
        assert words in alt


def test_the_drawing_shows_guess_and_truth_at_their_values() -> None:
    (axes,) = picture().figure.axes
    drawn = {float(line.get_xdata()[0]) for line in axes.lines if len(line.get_xdata()) == 1}  # type: ignore[index, arg-type]
    assert drawn == {value for guess in WIDE for value in (guess.guess, guess.truth)}


@settings(deadline=None)  # the first drawing looks for fonts
@given(st.lists(st.tuples(st.floats(1e-6, 1e9), st.floats(1e-6, 1e9)), min_size=1, max_size=4))
def test_every_label_stays_on_the_sheet(pairs: list[tuple[float, float]]) -> None:
    guesses = [Guess("container", guess, truth, "simulated") for guess, truth in pairs]
    figure = draw_guess("guess", "How long?", SECONDS, guesses).figure
    (axes,) = figure.axes
    for label in axes.texts:
        extent = label.get_window_extent()
        assert extent.x0 >= axes.get_window_extent().x0
        assert extent.x1 <= figure.bbox.x1


def test_counts_are_written_as_whole_things() -> None:
    assert [COUNTS.text(n) for n in (0, 7, 99, 32681)] == ["0", "7", "99", "32.7 thousand"]
    assert [COUNTS.tick_text(n) for n in (0, 100, 1000)] == ["0", "100", "1 thousand"]
    assert BYTES.text(5) == "5 B"


class First(HTMLParser):
    """The first image of a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.image: dict[str, str | None] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img" and not self.image:
            self.image = dict(attrs)


def test_the_words_survive_html_whatever_they_are() -> None:
    hostile = '"><script>alert(1)</script>&amp;'
    shown = Picture("name", "title", picture().figure, hostile)
    image = First(figure_html(shown)).image
    assert image["alt"] == hostile
    assert (image["src"] or "").startswith("data:image/svg+xml;base64,")


def test_show_displays_the_figure_as_html(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[HTML] = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    show(picture())
    assert [output.data for output in shown] == [figure_html(picture())]
