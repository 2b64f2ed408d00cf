"""Every class of error has one status, and says what dockerd says."""

from __future__ import annotations

import errno

import pytest

from runtime import errors
from runtime.api.errors import STATUS, answer_error, status_of, words_of


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (errors.NotFound("container", "web"), 404, "No such container: web"),
        (errors.NotFound("image", "busybox"), 404, "No such image: busybox:latest"),
        (errors.NotFound("image", "busybox:1"), 404, "No such image: busybox:1"),
        (errors.NotFound("network", "n"), 404, "network n not found"),
        (errors.NotFound("volume", "v"), 404, "get v: no such volume"),
        (errors.NotFound("exec instance", "e"), 404, "No such exec instance: e"),
        (errors.NotFound("what comes later", "x"), 404, "No such what comes later: x"),
        (errors.Conflict("pause", "web", "Container 5f2c is already paused"), 409, "Container 5f2c is already paused"),
        (errors.BadParameter("create", "x", "No command specified"), 400, "No command specified"),
        (errors.SpecError("read", "x", "not a number"), 400, "read 'x': not a number"),
        (errors.Forbidden("remove", "bridge", "bridge is a pre-defined network"), 403, None),
        (errors.Unsupported("read logs", "x", "configured logging driver does not support reading"), 501, None),
        (errors.Unavailable("list", "swarm", "This node is not a swarm manager."), 503, None),
        (errors.KernelError("mount", "/x", errno.EIO, "look"), 500, "mount '/x': input/output error (look)"),
        (ValueError("boom"), 500, "internal error: ValueError: boom"),
    ],
)  # fmt: skip
def test_status_and_words(error: Exception, status: int, words: str | None) -> None:
    assert status_of(error) == status
    assert words is None or words_of(error) == words


# The docker command derives its exit code from these words
@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOENT, 'exec: "prog": executable file not found in $PATH'), (errno.EACCES, "permission denied")],
)
def test_a_program_that_cannot_be_executed(number: int, words: str) -> None:
    error = errors.CommandError("prog", number)
    assert status_of(error) == 400
    assert words in words_of(error)


def test_not_modified_has_no_body() -> None:
    answer = answer_error(errors.NotModified("start", "web", "already started"))
    assert (answer.status, answer.body) == (304, b"")


def test_a_class_stands_before_the_classes_that_it_belongs_to() -> None:
    classes = [kind for kind, _ in STATUS]
    for position, kind in enumerate(classes):
        assert not any(issubclass(kind, earlier) for earlier in classes[:position])
