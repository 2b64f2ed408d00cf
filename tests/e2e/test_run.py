"""``tare run``, ``explain`` and ``doctor`` as a user types them: output, exit codes, errors with a hint."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import UNPRIVILEGED_ID, Command


def test_hello(tare: Command) -> None:
    done = tare("run", "tare/host", "echo", "hello")
    assert (done.stdout, done.stderr, done.returncode) == ("hello\n", "", 0)


def test_input_reaches_the_program(tare: Command) -> None:
    assert tare("run", "tare/host", "tr", "a-z", "A-Z", input="shout\n").stdout == "SHOUT\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "tare/host", "sh", "-c", "exit 42"], 42, ""),
        (["run", "tare/host", "nothing"], 127, "not found"),
        (["run", "tare/host", "/etc/passwd"], 126, "permission denied"),
        (["run", "nothing", "true"], 125, "no such image"),
        (["run", "No/Image", "true"], 125, "invalid reference"),
        (["run", "--memory", "-5m", "tare/host", "true"], 125, "not a positive number"),
        (["run", "--memory", "1k", "tare/host", "true"], 125, "at least"),
        (["run", "--cpus", "-1", "tare/host", "true"], 125, "at least 0.01"),
        (["run", "--pids-limit", "0", "tare/host", "true"], 125, "at least 1"),
        (["run", "--workdir", "relative", "tare/host", "true"], 125, "absolute"),
        (["run", "--bogus", "tare/host", "true"], 125, "No such option"),
        (["run"], 125, "Missing argument"),
        (["sim", "startup", "--technology", "vmm"], 1, "vmm"),
        (["sim", "startup", "--technology", "vm", "--concurrency", "0"], 1, "concurrency"),
        (["sim", "startup", "--technology", "vm", "--host", "memory=64m"], 1, "guest"),
        (["sim", "startup", "--technology", "vm", "--host", "colour=red"], 125, "colour"),
        (["compare", "--samples", "3"], 125, "30"),
        (["bench", "launch", "--drivers", "rkt"], 125, "rkt"),
        (["frobnicate"], 2, "No such command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_exit_codes_and_one_clear_error(tare: Command, arguments: list[str], code: int, said: str) -> None:
    done = tare(*arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    if done.stderr.startswith("tare: "):
        _, hint = done.stderr.splitlines()
        assert hint.startswith("hint: ")


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_passed_on_to_the_program(tare: Command, tmp_path: Path, sent: int, code: int) -> None:
    script = f"trap 'exit {code}' TERM INT; echo ready; while :; do sleep 0.1; done"
    command = [sys.executable, "-m", "runtime.cli.main", "run", "tare/host", "sh", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(sent)
        assert process.wait(timeout=10) == code


def test_a_second_interrupt_kills_a_program_that_ignores_the_first(tare: Command) -> None:
    command = [sys.executable, "-m", "runtime.cli.main", "run", "tare/host", "sh", "-c", "echo ready; exec sleep 60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 137


def test_explain_prints_every_operation_without_running_any(tare: Command, tmp_path: Path) -> None:
    done = tare("explain", "run", "tare/host", "touch", "/proof")
    assert done.returncode == 0
    for call in ("clone(CLONE_NEWPID", "pivot_root", "mount(", "unshare(CLONE_NEWNET)", 'execute({"touch", "/proof"}'):
        assert call in done.stdout
    assert " us" not in done.stdout


def test_explain_run_adds_the_time_of_each(tare: Command) -> None:
    done = tare("explain", "run", "--run", "--json", "tare/host", "echo", "ran")
    ran, _, document = done.stdout.partition("\n")
    assert ran == "ran"
    steps = json.loads(document)
    assert all(step["duration_ns"] >= 0 for step in steps)
    assert sum(step["call"].startswith("unshare") for step in steps) == 5


def test_explain_survives_a_reader_that_goes_away(tare: Command) -> None:
    command = f"{sys.executable} -m runtime.cli.main explain run tare/host true | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert "kernel operations" in done.stdout
    assert "Traceback" not in done.stderr


def test_doctor_says_what_works_and_what_to_type(tare: Command) -> None:
    done = tare("doctor", "--json")
    findings = {finding["facility"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 0
    assert findings["container"]["state"] == "yes"
    expected = {"user namespace", "mount namespace", "network namespace", "overlay", "seccomp", "QEMU", "KVM"}
    assert expected <= set(findings)
    assert all(f["hint"] for f in findings.values() if f["state"] != "yes")
    if os.geteuid() == 0:
        assert {f["state"] for name, f in findings.items() if name.startswith("cgroup ")} == {"yes"}


def test_rootless_hello(rootless_tare: Command) -> None:
    done = rootless_tare("run", "tare/host", "sh", "-c", "echo hello; id -u; cat /proc/self/uid_map")
    hello, uid, *uid_map = done.stdout.split()
    assert (hello, uid, uid_map) == ("hello", "0", ["0", str(UNPRIVILEGED_ID), "1"])
    assert (done.stderr, done.returncode) == ("", 0)


def test_rootless_has_devices_and_can_write_its_layer(rootless_tare: Command) -> None:
    done = rootless_tare("run", "tare/host", "sh", "-c", "echo gone >/dev/null && echo kept >/root/x && cat /root/x")
    assert done.stdout == "kept\n"


def test_rootless_limits_are_refused_with_a_way_out(rootless_tare: Command) -> None:
    done = rootless_tare("run", "--memory", "64m", "tare/host", "true")
    assert done.returncode == 125
    assert "control group" in done.stderr
    assert "hint: run as root" in done.stderr


def test_rootless_doctor(rootless_tare: Command) -> None:
    findings = {f["facility"]: f for f in json.loads(rootless_tare("doctor", "--json").stdout)}
    assert findings["container"]["state"] == "yes"
    assert all(f["hint"] for f in findings.values() if f["state"] != "yes")
