"""Queueing theory that the simulator is checked against."""

from __future__ import annotations

from sim.errors import ParameterError
from sim.spec.ranges import require_count, require_number


def erlang_c(servers: int, offered_load: float) -> float:
    """Probability that an arrival at an M/M/c queue finds all servers busy.

    Parameters
    ----------
    servers : int
        c, at least 1.
    offered_load : float
        Arrival rate times mean service time, in servers; at least 0 and less than `servers`.

    Raises
    ------
    ParameterError
        A value outside its range; from `servers` on there is no steady state.

    Notes
    -----
    Erlang B by its recursion, B(k) = aB(k-1) / (k + aB(k-1)), then C = cB / (c - a(1 - B)).

    References
    ----------
    Cooper, "Introduction to Queueing Theory", 2nd ed., 1981, chapter 3.

    Examples
    --------
    >>> erlang_c(1, 0.5)
    0.5
    """
    require_count("queue", "servers", servers, "servers")
    require_number("queue", "offered_load", offered_load, "servers", zero=True)
    if offered_load >= servers:
        raise ParameterError(
            f"check queue: 'offered_load' is {offered_load!r} servers, not less than {servers}",
            "lower the arrival rate or add servers",
        )
    blocking = 1.0
    for k in range(1, servers + 1):
        blocking = offered_load * blocking / (k + offered_load * blocking)
    return servers * blocking / (servers - offered_load * (1 - blocking))


def mmc_mean_sojourn_s(servers: int, arrival_rate_per_s: float, mean_service_s: float) -> float:
    """Mean time in an M/M/c queue, waiting and service, in seconds.

    Processor sharing with a cap of one core a job, on `servers` cores, has the same mean: for exponential work because
    its number in system is the same birth-death process, for any other law because processor sharing is insensitive.

    Parameters
    ----------
    servers : int
        c, at least 1.
    arrival_rate_per_s : float
        Poisson arrivals a second, greater than 0.
    mean_service_s : float
        Mean work of a job, core-seconds, greater than 0.

    Raises
    ------
    ParameterError
        A value outside its range, or a load of 1 or more.
    """
    require_number("queue", "arrival_rate_per_s", arrival_rate_per_s, "1/s")
    require_number("queue", "mean_service_s", mean_service_s, "s")
    offered_load = arrival_rate_per_s * mean_service_s
    return mean_service_s * (1 + erlang_c(servers, offered_load) / (servers - offered_load))
