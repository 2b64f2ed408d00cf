"""Every lecture notebook runs, live and recorded, asks before it tells, and can be read without seeing."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.py"))
TIME_LIMIT_S = 60
MOST_CODE_CELLS, MOST_LINES = 25, 16

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def with_solutions(notebook: NotebookNode) -> NotebookNode:
    """The notebook, with the code of its folded solutions as cells at the end: a solution that fails is no solution."""
    for cell in list(notebook.cells):
        if cell.cell_type == "markdown":
            for folded in re.findall(r"<details>(.*?)</details>", cell.source, re.DOTALL):
                for code in re.findall(r"```python\n(.*?)```", folded, re.DOTALL):
                    solution = nbformat.v4.new_code_cell(code)
                    solution.metadata["tags"] = ["solution"]
                    notebook.cells.append(solution)
    return notebook


class Images(HTMLParser):
    """The images of a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.found.append(dict(attrs))


@pytest.fixture
def private_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))


def execute(path: Path, folder: Path) -> tuple[list[NotebookNode], str]:
    """Run a notebook and its solutions in an empty folder; return the code cells and all that they printed."""
    notebook = with_solutions(jupytext.read(path))
    folder.mkdir()
    client = NotebookClient(
        notebook, timeout=TIME_LIMIT_S, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    assert not list(folder.iterdir()), "a notebook leaves no files where it runs"
    cells = code_cells(notebook)
    printed = "".join(out.text for cell in cells for out in cell.outputs if out.output_type == "stream")
    return cells, printed


def check_outputs(cells: list[NotebookNode]) -> None:
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text
            data = output.get("data", {})
            assert not [kind for kind in data if kind.startswith("image/")], "without alternative text: use show()"
            for image in Images(data.get("text/html", "")).found:
                assert re.search(r"\d", image["alt"] or ""), "alternative text states the numbers"


def check_figures(cells: list[NotebookNode]) -> None:
    """The four guesses, and the figures of the mission, are there in words."""
    pages = [output.get("data", {}).get("text/html", "") for cell in cells for output in cell.outputs]
    words = [image["alt"] or "" for page in pages for image in Images(page).found]
    assert sum(text.startswith("Guess against truth") for text in words) == 4
    for subject in ("launches ready over time", "memory per instance by category", "instances alive", "Stacked boxes"):
        assert [text for text in words if subject in text], subject


def test_is_kept_without_outputs_and_stays_small(path: Path) -> None:
    assert "image/png" not in path.read_text()
    cells = code_cells(jupytext.read(path))
    assert len(cells) <= MOST_CODE_CELLS
    for cell in cells:
        assert not cell.outputs
        assert cell.execution_count is None
        assert len(cell.source.splitlines()) <= MOST_LINES, cell.source


def test_names_its_kernel(path: Path) -> None:
    assert jupytext.read(path).metadata["kernelspec"]["name"] == "python3"


def test_asks_before_it_measures_and_compares_afterwards(path: Path) -> None:
    cells = code_cells(jupytext.read(path))
    measuring = [place for place, cell in enumerate(cells) if "measuring" in tags(cell)]
    assert measuring
    for place in measuring:
        assert "prediction" in tags(cells[place - 1])
        assert "check" in tags(cells[place + 1])
        guesses = re.findall(r"^(guess_\w+) =", cells[place - 1].source, re.MULTILINE)
        assert guesses
        for guess in guesses:
            assert guess in cells[place + 1].source, f"{guess} is never compared with the truth"


@pytest.mark.usefixtures("private_folders")
def test_runs_on_recorded_measurements(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARE_TIER", "recorded")
    monkeypatch.setenv("TARE_ROOT", "/nonexistent")  # whoever launches after all fails here
    cells, printed = execute(path, tmp_path / "work")
    check_outputs(cells)
    check_figures(cells)
    assert "tier: recorded on " in printed
    assert "seed 1" in printed
    assert "measured" not in printed


@pytest.mark.usefixtures("can_launch", "no_leaks", "private_folders")
def test_runs_live(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARE_TIER", "live")
    cells, printed = execute(path, tmp_path / "work")
    check_outputs(cells)
    check_figures(cells)
    assert "tier: live " in printed
    assert "measured" in printed
    assert "recorded" not in printed
