"""System-call numbers of the kernel's 64-bit interfaces, as in its unistd headers."""

from __future__ import annotations

# Numbers above this one are newer than these tables: a filter answers them with ENOSYS, so that
# a newer libc falls back to calls that are listed here.
NEWEST = 450


def _table(text: str) -> dict[str, int]:
    words = text.split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


X86_64 = _table("""
access 21 add_key 248 alarm 37 arch_prctl 158 bpf 321 brk 12 capset 126 chdir 80 chmod 90
chroot 161 clock_getres 229 clock_gettime 228 clock_nanosleep 230 clone 56 clone3 435 close 3
close_range 436 copy_file_range 326 dup 32 dup2 33 dup3 292 epoll_create1 291 epoll_ctl 233
epoll_pwait 281 epoll_wait 232 eventfd2 290 execve 59 execveat 322 exit 60 exit_group 231
faccessat 269 faccessat2 439 fadvise64 221 fallocate 285 fchdir 81 fchmodat 268 fcntl 72
fdatasync 75 fgetxattr 193 flock 73 fork 57 fsopen 430 fstat 5 fstatfs 138 fsync 74
ftruncate 77 futex 202 futex_requeue 456 futex_wait 455 futex_waitv 449 futex_wake 454
get_mempolicy 239 get_robust_list 274 getcpu 309 getcwd 79 getdents64 217 getegid 108
geteuid 107 getgid 104 getgroups 115 getitimer 36 getpeername 52 getpgrp 111 getpid 39
getppid 110 getrandom 318 getrlimit 97 getrusage 98 getsockname 51 getsockopt 55 gettid 186
gettimeofday 96 getuid 102 getxattr 191 init_module 175 io_uring_setup 425 ioctl 16 kcmp 312
kexec_load 246 keyctl 250 kill 62 landlock_add_rule 445 landlock_create_ruleset 444
landlock_restrict_self 446 lgetxattr 192 lseek 8 lstat 6 madvise 28 membarrier 324
memfd_create 319 mincore 27 mkdir 83 mkdirat 258 mmap 9 mount 165 move_mount 429 mprotect 10
mq_open 240 mremap 25 msgget 68 msync 26 munmap 11 nanosleep 35 newfstatat 262 open 2
open_by_handle_at 304 open_tree 428 openat 257 perf_event_open 298 personality 135
pidfd_getfd 438 pidfd_open 434 pidfd_send_signal 424 pipe 22 pipe2 293 pivot_root 155 poll 7
ppoll 271 prctl 157 pread64 17 preadv 295 prlimit64 302 process_madvise 440
process_vm_readv 310 process_vm_writev 311 pselect6 270 ptrace 101 pwrite64 18 pwritev 296
read 0 readlink 89 readlinkat 267 readv 19 recvfrom 45 recvmsg 47 rename 82 renameat 264
renameat2 316 request_key 249 restart_syscall 219 rmdir 84 rseq 334 rt_sigaction 13
rt_sigprocmask 14 rt_sigqueueinfo 129 rt_sigreturn 15 rt_sigtimedwait 128 sched_getaffinity 204
sched_getparam 143 sched_getscheduler 145 sched_yield 24 seccomp 317 select 23 semget 64
sendfile 40 sendmsg 46 sendto 44 set_robust_list 273 set_tid_address 218 setitimer 38 setns 308
setpriority 141 shmget 29 shutdown 48 sigaltstack 131 socket 41 socketpair 53 stat 4 statfs 137
statx 332 sysinfo 99 syslog 103 tgkill 234 time 201 timer_create 222 timer_delete 226
timer_gettime 224 timer_settime 223 times 100 tkill 200 umask 95 umount2 166 uname 63 unlink 87
unlinkat 263 unshare 272 userfaultfd 323 vfork 58 wait4 61 waitid 247 write 1 writev 20
""")

AARCH64 = _table("""
add_key 217 bpf 280 brk 214 capset 91 chdir 49 chroot 51 clock_getres 114 clock_gettime 113
clock_nanosleep 115 clone 220 clone3 435 close 57 close_range 436 copy_file_range 285 dup 23
dup3 24 epoll_create1 20 epoll_ctl 21 epoll_pwait 22 eventfd2 19 execve 221 execveat 281
exit 93 exit_group 94 faccessat 48 faccessat2 439 fadvise64 223 fallocate 47 fchdir 50
fchmodat 53 fcntl 25 fdatasync 83 fgetxattr 10 flock 32 fsopen 430 fstat 80 fstatfs 44 fsync 82
ftruncate 46 futex 98 futex_requeue 456 futex_wait 455 futex_waitv 449 futex_wake 454
get_mempolicy 236 get_robust_list 100 getcpu 168 getcwd 17 getdents64 61 getegid 177
geteuid 175 getgid 176 getgroups 158 getitimer 102 getpeername 205 getpid 172 getppid 173
getrandom 278 getrlimit 163 getrusage 165 getsockname 204 getsockopt 209 gettid 178
gettimeofday 169 getuid 174 getxattr 8 init_module 105 io_uring_setup 425 ioctl 29 kcmp 272
kexec_load 104 keyctl 219 kill 129 landlock_add_rule 445 landlock_create_ruleset 444
landlock_restrict_self 446 lgetxattr 9 lseek 62 madvise 233 membarrier 283 memfd_create 279
mincore 232 mkdirat 34 mmap 222 mount 40 move_mount 429 mprotect 226 mq_open 180 mremap 216
msgget 186 msync 227 munmap 215 nanosleep 101 newfstatat 79 open_by_handle_at 265 open_tree 428
openat 56 perf_event_open 241 personality 92 pidfd_getfd 438 pidfd_open 434
pidfd_send_signal 424 pipe2 59 pivot_root 41 ppoll 73 prctl 167 pread64 67 preadv 69
prlimit64 261 process_madvise 440 process_vm_readv 270 process_vm_writev 271 pselect6 72
ptrace 117 pwrite64 68 pwritev 70 read 63 readlinkat 78 readv 65 recvfrom 207 recvmsg 212
renameat 38 renameat2 276 request_key 218 restart_syscall 128 rseq 293 rt_sigaction 134
rt_sigprocmask 135 rt_sigqueueinfo 138 rt_sigreturn 139 rt_sigtimedwait 137
sched_getaffinity 123 sched_getparam 121 sched_getscheduler 120 sched_yield 124 seccomp 277
semget 190 sendfile 71 sendmsg 211 sendto 206 set_robust_list 99 set_tid_address 96
setitimer 103 setns 268 setpriority 140 shmget 194 shutdown 210 sigaltstack 132 socket 198
socketpair 199 statfs 43 statx 291 sysinfo 179 syslog 116 tgkill 131 timer_create 107
timer_delete 111 timer_gettime 108 timer_settime 110 times 153 tkill 130 umask 166 umount2 39
uname 160 unlinkat 35 unshare 97 userfaultfd 282 wait4 260 waitid 95 write 64 writev 66
""")
