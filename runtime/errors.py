"""Errors of the runtime.

::

    EngineError            operation, subject, reason, hint
     +- SpecError          a specification or an option that cannot be used
     +- ImageError         an image that is unknown, damaged or unsafe
     +- KernelError        the kernel refused an operation
     +- CommandError       the program inside the container could not be executed (126, 127)
     +- BenchError         a measurement that cannot be made
     +- Refusal            a request that the daemon does not grant
         +- NotFound       what it names does not exist
         +- Conflict       what it names is in a state, or has a name, that forbids it
         +- NotModified    what it wants is so already
         +- BadParameter   it cannot be understood, or cannot be meant
         +- Unauthorized   the registry wants other credentials
         +- Forbidden      it is never granted on this object
         +- Unavailable    it may be granted later
         +- Unsupported    this engine does not do it

What a class means in HTTP is said by `runtime.api.errors` alone.
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


class Refusal(EngineError):  # noqa: N818  its children are named after the answer, as Docker's classes are
    """A request that the daemon does not grant.

    Parameters
    ----------
    operation, subject, hint : str
        As in `EngineError`.
    reason : str
        Sent to clients as it is. Docker's clients tell errors apart by words, so these are the Docker Engine's.

    Examples
    --------
    >>> str(Conflict("pause container", "web", "Container 5f2c is already paused"))
    "pause container 'web': Container 5f2c is already paused"
    """


class NotFound(Refusal):
    """What a request names does not exist.

    Parameters
    ----------
    kind : str
        What was looked for: ``container``, ``image``, ``network``, ``volume``, ``exec instance``, ``plugin``.
    name : str
        The name or identifier that was given.

    Attributes
    ----------
    kind : str
        As given; `runtime.api.errors` chooses Docker's words by it.
    """

    def __init__(self, kind: str, name: str) -> None:
        lists = {"container": "tare ps -a", "image": "tare images", "network": "tare network ls"}
        lists["volume"] = "tare volume ls"
        hint = f"list what there is: {lists[kind]}" if kind in lists else ""
        super().__init__(f"find {kind}", name, f"no such {kind}", hint)
        self.kind = kind


class Conflict(Refusal):
    """What a request names is in a state, or has a name, that forbids it."""


class NotModified(Refusal):
    """What a request wants is so already: a running container is started, a stopped one is stopped."""


class BadParameter(Refusal):
    """A request that cannot be understood, or that no state of the engine could grant."""


class Unauthorized(Refusal):
    """A registry that wants other credentials."""


class Forbidden(Refusal):
    """A request that is never granted on this object, such as the removal of a predefined network."""


class Unavailable(Refusal):
    """A request that may be granted later."""


class Unsupported(Refusal):
    """A request that this engine does not do, such as reading the logs of a container that keeps none."""
