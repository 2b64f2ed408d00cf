"""A container's plan, without touching a kernel: what is done, by whom, in which order."""

from __future__ import annotations

import dataclasses

import pytest

from runtime.abi import CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWUSER
from runtime.errors import SpecError
from runtime.kernel.calls import CALLS
from runtime.plan.cgroup import cgroup_folders, plan_create
from runtime.plan.container import Plan, plan_container, plan_process
from runtime.plan.host import CgroupLayout, HostFacts, RootFilesystem
from runtime.plan.rootfs import overlay_options
from runtime.spec.config import Config, Process, Resources, User

HYBRID = CgroupLayout("hybrid", {c: f"/sys/fs/cgroup/{c}" for c in ("cpu", "cpuacct", "memory", "pids")})
TOGETHER = CgroupLayout("v1", {"cpu": "/cg/cpu,cpuacct", "cpuacct": "/cg/cpu,cpuacct", "memory": "/cg/memory"})
UNIFIED = CgroupLayout("v2", dict.fromkeys(("cpu", "memory", "pids"), "/sys/fs/cgroup"))
ROOT = HostFacts(False, 0, 0, HYBRID)
ROOTLESS = HostFacts(True, 1000, 1000, None)
ROOTFS = RootFilesystem(("/layers/top", "/layers/base"), "/sessions/s/c1")
CONFIG = Config(Process(("true",)), "box", Resources(64 << 20, 0.5, 32))


def plan(host: HostFacts = ROOT, config: Config = CONFIG) -> Plan:
    return plan_container("c1", config, ROOTFS, host, last_capability=40)


def calls(operations: object) -> list[str]:
    return [operation.call for operation in operations]  # type: ignore[attr-defined]


def position(planned: Plan, written: str) -> int:
    """Place of the one inside operation whose signature starts so."""
    (found,) = [i for i, operation in enumerate(planned.inside) if operation.signature().startswith(written)]
    return found


@pytest.mark.parametrize("host", [ROOT, ROOTLESS], ids=["root", "rootless"])
def test_every_call_of_a_plan_is_one_that_the_kernel_layer_makes(host: HostFacts) -> None:
    planned = plan(host, dataclasses.replace(CONFIG, resources=Resources()))
    for operation in (*planned.prepare, *planned.inside, *planned.cleanup):
        assert operation.call in CALLS
        assert operation.words


def test_nothing_is_mounted_in_the_image_before_its_root_is_entered() -> None:
    planned = plan()
    entered = position(planned, "pivot_root")
    mounts = [i for i, o in enumerate(planned.inside) if o.call in ("mount", "mask_path", "readonly_path", "mknod")]
    before = [planned.inside[i].signature() for i in mounts if i < entered]
    assert [text.split(",")[0] for text in before] == ["mount(NULL", 'mount("overlay"']


def test_the_host_is_let_go_before_the_program_runs_and_after_the_last_mount() -> None:
    planned = plan()
    left = position(planned, "umount2")
    assert all(o.call not in ("mount", "mask_path", "readonly_path") for o in planned.inside[left:])
    assert planned.inside[-1].call == "execute"


def test_the_control_group_is_joined_before_it_becomes_the_visible_root() -> None:
    planned = plan()
    joins = [i for i, o in enumerate(planned.inside) if o.signature().endswith('cgroup.procs", "0")')]
    assert len(joins) == 4
    assert max(joins) < position(planned, "unshare(CLONE_NEWCGROUP)")


def test_privileges_go_last_and_death_with_the_launcher_after_them() -> None:
    calls_inside = calls(plan().inside)
    assert calls_inside.index("drop_bounding") < calls_inside.index("capset") < len(calls_inside) - 1
    planned = plan()
    assert position(planned, "prctl(PR_SET_PDEATHSIG") == len(planned.inside) - 3


def test_a_user_of_its_own_gives_up_every_capability_by_setresuid() -> None:
    process = Process(("true",), user=User(1000, 1000, (4,)))
    planned = plan(config=dataclasses.replace(CONFIG, process=process))
    assert planned.inside[position(planned, "setresuid")].arguments == (1000, 1000, 1000)
    assert planned.inside[position(planned, "setgroups")].arguments == ((4,),)
    assert "capset" not in calls(planned.inside)


def test_rootless_maps_its_user_first_and_makes_no_device_node() -> None:
    planned = plan(ROOTLESS, dataclasses.replace(CONFIG, resources=Resources()))
    assert planned.clone_flags == CLONE_NEWPID | CLONE_NEWUSER
    assert planned.inside[1].arguments == ("/proc/self/uid_map", "0 1000 1")
    assert [o.arguments[2] for o in planned.inside if o.call == "mknod"] == [0] * 6
    assert calls(planned.inside).count("open_tree") == calls(planned.inside).count("move_mount") == 6
    assert "setgroups" not in calls(planned.inside)


def test_rootless_refuses_a_user_that_is_not_mapped() -> None:
    process = Process(("true",), user=User(1000, 1000))
    with pytest.raises(SpecError, match="only id 0"):
        plan(ROOTLESS, Config(process, "box"))


def test_what_was_made_is_removed() -> None:
    planned = plan()
    made = [o.arguments[0] for o in planned.prepare if o.call == "mkdir"]
    removed = [o.arguments[0] for o in planned.cleanup]
    assert all(any(str(path).startswith(str(gone)) for gone in removed) for path in made)


def test_a_namespace_that_is_not_wanted_is_not_entered() -> None:
    config = dataclasses.replace(CONFIG, namespaces=("mount", "pid"))
    flags = [o.arguments[0] for o in plan(config=config).inside if o.call == "unshare"]
    assert CLONE_NEWNET not in flags
    assert "set_link_up" not in calls(plan(config=config).inside)
    assert "sethostname" not in calls(plan(config=config).inside)


def test_a_plain_process_only_executes() -> None:
    planned = plan_process("p", Process(("true",)))
    assert (planned.prepare, planned.clone_flags, planned.cleanup) == ((), 0, ())
    assert calls(planned.inside) == ["execute"]


@pytest.mark.parametrize(
    ("layout", "files"),
    [
        (HYBRID, {"/sys/fs/cgroup/memory/tare/c/memory.limit_in_bytes": "67108864",
                  "/sys/fs/cgroup/cpu/tare/c/cpu.cfs_quota_us": "50000", "/sys/fs/cgroup/pids/tare/c/pids.max": "32"}),
        (UNIFIED, {"/sys/fs/cgroup/tare/c/memory.max": "67108864", "/sys/fs/cgroup/tare/c/cpu.max": "50000 100000",
                   "/sys/fs/cgroup/tare/c/pids.max": "32"}),
    ],
    ids=["v1", "v2"],
)  # fmt: skip
def test_limits_are_written_in_the_words_of_each_version(layout: CgroupLayout, files: dict[str, str]) -> None:
    written = [o.arguments for o in plan_create(layout, "c", CONFIG.resources) if o.call == "write_file"]
    assert dict(written) == files  # type: ignore[arg-type]


def test_hierarchies_that_are_mounted_together_are_used_once() -> None:
    assert cgroup_folders(TOGETHER, "c") == ("/cg/cpu,cpuacct/tare/c", "/cg/memory/tare/c")
    assert cgroup_folders(UNIFIED, "c") == ("/sys/fs/cgroup/tare/c",)


def test_overlay_options_escape_what_would_separate_them() -> None:
    odd = RootFilesystem(("/a:b", "/c,d"), "/s\\x")
    options = overlay_options(odd, rootless=True)
    assert options == r"lowerdir=/a\:b:/c\,d,upperdir=/s\\x/upper,workdir=/s\\x/work,userxattr"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Resources(memory_limit_bytes=1), "at least 524288 bytes"),
        (lambda: Resources(cpus=0.0), "at least 0.01"),
        (lambda: Resources(cpus=float("nan")), "at least 0.01"),
        (lambda: Resources(pids_limit=0), "at least 1"),
        (lambda: Process(()), "no command"),
        (lambda: Process(("a",), cwd="x"), "not an absolute path"),
        (lambda: Process(("a\0b",)), "null byte"),
        (lambda: Config(Process(("a",)), "h" * 65), "1 to 64 ASCII"),
        (lambda: plan(config=Config(Process(("a",), capabilities=("CAP_FLY",)), "h")), "no such capability"),
    ],
)
def test_bad_values_are_refused_by_name(make: object, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()  # type: ignore[operator]
