"""What a hostile container, a careless caller or a crowd of commands must not achieve."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runtime.engine.configure import configure
from runtime.engine.session import Session
from runtime.errors import EngineError, SpecError
from runtime.image.host import HOST_IMAGE
from runtime.kernel.files import remove_tree
from runtime.plan.container import plan_process
from runtime.spec.config import Process
from tests.runtime.kernel.test_container import Run, plan_of, run, run_plan  # noqa: F401  a fixture

TARE = [sys.executable, "-m", "runtime.cli.main"]


def test_the_hosts_disks_cannot_be_opened_through_a_node_of_ones_own(run: Run, root_user: None) -> None:  # noqa: F811
    _, text = run(
        "mknod /disk b 7 0 && echo made; cat /disk 2>&1 | head -c 300; mknod /n c 1 3 && echo x >/n && echo ok"
    )
    assert "made" in text
    assert "not permitted" in text.lower()
    assert text.endswith("ok\n")


def test_the_launchers_program_cannot_be_changed_through_proc(session: Session, root_user: None) -> None:
    descriptor = os.open(f"/proc/{session.zygote_pid}/exe", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="Read-only") as caught:
            os.fchmod(descriptor, 0o755)
        assert caught.value.errno == errno.EROFS
    finally:
        os.close(descriptor)


def test_other_users_cannot_reach_what_containers_write(session: Session, tare_root: Path) -> None:
    assert stat.S_IMODE((tare_root / "sessions").stat().st_mode) == 0o700


@pytest.mark.parametrize("user", ["4294967295", "0:4294967295", "²", "-1", "1:", ""])
def test_an_id_that_means_unchanged_or_nothing_is_refused(session: Session, user: str) -> None:
    image = session.find(HOST_IMAGE)
    if user == "1:":
        assert configure(image.config, ["true"], user=user).process.user.gid == 0
        return
    with pytest.raises(SpecError, match="run as user"):
        configure(image.config, ["true"], user=user)


def test_a_tree_deeper_than_any_stack_is_removed(run: Run) -> None:  # noqa: F811
    exited, _ = run("i=0; while [ $i -lt 1500 ]; do mkdir a && cd a || exit 1; i=$((i+1)); done; touch leaf")
    assert (exited.status, exited.problems) == (0, ())


@pytest.mark.parametrize("mode", [0o000, 0o500, 0o100])
def test_a_folder_that_its_owner_made_unreadable_is_removed(tmp_path: Path, mode: int) -> None:
    below = tmp_path / "tree" / "one" / "two"
    below.mkdir(parents=True)
    (below / "file").write_text("x")
    (tmp_path / "tree" / "one" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "kept").mkdir()
    below.chmod(mode)
    below.parent.chmod(mode)
    remove_tree(str(tmp_path / "tree"))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_replies_that_nobody_reads_do_not_block_requests(session: Session) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    true = Process(("/bin/true",))
    launches = [session.launch(plan_process(f"p{i}", true), (null,) * 3) for i in range(400)]
    os.close(null)
    assert {launch.wait().status for launch in launches} == {0}


def test_an_engine_that_leaves_with_replies_unread_leaves_nothing_else(session: Session) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for _ in range(5):
        session.launch(plan_of(session, "sleep", "60"), (null,) * 3)
    os.close(null)
    time.sleep(0.3)  # until replies lie in the socket; the fixtures close the session and look


def test_a_program_that_gave_up_dying_with_its_launcher_is_ended(session: Session) -> None:
    script = "import ctypes, time; ctypes.CDLL(None).prctl(1, 0); print(1, flush=True); time.sleep(60)"
    plan = plan_process("p", Process((sys.executable, "-c", script)))
    reading, writing = os.pipe()
    launch = session.launch(plan, (reading, writing, writing))
    pid = launch.wait_started()
    os.close(writing)
    os.read(reading, 2)
    os.close(reading)
    os.kill(session.zygote_pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="ended unexpectedly"):
        launch.wait()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists()


def test_a_tight_mask_does_not_lock_the_containers_users_out(can_launch: None, no_leaks: None, root_user: None) -> None:
    command = [*TARE, "run", "--user", "1000", "tare/host", "ls", "/"]
    assert "usr" in subprocess.run(command, capture_output=True, text=True, umask=0o077).stdout


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_closed_standard_stream_is_taken_for_nothing(can_launch: None, no_leaks: None, closed: str) -> None:
    command = f"{' '.join(TARE)} run tare/host sh -c 'exit 5' {closed}"
    assert subprocess.run(["sh", "-c", command]).returncode == 5


def test_no_signal_is_ignored_that_a_program_would_not_expect(session: Session) -> None:
    _, text = run_plan(session, plan_of(session, "grep", "SigIgn", "/proc/self/status"))
    reserved = 0b11 << 31  # signals 32 and 33 belong to the C library, which lets nobody set them
    assert int(text.split()[1], 16) & ~reserved == 0


def test_few_descriptors_are_enough_for_one_container(can_launch: None, no_leaks: None) -> None:
    command = f"ulimit -n 40; exec {' '.join(TARE)} run tare/host echo well"
    assert subprocess.run(["sh", "-c", command], capture_output=True, text=True).stdout == "well\n"


def test_running_out_of_descriptors_is_an_error_and_not_the_end(session: Session) -> None:
    import resource

    null = os.open(os.devnull, os.O_RDWR)
    resource.prlimit(session.zygote_pid, resource.RLIMIT_NOFILE, (24, 4096))
    launches = [session.launch(plan_of(session, "sleep", "60"), (null,) * 3) for _ in range(20)]
    refused = 0
    for launch in launches:
        try:
            launch.wait_started()
        except EngineError as error:
            refused += "too many open files" in str(error)
    assert 0 < refused < 20
    resource.prlimit(session.zygote_pid, resource.RLIMIT_NOFILE, (4096, 4096))
    assert session.launch(plan_of(session, "true"), (null,) * 3).wait().status == 0
    os.close(null)


def test_a_crowd_of_commands_on_a_fresh_folder_all_succeed(can_launch: None, no_leaks: None, tmp_path: Path) -> None:
    environment = {**os.environ, "TARE_ROOT": str(tmp_path / "root")}
    crowd = [
        subprocess.Popen([*TARE, "run", "tare/host", "echo", str(i)], env=environment, stdout=-1, stderr=-1, text=True)
        for i in range(12)
    ]
    said = [process.communicate(timeout=60) for process in crowd]
    assert said == [(f"{i}\n", "") for i in range(12)]


def test_a_stray_file_among_the_sessions_keeps_nobody_from_working(session: Session, tare_root: Path) -> None:
    stray, halfmade = tare_root / "sessions" / "stray", tare_root / "sessions" / "halfmade"
    stray.write_text("")
    halfmade.mkdir()
    try:
        Session(tare_root).close()
        assert not halfmade.exists()
        assert stray.exists()
    finally:
        stray.unlink()


def test_a_limit_without_control_groups_is_refused_and_everything_else_works(
    can_launch: None, no_leaks: None, tare_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr("runtime.engine.session.make_session_group", refuse)
    with Session(tare_root) as opened:
        exited, text = run_plan(opened, plan_of(opened, "grep", "CapEff", "/proc/self/status"))
        assert exited.status == 0
        if os.geteuid() == 0:  # without a device group, no device may be made
            assert int(text.split()[1], 16) & (1 << 27) == 0
        limited = configure(opened.find(HOST_IMAGE).config, ["true"])
        assert limited.resources.any_set is False
