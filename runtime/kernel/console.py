"""A container's console: a terminal of its own devpts, handed to who keeps the other side; pts(4), tty_ioctl(4)."""

from __future__ import annotations

import _socket
import array
import os
import struct
from fcntl import ioctl

from runtime.abi import MS_BIND
from runtime.kernel import libc

_TIOCSPTLCK = 0x40045431  # asm-generic/ioctls.h
_TIOCGPTPEER = 0x5441
_TIOCGPTN = 0x80045430
_TIOCSCTTY = 0x540E
_TIOCSWINSZ = 0x5414
_SOCKET = 0  # a launch with a console is given a socket as its standard input


def open_console(owner: int) -> None:
    """Open a terminal in /dev/pts, send its master through standard input's socket, and become its session's leader.

    The process must lead a session without a terminal. Standard input, output and error are the terminal afterwards,
    and /dev/console is too.

    Parameters
    ----------
    owner : int
        User who shall own the terminal.
    """
    master = os.open("/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    ioctl(master, _TIOCSPTLCK, struct.pack("i", 0))
    number = struct.unpack("i", ioctl(master, _TIOCGPTN, struct.pack("i", 0)))[0]
    slave = ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
    channel = _socket.socket(fileno=_SOCKET)
    channel.sendmsg([b"!"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", [master]))])
    channel.detach()
    os.close(master)
    os.fchown(slave, owner, -1)
    ioctl(slave, _TIOCSCTTY, 0)
    for standard in (0, 1, 2):
        os.dup2(slave, standard)
    os.close(slave)
    os.close(os.open("/dev/console", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    libc.mount(f"/dev/pts/{number}", "/dev/console", None, MS_BIND, None)


def set_window_size(terminal: int, rows: int, columns: int) -> None:
    """Tell a terminal its size, of which its foreground processes hear by SIGWINCH."""
    ioctl(terminal, _TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
