"""The packet filter's table, by the program nft(8): installed whole, then changed element by element.

nft rather than pyroute2's nftables: there a rule is a list of register instructions, which nobody can review; nft's
own text is the documentation. Started only for networks and published ports, never for a container's connection,
at some 5 ms a call. Hosts that have iptables alone are told what to install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable

from runtime.network import ruleset
from runtime.network.errors import NetworkError, PrivilegeError
from runtime.network.model import Network
from runtime.network.ports import Publication

_INSTALL_HINT = "as root: apt-get install nftables (Linux 5.6 or newer with CONFIG_NF_TABLES); iptables is not enough"


def install_table(networks: Iterable[Network], publications: Iterable[Publication]) -> None:
    """Put our table in place, of a daemon that starts: exactly these networks and ports, whatever was there before.

    Parameters
    ----------
    networks : iterable of Network
        Bridge networks.
    publications : iterable of Publication
        Ports of running containers.

    Raises
    ------
    NetworkError
        nft is missing or refused; `PrivilegeError` without CAP_NET_ADMIN.
    """
    _run("install", "table ip tare", ruleset.replace_table(networks, publications))


def remove_table() -> None:
    """Remove all that is ours; an absent table is no error.

    Raises
    ------
    NetworkError
        As for `install_table`.
    """
    _run("remove", "table ip tare", f"table {ruleset.TABLE} {{}}\ndelete table {ruleset.TABLE}\n")


def add_network(network: Network) -> None:
    """Let a bridge network's packets pass, as its settings say.

    Raises
    ------
    NetworkError
        As for `install_table`; also when the table was never installed.
    """
    _run("filter network", network.name, ruleset.change("add", ruleset.network_elements(network)))


def remove_network(network: Network) -> None:
    """Forget a bridge network.

    Raises
    ------
    NetworkError
        As for `add_network`; also when it is not there.
    """
    _run("stop filtering network", network.name, ruleset.change("delete", ruleset.network_elements(network)))


def add_ports(publications: Iterable[Publication]) -> None:
    """Lead ports of the host to containers, all or none.

    Raises
    ------
    NetworkError
        As for `add_network`.
    """
    elements = [element for publication in publications for element in ruleset.port_elements(publication)]
    _run("publish ports", ", ".join(element for _, element in elements), ruleset.change("add", elements))


def remove_ports(publications: Iterable[Publication]) -> None:
    """Stop leading ports to containers, all or none.

    Raises
    ------
    NetworkError
        As for `add_network`; also when one is not there.
    """
    elements = [element for publication in publications for element in ruleset.port_elements(publication)]
    _run("withdraw ports", ", ".join(element for _, element in elements), ruleset.change("delete", elements))


def lead_questions(address: str, udp_port: int, tcp_port: int) -> None:
    """Lead DNS questions that the processes of this thread's namespace ask at an address to ports of ours.

    Raises
    ------
    NetworkError
        As for `install_table`.
    """
    _run("lead questions to", address, ruleset.replace_questions(address, udp_port, tcp_port))


def _program() -> str:
    """Where nft is: users' search path seldom has the system's programs."""
    return shutil.which("nft", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "nft"


def _run(operation: str, subject: str, commands: str) -> None:
    try:
        done = subprocess.run([_program(), "-f", "-"], input=commands, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise NetworkError(operation, subject, "the program nft is not installed", _INSTALL_HINT) from error
    if done.returncode == 0:
        return
    reason = done.stderr.strip().partition("\n")[0].lower()
    if "operation not permitted" in reason or "permission denied" in reason:
        raise PrivilegeError(operation, subject)
    hint = _INSTALL_HINT
    if "no such file or directory" in reason:
        hint = "somebody removed the table 'ip tare'; restart the daemon, which installs it"
    raise NetworkError(operation, subject, reason, hint)
