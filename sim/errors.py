"""Errors of the simulator.

::

    SimError
     +- ParameterError (also ValueError)   a value outside its range
     +- ScenarioError                      the parts do not fit together
     +- TechnologyError                    a technology file that cannot be used
     +- RecordError                        a record file that cannot be used
"""

from __future__ import annotations


class SimError(Exception):
    """An error that the user can act upon.

    Parameters
    ----------
    message : str
        Operation, quoted subject and reason; lower case, no full stop.
    hint : str
        What to type or change next; empty when nothing better is known.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ParameterError(SimError, ValueError):
    """A parameter lies outside its documented range."""


class ScenarioError(SimError):
    """A scenario whose parts do not fit together, such as a guest larger than its host."""


class TechnologyError(SimError):
    """A technology that is unknown, or whose file is faulty."""


class RecordError(SimError):
    """A record file that cannot be read or has another schema."""
