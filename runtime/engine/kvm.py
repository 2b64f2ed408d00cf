"""Whether hardware virtualisation works here, found out by booting a kernel with it.

That /dev/kvm opens proves little: inside a virtual machine it may open and still be unable to run a guest kernel.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Literal

_BOOT_TIMEOUT_S = 8.0  # a kernel says its version within 0.2 s on KVM, and within 2 s when even emulated
_PROOF = b"Linux version"

KvmState = Literal["works", "fails", "unproven", "absent"]


def probe_kvm() -> tuple[KvmState, str]:
    """Boot the newest readable kernel of this machine with KVM until it says its version.

    Returns
    -------
    tuple of str
        State and reason: ``works`` (a kernel booted), ``fails`` (it did not), ``unproven`` (the device opens, but
        QEMU or a kernel to boot is missing), ``absent`` (no device, or not for this user).
    """
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return "absent", f"/dev/kvm: {os.strerror(error.errno or 0).lower()}"
    qemu = shutil.which(f"qemu-system-{os.uname().machine}")
    kernel = newest_kernel()
    if qemu is None or kernel is None:
        missing = "QEMU" if qemu is None else "a readable kernel below /boot"
        return "unproven", f"/dev/kvm opens; {missing} is missing for a trial boot"
    command = [
        qemu, "-accel", "kvm", "-cpu", "host", "-M", "q35" if os.uname().machine == "x86_64" else "virt", "-m", "256",
        "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot",
        "-kernel", str(kernel), "-append", "console=ttyS0 earlyprintk=ttyS0 panic=-1",
    ]  # fmt: skip
    try:
        booted = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_BOOT_TIMEOUT_S, check=False
        )
        output = booted.stdout
        said = booted.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1] if said else f"QEMU ended with status {booted.returncode} before the kernel spoke"
    except subprocess.TimeoutExpired as expired:
        output = expired.stdout or b""
        reason = f"the guest kernel was silent for {_BOOT_TIMEOUT_S:.0f} s"
    if _PROOF in output:
        return "works", f"{kernel.name} booted in QEMU with it"
    return "fails", f"/dev/kvm opens, but a trial boot failed: {reason}"


def newest_kernel() -> Path | None:
    """The most recent kernel image below /boot that this user can read."""
    readable = [path for path in Path("/boot").glob("vmlinuz*") if os.access(path, os.R_OK)]
    return max(readable, key=lambda path: path.stat().st_mtime, default=None)
