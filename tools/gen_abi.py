#!/usr/bin/env python3
"""Write docs/ABI.md from the system-call table: gen_abi.py [--check]

The table is the SYSCALL lines of kernel/sys/table.h. The file that implements a call is found by
its definition, `long sys_NAME(` or `CALL(NAME,`, or the one that SYSCALL_AS names. What a call lacks is said in LACKS below, by hand: a line for
each call of which some part that Linux has is refused or without effect. --check writes nothing
and fails when the page is not what would be written.
"""
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = "docs/ABI.md"

SYSCALL = re.compile(r"^SYSCALL(?:_AS)?\((\d+),\s*(\w+),\s*(?:([a-z]\w*),\s*)?(\d+)"
                     r"\s*(?:,([^;]*?))?\)\s*$", re.M)
KIND = re.compile(r"\w+(?:\([^)]*\))?")
DEFINITION = re.compile(r"^(?:long\s+sys_|CALL\()(\w+)[(,]", re.M)

LACKS = {
    "clone": "namespaces (CLONE_NEW*): -EINVAL; CLONE_PTRACE and CLONE_IO have no effect",
    "clone3": "as clone; set_tid: -EINVAL; cgroups",
    "fadvise64": "accepted without effect",
    "fallocate": "FALLOC_FL_KEEP_SIZE and PUNCH_HOLE; other modes: -EOPNOTSUPP",
    "fcntl": "leases, F_NOTIFY, F_SETOWN_EX, write hints: -EINVAL; F_SETOWN and F_SETSIG are kept, "
             "but no file sends SIGIO",
    "futex": "priority inheritance (FUTEX_*_PI): -ENOSYS",
    "getrusage": "block I/O and memory integrals are 0",
    "ioctl": "FIOASYNC cannot be switched on; else what the file's driver knows, -ENOTTY for the "
             "rest",
    "clock_nanosleep": "clocks of CPU time: -EOPNOTSUPP",
    "fchmod": "pipes and what else has no name has no attributes to change: -EPERM",
    "fchown": "as fchmod",
    "madvise": "advice about paging and huge pages is accepted and changes nothing; HWPOISON: -EINVAL",
    "membarrier": "the commands for restartable sequences: -EINVAL",
    "memfd_create": "MFD_HUGETLB: -EINVAL",
    "mmap": "MAP_HUGETLB: -EINVAL; MAP_SYNC: -EOPNOTSUPP",
    "mount": "no propagation: MS_SHARED, MS_UNBINDABLE: -EINVAL; MS_SYNCHRONOUS and MS_DIRSYNC "
             "have no effect",
    "mremap": "MREMAP_DONTUNMAP: -EINVAL",
    "name_to_handle_at": "-EOPNOTSUPP: no filesystem gives handles",
    "open_by_handle_at": "-EOPNOTSUPP",
    "openat2": "RESOLVE_CACHED: always -EAGAIN",
    "personality": "ADDR_NO_RANDOMIZE works; the other bits are only kept",
    "pipe2": "packets (O_DIRECT): -EINVAL",
    "prctl": "names, credentials, death signal, subreaper, dumpable, timer slack, keys of pointer "
             "authentication; other options: -EINVAL",
    "preadv2": "RWF_NOWAIT on pipes only",
    "pwritev2": "RWF_NOWAIT on pipes only",
    "reboot": "halting is powering off; no kexec, no suspend",
    "renameat2": "RENAME_WHITEOUT: -EINVAL",
    "sched_setattr": "no SCHED_DEADLINE, no flags, no utilisation clamps: -EINVAL",
    "sched_setscheduler": "no SCHED_DEADLINE, no SCHED_RESET_ON_FORK: -EINVAL",
    "settimeofday": "the time zone is only kept",
    "splice": "-EINVAL for every pair of files",
    "sync_file_range": "accepted without effect",
    "tee": "-EINVAL for every pair of files",
    "umount2": "MNT_EXPIRE: -EINVAL",
    "unshare": "namespaces: -EINVAL",
    "utimensat": "times before 1970 become 1970",
}
LACKS.update({prefix + call: "-EOPNOTSUPP: no file has extended attributes"
              for prefix in ("", "l", "f") for call in ("setxattr", "removexattr")})

# Linux's generic numbers that arm64 programs of version 6.1 may use, in runs of successive numbers.
LINUX = {
    0: """
        io_setup io_destroy io_submit io_cancel io_getevents setxattr lsetxattr fsetxattr
        getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr lremovexattr
        fremovexattr getcwd lookup_dcookie eventfd2 epoll_create1 epoll_ctl epoll_pwait dup
        dup3 fcntl inotify_init1 inotify_add_watch inotify_rm_watch ioctl ioprio_set
        ioprio_get flock mknodat mkdirat unlinkat symlinkat linkat renameat umount2 mount
        pivot_root nfsservctl statfs fstatfs truncate ftruncate fallocate faccessat chdir
        fchdir chroot fchmod fchmodat fchownat fchown openat close vhangup pipe2 quotactl
        getdents64 lseek read write readv writev pread64 pwrite64 preadv pwritev sendfile
        pselect6 ppoll signalfd4 vmsplice splice tee readlinkat newfstatat fstat sync fsync
        fdatasync sync_file_range timerfd_create timerfd_settime timerfd_gettime utimensat
        acct capget capset personality exit exit_group waitid set_tid_address unshare futex
        set_robust_list get_robust_list nanosleep getitimer setitimer kexec_load init_module
        delete_module timer_create timer_gettime timer_getoverrun timer_settime timer_delete
        clock_settime clock_gettime clock_getres clock_nanosleep syslog ptrace sched_setparam
        sched_setscheduler sched_getscheduler sched_getparam sched_setaffinity
        sched_getaffinity sched_yield sched_get_priority_max sched_get_priority_min
        sched_rr_get_interval restart_syscall kill tkill tgkill sigaltstack rt_sigsuspend
        rt_sigaction rt_sigprocmask rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigreturn
        setpriority getpriority reboot setregid setgid setreuid setuid setresuid getresuid
        setresgid getresgid setfsuid setfsgid times setpgid getpgid getsid setsid getgroups
        setgroups uname sethostname setdomainname getrlimit setrlimit getrusage umask prctl
        getcpu gettimeofday settimeofday adjtimex getpid getppid getuid geteuid getgid getegid
        gettid sysinfo mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
        msgget msgctl msgrcv msgsnd semget semctl semtimedop semop shmget shmctl shmat shmdt
        socket socketpair bind listen accept connect getsockname getpeername sendto recvfrom
        setsockopt getsockopt shutdown sendmsg recvmsg readahead brk munmap mremap add_key
        request_key keyctl clone execve mmap fadvise64 swapon swapoff mprotect msync mlock
        munlock mlockall munlockall mincore madvise remap_file_pages mbind get_mempolicy
        set_mempolicy migrate_pages move_pages rt_tgsigqueueinfo perf_event_open accept4
        recvmmsg""",
    260: """
        wait4 prlimit64 fanotify_init fanotify_mark name_to_handle_at open_by_handle_at
        clock_adjtime syncfs setns sendmmsg process_vm_readv process_vm_writev kcmp
        finit_module sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create bpf
        execveat userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect
        pkey_alloc pkey_free statx io_pgetevents rseq kexec_file_load""",
    424: """
        pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount
        fsopen fsconfig fsmount fspick pidfd_open clone3 close_range openat2 pidfd_getfd
        faccessat2 process_madvise epoll_pwait2 mount_setattr quotactl_fd
        landlock_create_ruleset landlock_add_rule landlock_restrict_self memfd_secret
        process_mrelease futex_waitv set_mempolicy_home_node""",
}

HEAD = """# System calls

Made by `tools/gen_abi.py` from `kernel/sys/table.h`; do not edit.

Numbers, structures and errors are Linux's for arm64, as of Linux 6.1. %d calls are implemented,
%d of them in part; %d are absent. An absent call returns -ENOSYS, is counted, and is logged once
for each program and number; an unknown flag or option gets the error that Linux has for it.

The kinds of the arguments are what the table declares: `UPTR_IN(n)`, `UPTR_OUT(n)` and
`UPTR_INOUT(n)` are a structure of n bytes, `OPT_*` the same or null, `BUF_IN(i)` and `BUF_OUT(i)`
memory as long as argument i says (0 is the first), `IOVEC(i)` an array of as many `struct iovec`;
that file has them all.
"""


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as stream:
        return stream.read()


def linux_names():
    names = {}
    for first, run in LINUX.items():
        for number, name in enumerate(run.split(), first):
            names[number] = name
    return names


def read_table():
    """Number -> (name, kinds, function); complains about what contradicts itself."""
    table, errors, linux = {}, [], linux_names()
    for path in sorted(glob.glob(os.path.join(ROOT, "kernel/sys/table.h"))):
        where = os.path.relpath(path, ROOT)
        text = re.sub(r"/\*.*?\*/", "", read(where), flags=re.S)
        lines = SYSCALL.findall(text)
        if len(lines) != len(re.findall(r"^\s*SYSCALL(?:_AS)?\(", text, re.M)):
            errors.append("%s: a SYSCALL line is not understood" % where)
        for number, name, function, count, kinds in lines:
            number, kinds = int(number), KIND.findall(kinds)
            if number in table:
                errors.append("%s: number %d twice" % (where, number))
            if len(kinds) != int(count):
                errors.append("%s: %s: %s arguments, %d kinds" % (where, name, count, len(kinds)))
            if linux.get(number, name) != name:
                errors.append("%s: %d is %s, not %s" % (where, number, linux[number], name))
            table[number] = (name, kinds, function or name)
    return table, errors


def find_definitions():
    found = {}
    for path in sorted(glob.glob(os.path.join(ROOT, "kernel/**/*.c"), recursive=True)):
        where = os.path.relpath(path, ROOT)
        for name in DEFINITION.findall(read(where)):
            found[name] = where
    return found


def make_page():
    table, errors = read_table()
    places = find_definitions()
    names = {name for name, _, _ in table.values()}
    errors += ["tools/gen_abi.py: LACKS names %s, which the table does not have" % name
               for name in sorted(set(LACKS) - names)]
    errors += ["sys_%s is in the table, but defined nowhere" % function
               for function in sorted({function for _, _, function in table.values()} - set(places))]
    absent = {n: name for n, name in linux_names().items() if n not in table}
    out = [HEAD % (len(table), len(set(LACKS) & names), len(absent))]

    out += ["## Implemented", "", "| number | call | arguments | in |", "|---|---|---|---|"]
    for number in sorted(table):
        name, kinds, function = table[number]
        shown = "%s *" % name if name in LACKS else name
        out.append("| %d | %s | %s | %s |" % (number, shown.replace("*", "\\*"), ", ".join(kinds),
                                              places.get(function, "?").replace("kernel/", "", 1)))
    out += ["", "## In part", "", "Marked \\* above.", "", "| call | what it lacks |", "|---|---|"]
    out += ["| %s | %s |" % (name, LACKS[name].replace("*", "\\*"))
            for name in sorted(LACKS) if name in names]
    out += ["", "## Absent", "", "| number | call |", "|---|---|"]
    out += ["| %d | %s |" % item for item in sorted(absent.items())]
    return "\n".join(out) + "\n", errors


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    page, errors = make_page()
    path = os.path.join(ROOT, PAGE)
    if check and not errors:
        if not os.path.isfile(path) or read(PAGE) != page:
            errors.append("%s is stale: run tools/gen_abi.py" % PAGE)
    for error in errors:
        print(error)
    if not check:
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(page)
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
