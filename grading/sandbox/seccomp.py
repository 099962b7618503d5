"""A filter of system calls: an allow list, since what is not known to be needed is not needed.

A call that the tables know and do not allow fails with EPERM. A call newer than the tables fails
with ENOSYS, so that a newer C library falls back to one that is listed.
"""

from __future__ import annotations

import ctypes
import errno
import struct

from grading.sandbox import syscalls
from grading.sandbox.syscall_tables import NEWEST

_ALLOWED = """
 read write readv writev pread64 pwrite64 preadv pwritev close close_range lseek mmap mprotect
 munmap mremap madvise msync mincore brk futex futex_waitv futex_wake futex_wait futex_requeue
 rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait sigaltstack restart_syscall exit
 exit_group sched_yield sched_getaffinity sched_getparam sched_getscheduler nanosleep
 clock_nanosleep clock_gettime clock_getres gettimeofday time times getcpu getpid gettid getppid
 getuid geteuid getgid getegid getgroups getpgrp getrandom uname sysinfo getrusage getrlimit
 openat open stat fstat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat
 getdents64 getcwd chdir fchdir statfs fstatfs ftruncate fallocate fadvise64 rename renameat
 renameat2 unlink unlinkat mkdir mkdirat rmdir umask fsync fdatasync flock copy_file_range
 sendfile getxattr lgetxattr fgetxattr poll ppoll select pselect6 epoll_create1 epoll_ctl
 epoll_wait epoll_pwait pipe pipe2 dup dup2 dup3 eventfd2 sendto recvfrom sendmsg recvmsg
 shutdown getsockopt getsockname getpeername rseq set_robust_list get_robust_list
 set_tid_address membarrier arch_prctl timer_create timer_settime timer_delete timer_gettime
 setitimer getitimer alarm get_mempolicy wait4 waitid
""".split()  # noqa: SIM905

# Only values that cannot reach another process: no F_SETOWN, F_SETSIG, F_NOTIFY, F_ADD_SEALS.
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032)
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: no TIOCSTI, no TIOCLINUX.
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# Names of threads and of memory, and questions.
_PRCTL = (3, 15, 16, 21, 39, 0x53564D41)

_CLONE_THREAD = 0x00010000
_CLONE_NEW_ANY = 0x7E020000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCH, _ARG0, _ARG1 = 0, 4, 16, 24  # offsets in seccomp_data; low word (little endian)


class Filter:
    """A program of the kernel's packet-filter machine, built instruction by instruction."""

    def __init__(self, here: syscalls.Machine) -> None:
        self._here = here
        self._code: list[bytes] = []
        self._put(_LOAD, _ARCH)
        self._put(_EQUAL, here.audit, 1, 0)
        self._put(_RETURN, _KILL)  # a 32-bit call: other numbers, so the list would not hold
        self._put(_LOAD, _NUMBER)

    def _put(self, code: int, value: int, if_true: int = 0, if_false: int = 0) -> None:
        self._code.append(struct.pack("<HBBI", code, if_true, if_false, value & 0xFFFFFFFF))

    def _number(self, name: str) -> int | None:
        return self._here.numbers.get(name)

    def answer(self, name: str, verdict: int) -> None:
        """One call, whatever its arguments. A name that this machine lacks is passed over."""
        number = self._number(name)
        if number is not None:
            self._put(_EQUAL, number, 0, 1)
            self._put(_RETURN, verdict)

    def allow(self, names: list[str]) -> None:
        for name in names:
            self.answer(name, _ALLOW)

    def refuse(self, names: list[str], error: int) -> None:
        for name in names:
            self.answer(name, _ERRNO | error)

    def allow_when(self, name: str, offset: int, values: tuple[int, ...]) -> None:
        """One call when the low word of an argument is one of `values`, else EPERM.

        The kernel itself reads these arguments as 32-bit words, so high bits hide nothing.
        """
        number = self._number(name)
        if number is None:
            return
        self._put(_EQUAL, number, 0, len(values) + 3)
        self._put(_LOAD, offset)
        for index, value in enumerate(values):
            self._put(_EQUAL, value, len(values) - index, 0)
        self._put(_RETURN, _ERRNO | errno.EPERM)
        self._put(_RETURN, _ALLOW)

    def refuse_any_bit(self, name: str, bits: int, error: int) -> None:
        """One call fails when argument 0 has any of `bits`; it is allowed otherwise."""
        number = self._number(name)
        if number is None:
            return
        self._put(_EQUAL, number, 0, 4)
        self._put(_LOAD, _ARG0)
        self._put(_ANY_BIT, bits, 1, 0)
        self._put(_RETURN, _ALLOW)
        self._put(_RETURN, _ERRNO | error)

    def allow_threads(self) -> None:
        """clone for a thread of this process only; clone3's flags lie behind a pointer."""
        self._put(_EQUAL, self._here.numbers["clone"], 0, 5)
        self._put(_LOAD, _ARG0)
        self._put(_ANY_BIT, _CLONE_NEW_ANY, 1, 0)
        self._put(_ANY_BIT, _CLONE_THREAD, 1, 0)
        self._put(_RETURN, _ERRNO | errno.EPERM)
        self._put(_RETURN, _ALLOW)
        self.refuse(["clone3"], errno.ENOSYS)

    def otherwise(self, *, allow: bool = False) -> None:
        """What every call gets that nothing before has answered."""
        if allow:
            self._put(_RETURN, _ALLOW)
            return
        # x32 calls are among the newer ones: bit 30 of their numbers is set
        self._put(_LOAD, _NUMBER)
        self._put(_AT_LEAST, NEWEST + 1, 0, 1)
        self._put(_RETURN, _ERRNO | errno.ENOSYS)
        self._put(_RETURN, _ERRNO | errno.EPERM)

    def install(self) -> None:
        """Put this process under the filter for good; sets no_new_privs first.

        Raises:
            OSError: the kernel has no seccomp filters.
        """
        code = b"".join(self._code)
        buffer = ctypes.create_string_buffer(code, len(code))
        program = _Program(len(self._code), ctypes.cast(buffer, ctypes.c_void_p).value)
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
        syscalls.syscall("seccomp", 1, 0, ctypes.byref(program))


class _Program(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def worker_filter(pid: int) -> Filter:
    """The filter of a worker.

    Args:
        pid: the worker's own process id as it sees it: tgkill may name no other.

    Raises:
        OSError: there are no tables for this machine.
    """
    here = syscalls.machine()
    if here is None:
        raise OSError(errno.ENOSYS, "no table of system calls for this machine")
    program = Filter(here)
    program.allow(_ALLOWED)
    program.allow_when("fcntl", _ARG1, _FCNTL)
    program.allow_when("ioctl", _ARG1, _IOCTL)
    program.allow_when("prctl", _ARG0, _PRCTL)
    program.allow_when("prlimit64", _ARG0, (0,))  # another process's limits are a weapon
    program.allow_when("tgkill", _ARG0, (pid,))
    program.allow_threads()
    program.otherwise()
    return program
