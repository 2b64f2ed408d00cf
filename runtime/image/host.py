"""The image ``tare/host``, assembled from this machine's own files, so that everything works without a network.

With busybox it holds that and a name for each of its programs; without, a shell, the core utilities and the libraries
that they load, as the dynamic loader itself lists them. It is an ordinary OCI image of one layer: other engines can
run it.
"""

from __future__ import annotations

import os
import platform
import shutil
import stat
import struct
import subprocess
from pathlib import Path

from runtime.errors import ImageError
from runtime.image.compose import encode, put_image
from runtime.image.layer import Entry, compress, pack_layer
from runtime.image.store import Image, ImageStore
from runtime.spec.config import DEFAULT_PATH
from runtime.spec.digest import sha256_digest
from runtime.spec.image import MEDIA_CONFIG, MEDIA_LAYER_GZIP
from runtime.spec.reference import Reference, parse_reference

HOST_IMAGE = parse_reference("tare/host")

UTILITIES = (
    "sh", "arch", "basename", "cat", "chmod", "chown", "cp", "cut", "date", "dd", "df", "dirname", "du", "echo", "env",
    "expr", "false", "find", "free", "grep", "head", "hostname", "id", "kill", "ln", "ls", "mkdir", "mknod", "mount",
    "mv", "nproc", "od", "ps", "pwd", "readlink", "rm", "rmdir", "sed", "seq", "sleep", "sort", "stat", "sync", "tail",
    "tee", "test", "touch", "tr", "true", "umount", "uname", "uniq", "wc", "whoami", "yes",
)  # fmt: skip

_DIRECTORIES = {
    "dev": 0o755, "etc": 0o755, "proc": 0o555, "root": 0o700, "run": 0o755, "sys": 0o555, "tmp": 0o1777, "usr": 0o755,
    "usr/bin": 0o755, "usr/lib": 0o755, "usr/lib64": 0o755, "usr/sbin": 0o755, "var": 0o755,
}  # fmt: skip
_LINKS = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "sbin": "usr/sbin"}
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def parse_interpreter(elf: bytes) -> str | None:
    """Read which dynamic loader a 64-bit ELF program asks for: elf(5), PT_INTERP.

    Returns
    -------
    str or None
        Path of the loader; None for a program that is linked statically.

    Raises
    ------
    ImageError
        Not a 64-bit ELF file.
    """
    if elf[:4] != b"\x7fELF" or elf[4] != 2:
        raise ImageError("read program", elf[:4].hex(), "not a 64-bit ELF file")
    order = "<" if elf[5] == 1 else ">"
    (table,) = struct.unpack_from(f"{order}Q", elf, 32)
    size, count = struct.unpack_from(f"{order}HH", elf, 54)
    for index in range(count):
        kind, _, offset, _, _, length = struct.unpack_from(f"{order}IIQQQQ", elf, table + index * size)
        if kind == 3:  # PT_INTERP
            return elf[offset : offset + length].rstrip(b"\0").decode()
    return None


def parse_loader_list(text: str) -> tuple[str, ...]:
    """Paths in what a dynamic loader answers to ``--list``; names that need no file, as the vDSO, are left out."""
    paths = []
    for line in text.splitlines():
        name, arrow, target = line.strip().partition(" => ")
        path = (target if arrow else name).partition(" (")[0].strip()
        if path.startswith("/"):
            paths.append(path)
    return tuple(dict.fromkeys(paths))


def libraries_of(program: str) -> tuple[str, ...]:
    """Shared libraries that a program loads, and the loader itself, as the loader resolves them on this machine."""
    interpreter = parse_interpreter(Path(program).read_bytes())
    if interpreter is None:
        return ()
    listed = subprocess.run([interpreter, "--list", program], capture_output=True, text=True, check=False, timeout=30)
    if listed.returncode:
        raise ImageError("list the libraries of", program, listed.stderr.strip() or "the dynamic loader failed")
    return tuple(dict.fromkeys((interpreter, *parse_loader_list(listed.stdout))))


def collect_entries() -> list[Entry]:
    """Gather the layer of the image from this machine's files.

    Raises
    ------
    ImageError
        This machine has no shell that could be found.
    """
    entries: dict[str, Entry] = {}

    def add_directory(path: str) -> None:
        if path and path not in entries:
            add_directory(os.path.dirname(path))
            entries[path] = Entry(path, stat.S_IFDIR | _DIRECTORIES.get(path, 0o755))

    def add_file(source: str, path: str) -> None:
        # in the image bin, lib, lib64 and sbin are links into usr, whatever they are here
        top, _, rest = path.lstrip("/").partition("/")
        placed = f"{_LINKS.get(top, top)}/{rest}"
        add_directory(os.path.dirname(placed))
        entries[placed] = Entry(placed, stat.S_IFREG | 0o755, Path(source).read_bytes())

    for directory in _DIRECTORIES:
        add_directory(directory)
    for name, target in _LINKS.items():
        entries[name] = Entry(name, stat.S_IFLNK | 0o777, target.encode())
    entries["etc/passwd"] = Entry(
        "etc/passwd", stat.S_IFREG | 0o644,
        b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    )  # fmt: skip
    entries["etc/group"] = Entry("etc/group", stat.S_IFREG | 0o644, b"root:x:0:\nnobody:x:65534:\n")

    programs: dict[str, str] = {}  # real path -> first name that it is known by in the image
    busybox = shutil.which("busybox")
    if busybox is not None:
        add_file(busybox, "/bin/busybox")
        programs[os.path.realpath(busybox)] = "busybox"
        applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True, timeout=30)
        names = {name: busybox for name in applets.stdout.split() if "/" not in name and name != "busybox"}
    else:
        names = {name: found for name in UTILITIES if (found := shutil.which(name)) is not None}
    if "sh" not in names:
        raise ImageError("assemble", HOST_IMAGE.familiar, "no shell on this machine", "install busybox")
    for name, found in names.items():
        real = os.path.realpath(found)
        path = f"usr/bin/{name}"
        if real in programs:
            entries[path] = Entry(path, stat.S_IFLNK | 0o777, programs[real].encode())
        elif Path(real).read_bytes()[:4] == b"\x7fELF":  # a script would need its interpreter too
            add_file(real, path)
            programs[real] = name
    for library in dict.fromkeys(path for real in programs for path in libraries_of(real)):
        add_file(os.path.realpath(library), library)
    return list(entries.values())


def build_host_image(store: ImageStore) -> Image:
    """Assemble ``tare/host`` and put it into a store."""
    archive = pack_layer(collect_entries())
    created = "1970-01-01T00:00:00Z"  # made of files, not at a time: the same files give the same image
    config = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": created,
        "config": {"Env": [f"PATH={DEFAULT_PATH}"], "Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": [sha256_digest(archive)]},
        "history": [{"created": created, "created_by": "tare: assembled from this machine's own files"}],
    }
    with store.lease():
        layer = store.put_blob(compress(archive), MEDIA_LAYER_GZIP)
        return put_image(store, store.put_blob(encode(config), MEDIA_CONFIG), [layer], HOST_IMAGE)


def find_image(store: ImageStore, reference: Reference) -> Image:
    """Return an image of the store; the host image is assembled when it is asked for first.

    Raises
    ------
    ImageError
        No such image.
    """
    image = store.find(reference)
    if image is not None:
        return image
    if reference == HOST_IMAGE:
        return build_host_image(store)
    hint = f"the image that every machine has: {HOST_IMAGE.familiar.removesuffix(':latest')}"
    raise ImageError("find image", reference.familiar, "no such image", hint)
