"""Errors of networks, as `runtime.errors` has them for the rest.

::

    EngineError
     +- NetworkError         the kernel or a tool refused, or a name or address is unknown
         +- PrivilegeError   it needs root (CAP_NET_ADMIN, CAP_SYS_ADMIN)
         +- AddressError     an address or a subnet that cannot be had
         +- PortError        a port that cannot be published
"""

from __future__ import annotations

import errno
import os

from runtime.errors import EngineError

_ROOTLESS_HINT = "run the daemon as root, or use --network none or --network host, which need no privilege"


class NetworkError(EngineError):
    """A network operation that failed."""


class AddressError(NetworkError):
    """An address or a subnet that cannot be had: taken, outside, none left."""


class PortError(NetworkError):
    """A port of the host that cannot be published."""


class PrivilegeError(NetworkError):
    """A network operation that this user may not do."""

    def __init__(self, operation: str, subject: str) -> None:
        super().__init__(operation, subject, "operation not permitted without CAP_NET_ADMIN", _ROOTLESS_HINT)


def refused(operation: str, subject: str, number: int, hint: str = "") -> NetworkError:
    """Choose the error for an errno of the kernel.

    Parameters
    ----------
    operation, subject, hint : str
        As in `EngineError`.
    number : int
        The errno, positive.

    Returns
    -------
    NetworkError
        A `PrivilegeError` for EPERM and EACCES.
    """
    if number in (errno.EPERM, errno.EACCES):
        return PrivilegeError(operation, subject)
    return NetworkError(operation, subject, os.strerror(number).lower(), hint)
