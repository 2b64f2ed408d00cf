"""Files that last: deterministic figures, and one HTML page that asks nobody for anything."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest

from sim.errors import RecordError
from sim.record.document import Records
from sim.report.html import render_report, write_report
from sim.report.picture import Picture
from sim.report.pictures import draw_all
from sim.report.style import (
    CATEGORY_COLOURS,
    HATCHES,
    LINES,
    TECHNOLOGY_COLOURS,
    category_colour,
    technology_colour,
)

SVG = "{http://www.w3.org/2000/svg}"
SOURCES = [
    ("vm", "guest kernel", "0.95 s", "row P014", False),
    ("vm", "services", "1.75 s", "chosen, no source", True),
]
HOSTILE = "<script>alert('$x_1$')</script>&\""
VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """Elements of a page; checks on the way that tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def named(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.elements if name == tag)


@pytest.fixture(scope="module")
def pictures(records: Records) -> tuple[Picture, ...]:
    return draw_all(records)


@pytest.fixture(scope="module")
def html(records: Records, pictures: tuple[Picture, ...]) -> str:
    return render_report(records, pictures, SOURCES)


def test_the_box_diagram_comes_first(pictures: tuple[Picture, ...]):
    assert [p.name for p in pictures] == ["boxes", "startup-ecdf", "startup-stages", "memory", "density"]


def test_what_lacks_data_is_left_out(records: Records):
    names = [p.name for p in draw_all(replace(records, instances=()))]
    assert names == ["density"]


def test_nothing_at_all_is_an_error_with_a_hint(records: Records):
    with pytest.raises(RecordError, match="neither launches, nor memory, nor a density") as caught:
        draw_all(replace(records, instances=(), densities=()))
    assert "tare compare" in caught.value.hint


def test_the_same_records_give_the_same_svg(records: Records, pictures: tuple[Picture, ...]):
    for picture, again in zip(pictures, draw_all(records), strict=True):
        assert picture.svg() == again.svg()
        assert picture.png() == again.png()


def test_svg_speaks_to_those_who_cannot_see_it(pictures: tuple[Picture, ...]):
    for picture in pictures:
        root = ElementTree.fromstring(picture.svg())
        assert root.get("role") == "img"
        assert root.get("aria-label") == picture.alt
        assert root.findtext(f"{SVG}title") == picture.title
        assert root.findtext(f"{SVG}desc") == picture.alt
        assert "<dc:date>" not in picture.svg()


def test_pictures_are_saved_as_png_and_svg(pictures: tuple[Picture, ...], tmp_path: Path):
    png, svg = pictures[0].save(tmp_path / "new")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert int.from_bytes(png.read_bytes()[16:20]) >= 2000
    assert svg.read_text() == pictures[0].svg()


def test_a_folder_that_cannot_be_written_is_an_error(pictures: tuple[Picture, ...], tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="save picture"):
        pictures[0].save(tmp_path / "file")


def test_drawing_leaves_matplotlib_as_it_was(records: Records):
    before = dict(matplotlib.rcParams)
    draw_all(records)[0].svg()
    assert dict(matplotlib.rcParams) == before


def test_drawing_in_threads_gives_the_same_figures(records: Records, pictures: tuple[Picture, ...]):
    with ThreadPoolExecutor(2) as pool:
        drawn = list(pool.map(lambda _: draw_all(records)[1].svg(), range(2)))
    assert drawn == [pictures[1].svg()] * 2


def test_provenances_differ_in_hatch_and_in_line():
    assert len(set(HATCHES.values())) == len(set(map(str, LINES.values()))) == 4


def test_colours_differ_and_unknown_names_keep_theirs():
    assert len(set(TECHNOLOGY_COLOURS.values())) == len(TECHNOLOGY_COLOURS)
    assert len(set(CATEGORY_COLOURS.values())) == len(CATEGORY_COLOURS)
    assert technology_colour("unikernel") == technology_colour("unikernel")
    assert category_colour("balloon") not in (None, "")


def test_the_page_asks_nobody_for_anything(html: str):
    page = Page(html)
    for _, attributes in page.elements:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert "@import" not in html
    assert "url(" not in html
    assert not list(page.named("script"))
    policies = [m["content"] for m in page.named("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policies
    assert "default-src 'none'" in str(policies[0])


def test_embedded_figures_fetch_nothing_either(html: str):
    for encoded in re.findall(r"base64,([A-Za-z0-9+/=]+)", html):
        root = ElementTree.fromstring(base64.b64decode(encoded))
        for element in root.iter():
            for name, value in element.attrib.items():
                assert not (name.endswith("href") and not value.startswith("#"))


def test_every_figure_has_its_alternative_text(html: str, pictures: tuple[Picture, ...]):
    page = Page(html)
    assert [image["alt"] for image in page.named("img")] == [p.alt for p in pictures]
    assert next(page.named("html"))["lang"] == "en"


def test_the_page_holds_table_machine_seed_command_and_sources(html: str):
    for words in ("4.47 s", "Example CPU @ 2.50GHz", "4.00 GiB", "tare compare --samples 40", "row P014", "assumption"):
        assert words in html
    assert "KVM is not used: virtual machines are simulated" in html
    assert re.search(r"<dt>seed</dt><dd>7</dd>", html)


def test_every_row_says_where_its_figures_come_from(html: str):
    rows = [a["class"] for a in Page(html).named("tr") if "class" in a]
    assert rows == ["measured", "measured", "simulated", "simulated"]
    assert "microvm, vm: computed by a model" in html


def test_light_dark_and_print(html: str):
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_recorded_figures_carry_a_banner(records: Records, html: str):
    recorded = records.relabelled("recorded")
    assert "not on the one that made this report" in render_report(recorded, ())
    assert "not on the one that made this report" not in html


def test_a_hostile_name_is_only_text(records: Records):
    def rename(items):
        return tuple(replace(i, technology=HOSTILE if i.technology == "vm" else i.technology) for i in items)

    hostile = replace(
        records, instances=rename(records.instances), densities=rename(records.densities), notes=(HOSTILE,)
    )
    drawn = draw_all(hostile)
    html = render_report(hostile, drawn, [(HOSTILE, HOSTILE, HOSTILE, HOSTILE, False)])
    assert not list(Page(html).named("script"))
    assert HOSTILE in drawn[1].alt
    for picture in drawn:
        ElementTree.fromstring(picture.svg())


def test_a_report_is_written_whole(records: Records, pictures: tuple[Picture, ...], html: str, tmp_path: Path):
    write_report(records, pictures, tmp_path / "report.html", SOURCES)
    assert (tmp_path / "report.html").read_text() == html
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_report_that_cannot_be_written_is_an_error(records: Records, tmp_path: Path):
    with pytest.raises(RecordError, match="write report"):
        write_report(records, (), tmp_path / "absent" / "report.html")
