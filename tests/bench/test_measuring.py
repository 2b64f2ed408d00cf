"""What the benchmark computes, and that its drivers really launch."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from dataclasses import replace

import pytest

from runtime.bench.containers import measure_containers, steps
from runtime.bench.drivers.driver import Sample
from runtime.bench.drivers.floor import FloorDriver, translate, translate_operation
from runtime.bench.drivers.peers import BubblewrapDriver, CrunDriver, RuncDriver, oci_config
from runtime.bench.drivers.tare import ProcessDriver, TareDriver
from runtime.bench.memory import Ramp, density, memory_instances, ramp, smaps_rollup_bytes
from runtime.bench.payload import IDLE, prepare_payload
from runtime.bench.sampling import WARM_UP, take_samples
from runtime.bench.stages import stages_of
from runtime.bench.statistics import median, ratio_of_medians
from runtime.engine.session import Session
from runtime.errors import BenchError
from runtime.launcher.client import Timing
from runtime.plan.container import plan_process
from runtime.plan.operation import Operation
from runtime.spec.config import Config, Process
from sim.record.file import parse_records


class Fake:
    """A driver that takes a known time; what is tested is who launches when."""

    technology = "container"
    differs = ""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self._log = log

    def launch(self) -> Sample:
        self._log.append(self.name)
        return Sample(len(self._log))


def test_drivers_take_turns_in_an_order_that_the_seed_decides() -> None:
    logs: dict[int, list[str]] = {seed: [] for seed in (1, 2)}
    for seed, log in logs.items():
        taken = take_samples([Fake(name, log) for name in "abc"], 30, seed, lambda: None)  # type: ignore[misc]
        assert {name: len(samples) for name, samples in taken.items()} == dict.fromkeys("abc", 30)
        rounds = ["".join(log[i : i + 3]) for i in range(0, len(log), 3)]
        assert len(rounds) == 30 + WARM_UP
        assert all(sorted(r) == list("abc") for r in rounds)
        assert len(set(rounds)) > 1
    assert logs[1] != logs[2]


def test_no_samples_is_an_error() -> None:
    with pytest.raises(BenchError, match="at least 1"):
        take_samples([], 0, 1, lambda: None)


def test_stages_add_up_to_the_whole_launch() -> None:
    plan = replace(
        plan_process("p", Process(("true",))),
        prepare=(Operation("one", "mkdir", ("/a", 0), "w"), Operation("two", "mkdir", ("/b", 0), "w")),
        cleanup=(Operation("clean-up", "rmdir", ("/a",), "w"),),
    )
    timing = Timing(0, (10, 30, 60, 100, 150), (1150, 1180), 1200)
    stages = {stage.name: (stage.start_ns, stage.duration_ns) for stage in stages_of(plan, timing)}
    assert stages == {
        "request": (0, 10), "one": (10, 20), "two": (30, 30), "clone": (60, 40), "exec": (100, 50), "run": (150, 1000),
        "clean-up": (1150, 30), "report": (1180, 20),
    }  # fmt: skip


def test_a_stage_that_is_taken_up_again_is_summed() -> None:
    twice = tuple(Operation(name, "mkdir", ("/a", 0), "w") for name in ("one", "two", "one"))
    plan = replace(plan_process("p", Process(("true",))), prepare=twice)
    timing = Timing(0, (0, 1, 3, 7, 7, 7), (7,), 7)
    assert [(s.name, s.duration_ns) for s in stages_of(plan, timing)][1:3] == [("one", 5), ("two", 2)]


def test_medians_and_ratios_have_intervals_that_hold_them() -> None:
    slow, fast = [float(v) for v in range(90, 111)], [float(v) for v in range(45, 56)]
    middle, ratio = median(slow), ratio_of_medians(slow, fast)
    assert (middle.value, ratio.value) == (100, 2)
    assert 90 < middle.low < 100 < middle.high < 110
    assert 1.8 < ratio.low < 2 < ratio.high < 2.2


ROLLUP = """55d0-7ffd ---p 00000000 00:00 0      [rollup]
Rss:                1420 kB
Pss:                 240 kB
Private_Clean:        16 kB
Private_Dirty:        96 kB
"""


def test_smaps_rollup_is_read_in_bytes() -> None:
    fields = smaps_rollup_bytes(ROLLUP)
    assert (fields["Rss"], fields["Private_Dirty"]) == (1420 * 1024, 96 * 1024)


@pytest.mark.parametrize(
    ("available_bytes", "free_pids", "limit", "ended_by"), [(10_050, 1000, 100, "memory"), (10**9, 50, 50, "pids")]
)
def test_density_is_projected_to_the_first_resource_that_ends(
    available_bytes: int, free_pids: int, limit: int, ended_by: str
) -> None:
    seen = Ramp((0, 1, 2, 3), (0, 100, 200, 300), ({"application": 100.0},), 0)
    record = density("container", "tare", seen, available_bytes=available_bytes, free_pids=free_pids)
    assert (record["limit"], record["ended_by"], record["projected"]) == (limit, ended_by, True)


def test_only_containers_pay_for_the_engine() -> None:
    seen = Ramp((0, 2), (0, 20), ({"application": 10.0},) * 2, 100)
    assert memory_instances("container", "tare", seen)[0]["memory_bytes"] == {"application": 10.0, "engine": 50.0}
    assert memory_instances("process", "process", seen)[0]["memory_bytes"] == {"application": 10.0}


def test_a_ramp_sees_what_its_instances_hold(session: Session) -> None:
    idle = prepare_payload(session, IDLE)
    seen = ramp(session, lambda _: session.plan(idle.image, idle.config), (2, 5), lambda: None)
    assert seen.running == (0, 2, 5)
    assert len(seen.per_instance) == 5
    for memory in seen.per_instance:
        assert 4096 <= memory["application"] < 64 << 20
    assert seen.engine_bytes > 1 << 20


def test_the_measured_half_is_a_valid_record_document(session: Session) -> None:
    launches = 0

    def count() -> None:
        nonlocal launches
        launches += 1

    records = parse_records(measure_containers(session, 2, 1, count), "this test")
    assert launches == steps(2)
    assert {(i.technology, i.provenance) for i in records.instances} == {
        ("process", "measured"), ("container", "measured"),
    }  # fmt: skip


@pytest.mark.parametrize("kind", [ProcessDriver, TareDriver, FloorDriver, RuncDriver, CrunDriver, BubblewrapDriver])
def test_each_driver_launches(session: Session, root_user: None, kind: type) -> None:
    if kind is CrunDriver and session.host.cgroup is not None and session.host.cgroup.mode == "hybrid":
        pytest.skip("crun refuses a hybrid host; `tare bench launch` gives it a private view")
    payload = prepare_payload(session, ("true",))
    with ExitStack() as stack:
        try:
            own = kind in (ProcessDriver, TareDriver, FloorDriver)
            driver = stack.enter_context(kind(session, payload) if own else kind(payload))
        except BenchError as error:
            if not error.hint.startswith("as root: apt-get install"):
                raise
            pytest.skip(str(error))
        samples = [driver.launch() for _ in range(3)]
    assert all(sample.duration_ns > 0 for sample in samples)


@pytest.mark.parametrize("kind", [TareDriver, BubblewrapDriver])
def test_a_driver_reports_a_launch_that_fails(session: Session, kind: type) -> None:
    if kind is BubblewrapDriver and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    payload = prepare_payload(session, ("false",))
    arguments = (session, payload) if kind is TareDriver else (payload,)
    with kind(*arguments) as driver, pytest.raises(BenchError, match="status 1"):
        driver.launch()


def test_a_missing_program_is_reported_with_its_package(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    payload = prepare_payload(session, ("true",))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BenchError, match="not installed") as caught:
        RuncDriver(payload)
    assert "runc" in caught.value.hint


def test_the_floor_makes_every_call_of_the_plan(session: Session) -> None:
    payload = prepare_payload(session, ("true",))
    plan = session.plan(payload.image, payload.config)
    source = translate(plan)
    for operation in (*plan.prepare, *plan.inside, *plan.cleanup):
        assert translate_operation(operation) in source
    assert source.count("DO(") - 3 == len(plan.prepare) + len(plan.inside) + len(plan.cleanup)


def test_peers_are_given_the_same_container() -> None:
    config = Config(Process(("true",)), "box")
    document = oci_config(config, "/rootfs", "/cg")
    assert {entry["type"] for entry in document["linux"]["namespaces"]} == set(config.namespaces)
    assert document["process"]["capabilities"]["bounding"] == list(config.process.capabilities)
    assert document["linux"]["maskedPaths"] == list(config.masked_paths)
    assert os.path.isabs(document["root"]["path"])
