"""Every kind of machine boots to a shell with all its CPUs at work, and powers off."""
import gzip
import itertools
import json
import os
import re
import socket
import struct
import subprocess

import pytest
from conftest import BOOT_TIMEOUT, BUILD, ROOT, Machine, image
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


@pytest.mark.parametrize("gic,smp,cpu,machine", [
    (2, 1, "max", ""), (2, 4, "cortex-a57", ""), (3, 1, "cortex-a57", ""), (3, 4, "max", ""),
    (2, 2, "max", ",virtualization=on"), (3, 2, "cortex-a57", ",virtualization=on")])
def test_boots_at_el3(gic, smp, cpu, machine):
    """No firmware: all CPUs enter together, and the power is a line on the secure side."""
    with Machine(kernel="elf", gic=gic, smp=smp, cpu=cpu, machine=",secure=on" + machine) as booted:
        booted.expect("entered at EL3")
        booted.expect("smp: %d of %d CPUs online" % (smp, smp))
        booted.prompt()
        check_machine(booted, smp)


def test_restarts_at_el3():
    with Machine(kernel="elf", machine=",secure=on", extra=["-no-reboot"]) as machine:
        machine.prompt()
        machine.type("reboot -f")
        assert machine.expect_end() == 0


def dump_tree(path, gic=3, smp=2, cpu="neoverse-n1", memory="256M", machine="", change=str):
    """A machine's device tree as a file, its source changed."""
    line = ["qemu-system-aarch64", "-machine", "virt,gic-version=%d%s,dumpdtb=%s"
            % (gic, machine, path), "-cpu", cpu, "-smp", str(smp), "-m", memory, "-nodefaults",
            "-display", "none"]
    subprocess.run(line, check=True, stdin=subprocess.DEVNULL, timeout=BOOT_TIMEOUT)
    source = subprocess.run(["dtc", "-q", "-O", "dts", path], check=True, text=True,
                            capture_output=True).stdout
    subprocess.run(["dtc", "-q", "-f", "-O", "dtb", "-o", path], check=True, text=True,
                   input=change(source))
    return str(path)


def test_firmware_that_the_tree_makes_up(tmp_path):
    """A kernel that entered at EL3 knows that no PSCI is there, whatever the tree says."""
    tree = dump_tree(tmp_path / "psci.dtb", smp=4)
    with Machine(kernel="elf", smp=4, machine=",secure=on", extra=["-dtb", tree]) as machine:
        machine.expect("smp: 4 of 4 CPUs online")
        machine.prompt()
        machine.type("poweroff -f")
        machine.expect("nothing here can end the machine")


LOADER = r"""
    .section .text
    .global _start
_start:                             /* CPU 0 goes to the kernel, the others wait for an address */
    mrs     x3, mpidr_el1
    ands    x3, x3, #0xff
    ldr     x0, =TREE
    ldr     x1, =KERNEL
    b.eq    2f
    ldr     x2, =0x40180000
    add     x2, x2, x3, lsl #3
1:  wfe
    ldr     x1, [x2]
    cbz     x1, 1b
2:  br      x1
    .ltorg
    .section .kernel, "ax"
    .incbin IMAGE
"""


def loader(tmp_path, tree=0x40000000, kernel=0x40200000):
    """An ELF that leaves the kernel at an address and passes it another one."""
    with open(tmp_path / "loader.S", "w") as stream:
        stream.write(LOADER)
    path = str(tmp_path / "loader.elf")
    subprocess.run(["aarch64-linux-gnu-gcc", "-nostdlib", "-static", "-o", path,
                    str(tmp_path / "loader.S"), "-DTREE=%#x" % tree, "-DKERNEL=%#x" % kernel,
                    '-DIMAGE="%s"' % image("bin"), "-Wl,-n,--build-id=none,-Ttext=0x40100000,"
                    "--section-start=.kernel=%#x" % kernel], check=True)
    return path


def bare_machine(kernel, *more, machine="virt", smp=1, memory="256M"):
    """A machine with another kernel file, or none."""
    return Machine.of_line(["-machine", machine, "-smp", str(smp), "-cpu", "neoverse-n1", "-m",
                            memory, "-nodefaults", "-display", "none", "-serial", "stdio",
                            "-kernel", kernel, *more])


def test_spin_table(tmp_path):
    """CPUs that a loader holds are called by the address that their nodes name."""
    def change(source):
        for cpu in range(4):
            source = re.sub(r"(\tcpu@%d \{)" % cpu, r'\1 enable-method = "spin-table"; '
                            "cpu-release-addr = <0 0x%x>;" % (0x40180000 + 8 * cpu), source)
        return source.replace("/dts-v1/;", "/dts-v1/; /memreserve/ 0x40180000 0x1000;")

    tree = dump_tree(tmp_path / "spin.dtb", smp=4, machine=",secure=on", change=change)
    with bare_machine(loader(tmp_path), "-dtb", tree, machine="virt,gic-version=3,secure=on",
                      smp=4) as machine:
        machine.prompt()
        check_machine(machine, 4)


def elf_at(path, address):
    """kernel.bin as an ELF of one segment that is loaded at an address."""
    with open(image("bin"), "rb") as stream:
        data = stream.read()
    size = int.from_bytes(data[16:24], "little")
    header = struct.pack("<4sBBB9xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 2, 183, 1, address, 64, 0, 0,
                         64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 7, 4096, address, address, len(data), size, 4096)
    path.write_bytes((header + segment).ljust(4096, b"\0") + data)
    return str(path)


@pytest.mark.parametrize("machine", ["", ",virtualization=on", ",secure=on"])
def test_no_device_tree(tmp_path, machine):
    """QEMU has no place for the tree of an ELF as low as this: the tutorial's machine is assumed."""
    with bare_machine(elf_at(tmp_path / "low.elf", 0x40080000),
                      machine="virt,gic-version=2" + machine) as booted:
        booted.expect("no device tree: fallback map")
        booted.prompt()
        if machine == ",secure=on":
            booted.type("poweroff -f")
            booted.expect("nothing here can end the machine")
        else:
            check_machine(booted, 1)


def test_tree_at_the_start_of_ram_and_kernel_elsewhere(tmp_path):
    with bare_machine(elf_at(tmp_path / "high.elf", 0x80200000), "-append", "green",
                      memory="4G", smp=2) as machine:
        machine.expect("device tree found at 0x0000000040000000")
        machine.prompt()
        assert "green" in machine.ok("cat /proc/cmdline")
        check_machine(machine, 2)


def test_tree_in_another_gigabyte(tmp_path):
    """The tree that x0 names is taken, wherever it lies."""
    tree = dump_tree(tmp_path / "far.dtb", memory="4G")
    subprocess.run(["fdtput", "-t", "s", tree, "/chosen", "bootargs", "blue"], check=True)
    with bare_machine(loader(tmp_path, 0xc0000008, 0x80200000), "-append", "green", "-device",
                      "loader,file=%s,addr=0xc0000008,force-raw=on" % tree,
                      machine="virt,gic-version=3", memory="4G", smp=2) as machine:
        machine.expect("DTB at: 0x00000000C0000008")
        machine.prompt()
        assert machine.ok("cat /proc/cmdline") == "blue"
        check_machine(machine, 2)


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


@pytest.mark.parametrize("kind,machine", [("bin", ""), ("elf", ",secure=on")])
def test_maxcpus(kind, machine):
    with Machine(kernel=kind, smp=4, machine=machine, append="maxcpus=2") as booted:
        booted.expect("smp: 2 of 2 CPUs online")
        booted.prompt()
        check_machine(booted, 2)


@pytest.mark.parametrize("append", ["", "nohz=off"])
def test_an_idle_cpu_has_a_tick_only_with_nohz_off(append):
    # Time is counted in instructions, so the ticks of 2 seconds do not depend on the host.
    with Machine(append=append, smp=1, extra=["-icount", "shift=3,sleep=off"]) as machine:
        machine.prompt()
        counts = machine.ok("n() { awk '/timer/ {print $2}' /proc/interrupts; }; n; sleep 2; n")
    before, after = map(int, counts.split())
    assert (after - before > 400) == bool(append), counts


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
    tree = dump_tree(tmp_path / "lying.dtb")
    for name, value in (("linux,initrd-start", "10000000"), ("linux,initrd-end", "10004000")):
        subprocess.run(["fdtput", "-t", "x", tree, "/chosen", name, value], check=True)
    with Machine(extra=["-dtb", tree]) as booted:
        booted.expect("initrd lies outside RAM")
        booted.prompt()


@pytest.fixture(scope="module")
def u_boot():
    subprocess.run([os.path.join(ROOT, "tools", "fetch.sh"), "u-boot-qemu"], check=True,
                   timeout=600)
    return os.path.join(ROOT, "build/packages/u-boot-qemu/usr/lib/u-boot/qemu_arm64/u-boot.bin")


@pytest.mark.parametrize("machine,initrd", [("", False), (",virtualization=on", True)])
def test_u_boot(tmp_path, u_boot, machine, initrd):
    """U-Boot's booti takes kernel.bin for what its header says: a Linux kernel."""
    archive = initrd_file(tmp_path, base_archive(), archive_with("etc/late", "two"))
    load = "loader,file=%s,addr=%#x,force-raw=on"
    line = ["-machine", "virt,gic-version=3" + machine, "-cpu", "neoverse-n1", "-smp", "2", "-m",
            "512M", "-nodefaults", "-display", "none", "-serial", "stdio", "-bios", u_boot,
            "-device", load % (image("bin"), 0x42000000), "-device", load % (archive, 0x48000000)]
    with Machine.of_line(line) as booted:
        booted.expect("Hit any key")
        booted.send(" ")
        for command in ("setenv bootargs green", "booti 0x42000000 %s ${fdtcontroladdr}"
                        % ("0x48000000:%#x" % os.path.getsize(archive) if initrd else "-")):
            booted.expect("=> ")
            booted.type(command)
        booted.expect("smp: 2 of 2 CPUs online")
        booted.prompt()
        assert booted.ok("cat /proc/cmdline") == "green"
        assert booted.sh("cat /etc/late")[0] == ("two" if initrd else "cat: can't open '/etc/late'"
                                                 ": No such file or directory\n")
        check_machine(booted, 2)
