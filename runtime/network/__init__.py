"""Container networks: addresses, bridges, endpoints, published ports, names. Called by the engine; decides nothing.

What is one thing at a time::

    model        a network and an endpoint as values that the engine keeps      pure
    addresses    subnets, container and hardware addresses                      pure
    define       networks and endpoints from requests of the API                    pure
    ports        -p and port maps                                               pure
    hosts        /etc/hosts, /etc/resolv.conf, /etc/hostname                    pure
    names        answers to DNS questions                                       pure
    documents    what the Docker API shows                                      pure
    ruleset      the packet filter, as commands of nft                          pure
    namespace    network namespaces: make one, act within one
    links        requests that make devices, addresses, routes          pure
    netlink      sends a batch of them, and lists what there is
    bridge       bridges, and the table of the packet filter (firewall)
    host         the claim to all of it; what an engine that starts finds and wants
    endpoint     a namespace's connection to a bridge
    publish      ports of the host
    flows        what connection tracking must forget
    resolver     the DNS server at 127.0.0.11 of each namespace
"""
