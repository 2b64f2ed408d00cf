from __future__ import annotations

import ast
import doctest
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sim

ROOT = Path(sim.__file__).parent
# from the bottom up: a package may import those below it and its own
LAYERS = ["errors", "units", "seeds", "datafiles", "record", "spec", "model", "process", "experiment"]

# the whole of the core; run in a new interpreter, since this one has imported everything already
CORE = """
import sys
import sim.experiment.density, sim.experiment.memory, sim.experiment.startup, sim.model.queueing
import sim.spec.technology_file
print(*sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names) - {'__main__'}))
"""


def test_the_core_needs_simpy_and_nothing_else() -> None:
    # it will run in a browser, where every other package is a download
    shown = subprocess.run([sys.executable, "-c", CORE], check=True, capture_output=True, text=True).stdout.split()
    assert [name for name in shown if not name.startswith(("_", "sitecustomize"))] == ["sim", "simpy"]


def imports() -> Iterator[tuple[str, str]]:
    """Pairs of a layer and a module that it imports."""
    for layer in LAYERS:
        for path in [ROOT / f"{layer}.py"] if (ROOT / f"{layer}.py").exists() else (ROOT / layer).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                yield from ((layer, name) for name in names)
                if isinstance(node, ast.ImportFrom) and node.module:
                    yield layer, node.module


def test_imports_go_one_way() -> None:
    own = [(layer, name.split(".")[1]) for layer, name in imports() if name.startswith("sim.")]
    assert ("experiment", "process") in own
    assert [(layer, below) for layer, below in own if LAYERS.index(below) > LAYERS.index(layer)] == []


def test_only_the_moving_parts_import_simpy() -> None:
    assert {layer for layer, name in imports() if name == "simpy"} == {"process"}


@pytest.mark.parametrize("module", ["units", "seeds", "model.queueing", "process.sharing"])
def test_examples_in_docstrings_are_true(module: str) -> None:
    results = doctest.testmod(importlib.import_module(f"sim.{module}"))
    assert results.attempted > 0
    assert results.failed == 0
