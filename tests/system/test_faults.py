"""The kernel's defences: each attack of kernel/main/test_faults.c ends in the panic that names it."""
import os
import re

import pytest
from conftest import ROOT, Machine, built_with, launch, static_program

PERMISSION_WRITE = r"data abort, permission fault at level \d, on a write"
PERMISSION_FETCH = r"instruction abort, permission fault at level \d, on a fetch"
UNMAPPED = r"data abort, translation fault at level \d, on a "

ATTACKS = {
    "write_text": PERMISSION_WRITE,
    "write_constant": PERMISSION_WRITE,
    "write_sealed": PERMISSION_WRITE,
    "write_text_in_linear_map": PERMISSION_WRITE,
    "execute_data": PERMISSION_FETCH,
    "execute_heap": PERMISSION_FETCH,
    "read_user": r"data abort, permission fault at level \d, on a read",
    "write_user": PERMISSION_WRITE,
    "execute_user": PERMISSION_FETCH,
    "bti_landing": r"branch target exception",
    "pac_return": r"pointer authentication failure",
    "null": UNMAPPED + "read",
    "stack_overflow": r"kernel stack overflow: " + UNMAPPED + "write",
    "smashed_canary": r"stack smashed",
    "vmalloc_overrun": UNMAPPED + "write",
    "use_after_free": r"object 0x\w+ was written after its kfree",
    "double_free": r"object 0x\w+ is free already",
    "lock_twice": r"spinlock taken twice by one thread",
    "lock_waited_for": r"spinlock waited for too long; its holder is thread holder",
}
# The CPU that has the defence, where it is not the default one.
CPUS = {"bti_landing": "max,pauth-impdef=on", "pac_return": "max"}
# What the sanitizers find before anything else does.
if "KASAN" in built_with():
    ATTACKS.update(smashed_canary=r"KASAN: stack out of bounds: write",
                   use_after_free=r"KASAN: use after free: write",
                   double_free=r"KASAN: double free")
if "UBSAN" in built_with():
    ATTACKS.update(null=r"UBSAN: NULL pointer")
if "DEBUG" in built_with():
    ATTACKS.update(lock_twice=r"lock of rank \d+ wanted while one of rank \d+ is held")
# These do not end in a panic: the kernel reports what stands still, every 20 seconds.
LOCK_UPS = {
    "cpu_without_a_switch": r"lock-up: cpu \d has not switched from thread init for 20 s",
    "cpu_without_interrupts": r"lock-up: cpu \d takes no timer interrupts; thread deaf",
}
# One instruction counts as a microsecond: 20 seconds are short so. A tick of 10 ms must stay longer
# than what it takes to handle it, which is much more with all checks.
ICOUNT = ["-icount", "shift=%d,sleep=off" % (9 if built_with() else 10)]
# A frame of the attack itself, or of what it called; what jumped away has none that is its own.
FRAMES = {"stack_overflow": "descend", "double_free": "kfree",
          "use_after_free": "memset" if "KASAN" in built_with() else "slab_alloc",
          "lock_twice": "held_add" if "DEBUG" in built_with() else "spin_acquire",
          "lock_waited_for": "spin_acquire"}


def test_every_attack_is_expected():
    with open(os.path.join(ROOT, "kernel/main/test_faults.c"), encoding="utf-8") as stream:
        assert set(re.findall(r"KTEST\(fatal_(\w+)\)", stream.read())) == {*ATTACKS, *LOCK_UPS}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_ends_in_a_panic(attack):
    with Machine(append="ktest=fatal_%s quiet exit=semihosting" % attack,
                 cpu=CPUS.get(attack, "neoverse-n1"),
                 extra=["-semihosting-config", "enable=on,target=native",
                        *ICOUNT]) as machine:
        assert machine.expect_end() == 125
        text = machine.text()
    assert re.search(r"Kernel panic: .*" + ATTACKS[attack], text), text
    assert "---[ end of kernel panic ]---" in text
    if not attack.startswith(("execute", "bti", "pac")):
        assert re.search(r"\] %s" % FRAMES.get(attack, "ktest_fatal_" + attack), text), text


@pytest.mark.parametrize("attack,access", [("read_user", "read"), ("write_user", "write")])
def test_pan_sw_stands_in_for_pan(attack, access):
    """cortex-a57 has no PAN: with pan=sw the user's table is away when the kernel touches it."""
    words = "ktest=fatal_%s quiet exit=semihosting" % attack
    extra = ["-semihosting-config", "enable=on,target=native"]
    with Machine(append=words, cpu="cortex-a57", extra=extra) as machine:
        assert machine.expect_end() == 0, machine.text()
    with Machine(append="pan=sw " + words, cpu="cortex-a57", extra=extra) as machine:
        assert machine.expect_end() == 125
        text = machine.text()
    assert re.search(r"Kernel panic: .*" + UNMAPPED + access, text), text
    assert re.search(r"\] ktest_fatal_" + attack, text), text


def test_programs_run_under_pan_sw():
    """Forks, copies, signals and faults in the accessors on 4 CPUs."""
    with Machine(append="pan=sw", cpu="cortex-a57", smp=4) as machine:
        machine.prompt()
        machine.ok("i=0; while [ $i -lt 200 ]; do (true | cat /proc/self/maps > /dev/null; "
                   "ls -l / > /tmp/$i) & i=$((i + 1)); [ $((i % 16)) = 0 ] && wait; done; wait",
                   timeout=300)
        assert machine.ok("ls /tmp | wc -l") == "200"
        # Until it is another program, the shell's child ignores SIGTERM, as the shell does.
        assert machine.ok("sleep 100 & until pidof sleep > /dev/null; do :; done; kill $!; wait $!; "
                          "echo $?").split()[-1] == "143"


@pytest.mark.parametrize("value,lines", [("sw", 0), ("on", 1)])
def test_pan_argument(value, lines):
    """Harmless where the CPU has PAN; what is not known is said once."""
    with Machine(append="pan=" + value) as machine:
        machine.prompt()
        log = machine.ok("dmesg | grep pan=; true")
    assert log.count("pan=" + value) == lines, log


@pytest.mark.parametrize("kind", LOCK_UPS)
def test_lock_up_is_reported(kind):
    # With all checks the 20 seconds come sooner by the clock than by so many instructions.
    with Machine(append="ktest=fatal_%s quiet" % kind,
                 extra=() if built_with() else ICOUNT) as machine:
        machine.expect(LOCK_UPS[kind])


def test_kernel_lies_elsewhere_at_each_boot():
    """KASLR: one of 2^18 places (boot_map.c); of 64 boots no three pairs meet."""
    places = []
    for _ in range(64):
        with Machine(append="ktest=fatal_write_text quiet exit=semihosting", smp=1,
                     extra=["-semihosting-config", "enable=on,target=native"]) as machine:
            assert machine.expect_end() == 125
            places.append(int(re.search(r"ELR ([0-9a-f]{16})", machine.text()).group(1), 16))
    assert len(set(places)) >= 62
    assert random_bits(places, 21) >= 17


# Bits that are claimed (vm/space.c, vm/map.c, proc/elf.c), and how many low bits never vary: those of
# a page, for the program those of its segments' 64 KiB.
CLAIMED = {"stack": (22, 12), "heap": (18, 12), "map": (28, 12), "vdso": (28, 12),
           "exe": (24, 16), "random": (64, 0)}


def random_bits(values, fixed):
    """How many bits above the lowest `fixed` were seen as 0 and as 1."""
    ones, zeros = 0, 0
    for value in values:
        ones |= value
        zeros |= ~value
    return bin((ones & zeros) >> fixed & (1 << 64) - 1).count("1")


def test_programs_find_everything_elsewhere_at_each_run(tmp_path):
    program = static_program("tests/system/addresses.c", tmp_path, "-fPIE", link="-static-pie")
    script = "i=0; while [ $i -lt 256 ]; do /root/addresses; i=$((i + 1)); done"
    done = launch("--add", program, "--", "/bin/sh", "-c", script)
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    assert len(lines) == 256
    for name, (bits, fixed) in CLAIMED.items():
        values = [int(line[line.index(name) + 1], 16) for line in lines]
        assert len(set(values)) >= 250, name
        assert random_bits(values, fixed) >= bits, name


def test_norandmaps_puts_everything_at_one_place(tmp_path):
    program = static_program("tests/system/addresses.c", tmp_path, "-fPIE", link="-static-pie")
    done = launch("--add", program, "--append", "norandmaps", "--", "/bin/sh", "-c",
                  "/root/addresses; /root/addresses")
    first, second = [line.split() for line in done.stdout.decode().splitlines()]
    assert first[:-1] == second[:-1] and first[-1] != second[-1]
