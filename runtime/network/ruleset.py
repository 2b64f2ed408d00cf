"""The packet filter as text of nft(8); pure.

One table of our own, ``ip tare``, whose rules never change: networks and published ports are elements of its sets and
maps. A lookup costs the same with one container as with a thousand, and deleting the table removes all that is ours.
It is written in nft's own language, not in its JSON form: what is read here can be looked up and typed.
"""

from __future__ import annotations

from collections.abc import Iterable

from runtime.network.model import Network
from runtime.network.ports import Publication

TABLE = "ip tare"
_ANY = "0.0.0.0"  # noqa: S104  what Docker means by no address

BASE = """\
table ip tare {
    set bridges { type ifname; }                   # bridges of all networks
    set internal { type ifname; }                  # of those that have no way out
    set within { type ifname . ifname; }           # pairs of bridges between which containers talk: each with itself
    set masqueraded { type ipv4_addr; flags interval; }  # subnets that leave with the host's address
    map everywhere { type inet_proto . inet_service : ipv4_addr . inet_service; }
    map at_address { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }

    chain wire {  # before connection tracking: loopback addresses never come from a wire (CVE-2020-8558)
        type filter hook prerouting priority -300;
        iifname @bridges ip daddr 127.0.0.0/8 drop
    }
    chain arriving {
        type nat hook prerouting priority -100;
        fib daddr type local jump published
    }
    chain sent_here {  # by processes of the host itself, to 127.0.0.1 too: bridges have route_localnet
        type nat hook output priority -100;
        fib daddr type local jump published
    }
    chain published {
        dnat ip to ip daddr . meta l4proto . th dport map @at_address
        dnat ip to meta l4proto . th dport map @everywhere
    }
    chain leaving {
        type nat hook postrouting priority 100;
        ip saddr 127.0.0.0/8 oifname @bridges masquerade  # so that the answer finds back to the host
        ct status dnat ip saddr @masqueraded oifname @bridges masquerade  # hairpin: a container and its own port
        ip saddr @masqueraded oifname != @bridges masquerade
    }
    chain crossing {
        type filter hook forward priority 0;
        iifname . oifname @within accept
        iifname @internal drop
        oifname @internal drop
        ct state established,related accept
        ct status dnat accept  # a published port is open to everybody
        oifname @bridges drop  # other networks, and machines that know a container's address
    }
}
"""


_QUESTIONS = """\
table ip tare {{
    chain questions {{
        type nat hook output priority -100
    }}
}}
flush chain ip tare questions
add rule ip tare questions ip daddr {address} udp dport 53 dnat to {address}:{udp_port}
add rule ip tare questions ip daddr {address} tcp dport 53 dnat to {address}:{tcp_port}
"""


def replace_questions(address: str, udp_port: int, tcp_port: int) -> str:
    """Commands for a container's own namespace, which lead its questions to the sockets of our name server.

    Port 53 itself stays free for a container that is a DNS server. Flushing costs nothing where there is nothing, while
    deleting a table makes nft wait 13 ms for the kernel's readers.
    """
    return _QUESTIONS.format(address=address, udp_port=udp_port, tcp_port=tcp_port)


def replace_table(networks: Iterable[Network], publications: Iterable[Publication]) -> str:
    """Commands that put the table in place of whatever it was, in one transaction.

    Connections go on: what they are translated to is kept by connection tracking, not by the table.
    """
    elements = [element for network in networks for element in network_elements(network)]
    elements += [element for publication in publications for element in port_elements(publication)]
    return f"table {TABLE} {{}}\ndelete table {TABLE}\n{BASE}{change('add', elements)}"


def network_elements(network: Network) -> list[tuple[str, str]]:
    """Set and element for each thing that the filter knows of a bridge network."""
    quoted = f'"{network.bridge}"'
    elements = [("bridges", quoted)]
    if network.internal:
        elements.append(("internal", quoted))
    elif network.masquerade:
        elements.append(("masqueraded", network.subnet))
    if network.between_containers:
        elements.append(("within", f"{quoted} . {quoted}"))
    return elements


def port_elements(publication: Publication) -> list[tuple[str, str]]:
    """Map and element for a published port."""
    key = f"{publication.protocol} . {publication.host_port}"
    target = f"{publication.container_address} . {publication.container_port}"
    if publication.host_address == _ANY:
        return [("everywhere", f"{key} : {target}")]
    return [("at_address", f"{publication.host_address} . {key} : {target}")]


def change(verb: str, elements: Iterable[tuple[str, str]]) -> str:
    """Commands that ``add`` or ``delete`` elements."""
    return "".join(f"{verb} element {TABLE} {name} {{ {element} }}\n" for name, element in elements)
