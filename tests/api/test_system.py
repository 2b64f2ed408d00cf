"""The real docker command and docker-py ask about the engine as a whole."""

from __future__ import annotations

import json
import threading
import time

import docker
import pytest

from runtime.engine.events import Event
from tests.api.conftest import Cli, Running


def test_ping_has_the_headers_that_clients_negotiate_by(daemon: Running) -> None:
    get, head = (daemon.ask(b"%s /_ping HTTP/1.0\r\n\r\n" % method) for method in (b"GET", b"HEAD"))
    for header in (b"Api-Version: 1.41", b"Docker-Experimental: false", b"Ostype: linux", b"Builder-Version: 1"):
        assert b"\r\n%s\r\n" % header in get
        assert b"\r\n%s\r\n" % header in head
    assert get.endswith(b"\r\n\r\nOK")


def test_the_docker_command_negotiates_and_asks(cli: Cli) -> None:
    server = json.loads(cli("version", "--format", "{{json .Server}}"))
    assert (server["ApiVersion"], server["MinAPIVersion"]) == ("1.41", "1.12")
    assert server["Components"][0]["Details"]["ApiVersion"] == "1.41"
    assert cli("info", "--format", "{{.OSType}} {{.ServerVersion}}") == "linux 0.1.0\n"
    assert "Images          0" in cli("system", "df")
    assert cli("search", "busybox", "--format", "{{.Name}}") == ""
    assert "This node is not a swarm manager" in cli("node", "ls", code=1)
    assert "No such image: nosuch:latest" in cli("rmi", "nosuch", code=1)


def test_docker_py_asks(client: docker.DockerClient) -> None:
    assert client.ping()
    assert client.version()["Version"] == "0.1.0"
    assert client.info()["NEventsListener"] == 0
    assert client.df()["LayersSize"] == 7
    with pytest.raises(docker.errors.ImageNotFound):
        client.images.get("nosuch")


def test_events_past_and_to_come(daemon: Running, client: docker.DockerClient) -> None:
    def happen(name: str) -> None:
        daemon.call(lambda: daemon.engine.events.publish(Event("volume", "create", name)))

    happen("past")
    stream = client.events(since=0, filters={"type": "volume"}, decode=True)
    assert next(stream)["Actor"]["ID"] == "past"
    later = threading.Timer(0.1, happen, ["to come"])
    later.start()
    assert next(stream)["Actor"]["ID"] == "to come"
    later.join()
    assert daemon.engine.events.subscribers == 1
    stream.close()
    deadline = time.monotonic() + 3
    while daemon.engine.events.subscribers and time.monotonic() < deadline:
        time.sleep(0.01)
    assert daemon.engine.events.subscribers == 0


def test_events_end_at_the_moment_that_was_asked_for(daemon: Running, cli: Cli) -> None:
    daemon.call(lambda: daemon.engine.events.publish(Event("volume", "create", "v", {"driver": "local"})))
    until = str(time.time() + 0.5)
    told = cli("events", "--since", "1", "--until", until, "--format", "{{.Action}} {{.Actor.ID}}")
    assert told == "create v\n"
    assert time.time() >= float(until)
    assert cli("events", "--until", "1", "--format", "{{.Action}}") == ""
