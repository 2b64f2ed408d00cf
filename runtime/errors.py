"""Errors of the runtime.

::

    EngineError            operation, subject, reason, hint
     +- SpecError          a specification or an option that cannot be used
     +- ImageError         an image that is unknown, damaged or unsafe
     +- KernelError        the kernel refused an operation
     +- CommandError       the program inside the container could not be executed (126, 127)
     +- BenchError         a measurement that cannot be made
"""

from __future__ import annotations

import errno
import os


class EngineError(Exception):
    """An error that the user can act upon.

    Parameters
    ----------
    operation : str
        What was being done, a verb phrase in lower case.
    subject : str
        What it was done to: a path, an image, a container.
    reason : str
        Why it failed; lower case, no full stop.
    hint : str
        What to type next; empty when nothing better is known.
    """

    exit_code = 125  # as `docker run`: the engine failed, not the program

    def __init__(self, operation: str, subject: str, reason: str, hint: str = "") -> None:
        super().__init__(f"{operation} '{subject}': {reason}")
        self.operation = operation
        self.subject = subject
        self.reason = reason
        self.hint = hint


class SpecError(EngineError):
    """A specification or an option that cannot be used."""


class ImageError(EngineError):
    """An image that is unknown, damaged or unsafe."""


class BenchError(EngineError):
    """A measurement that cannot be made here."""


class KernelError(EngineError):
    """The kernel refused an operation.

    Parameters
    ----------
    operation, subject, hint : str
        As in `EngineError`.
    number : int
        The errno.
    """

    def __init__(self, operation: str, subject: str, number: int, hint: str = "") -> None:
        super().__init__(operation, subject, os.strerror(number).lower(), hint)
        self.errno = number


class CommandError(EngineError):
    """The program inside the container could not be executed.

    The exit code is 127 when it was not found and 126 when it was found but cannot be executed, as `docker run`.
    """

    def __init__(self, command: str, number: int) -> None:
        missing = number in (errno.ENOENT, errno.ENOTDIR)
        reason = "executable file not found in the container" if missing else os.strerror(number).lower()
        hint = (
            "list what the image has, for example: tare run IMAGE ls /bin"
            if missing
            else "the file must be executable and of this machine's architecture"
        )
        super().__init__("execute", command, reason, hint)
        self.exit_code = 127 if missing else 126
