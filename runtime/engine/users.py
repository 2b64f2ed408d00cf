"""Who a container's process is: names resolved by the container's own /etc/passwd and /etc/group. passwd(5), group(5).

The files are read below the container's layers without following a symbolic link: what an image puts there must not
make the daemon read a file of the host.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from runtime.errors import EngineError
from runtime.spec.config import User

_LIMIT_BYTES = 1 << 20
_IDS = (1 << 32) - 1


def read_below(folders: Sequence[str], path: str) -> str:
    """Read a small file of a stack of layers, the topmost that has it; empty when none has.

    Parameters
    ----------
    folders : sequence of str
        Unpacked layers, the topmost first.
    path : str
        Relative; none of its components may be a symbolic link.
    """
    *above, name = path.split("/")
    for folder in folders:
        current = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in above:
                below = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=current)
                os.close(current)
                current = below
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with os.fdopen(os.open(name, flags, dir_fd=current), "rb") as file:
                return file.read(_LIMIT_BYTES).decode(errors="replace")
        except OSError:
            continue
        finally:
            os.close(current)
    return ""


def resolve_user(text: str, passwd: str, group: str) -> tuple[User, str]:
    """Resolve ``USER[:GROUP]``, each a name or a number.

    Parameters
    ----------
    text : str
        Empty for root.
    passwd, group : str
        Content of the container's files of these names.

    Returns
    -------
    User
        With its group and those that /etc/group lists for a user that is named there as additional ones.
    str
        The home directory; ``/`` for a user that is not listed.

    Raises
    ------
    EngineError
        A name that is not listed, in Docker's words.
    """
    name, _, group_name = text.partition(":")
    users = [line.split(":") for line in passwd.splitlines() if line.count(":") >= 6]
    groups = [line.split(":") for line in group.splitlines() if line.count(":") >= 3]
    name = name or "0"
    entry = next((user for user in users if user[0] == name), None)
    if entry is None and _is_id(name):
        entry = next((user for user in users if user[2] == name), None)
    if entry is not None and _is_id(entry[2]) and _is_id(entry[3]):
        uid, gid, home, known = int(entry[2]), int(entry[3]), entry[5] or "/", entry[0]
    elif _is_id(name):
        uid, gid, home, known = int(name), 0, "/root" if name == "0" else "/", ""
    else:
        raise EngineError("run as user", text, f"unable to find user {name}: no matching entries in passwd file")
    additional: tuple[int, ...] = ()
    if group_name:
        found = next((line[2] for line in groups if group_name in (line[0], line[2])), group_name)
        if not _is_id(found):
            reason = f"unable to find group {group_name}: no matching entries in group file"
            raise EngineError("run as group", text, reason)
        gid = int(found)
    elif known:
        listed = (line for line in groups if known in line[3].split(",") and _is_id(line[2]))
        additional = tuple(dict.fromkeys(int(line[2]) for line in listed))
    return User(uid, gid, tuple(dict.fromkeys((gid, *additional)))), home


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) < _IDS
