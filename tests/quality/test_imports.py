"""Imports go one way: docs/ARCHITECTURE.md draws the layers, this test keeps them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A module may import its own layer and those before it
RUNTIME = ["abi", "errors", "spec", "plan", "kernel", "launcher", "image", "network", "engine", "api", "bench", "cli"]
SIM = ["errors", "units", "seeds", "datafiles", "record", "spec", "model", "process", "experiment", "report"]


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Names of project modules that a file imports, wherever in the file, but not for type checking only."""
    return {name for name in all_imports(path) if name.split(".")[0] in ("runtime", "sim")}


def all_imports(path: Path) -> set[str]:
    """Dotted names that a file imports, wherever in the file, but not for type checking only."""
    names: set[str] = set()
    tree = ast.parse(path.read_text())
    checking = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in checking:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layer(name: str, order: list[str]) -> int:
    part = name.split(".")[1]
    assert part in order, f"{name} belongs to no layer"
    return order.index(part)


@pytest.mark.parametrize(("package", "order"), [("runtime", RUNTIME), ("sim", SIM)])
def test_imports_go_one_way(package: str, order: list[str]) -> None:
    wrong = []
    for path in modules(package):
        own = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if own == f"{package}.__init__":
            continue
        for name in imported(path):
            if name.split(".")[0] != package:
                allowed = own.startswith("runtime.cli.")
            else:
                allowed = layer(name, order) <= layer(own, order)
            if not allowed:
                wrong.append(f"{own} imports {name}")
    assert not wrong


def test_the_launch_path_uses_the_standard_library_alone() -> None:
    allowed = {"_signal", "_socket", "array", "marshal", "os", "select", "sys", "time", "ctypes", "errno", "fcntl"}
    allowed |= {"stat", "resource", "struct", "collections", "runtime", "__future__"}
    for path in (ROOT / "runtime/launcher/zygote.py", *(ROOT / "runtime/kernel").glob("*.py")):
        if path.name == "host.py":  # read by the engine before a launch, never by the zygote
            continue
        assert {name.split(".")[0] for name in all_imports(path)} <= allowed, path


def test_what_other_systems_need_imports_no_linux_facility() -> None:
    # on macOS there is no prctl(2) to look up, and `tare compare` must still draw the recorded measurements
    script = "import sys, runtime.cli.compare, runtime.cli.sim; print('runtime.kernel.libc' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "False\n", done.stderr


def test_only_the_kernel_layer_uses_ctypes() -> None:
    users = {
        str(path.relative_to(ROOT))
        for package in ("runtime", "sim")
        for path in modules(package)
        if "import ctypes" in path.read_text()
    }
    assert users == {"runtime/kernel/libc.py", "runtime/kernel/process.py"}


def test_only_the_process_layer_uses_simpy() -> None:
    users = {path.parent.name for path in modules("sim") if "import simpy" in path.read_text()}
    assert users == {"process"}
