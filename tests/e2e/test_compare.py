"""``tare compare``: the report folder, live, recorded and rootless; nothing left after Ctrl-C at any moment."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim.record.document import Records
from sim.record.file import load_records
from tests.e2e.conftest import Command

FILES = {"records.json", "report.html"} | {
    f"{name}.{kind}"
    for name in ("boxes", "startup-ecdf", "startup-stages", "memory", "density")
    for kind in ("png", "svg")
}


def check(folder: Path, provenance: str) -> Records:
    """A report folder is whole, and its real figures have this provenance."""
    assert {path.name for path in folder.iterdir()} == FILES
    records = load_records(folder / "records.json")
    seen = {(i.technology, i.provenance) for i in records.instances}
    assert seen == {
        ("process", provenance), ("container", provenance), ("microvm", "simulated"), ("vm", "simulated"),
    }  # fmt: skip
    assert {d.technology for d in records.densities} == {"process", "container", "microvm", "vm"}
    for technology in ("process", "container", "microvm", "vm"):
        samples = [i for i in records.select("startup") if i.technology == technology]
        assert len(samples) >= 30
        for instance in samples:
            total_s = sum(stage.duration_s for stage in instance.stages)
            assert total_s == pytest.approx(instance.duration_s, rel=0.5)
        assert any(i.technology == technology and i.memory_bytes for i in records.select("memory"))
    html = (folder / "report.html").read_text()
    assert provenance in html
    assert "simulated" in html
    assert 'src="http' not in html
    return records


def test_live(tare: Command, tmp_path: Path) -> None:
    done = tare("compare", "--samples", "30", "--out", "report")
    assert done.returncode == 0, done.stderr
    records = check(tmp_path / "report", "measured")
    assert str(tmp_path / "report" / "report.html") in done.stdout.replace("\n", "")
    assert "measured" in done.stdout
    assert records.seed == 1
    assert records.machine.memory_bytes > 0


def test_the_default_folder_is_below_results(tare: Command, tmp_path: Path) -> None:
    assert tare("compare", "--samples", "30").returncode == 0
    (folder,) = (tmp_path / "results").iterdir()
    assert folder.name.startswith("compare-")


def test_recorded(tare: Command, tmp_path: Path) -> None:
    done = tare("compare", "--recorded", "--samples", "30", "--out", "report")
    assert done.returncode == 0, done.stderr
    check(tmp_path / "report", "recorded")
    assert "recorded" in done.stdout
    assert "measured  " not in done.stdout
    assert "recorded" in (tmp_path / "report" / "startup-ecdf.svg").read_text()


def test_a_machine_that_cannot_launch_falls_back_to_the_recorded_measurements(no_leaks: None, tmp_path: Path) -> None:
    # a user namespace in which the kernel refuses to make process namespaces, as some systems do for everybody
    tare = f"{sys.executable} -m runtime.cli.main"
    script = f"echo 0 >/proc/sys/user/max_pid_namespaces && exec {tare} compare --samples 30 --out report"
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    if done.returncode == 1 and "unshare" in done.stderr:
        pytest.skip(f"cannot make a user namespace: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert "recorded measurements are used instead" in " ".join(done.stderr.split())
    check(tmp_path / "report", "recorded")


def test_a_system_without_namespaces_uses_the_recorded_measurements(tmp_path: Path) -> None:
    script = (
        "import sys, runtime.cli.compare, xml.sax.saxutils; sys.platform = 'darwin'\n"
        "from runtime.cli.main import main; main(['compare', '--samples', '30', '--out', 'report'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "darwin has no Linux namespaces" in " ".join(done.stderr.split())
    check(tmp_path / "report", "recorded")


def test_the_same_seed_simulates_the_same(tare: Command) -> None:
    runs = [
        json.loads(tare("sim", "startup", "--technology", "vm", "--concurrency", "20", "--seed", seed, "--json").stdout)
        for seed in ("7", "7", "8")
    ]
    first, second, other = (run["instances"] for run in runs)
    assert len(first) == 20
    assert [stage["name"] for stage in first[0]["stages"]] == [
        "vmm", "firmware", "boot loader", "kernel", "initramfs", "init", "services",
    ]  # fmt: skip
    assert first == second != other


@pytest.mark.parametrize("content", ['{"schema": "tare-records/9"}', "[]", "{", '{"schema": "tare-records/1"}'])
def test_a_record_file_of_another_schema_is_refused(tmp_path: Path, content: str) -> None:
    from sim.errors import RecordError

    (tmp_path / "records.json").write_text(content)
    with pytest.raises(RecordError, match=r"records\.json") as caught:
        load_records(tmp_path / "records.json")
    assert caught.value.hint


def test_an_existing_folder_is_not_touched(tare: Command, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    done = tare("compare", "--out", "report")
    assert done.returncode == 125
    assert "exists already" in done.stderr
    assert not list((tmp_path / "report").iterdir())


@pytest.mark.parametrize("after_s", [0.4, 0.9, 1.4, 1.9, 2.6])
def test_ctrl_c_leaves_nothing(tare: Command, tmp_path: Path, after_s: float) -> None:
    command = [sys.executable, "-m", "runtime.cli.main", "compare", "--out", "report"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode in (130, -signal.SIGINT, 0)
    if process.returncode != 0:  # else it was faster than the interrupt
        assert "Traceback" not in said
        assert not list(tmp_path.iterdir())


def test_rootless(rootless_tare: Command, rootless_home: Path) -> None:
    done = rootless_tare("compare", "--samples", "30", "--out", "report")
    assert done.returncode == 0, done.stderr
    records = check(rootless_home / "report", "measured")
    assert records.machine.privilege == "rootless"
    assert any("user namespace" in note for note in records.notes)
