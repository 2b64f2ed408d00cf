"""Real containers, looked at from inside and from outside; every test also proves that it left nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.engine.configure import configure
from runtime.engine.session import Session
from runtime.errors import CommandError, EngineError, KernelError
from runtime.image.host import HOST_IMAGE
from runtime.launcher.client import Exit
from runtime.plan.container import Plan
from runtime.plan.operation import Operation
from runtime.spec.config import Resources

Run = Callable[..., tuple[Exit, str]]


@pytest.fixture
def run(session: Session) -> Run:
    """Run a shell script in a container; return how it ended and what it wrote."""

    def run_script(script: str, **options: object) -> tuple[Exit, str]:
        image = session.find(HOST_IMAGE)
        plan = session.plan(image, configure(image.config, ["sh", "-c", script], **options))  # type: ignore[arg-type]
        return run_plan(session, plan)

    return run_script


def run_plan(session: Session, plan: Plan) -> tuple[Exit, str]:
    reading, writing = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    try:
        launch = session.launch(plan, (null, writing, writing))
    finally:
        os.close(writing)
        os.close(null)
    with os.fdopen(reading) as output:
        text = output.read()
    return launch.wait(), text


def plan_of(session: Session, *command: str) -> Plan:
    image = session.find(HOST_IMAGE)
    return session.plan(image, configure(image.config, command))


def test_the_process_is_first_in_its_own_world(run: Run) -> None:
    _, text = run("echo $$; hostname; ls -d /proc/[0-9]* | wc -l", hostname="box")
    pid, hostname, processes = text.split()
    assert (pid, hostname) == ("1", "box")
    assert int(processes) <= 3  # the shell, ls, wc: none of the host's


@pytest.mark.parametrize("namespace", ["mnt", "pid", "uts", "ipc", "net", "cgroup"])
def test_each_namespace_is_another_than_the_hosts(run: Run, namespace: str) -> None:
    _, inside = run(f"readlink /proc/self/ns/{namespace}")
    assert inside.strip() != os.readlink(f"/proc/self/ns/{namespace}")
    assert inside.startswith(f"{namespace}:[")


def test_the_kernel_is_shared(run: Run) -> None:
    assert run("uname -r")[1].strip() == os.uname().release


def test_the_root_is_the_image_and_no_way_leads_to_the_host(run: Run) -> None:
    _, text = run("ls /; ls /../..; cat /proc/self/mountinfo")
    names = text.split()
    assert "work" not in names
    assert str(Path(__file__).parent) not in text
    mounts = [line.split() for line in text.splitlines() if " - " in line]
    assert {line[4] for line in mounts if line[line.index("-") + 1] in ("ext4", "cgroup", "cgroup2")} == set()


def test_the_network_is_an_own_loopback_that_is_up(run: Run) -> None:
    _, text = run("ls /sys/class/net; cat /sys/class/net/lo/flags")
    device, flags = text.split()
    assert device == "lo"
    assert int(flags, 16) & 1  # IFF_UP


def test_devices_work_and_are_only_the_default_ones(run: Run) -> None:
    script = "echo x >/dev/null; head -c 4 /dev/zero | od -An -tx1; head -c 1 /dev/urandom | wc -c; echo $(ls /dev)"
    _, text = run(script)
    zeros, one, names = text.strip().splitlines()
    assert (zeros.split(), one.strip()) == (["00"] * 4, "1")
    assert set(names.split()) == {
        "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom",
        "zero",
    }  # fmt: skip


def test_privileges_are_dockers_default_and_cannot_grow(run: Run) -> None:
    _, text = run("grep -E '^(Cap|NoNewPrivs)' /proc/self/status")
    status = dict(line.split(":\t") for line in text.splitlines())
    assert status["CapEff"] == status["CapPrm"] == status["CapBnd"] == "00000000a80425fb"
    assert (status["CapInh"], status["CapAmb"], status["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")


def test_what_belongs_to_the_host_is_hidden_or_read_only(run: Run) -> None:
    _, text = run(
        "wc -c </proc/timer_list; ls /sys/firmware | wc -l;"
        "(echo 1 >/proc/sys/kernel/panic) 2>/dev/null || echo refused; touch /sys/x 2>/dev/null || echo refused"
    )
    assert text.split() == ["0", "0", "refused", "refused"]


def test_no_descriptor_of_the_launcher_is_inherited(run: Run) -> None:
    _, text = run("ls /proc/$$/fd; true")
    assert text.split() == ["0", "1", "2"]


def test_signals_are_as_a_program_expects(run: Run) -> None:
    # Python ignores SIGPIPE; `yes` must die of it instead of going on for ever
    _, text = run("grep -E '^Sig(Ign|Blk)' /proc/$$/status")
    assert all(int(line.split()[1], 16) & (1 << 12) == 0 for line in text.splitlines())


def test_the_writable_layer_is_its_own_and_goes_with_the_container(run: Run) -> None:
    assert run("mkdir -p /new/deep && echo mine >/new/deep/file && cat /new/deep/file && rm /etc/passwd")[1] == "mine\n"
    assert run("test -e /new || cat /etc/passwd | head -1")[1].startswith("root:")


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 0), ("sh -c 'kill -9 $$'; exit $?", 137), ("exit 300", 44)],
)
def test_the_exit_status_is_the_programs(run: Run, script: str, status: int) -> None:
    # the first process of a PID namespace cannot be killed from inside, not even by itself
    assert run(script)[0].status == status


def test_environment_directory_and_user_are_as_asked(run: Run, root_user: None) -> None:
    script = "echo $A $HOME; pwd; id -u; id -g; touch /x || echo refused"
    _, text = run(script, env=["A=b c"], workdir="/tmp", user="12:34")
    assert text.splitlines()[:4] == ["b c /root", "/tmp", "12", "34"]
    assert "refused" in text


def test_limits_hold(run: Run, root_user: None) -> None:
    limits = Resources(memory_limit_bytes=16 << 20, cpus=0.5, pids_limit=8)
    # tail keeps what it reads until the end of the line, which never comes
    exited, _ = run("tail -n 1 </dev/zero", resources=limits)
    assert exited.status == 128 + signal.SIGKILL
    exited, text = run("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1 & done; wait", resources=limits)
    assert "fork" in text.lower() or exited.status != 0


def test_processor_time_is_limited(run: Run, root_user: None, session: Session) -> None:
    script = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; cat /proc/uptime >/dev/null"
    started = time.monotonic()
    run(script)
    free_s = time.monotonic() - started
    started = time.monotonic()
    run(script, resources=Resources(cpus=0.1))
    # a tenth of a processor takes ten times as long; three is far outside of noise
    assert time.monotonic() - started > 3 * free_s


def test_a_missing_program_and_one_that_cannot_be_executed_differ(session: Session) -> None:
    for command, code in (("nothing", 127), ("/no/such", 127), ("/etc/passwd", 126), ("/etc", 126)):
        with pytest.raises(CommandError) as caught:
            run_plan(session, plan_of(session, command))
        assert caught.value.exit_code == code


def test_an_operation_that_fails_is_named_and_undone(session: Session) -> None:
    plan = plan_of(session, "true")
    broken = Operation("proc", "mount", ("proc", "/absent", "proc", 0, None), "mount a proc where there is no place")
    place = next(i for i, o in enumerate(plan.inside) if o.stage == "proc")
    with pytest.raises(KernelError, match=r"mount a proc where there is no place.*no such file") as caught:
        run_plan(session, replace(plan, inside=(*plan.inside[:place], broken, *plan.inside[place + 1 :])))
    assert caught.value.hint
    with pytest.raises(KernelError, match="make the container's own folder"):
        run_plan(session, replace(plan, prepare=(*plan.prepare, *plan.prepare[-4:])))


def test_what_cannot_be_cleaned_up_is_said(session: Session) -> None:
    plan = plan_of(session, "true")
    stuck = Operation("clean-up", "rmdir", ("/proc",), "remove what cannot be removed")
    exited, _ = run_plan(session, replace(plan, cleanup=(stuck, *plan.cleanup)))
    assert exited.status == 0
    assert exited.problems == ('rmdir("/proc"): device or resource busy',)


def test_many_at_once_each_with_its_own_result(session: Session) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    launches = [session.launch(plan_of(session, "sh", "-c", f"exit {i}"), (null,) * 3) for i in range(40)]
    os.close(null)
    assert [launch.wait().status for launch in launches] == list(range(40))


def test_killing_one_leaves_the_others(session: Session) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    one, other = (session.launch(plan_of(session, "sleep", "60"), (null,) * 3) for _ in range(2))
    os.close(null)
    one.wait_started()
    one.kill(signal.SIGKILL)
    assert one.wait().status == 137
    assert Path(f"/proc/{other.wait_started()}").exists()
    one.kill(signal.SIGKILL)  # it is gone: no error


def test_timing_covers_every_operation_in_order(session: Session) -> None:
    plan = plan_of(session, "true")
    exited, _ = run_plan(session, plan)
    timing = exited.timing
    assert len(timing.started) == 1 + len(plan.prepare) + 1 + len(plan.inside)
    assert len(timing.exited) == 1 + len(plan.cleanup)
    instants = (timing.requested_ns, *timing.started, *timing.exited, timing.reported_ns)
    assert list(instants) == sorted(instants)


def test_a_request_that_is_too_large_is_an_error(session: Session) -> None:
    with pytest.raises(EngineError, match="arguments and environment take"):
        run_plan(session, plan_of(session, "echo", "x" * 300_000))


def test_a_dead_zygote_is_an_error_and_its_containers_die(session: Session) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    launch = session.launch(plan_of(session, "sleep", "60"), (null,) * 3)
    os.close(null)
    pid = launch.wait_started()
    os.kill(session.zygote_pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="ended unexpectedly"):
        launch.wait()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists()


ENGINE = """
import os, sys, time
from runtime.engine.configure import configure
from runtime.engine.session import Session, default_root
from runtime.image.host import HOST_IMAGE
with Session(default_root()) as session:
    image = session.find(HOST_IMAGE)
    null = os.open(os.devnull, os.O_RDWR)
    for _ in range(3):
        session.launch(session.plan(image, configure(image.config, ["sleep", "60"])), (null,) * 3).wait_started()
    print("up", session.zygote_pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("victims", ["engine", "engine and zygote"])
def test_kill_9_leaves_nothing_once_the_next_session_was_opened(
    can_launch: None, no_leaks: None, tare_root: Path, victims: str
) -> None:
    engine = subprocess.Popen([sys.executable, "-c", ENGINE], stdout=subprocess.PIPE, text=True)
    assert engine.stdout is not None
    zygote = int(engine.stdout.readline().split()[1])
    if victims == "engine and zygote":
        os.kill(zygote, signal.SIGKILL)
    engine.kill()
    engine.wait()
    engine.stdout.close()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{zygote}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    Session(tare_root).close()
