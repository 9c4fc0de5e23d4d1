"""Device trees that are odd or lie: the machine comes up all the same, or one line says why not."""
import re

import pytest
from conftest import Machine, unless_checked
from test_boot import bare_machine, check_machine, dump_tree, loader

TREE = 0x48000000
NODE = r"(?ms)^\t%s \{.*?^\t\};\n"


def replace_node(name, text=""):
    return lambda source: re.sub(NODE % name, text, source, count=1)


def in_node(name, old, new):
    return lambda source: re.sub(
        NODE % name, lambda found: re.sub(old, new, found.group(0), count=1), source, count=1)


def reserve(start, size):
    return lambda source: source.replace("/dts-v1/;", "/dts-v1/; /memreserve/ %#x %#x;"
                                         % (start, size))


def memory(*banks):
    text = "\tmemory@%x { device_type = \"memory\"; reg = <%#x %#x 0 %#x>; };\n"
    return replace_node(r"memory@\S+", "".join(
        text % (start, start >> 32, start & 0xffffffff, size) for start, size in banks))


def initrd(start, end):
    return lambda source: source.replace("chosen {", "chosen { linux,initrd-start = <%#x>; "
                                         "linux,initrd-end = <%#x>;" % (start, end))


def reverse(source):
    """The children of the root in the other order, and the CPUs."""
    cpu = r"(^\t\tcpu@\d+ \{.*?^\t\t\};\n)\n"
    source = re.sub("(?ms)" + cpu + cpu, r"\2\1", source)
    head, *nodes = re.split(r"(?m)^(?=\t\S+ \{$)", source)
    end = nodes[-1].rindex("};")
    nodes[-1], tail = nodes[-1][:end], nodes[-1][end:]
    return head + "\n".join(reversed(nodes)) + tail


def boot(tmp_path, change=str, cut=None, memory_size="256M"):
    """A machine whose loader passes a changed tree, which QEMU itself does not see and mend."""
    path = dump_tree(tmp_path / "odd.dtb", change=change)
    if cut:
        with open(path, "r+b") as stream:
            stream.truncate(cut)
    return bare_machine(loader(tmp_path, TREE), "-device",
                        "loader,file=%s,addr=%#x,force-raw=on" % (path, TREE),
                        machine="virt,gic-version=3", smp=2, memory=memory_size)


@pytest.mark.parametrize("change", [
    reverse,
    memory((0x40000000, 0x8000000), (0x44000000, 0xc000000), (0x41000000, 0x1000000)),
    reserve(0x40200000, 0x100000),
    reserve(TREE, 0x100000),
    in_node("intc@8000000", "phandle = ", "interrupt-parent = <0x8002>; interrupts = <1 9 4>; "
            "phandle = "),
], ids=["reverse", "overlapping-memory", "reserved-kernel", "reserved-tree", "own-parent"])
def test_odd_tree_boots(tmp_path, change):
    with boot(tmp_path, change) as machine:
        machine.expect("smp: 2 of 2 CPUs online")
        machine.prompt()
        check_machine(machine, 2)


def test_memory_beyond_the_gigabyte_of_the_image_is_used(tmp_path):
    banks = memory((0x40000000, 0x4000000), (0x180000000, 0x8000000))
    with boot(tmp_path, banks, memory_size="6G") as machine:
        machine.prompt()
        machine.ok("dd if=/dev/zero of=/file bs=1M count=90")     # the first bank has 64
        check_machine(machine, 2)


@pytest.mark.parametrize("change,line", [
    (lambda source: re.sub(r"(?s)(cpu@1 \{.*?)reg = <0x01>;", r"\1", source),
     r"cpu@1 has no number \(reg\) and is left out"),
    (lambda source: re.sub(r"(?s)(cpu@1 \{.*?)reg = <0x01>;", r"\1reg = <0x55>;", source),
     r"cpu 1 \(mpidr 55\) does not start"),
    (initrd(0x40210000, 0x40280000), "initrd lies over the kernel or the device tree"),
    (initrd(TREE - 0x10000, TREE + 0x80000), "initrd lies over the kernel or the device tree"),
], ids=["cpu-without-reg", "unknown-cpu", "initrd-over-kernel", "initrd-over-tree"])
def test_lie_is_one_line_and_a_shell(tmp_path, change, line):
    with boot(tmp_path, change) as machine:
        machine.expect(line)
        machine.prompt()
        check_machine(machine, 1 if "cpu" in line else 2)


@pytest.mark.parametrize("change,line", [
    (memory(), "the device tree names no free memory behind the image"),
    (memory((0x80000000, 0x8000000)), "the device tree names no free memory behind the image"),
    (reserve(0x40000000, 0x10000000), "the device tree names no free memory behind the image"),
    (replace_node("intc@8000000"), "the device tree names no interrupt controller that works"),
    (in_node("intc@8000000", r"\treg = [^\n]*", ""),
     "the device tree names no interrupt controller that works"),
    (replace_node("timer"), "the device tree names no timer that works"),
    (in_node("timer", "interrupts = ", "interrupt-parent = <0x8000>; interrupts = "),
     "the device tree names no timer that works"),
    (in_node("pl011@9000000", "interrupts = ", "interrupt-parent = <0x77>; interrupts = "),
     "no console for init"),
], ids=["no-memory", "memory-elsewhere", "all-reserved", "no-gic", "gic-without-registers",
        "no-timer", "timer-at-a-clock", "uart-without-parent"])
def test_fatal_lie_has_a_line(tmp_path, change, line):
    with boot(tmp_path, change) as machine:
        machine.expect(line)


@pytest.mark.parametrize("cut", [20, 100, 2000, 5000])
def test_cut_tree_is_none(tmp_path, cut):
    """What x0 names is no whole tree, so that at the start of RAM is taken."""
    with boot(tmp_path, cut=cut) as machine:
        machine.expect("device tree found at 0x0000000040000000")
        machine.prompt()
        check_machine(machine, 2)


@pytest.mark.parametrize("memory_size,smp", [
    pytest.param("8M", 1, marks=unless_checked), ("8G", 2), ("1G", 64)])
def test_small_and_large_machines(memory_size, smp):
    with Machine(memory=memory_size, smp=smp) as machine:
        machine.expect("smp: %d of %d CPUs online" % (smp, smp))
        machine.prompt()
        assert machine.ok("nproc") == str(smp)
        total = int(machine.ok("awk '/MemTotal/ { print $2 }' /proc/meminfo"))
        size = int(memory_size[:-1]) << (10 if memory_size[-1] == "M" else 20)
        assert size * 0.5 < total <= size
        machine.type("poweroff -f")
        assert machine.expect_end() == 0
