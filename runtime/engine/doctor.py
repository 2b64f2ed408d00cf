"""What this machine can do, found out by doing it: each probe is a small plan that is launched for real."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runtime.abi import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    MS_REC,
    MS_SLAVE,
)
from runtime.engine.configure import configure
from runtime.engine.kvm import probe_kvm
from runtime.engine.session import Session
from runtime.errors import EngineError
from runtime.image.host import HOST_IMAGE
from runtime.kernel.host import host_facts, read_cgroup_layout
from runtime.launcher.client import Launcher, Timing
from runtime.plan.cgroup import CONTROLLERS
from runtime.plan.container import Plan
from runtime.plan.host import HostFacts
from runtime.plan.operation import Operation
from runtime.plan.privileges import plan_id_maps

State = Literal["yes", "partly", "no"]

_NAMESPACES = (
    ("mount", CLONE_NEWNS), ("pid", CLONE_NEWPID), ("uts", CLONE_NEWUTS), ("ipc", CLONE_NEWIPC),
    ("network", CLONE_NEWNET), ("cgroup", CLONE_NEWCGROUP),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that this machine can or cannot do.

    Attributes
    ----------
    facility : str
        What was looked at.
    state : {"yes", "partly", "no"}
        Whether it can be used.
    detail : str
        What was seen.
    hint : str
        What to type to get it; empty when it is there or cannot be had.
    """

    facility: str
    state: State
    detail: str
    hint: str = ""


def examine(root: Path) -> list[Finding]:
    """Find out what this machine can do.

    Parameters
    ----------
    root : pathlib.Path
        Folder of the engine, for the trial container.

    Returns
    -------
    list of Finding
        Namespaces, overlay, control groups, seccomp, a container as a whole, QEMU and KVM. A probe that fails is a
        finding, never an error.
    """
    if not sys.platform.startswith("linux"):
        why = f"{sys.platform} has no Linux namespaces"
        return [Finding("containers", "no", why, "use Linux, or read recorded measurements: tare compare --recorded")]
    facts = host_facts()
    findings: list[Finding] = []
    with Launcher() as launcher:
        findings.append(_user_namespaces(launcher, facts))
        findings += [_namespace(launcher, facts, name, flag) for name, flag in _NAMESPACES]
        findings.append(_overlay(launcher, facts))
    findings += _cgroups(facts)
    findings.append(_seccomp())
    findings.append(_container(root))
    findings += [_qemu(), _kvm()]
    return findings


def _try(launcher: Launcher, name: str, flags: int, operations: list[Operation]) -> EngineError | None:
    """Launch a process that does these operations; return what stopped it."""
    execute = Operation("exec", "execute", ((sys.executable, "-I", "-S", "-c", ""), ()), "end")
    plan = Plan(f"probe-{name}", (), flags, (*operations, execute), ())
    null = os.open(os.devnull, os.O_RDWR)
    try:
        status = launcher.launch(plan, (null, null, null)).wait().status
    except EngineError as error:
        return error
    finally:
        os.close(null)
    return None if status == 0 else EngineError("probe", name, f"it ended with status {status}")


def _in_user_namespace(facts: HostFacts) -> tuple[int, list[Operation]]:
    return (CLONE_NEWUSER, plan_id_maps(facts)) if facts.rootless else (0, [])


def _user_namespaces(launcher: Launcher, facts: HostFacts) -> Finding:
    error = _try(launcher, "user", CLONE_NEWUSER, plan_id_maps(facts))
    if error is None:
        return Finding("user namespace", "yes", "made, and mapped to root inside")
    for path, refusing, hint in (
        ("/proc/sys/user/max_user_namespaces", "0", "as root: sysctl user.max_user_namespaces=15000"),
        ("/proc/sys/kernel/unprivileged_userns_clone", "0", "as root: sysctl kernel.unprivileged_userns_clone=1"),
        (
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
            "give python an AppArmor profile that allows userns (Ubuntu), or run as root",
        ),
    ):  # fmt: skip
        try:
            if Path(path).read_text().strip() == refusing:
                return Finding("user namespace", "no", f"{error.reason}: {path} is {refusing}", hint)
        except OSError:
            continue
    return Finding("user namespace", "no", str(error), "run as root; inside a container, run that with more privilege")


def _namespace(launcher: Launcher, facts: HostFacts, name: str, flag: int) -> Finding:
    flags, maps = _in_user_namespace(facts)
    error = _try(launcher, name, flags, [*maps, Operation("", "unshare", (flag,), f"enter a new {name} namespace")])
    if error is None:
        return Finding(f"{name} namespace", "yes", "made" + (" inside a user namespace" if facts.rootless else ""))
    return Finding(f"{name} namespace", "no", error.reason, "run as root, or allow user namespaces (see above)")


def _overlay(launcher: Launcher, facts: HostFacts) -> Finding:
    flags, maps = _in_user_namespace(facts)
    with tempfile.TemporaryDirectory(prefix="tare-doctor-") as folder:
        for name in ("lower", "upper", "work", "merged"):
            Path(folder, name).mkdir()
        options = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
        options += ",userxattr" if facts.rootless else ""
        operations = [
            *maps,
            Operation("", "unshare", (CLONE_NEWNS,), "enter a new mount namespace"),
            Operation("", "mount", (None, "/", None, MS_REC | MS_SLAVE, None), "keep mounts to it"),
            Operation("", "mount", ("overlay", f"{folder}/merged", "overlay", 0, options), "mount an overlay"),
        ]
        error = _try(launcher, "overlay", flags, operations)
    if error is None:
        return Finding("overlay", "yes", "mounted" + (" inside a user namespace" if facts.rootless else ""))
    hint = "as root: modprobe overlay; inside a user namespace it needs Linux 5.11"
    return Finding("overlay", "no", f"{error.operation}: {error.reason}", hint)


def _cgroups(facts: HostFacts) -> list[Finding]:
    layout = read_cgroup_layout()
    if layout.mode == "none":
        return [
            Finding(
                "control groups", "no", "no hierarchy is mounted", "as root: mount -t cgroup2 cgroup2 /sys/fs/cgroup"
            )
        ]
    findings = []
    for controller in CONTROLLERS:
        point = layout.mounts.get(controller)
        version = "2" if layout.mode == "v2" else "1"
        facility = f"cgroup {controller}"
        if point is None and not (controller in ("cpuacct", "devices") and layout.mode == "v2"):
            hint = "boot with the controller enabled; see cgroup_disable= in the kernel's command line"
            findings.append(Finding(facility, "no", f"no {controller} controller in any hierarchy", hint))
        elif point is not None and facts.cgroup is not None:
            findings.append(Finding(facility, "yes", f"version {version} ({layout.mode}), at {point}"))
        elif point is not None:
            why = "needs root" if facts.rootless else "is read-only here"
            hint = "run as root for limits" if facts.rootless else "make the cgroup file systems writable"
            findings.append(Finding(facility, "no", f"version {version} ({layout.mode}), at {point}, {why}", hint))
    return findings


def _seccomp() -> Finding:
    try:
        actions = Path("/proc/sys/kernel/seccomp/actions_avail").read_text().split()
    except OSError:
        return Finding("seccomp", "no", "the kernel has no filters", "use a kernel with CONFIG_SECCOMP_FILTER")
    return Finding("seccomp", "yes", f"filters with {len(actions)} actions: {' '.join(actions)}")


def launch_trial(root: Path) -> Timing:
    """Launch a container of the host image that does nothing.

    Raises
    ------
    EngineError
        This machine or user cannot launch containers; the error says why.
    """
    if not sys.platform.startswith("linux"):
        raise EngineError("launch", "a container", f"{sys.platform} has no Linux namespaces", "use Linux")
    null = os.open(os.devnull, os.O_RDWR)
    try:
        with Session(root) as session:
            image = session.find(HOST_IMAGE)
            plan = session.plan(image, configure(image.config, ["true"]))
            return session.launch(plan, (null, null, null)).wait().timing
    finally:
        os.close(null)


def _container(root: Path) -> Finding:
    try:
        timing = launch_trial(root)
    except EngineError as error:
        return Finding("container", "no", str(error), error.hint or "see what is missing above")
    took_ms = (timing.reported_ns - timing.requested_ns) / 1e6
    return Finding("container", "yes", f"tare/host ran `true` and left nothing, in {took_ms:.1f} ms (measured once)")


def _qemu() -> Finding:
    qemu = shutil.which(f"qemu-system-{os.uname().machine}")
    if qemu is None:
        return Finding("QEMU", "no", "not installed; VMs are simulated", "as root: apt-get install qemu-system-x86")
    version = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=False).stdout.splitlines()
    return Finding("QEMU", "yes", version[0] if version else qemu)


def _kvm() -> Finding:
    state, reason = probe_kvm()
    if state == "works":
        return Finding("KVM", "yes", reason)
    if state == "unproven":
        return Finding("KVM", "partly", reason, "as root: apt-get install qemu-system-x86 linux-image-cloud-amd64")
    hint = (
        "enable virtualisation in the firmware, or nested virtualisation on the host of this VM"
        if state == "fails" or not Path("/dev/kvm").exists()
        else "as root: adduser USER kvm"
    )
    return Finding("KVM", "no", reason, hint)
