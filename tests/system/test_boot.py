"""Every kind of machine boots to a shell with all its CPUs at work, and powers off."""
import gzip
import itertools
import json
import os
import re
import socket
import subprocess

import pytest
from conftest import BOOT_TIMEOUT, BUILD, ROOT, Machine
from mkinitramfs import Archive

# Rows that hold every pair of values: gic, smp, cpu, image.
MATRIX = [
    (2, 1, "cortex-a57", "elf"),
    (3, 1, "neoverse-n1", "bin"),
    (2, 1, "max", "bin"),
    (3, 4, "cortex-a57", "bin"),
    (2, 4, "neoverse-n1", "elf"),
    (3, 4, "max", "elf"),
    (2, 8, "cortex-a57", "bin"),
    (3, 8, "neoverse-n1", "elf"),
    (2, 8, "max", "bin"),
]


def test_matrix_holds_all_pairs():
    values = [sorted(set(column)) for column in zip(*MATRIX)]
    for a, b in itertools.combinations(range(4), 2):
        seen = {(row[a], row[b]) for row in MATRIX}
        assert seen == set(itertools.product(values[a], values[b]))


def check_machine(machine, smp):
    """At the prompt: all CPUs are there and run programs; then power off."""
    assert machine.ok("nproc") == str(smp)
    assert machine.ok("grep -c '^processor' /proc/cpuinfo") == str(smp)
    for cpu in range(smp):
        out = machine.ok("taskset -c %d cat /proc/self/stat" % cpu)
        assert out.rsplit(")", 1)[1].split()[36] == str(cpu)
    assert re.match(r"Linux ashlar \S+ .*aarch64", machine.ok("uname -a"))
    machine.type("poweroff -f")
    assert machine.expect_end() == 0


@pytest.mark.parametrize("gic,smp,cpu,kind", MATRIX)
def test_boots(gic, smp, cpu, kind):
    with Machine(kernel=kind, gic=gic, smp=smp, cpu=cpu) as machine:
        machine.expect("MMU enabled!", 120)
        machine.prompt()
        check_machine(machine, smp)


@pytest.mark.parametrize("gic,smp,kind", [(2, 4, "bin"), (3, 2, "elf")])
def test_boots_at_el2(gic, smp, kind):
    with Machine(kernel=kind, gic=gic, smp=smp, machine=",virtualization=on") as machine:
        machine.prompt()
        check_machine(machine, smp)


@pytest.mark.parametrize("cpu", ["cortex-a53", "cortex-a72", "cortex-a76"])
def test_boots_on_other_cpus(cpu):
    with Machine(cpu=cpu, smp=2) as machine:
        machine.prompt()
        check_machine(machine, 2)


def idle_address(socket_path):
    """The program counter of CPU 0, once it is seen in the kernel's half, by QEMU's monitor."""
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.connect(socket_path)
        stream = monitor.makefile("rw")

        def ask(**request):
            stream.write(json.dumps(request) + "\n")
            stream.flush()
            while True:
                answer = json.loads(stream.readline())
                if "return" in answer:
                    return answer["return"]

        ask(execute="qmp_capabilities")
        while True:
            text = ask(execute="human-monitor-command",
                       arguments={"command-line": "info registers"})
            pc = int(re.search(r"PC=([0-9a-f]+)", text).group(1), 16)
            if pc >> 48 == 0xffff:
                return pc


def test_kaslr_moves_the_kernel_and_nokaslr_does_not(tmp_path):
    def where(append):
        path = str(tmp_path / "qmp")
        with Machine(append=append, smp=1,
                     extra=["-qmp", "unix:%s,server=on,wait=off" % path]) as machine:
            machine.prompt()
            return idle_address(path) >> 21     # it moves by 2 MiB, and its text is smaller

    assert where("nokaslr") == where("nokaslr")
    assert len({where("") for _ in range(3)}) > 1


def archive_with(path, text):
    archive = Archive()
    archive.file(path, text.encode())
    return archive.bytes()


def initrd_file(tmp_path, *parts):
    path = tmp_path / "initrd"
    path.write_bytes(b"".join(parts))
    return str(path)


def base_archive():
    with open(os.path.join(BUILD, "initramfs.cpio"), "rb") as stream:
        return stream.read()


@pytest.mark.parametrize("first", [lambda x: x, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("second", [lambda x: x, gzip.compress], ids=["plain", "gzip"])
def test_initrd_replaces_the_archive(tmp_path, first, second):
    """Concatenated archives, each plain or compressed; the later one wins."""
    early = archive_with("etc/early", "one")
    late = archive_with("etc/late", "two") + archive_with("etc/early", "three")
    initrd = initrd_file(tmp_path, first(base_archive() + early), second(late))
    with Machine(initrd=initrd) as machine:
        machine.prompt()
        assert machine.ok("cat /etc/early /etc/late") == "threetwo"


@pytest.mark.parametrize("damage", ["cut", "magic", "gzip"])
def test_malformed_initrd_is_one_log_line(tmp_path, damage):
    """A bad tail after a good archive: boot goes on, and the log says why."""
    tail = {"cut": archive_with("etc/x", "y" * 6000)[:3000],
            "magic": b"070702" + archive_with("etc/x", "y")[6:],
            "gzip": gzip.compress(os.urandom(9000))[:4000]}[damage]
    with Machine(initrd=initrd_file(tmp_path, base_archive(), tail)) as machine:
        machine.prompt()
        assert machine.ok("dmesg | grep -c -i -E 'initr|cpio|archive'") != "0"


def test_arguments_reach_init(tmp_path):
    """Unknown words and what follows -- go to init; name=value to its environment."""
    with Machine(append="quiet rdinit=/bin/echo first -- second third", smp=1,
                 extra=["-no-reboot"]) as machine:
        machine.expect(r"first second third\r*\n", 120)
    with Machine(append="quiet COLOUR=green rdinit=/usr/bin/env", smp=1,
                 extra=["-no-reboot"]) as machine:
        machine.expect(r"COLOUR=green\r*\n", 120)


def test_init_ending_is_a_panic_with_status_125():
    with Machine(append="rdinit=/bin/true exit=semihosting panic=-1", smp=2,
                 extra=["-semihosting-config", "enable=on,target=native"]) as machine:
        machine.expect("(?i)panic", 120)
        assert machine.expect_end() == 125


def test_maxcpus():
    with Machine(smp=4, append="maxcpus=2") as machine:
        machine.prompt()
        assert machine.ok("nproc") == "2"


def test_quiet_boot_prints_only_the_shell():
    with Machine(append="quiet loglevel=0") as machine:
        machine.prompt()
        before = machine.text().split("BusyBox")[0]
        assert before.strip() == ""


def test_image_header():
    """The .bin carries the arm64 Linux Image header, and image_size holds .bss."""
    with open(os.path.join(BUILD, "kernel.bin"), "rb") as stream:
        data = stream.read()
    assert data[56:60] == b"ARM\x64"
    size = int.from_bytes(data[16:24], "little")
    assert size >= len(data)


def test_builds_without_an_archive_and_fits(tmp_path):
    """`make INITRAMFS=` builds none in; that release image holds 4 MiB with its .bss."""
    out = tmp_path / "bare"
    subprocess.run(["make", "-s", "-j2", "-C", ROOT, "O=%s" % out, "INITRAMFS="], check=True,
                   timeout=600)
    data = (out / "kernel.bin").read_bytes()
    assert int.from_bytes(data[16:24], "little") <= 4 << 20
    assert len(data) < 1 << 20


def test_an_initrd_outside_ram_gives_one_line(tmp_path):
    """The tree says that an archive lies where there is no RAM: the built-in one is used."""
    tree = str(tmp_path / "lying.dtb")
    machine = "virt,gic-version=3"
    subprocess.run(["qemu-system-aarch64", "-machine", machine + ",dumpdtb=" + tree, "-cpu",
                    "neoverse-n1", "-smp", "2", "-m", "256M", "-nodefaults", "-display",
                    "none"],
                   check=True, stdin=subprocess.DEVNULL, timeout=BOOT_TIMEOUT)
    for name, value in (("linux,initrd-start", "10000000"), ("linux,initrd-end", "10004000")):
        subprocess.run(["fdtput", "-t", "x", tree, "/chosen", name, value], check=True)
    with Machine(extra=["-dtb", tree]) as booted:
        booted.expect("initrd lies outside RAM")
        booted.prompt()
