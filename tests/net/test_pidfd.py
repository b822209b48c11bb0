"""pidfd_getfd: a file taken out of another process, errno by errno."""

from __future__ import annotations

from errno import EBADF, EINVAL, EMFILE, EPERM, ESRCH

import pytest

from tests.net.world import World, errno_of


def test_it_is_the_same_file_at_the_lowest_number_closed_on_exec(world: World) -> None:
    owner, taker = world.process("owner"), world.process("taker")
    fd, dmabuf = world.buffer(owner)
    pidfd = taker.pidfd_open(owner.pid)
    taken = taker.pidfd_getfd(pidfd, fd)
    assert (pidfd, taken) == (0, 1)
    assert taker.files.cloexec == {0, 1}
    assert taker.fstat(taken).st_ino == dmabuf.ino
    assert taker.readlink(pidfd) == "anon_inode:[pidfd]"
    owner.exit()
    assert dmabuf.file.held_by() == "fd 1 of taker (pid 101)"


def test_errors(world: World) -> None:
    owner, taker = world.process("owner"), world.process("taker", limit=2)
    fd, dmabuf = world.buffer(owner)
    assert errno_of(lambda: taker.pidfd_open(4711)) == ESRCH
    assert errno_of(lambda: taker.pidfd_open(0)) == EINVAL
    assert errno_of(lambda: taker.pidfd_open(owner.pid, 1)) == EINVAL
    pidfd = taker.pidfd_open(owner.pid)
    assert errno_of(lambda: taker.pidfd_getfd(pidfd, fd, 1)) == EINVAL
    assert errno_of(lambda: taker.pidfd_getfd(99, fd)) == EBADF
    assert errno_of(lambda: taker.pidfd_getfd(pidfd, 99)) == EBADF
    taken = taker.pidfd_getfd(pidfd, fd)
    assert errno_of(lambda: taker.pidfd_getfd(taken, fd)) == EBADF, "not a pidfd"
    assert errno_of(lambda: taker.pidfd_getfd(pidfd, fd)) == EMFILE
    assert errno_of(lambda: taker.pidfd_open(owner.pid)) == EMFILE
    assert dmabuf.file.f_count == 2
    owner.exit()
    assert errno_of(lambda: taker.pidfd_getfd(pidfd, fd)) == ESRCH


@pytest.mark.parametrize("dumpable", [True, False])
def test_a_process_that_is_not_dumpable_is_eperm_for_all_but_itself(world: World, dumpable: bool) -> None:
    owner, taker = world.process("owner"), world.process("taker")
    fd, _ = world.buffer(owner)
    owner.dumpable = dumpable
    pidfd = taker.pidfd_open(owner.pid)
    if dumpable:
        assert taker.pidfd_getfd(pidfd, fd) == 1
    else:
        assert errno_of(lambda: taker.pidfd_getfd(pidfd, fd)) == EPERM
    assert owner.pidfd_getfd(owner.pidfd_open(owner.pid), fd) == 2
