"""The floor: a C program that makes just the calls of tare's plan, translated from it; what this kernel costs.

It is warm as the zygote is: one process that is asked, launches, cleans up and answers. What it does not do is talk
of plans, time each operation, or pass descriptors.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from time import monotonic_ns
from types import TracebackType
from typing import Self

from runtime.bench.drivers.driver import Sample
from runtime.bench.payload import Payload
from runtime.engine.session import Session
from runtime.errors import BenchError
from runtime.plan.container import Plan
from runtime.plan.operation import Argument, Operation

_HEAD = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#define GUARDED (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define DO(number, call) if ((call) < 0) fail(number)
static void fail(int number) { fprintf(stderr, "operation %d: %s\n", number, strerror(errno)); _exit(125); }
static int write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) return -1;
  return close(fd);
}
static int set_link_up(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_UP};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  strcpy(request.ifr_name, name);
  if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0) return -1;
  return close(fd);
}
static int open_tree_at(const char *path, int number) {
  int made = syscall(428, AT_FDCWD, path, 1 | O_CLOEXEC);
  if (made < 0 || dup3(made, number, O_CLOEXEC) < 0) return -1;
  return close(made);
}
static int attach(int fd, const char *target) {
  if (syscall(429, fd, "", AT_FDCWD, target, 4) < 0) return -1;
  return close(fd);
}
static int mask_path(const char *path) {
  if (mount("/dev/null", path, NULL, MS_BIND, NULL) == 0 || errno == ENOENT) return 0;
  if (errno != ENOTDIR) return -1;
  return mount("tmpfs", path, "tmpfs", MS_RDONLY | GUARDED, "size=0k,nr_inodes=1");
}
static int readonly_path(const char *path) {
  if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0) return errno == ENOENT ? 0 : -1;
  return mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | GUARDED, NULL);
}
static int require_folder(const char *path) {
  struct stat found;
  if (mkdir(path, 0755) == 0) return 0;
  if (errno != EEXIST || lstat(path, &found) < 0) return -1;
  return S_ISDIR(found.st_mode) ? 0 : -1;
}
static int set_capabilities(unsigned long e, unsigned long p, unsigned long i) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{e, p, i}, {e >> 32, p >> 32, i >> 32}};
  return syscall(SYS_capset, &header, data);
}
static int drop_bounding(int count, const int *numbers) {
  for (int i = 0; i < count; i++) if (prctl(PR_CAPBSET_DROP, numbers[i], 0, 0, 0) < 0) return -1;
  return 0;
}
static int remove_tree(const char *folder) { /* of a container that wrote nothing: overlayfs left work/work */
  char path[4096];
  const char *below[] = {"/work/work", "/work", "/upper", "/rootfs", ""};
  for (int i = 0; i < 5; i++) {
    snprintf(path, sizeof path, "%s%s", folder, below[i]);
    if (rmdir(path) < 0) return -1;
  }
  return 0;
}
static int execute(char *const arguments[], char *const variables[]) {
  environ = variables;
  return execvp(arguments[0], arguments);
}
"""


def _c(argument: Argument | tuple[Argument, ...]) -> str:
    if argument is None:
        return "NULL"
    if isinstance(argument, int):
        return str(argument)
    if isinstance(argument, str):
        return '"' + argument.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return ", ".join(_c(a) for a in argument)


def translate_operation(operation: Operation) -> str:
    """Write one operation as a C expression that is negative on failure."""
    renamed = {
        "open_tree": "open_tree_at", "move_mount": "attach", "capset": "set_capabilities",
    }  # fmt: skip
    arguments = operation.arguments
    match operation.call:
        case "pivot_root":
            return f"syscall(SYS_pivot_root, {_c(arguments)})"
        case "sethostname":
            return f"sethostname({_c(arguments)}, {len(str(arguments[0]).encode())})"
        case "prctl":
            return f"prctl({_c(arguments)}, 0, 0, 0)"
        case "umask":
            return f"(umask({_c(arguments)}), 0)"
        case "drop_bounding":
            (numbers,) = arguments
            assert isinstance(numbers, tuple)
            return f"drop_bounding({len(numbers)}, (int[]){{{_c(numbers)}}})"
        case "setgroups":
            (groups,) = arguments
            assert isinstance(groups, tuple)
            return f"setgroups({len(groups)}, (gid_t[]){{{_c(groups) or '0'}}})"
        case "execute":
            program, variables = arguments
            return f"execute((char *[]){{{_c(program)}, NULL}}, (char *[]){{{_c(variables)}, NULL}})"
        case call:
            return f"{renamed.get(call, call)}({_c(arguments)})"


def translate(plan: Plan) -> str:
    """Write a plan as a C program that carries it out once for every byte that it reads, and answers with one."""

    def body(operations: tuple[Operation, ...]) -> str:
        return "\n".join(f"  DO({i}, {translate_operation(operation)});" for i, operation in enumerate(operations))

    return f"""{_HEAD}
static int inside(void *unused) {{
  (void)unused;
  close_range(4, ~0U, 0);
{body(plan.inside)}
  return 127;
}}
static char stack[1 << 18] __attribute__((aligned(16)));
int main(void) {{
  char byte;
  while (read(0, &byte, 1) == 1) {{
    int status;
{body(plan.prepare)}
    int pid = clone(inside, stack + sizeof stack, {plan.clone_flags} | SIGCHLD, NULL);
    DO(-1, pid);
    DO(-2, waitpid(pid, &status, 0));
{body(plan.cleanup)}
    byte = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
    if (write(1, &byte, 1) != 1) return 1;
  }}
  return 0;
}}
"""


class FloorDriver:
    """The plan of a container in C, warm."""

    name = "floor"
    technology = "container"
    differs = "nothing is timed inside, no request is parsed, no descriptor is passed"

    def __init__(self, session: Session, payload: Payload) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            raise BenchError(
                "use driver", self.name, "there is no C compiler", "as root: apt-get install gcc libc6-dev"
            )
        self._compiler = compiler
        self._plan = session.plan(payload.image, payload.config)

    def __enter__(self) -> Self:
        self._folder = tempfile.mkdtemp(prefix="tare-bench-")
        source, program = os.path.join(self._folder, "floor.c"), os.path.join(self._folder, "floor")
        with open(source, "w") as file:
            file.write(translate(self._plan))
        compiled = subprocess.run(
            [self._compiler, "-O2", "-o", program, source], capture_output=True, text=True, check=False
        )
        if compiled.returncode:
            shutil.rmtree(self._folder)
            raise BenchError("compile", source, compiled.stderr.strip().splitlines()[-1])
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def launch(self) -> Sample:
        """Ask the program and wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        start_ns = monotonic_ns()
        self._process.stdin.write(b"!")
        answer = self._process.stdout.read(1)
        duration_ns = monotonic_ns() - start_ns
        if answer != b"\0":
            raise BenchError("launch with", self.name, f"answered {answer!r}; see what it wrote above")
        return Sample(duration_ns)
