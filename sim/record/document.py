"""The one record type: what a launch, real or simulated, was made of.

A record document is what ``tare bench``, ``tare sim`` and ``tare compare`` write and what every table and figure
reads. Its form is fixed by ``data/schema/records-1.schema.json``; these classes are the same form in Python. Since
measured and simulated instances differ in nothing but ``provenance``, no reader needs a special case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

Provenance = Literal["measured", "simulated", "recorded", "emulated"]
Experiment = Literal["startup", "memory"]

SCHEMA = "tare-records/1"


@dataclass(frozen=True, slots=True)
class Stage:
    """One named stage of a launch; times in seconds since the instance's request."""

    name: str
    start_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Instance:
    """One launched container, VM or process.

    Attributes
    ----------
    experiment : {"startup", "memory"}
        What was looked at; an instance of one experiment says nothing of the other.
    technology : str
        Name of the technology, as in ``data/technologies``.
    driver : str
        What launched it, for example ``tare (zygote)`` or ``simpy``.
    provenance : {"measured", "simulated", "recorded", "emulated"}
        Where the figures come from.
    index : int
        Position in its experiment, from 0.
    start_s : float
        Request time, seconds since the start of the experiment.
    duration_s : float
        From the request to the end of the last stage, seconds.
    stages : tuple of Stage
        In order of start.
    memory_bytes : mapping of str to float
        Host memory that this instance costs, by category; empty when not observed.
    """

    experiment: Experiment
    technology: str
    driver: str
    provenance: Provenance
    index: int
    start_s: float
    duration_s: float
    stages: tuple[Stage, ...] = ()
    memory_bytes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Density:
    """How many instances fit on a host.

    Attributes
    ----------
    running, used_bytes : tuple
        Points of the ramp, of equal length: instances alive, and host memory used beyond the start of the ramp.
    limit : int
        How many fit.
    ended_by : str
        The resource that ends it.
    projected : bool
        Whether `limit` lies beyond the last point and was computed from the slope.
    """

    technology: str
    driver: str
    provenance: Provenance
    running: tuple[int, ...]
    used_bytes: tuple[float, ...]
    limit: int
    ended_by: str
    projected: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that a document speaks of."""

    system: str
    kernel: str
    architecture: str
    cpu_model: str
    cores: int
    memory_bytes: int
    cgroup_mode: Literal["v1", "hybrid", "v2", "none"]
    privilege: Literal["root", "rootless"]
    load_1min: float | None


@dataclass(frozen=True, slots=True)
class Records:
    """A whole record document, immutable."""

    created: str
    command: tuple[str, ...]
    versions: Mapping[str, str]
    seed: int | None
    machine: Machine
    instances: tuple[Instance, ...]
    densities: tuple[Density, ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, as in the schema."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Records:
        """Build from the JSON form; the document must already fit the schema."""
        return cls(
            created=document["created"],
            command=tuple(document["command"]),
            versions=dict(document["versions"]),
            seed=document["seed"],
            machine=Machine(**document["machine"]),
            instances=tuple(
                Instance(**{**i, "stages": tuple(Stage(**s) for s in i["stages"])}) for i in document["instances"]
            ),
            densities=tuple(
                Density(**{**d, "running": tuple(d["running"]), "used_bytes": tuple(d["used_bytes"])})
                for d in document["densities"]
            ),
            notes=tuple(document.get("notes", ())),
        )

    def relabelled(self, provenance: Provenance) -> Records:
        """Return the same records with every *measured* figure labelled `provenance`.

        Used when a measurement made elsewhere stands in for one that this machine cannot make: it is then
        ``"recorded"``, never ``"measured"``.
        """

        def relabel(item: Any) -> Any:
            return replace(item, provenance=provenance) if item.provenance == "measured" else item

        return replace(
            self,
            instances=tuple(relabel(i) for i in self.instances),
            densities=tuple(relabel(d) for d in self.densities),
        )

    def select(self, experiment: Experiment) -> tuple[Instance, ...]:
        """Return the instances of one experiment, in order."""
        return tuple(i for i in self.instances if i.experiment == experiment)

    def extended(self, instances: Iterable[Instance] = (), densities: Iterable[Density] = ()) -> Records:
        """Return these records with more instances and densities at the end."""
        return replace(self, instances=(*self.instances, *instances), densities=(*self.densities, *densities))
