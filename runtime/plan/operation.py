"""One kernel operation of a plan: which call, with which arguments, in which words.

A plan is data, and an operation is its atom. The same list is printed by ``tare explain``, applied by the launcher,
checked in tests by a recorder, timed call by call by the benchmark, and translated to C as the benchmark's floor.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from runtime import abi

Argument = str | int | None | tuple[str, ...] | tuple[int, ...]
KernelCall = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Operation:
    """One kernel call of a plan.

    Attributes
    ----------
    stage : str
        The stage of the launch that it belongs to; stages are what a benchmark reports.
    call : str
        Name of the call, a key of `runtime.kernel.calls.CALLS`.
    arguments : tuple
        Its arguments: strings, integers, None, or tuples of these, so that a plan can be sent and stored.
    words : str
        What it does and why, for a reader.
    """

    stage: str
    call: str
    arguments: tuple[Argument, ...]
    words: str

    def describe(self) -> str:
        """Say what the operation does, in words."""
        return self.words

    def signature(self) -> str:
        """Write the call as in C, flags by name.

        Examples
        --------
        >>> Operation("hostname", "sethostname", ("box",), "name the container").signature()
        'sethostname("box")'
        """
        return f"{self.call}({', '.join(self._written(i, a) for i, a in enumerate(self.arguments))})"

    def apply(self, kernel: dict[str, KernelCall]) -> None:
        """Make the call through a table of calls: the real one, or a recorder's."""
        kernel[self.call](*self.arguments)

    def _written(self, position: int, argument: Argument) -> str:
        if isinstance(argument, str):
            text = argument.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            return f'"{text}"'
        if argument is None:
            return "NULL"
        if isinstance(argument, tuple):
            if self.call == "drop_bounding":
                return "{" + ", ".join(abi.CAPABILITIES[n] for n in argument if isinstance(n, int)) + "}"
            return "{" + ", ".join(self._written(position, a) for a in argument) + "}"
        match self.call, position:
            case "mount", 3:
                return abi.flag_names(argument, "MS_")
            case "umount2", 1:
                return abi.flag_names(argument, "MNT_")
            case "unshare", 0:
                return abi.flag_names(argument, "CLONE_NEW")
            case ("mkdir" | "mknod", 1) | ("umask", 0):
                return "0" + oct(argument)[2:].lstrip("0")
            case "mknod", 2:
                return f"makedev({os.major(argument)}, {os.minor(argument)})"
            case "prctl", 0:
                return next(n for n, v in vars(abi).items() if n.startswith("PR_") and v == argument)
            case "capset", _:
                return hex(argument)
        return str(argument)
