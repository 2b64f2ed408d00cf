"""Who the process is and what it may do: user ids, capabilities(7), no new privileges."""

from __future__ import annotations

from runtime.abi import (
    CAPABILITIES,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
)
from runtime.errors import SpecError
from runtime.plan.host import HostFacts
from runtime.plan.operation import Operation
from runtime.spec.config import Process

_SIGKILL = 9


def plan_id_maps(host: HostFacts) -> list[Operation]:
    """Map root inside a user namespace to the launching user outside: user_namespaces(7).

    One user may map one id of its own without help; the set of groups is frozen first, or the map is refused.
    """
    write = "write_file"
    return [
        Operation("user", write, ("/proc/self/setgroups", "deny"), "give up changing groups, a condition of the next"),
        Operation("user", write, ("/proc/self/uid_map", f"0 {host.uid} 1"), f"be root inside, user {host.uid} outside"),
        Operation("user", write, ("/proc/self/gid_map", f"0 {host.gid} 1"), f"and group {host.gid}"),
    ]


def capability_numbers(names: tuple[str, ...]) -> tuple[int, ...]:
    """Numbers of capabilities by name.

    Raises
    ------
    SpecError
        A name that the kernel does not have.
    """
    unknown = [name for name in names if name not in CAPABILITIES]
    if unknown:
        raise SpecError("keep capability", unknown[0], "no such capability", "see capabilities(7) for the names")
    return tuple(CAPABILITIES.index(name) for name in names)


def plan_privileges(process: Process, rootless: bool, last_capability: int) -> list[Operation]:
    """Operations that take all privileges away but those of the process.

    Parameters
    ----------
    process : Process
        Whose user and capabilities to set.
    rootless : bool
        In a user namespace of one user, groups cannot be set and there is only id 0.
    last_capability : int
        The highest that the running kernel knows, /proc/sys/kernel/cap_last_cap.

    Raises
    ------
    SpecError
        An unknown capability, or a user that is not mapped.
    """
    kept = capability_numbers(process.capabilities)
    dropped = tuple(number for number in range(last_capability + 1) if number not in kept)
    user = process.user
    operations = [
        Operation("privileges", "drop_bounding", (dropped,), "no program started from here can regain these"),
    ]
    if rootless:
        if (user.uid, user.gid) != (0, 0) or user.additional_gids:
            raise SpecError(
                "run as user", f"{user.uid}:{user.gid}", "a user namespace of one user has only id 0",
                "leave --user out, or run as root",
            )  # fmt: skip
    else:
        operations += [
            Operation("privileges", "setgroups", (user.additional_gids,), "belong to no other group"),
            Operation("privileges", "setresgid", (user.gid,) * 3, "take on the group"),
        ]
    if user.uid:
        words = "take on the user; with root goes every capability"
        operations.append(Operation("privileges", "setresuid", (user.uid,) * 3, words))
    else:
        mask = sum(1 << number for number in kept)
        operations.append(Operation("privileges", "capset", (mask, mask, 0), "keep these capabilities and no other"))
    if process.no_new_privileges:
        words = "no program can give more privileges than it was started with"
        operations.append(Operation("privileges", "prctl", (PR_SET_NO_NEW_PRIVS, 1), words))
    # last: a change of user clears it (prctl(2))
    words = "end with the launcher, even if that is killed"
    operations.append(Operation("privileges", "prctl", (PR_SET_PDEATHSIG, _SIGKILL), words))
    return operations
