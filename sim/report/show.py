"""A picture in a notebook, with its alternative text, which must reach the HTML that is made of the notebook."""

from __future__ import annotations

from html import escape

from sim.report.picture import Picture


def figure_html(picture: Picture) -> str:
    """Return an HTML figure that holds the picture and its alternative text.

    Parameters
    ----------
    picture : Picture
        Any.

    Returns
    -------
    str
        One ``<figure>`` element, self-contained. A notebook's own image output has no place for the text.
    """
    return f'<figure><img alt="{escape(picture.alt)}" style="max-width: 100%" src="{picture.svg_url()}"></figure>'


def show(picture: Picture) -> None:
    """Show a picture below the notebook cell that is running.

    Parameters
    ----------
    picture : Picture
        Any.
    """
    from IPython.display import HTML, display  # notebooks have it; nothing else needs it

    display(HTML(figure_html(picture)))  # type: ignore[no-untyped-call]
