"""Random names for containers that were given none: an adjective and a thing that ships, easy to say and to type."""

from __future__ import annotations

import secrets

_ADJECTIVES = (
    "brave", "bright", "calm", "clever", "eager", "fast", "gentle", "happy", "keen", "kind", "light", "lively", "lucky",
    "merry", "mild", "neat", "noble", "proud", "quick", "quiet", "sharp", "silent", "smart", "solid", "steady", "sunny",
    "swift", "tidy", "vivid", "warm", "wise", "witty",
)  # fmt: skip
_THINGS = (
    "anchor", "barge", "beacon", "boat", "brig", "buoy", "canoe", "cargo", "clipper", "cog", "crane", "crate", "deck",
    "dhow", "dock", "ferry", "freighter", "frigate", "galley", "harbour", "helm", "hull", "junk", "keel", "ketch",
    "lugger", "mast", "oar", "pallet", "pier", "quay", "raft", "rudder", "sail", "schooner", "ship", "skiff", "sloop",
    "tug", "yawl",
)  # fmt: skip


def random_name(taken: set[str]) -> str:
    """Choose a name that is not taken."""
    while True:
        name = f"{secrets.choice(_ADJECTIVES)}_{secrets.choice(_THINGS)}"
        if name not in taken:
            return name
        if (longer := f"{name}{secrets.randbelow(1000)}") not in taken:
            return longer
