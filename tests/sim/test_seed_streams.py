from __future__ import annotations

import pytest

from sim.errors import ParameterError
from sim.seeds import stream


def test_one_name_gives_one_sequence_whatever_was_drawn_before() -> None:
    first = [stream(7, "boot", 3).random() for _ in range(3)]
    stream(7, "boot", 2).random()
    assert first == [stream(7, "boot", 3).random()] * 3


def test_the_sequence_is_the_same_on_every_machine_and_version() -> None:
    drawn = [stream(0, "boot", 0, position).random() for position in range(3)]
    assert drawn == pytest.approx([0.26942071192, 0.043504591631, 0.409401943322], abs=1e-12)


def test_other_names_seeds_and_types_give_other_sequences() -> None:
    names = [(7, "boot"), (8, "boot"), (7, "boots"), (7, "boot", 1), (7, "boot", "1"), (7, "b", "oot"), (7, "boot", 11)]
    assert len({stream(*name).random() for name in names}) == len(names)


@pytest.mark.parametrize("seed", [-1, 1.5, True, None])
def test_a_seed_is_an_integer_of_0_or_more(seed: object) -> None:
    with pytest.raises(ParameterError, match="seed"):
        stream(seed, "boot")  # type: ignore[arg-type]
