"""An operation knows its words, its call as in C, and how to be made."""

from __future__ import annotations

import os

import pytest

from runtime.abi import CLONE_NEWNS, MNT_DETACH, MS_NODEV, MS_NOSUID, PR_SET_NO_NEW_PRIVS
from runtime.plan.operation import Operation


def signature(call: str, *arguments: object) -> str:
    return Operation("stage", call, arguments, "words").signature()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "call", "arguments"),
    [
        ('mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV, NULL)', "mount",
         ("proc", "/proc", "proc", MS_NOSUID | MS_NODEV, None)),
        ('mount(NULL, "/", NULL, 0, NULL)', "mount", (None, "/", None, 0, None)),
        ('umount2(".", MNT_DETACH)', "umount2", (".", MNT_DETACH)),
        ("unshare(CLONE_NEWNS)", "unshare", (CLONE_NEWNS,)),
        ('mknod("/dev/null", 020666, makedev(1, 3))', "mknod", ("/dev/null", 0o20666, os.makedev(1, 3))),
        ("prctl(PR_SET_NO_NEW_PRIVS, 1)", "prctl", (PR_SET_NO_NEW_PRIVS, 1)),
        ("umask(022)", "umask", (0o022,)),
        ("umask(0)", "umask", (0,)),
        ("drop_bounding({CAP_SYS_ADMIN})", "drop_bounding", ((21,),)),
        (r'execute({"echo", "\"a\"\n"}, {})', "execute", (("echo", '"a"\n'), ())),
    ],
)  # fmt: skip
def test_signature_is_written_as_in_c(written: str, call: str, arguments: tuple[object, ...]) -> None:
    assert signature(call, *arguments) == written


def test_unknown_flags_are_shown_in_hexadecimal() -> None:
    assert signature("umount2", "/x", 0x80000000) == 'umount2("/x", 0x80000000)'


def test_apply_makes_the_call_through_the_given_table() -> None:
    made: list[tuple[object, ...]] = []
    Operation("s", "sethostname", ("box",), "w").apply({"sethostname": lambda *arguments: made.append(arguments)})
    assert made == [("box",)]
