"""Documents speak of what exists: links lead somewhere, commands are commands, modules are modules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_in_code_font_exist(document: Path) -> None:
    for path in re.findall(r"`((?:runtime|sim|tests|data|docs|notebooks)/[\w./-]*)`", document.read_text()):
        assert (ROOT / path).exists(), path


def test_every_command_of_the_architecture_document_exists() -> None:
    from runtime.cli.main import COMMANDS

    named = set(re.findall(r"`tare (\w+)", (ROOT / "docs" / "ARCHITECTURE.md").read_text()))
    assert named <= set(COMMANDS)


def test_the_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "make compare" in readme
    assert "make test" in readme
