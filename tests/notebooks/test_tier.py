"""Where a lecture's real figures come from, and what it is told when they cannot be had."""

from __future__ import annotations

import sys

import pytest

from runtime.bench.glimpse import ALIVE, parse_view
from runtime.cli.tier import choose_tier, glimpse, real_records, simulated_host
from runtime.errors import EngineError, SpecError


def test_another_word_is_refused_with_a_hint() -> None:
    with pytest.raises(SpecError, match="choose tier 'fast'") as caught:
        choose_tier("fast")
    assert "TARE_TIER" in caught.value.hint


def test_where_nothing_can_be_launched_the_recorded_tier_is_chosen_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    tier = choose_tier(None)
    assert not tier.live
    assert tier.banner.startswith("recorded on ")
    assert "no Linux namespaces" in str(tier.obstacle)


def test_who_insists_on_live_hears_why_it_is_impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(EngineError, match="no Linux namespaces"):
        choose_tier("live")


def test_recorded_figures_never_pass_for_measured_ones() -> None:
    tier = choose_tier("recorded")
    records = real_records(tier, samples=1, seed=1)
    assert {item.provenance for item in (*records.instances, *records.densities)} == {"recorded"}
    assert glimpse(tier)["provenance"] == "recorded"
    assert records.machine.kernel in tier.banner
    assert records.created[:10] in tier.banner


def test_virtual_machines_are_simulated_on_the_machine_that_was_recorded() -> None:
    tier = choose_tier("recorded")
    machine = real_records(tier, samples=1, seed=1).machine
    host, words = simulated_host(tier, machine)
    assert (host.cores, host.memory_bytes) == (machine.cores, machine.memory_bytes)
    assert f"{machine.cores} cores" in words


def test_a_view_is_read_from_what_the_program_printed() -> None:
    view = parse_view("6.1.0\n1\nmnt:[4026531841]\npid:[4026532177]\npid:[4026532177]\n")
    assert view == {"kernel": "6.1.0", "pid": 1, "namespaces": {"mnt": 4026531841, "pid": 4026532177}}


@pytest.mark.usefixtures("can_launch", "no_leaks")
def test_a_container_shares_the_kernel_and_little_else() -> None:
    look = glimpse(choose_tier("live"))
    process, container = look["process"], look["container"]
    assert process["kernel"] == container["kernel"]
    assert container["pid"] == 1 != process["pid"]
    for kind in ("mnt", "pid", "net", "uts", "ipc"):
        assert process["namespaces"][kind] != container["namespaces"][kind], kind


@pytest.mark.usefixtures("can_launch", "no_leaks")
def test_a_sum_of_rss_counts_shared_pages_again_and_again() -> None:
    look = glimpse(choose_tier("live"))
    assert len(look["rss_bytes"]) == len(look["pss_bytes"]) == ALIVE
    assert sum(look["rss_bytes"]) > 2 * sum(look["pss_bytes"])


@pytest.mark.usefixtures("can_launch", "no_leaks")
def test_the_recorded_glimpse_has_the_form_of_a_live_one() -> None:
    live, recorded = glimpse(choose_tier("live")), glimpse(choose_tier("recorded"))
    assert live.keys() == recorded.keys()
    for part in ("machine", "process", "container"):
        assert live[part].keys() == recorded[part].keys()
    assert {frozenset(step) for step in live["steps"]} == {frozenset(step) for step in recorded["steps"]}
