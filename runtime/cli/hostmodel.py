"""The simulator's model of a host: this machine's, with what the user changes of it."""

from __future__ import annotations

from pathlib import Path

from runtime.errors import SpecError
from runtime.spec.size import parse_size_bytes
from sim.record.document import Machine
from sim.spec.host import Host
from sim.spec.published import published_rows

_DISK_ROW = "P350"  # sequential read of the host in Felter et al. (2015): a default that is nobody's measurement here
_RESERVED_SHARE = 16  # one part in so many is left to the host; an assumption
_PID_MAX = Path("/proc/sys/kernel/pid_max")
_PID_MAX_DEFAULT = 32768


def model_host(machine: Machine, changes: str = "") -> Host:
    """Model a machine.

    Parameters
    ----------
    machine : Machine
        Supplies cores and memory.
    changes : str
        ``name=value`` separated by commas: ``cores``, ``memory``, ``reserved``, ``disk_bandwidth`` (bytes a second)
        and ``pids``; sizes with a unit, for example ``cores=4,memory=16g,disk_bandwidth=500m``.

    Raises
    ------
    SpecError
        A change that is not of that form.
    ParameterError
        A value outside its range.
    """
    wanted: dict[str, str] = {}
    known = ("cores", "memory", "reserved", "disk_bandwidth", "pids")
    for change in filter(None, changes.split(",")):
        name, equals, value = change.strip().partition("=")
        if name not in known or not equals:
            raise SpecError(
                "model host", change, "not a change of the host", f"name=value, where name is {', '.join(known)}"
            )
        wanted[name] = value
    memory = parse_size_bytes(wanted["memory"]) if "memory" in wanted else machine.memory_bytes
    pid_max = int(_PID_MAX.read_text()) if _PID_MAX.exists() else _PID_MAX_DEFAULT
    return Host(
        cores=_integer("cores", wanted["cores"]) if "cores" in wanted else machine.cores,
        memory_bytes=memory,
        reserved_bytes=parse_size_bytes(wanted["reserved"]) if "reserved" in wanted else memory // _RESERVED_SHARE,
        disk_bandwidth_bytes_per_s=float(
            parse_size_bytes(wanted["disk_bandwidth"])
            if "disk_bandwidth" in wanted
            else published_rows()[_DISK_ROW].quantity.value
        ),
        pid_max=_integer("pids", wanted["pids"]) if "pids" in wanted else pid_max,
    )


def _integer(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise SpecError("model host", f"{name}={text}", "not a whole number", f"for example {name}=4") from error
