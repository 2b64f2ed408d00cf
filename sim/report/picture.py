"""A finished figure with its words, saved so that it can be projected, printed and read aloud."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from matplotlib.figure import Figure

from sim.errors import RecordError
from sim.report.style import drawing

PNG_DPI = 160


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure, its title and its alternative text.

    Attributes
    ----------
    name : str
        File name without suffix: letters, digits and hyphens.
    title : str
        What the figure shows, in one line.
    figure : matplotlib.figure.Figure
        The drawing; not registered with pyplot.
    alt : str
        The figure in words, with its main numbers, for those who cannot see it.
    """

    name: str
    title: str
    figure: Figure = field(repr=False, compare=False)
    alt: str

    def svg(self) -> str:
        """Return the SVG text, the same for the same picture, with title and description for screen readers."""
        stream = io.BytesIO()
        with drawing():
            self.figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
        text = stream.getvalue().decode()
        head = f'<svg role="img" aria-label={quoteattr(self.alt)} '
        words = f"<title>{escape(self.title)}</title>\n <desc>{escape(self.alt)}</desc>"
        text = re.sub(r"<svg ", lambda _: head, text, count=1)
        return re.sub(r"(<svg [^>]*>)", lambda match: f"{match[1]}\n {words}", text, count=1)

    def svg_url(self) -> str:
        """Return the SVG as a data URL, for pages that hold all they show."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg().encode()).decode("ascii")

    def png(self) -> bytes:
        """Return the PNG bytes, at 160 dots per inch (2133 pixels wide)."""
        stream = io.BytesIO()
        with drawing():
            self.figure.savefig(stream, format="png", dpi=PNG_DPI, metadata={"Title": self.title, "Software": None})
        return stream.getvalue()

    def save(self, folder: Path) -> tuple[Path, Path]:
        """Write ``NAME.png`` and ``NAME.svg``.

        Parameters
        ----------
        folder : pathlib.Path
            Created when missing.

        Returns
        -------
        tuple of pathlib.Path
            The PNG and the SVG.

        Raises
        ------
        RecordError
            The folder cannot be made or written.
        """
        png, svg = folder / f"{self.name}.png", folder / f"{self.name}.svg"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            png.write_bytes(self.png())
            svg.write_text(self.svg(), encoding="utf-8")
        except OSError as error:
            raise RecordError(
                f"save picture '{folder / self.name}': {error.strerror}", "choose another folder with --out"
            ) from error
        return png, svg
