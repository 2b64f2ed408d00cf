"""Without privilege: one typed error that says what to do, from every entrance."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.network import firewall
from runtime.network.errors import NetworkError, PrivilegeError

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
ENTRANCES = {
    "make namespace": "namespace.new_namespace()",
    "enter namespace": "namespace.inside(os.open('/proc/self/ns/net', 0), int)",
    "make bridge": "bridge.create_bridge(network)",
    "install table": "firewall.install_table([], [])",
    "bind a low port": "publish.reserve(ports.parse_publish('127.0.0.1:81:80'), '')",
}


@pytest.mark.parametrize("code", ENTRANCES.values(), ids=ENTRANCES.keys())
def test_what_needs_root_says_so(root_user: None, code: str) -> None:
    script = f"""
import json, os
from runtime.errors import EngineError
from runtime.network import bridge, define, firewall, namespace, ports, publish
os.setgroups([]); os.setgid({NOBODY})
import pyroute2
network = define.define_network({{"Name": "n"}}, "0" * 64, "now", [])[0]
os.setuid({NOBODY})
try:
    {code}
except EngineError as error:
    print(json.dumps([type(error).__name__, str(error), error.hint]))
"""
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    kind, message, hint = json.loads(done.stdout)
    assert kind == "PrivilegeError"
    assert "not permitted" in message
    assert "run the daemon as root" in hint


def test_a_host_without_nft_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firewall, "_program", lambda: "/nonexistent/nft")
    with pytest.raises(NetworkError, match="nft is not installed") as caught:
        firewall.remove_table()
    assert "apt-get install nftables" in caught.value.hint
    assert not isinstance(caught.value, PrivilegeError)
