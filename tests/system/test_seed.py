"""The seed, part by part: each test carries the number of the part it proves."""
import os
import re
import socket
import struct
import subprocess

import pexpect
import pytest
from conftest import BOOT_TIMEOUT, BUILD, PROMPT, ROOT, Machine, image

LINE = "-machine virt,gic-version=2 -cpu cortex-a57 -m 128M -kernel %s -serial stdio -display none"


def seed_machine(kernel, *more):
    """The seed's own QEMU command line, word for word."""
    return Machine.of_line((LINE % kernel).split() + list(more))


def disassembly(function):
    out = subprocess.run(["aarch64-linux-gnu-objdump", "-d", "--no-show-raw-insn",
                          "--disassemble=" + function, image("elf")],
                         capture_output=True, text=True, check=True).stdout
    return [re.sub(r"\s+", " ", line.split(":", 1)[1].split("//")[0]).strip()
            for line in out.split("\n") if re.match(r"\s*[0-9a-f]+:", line)]


def demo(name, kernel="bin", gic=2, cpu="cortex-a57", **options):
    """Run a demo to its end; returns its lines, without those of the log."""
    with Machine(kernel=kernel, gic=gic, cpu=cpu, memory="128M",
                 append="demo=" + name, **options) as machine:
        machine.expect(r"verdict: \w+[^\n]*\n", BOOT_TIMEOUT)
        assert machine.expect_end() == 0
        return machine.text().split("\n")


def verdict(lines):
    found = [line for line in lines if line.startswith("verdict: ")]
    assert len(found) == 1, "\n".join(lines)
    return found[0]


def test_s1_start_has_the_symbols_of_the_tutorial(symbols):
    for name in ("_start", "_stack_top", "_bss_start", "_bss_end", "_heap_start", "kernel_main"):
        assert name in symbols, name
    assert symbols["_bss_start"] <= symbols["_bss_end"] <= symbols["_heap_start"]


def test_s1_one_boot_cpu_whatever_the_count():
    with Machine(smp=8, gic=2, cpu="cortex-a57") as machine:
        machine.prompt()
        assert machine.text().count("DTB at: ") == 1


def test_s2_uart_prints_whole_strings(symbols):
    for name in ("uart_init", "uart_putc", "uart_puts", "uart_puthex"):
        assert name in symbols, name
    with seed_machine(image("bin")) as machine:
        machine.expect(r"(?i)ashlar[^\n]*\n", BOOT_TIMEOUT)
        machine.expect("DTB at: ")
        machine.expect("MMU enabled!")


def test_s3_vectors_are_sixteen_aligned_entries(symbols):
    assert symbols["exception_vectors"] % 2048 == 0
    for name in ("install_vectors", "exception_report"):
        assert name in symbols, name
    start = symbols["exception_vectors"]
    out = subprocess.run(["aarch64-linux-gnu-objdump", "-d", "--start-address=%d" % start,
                          "--stop-address=%d" % (start + 2048), image("elf")],
                         capture_output=True, text=True, check=True).stdout
    first = {int(m.group(1), 16): m.group(2)
             for m in re.finditer(r"^\s*([0-9a-f]+):\s+[0-9a-f]{8}\s+(\S+)", out, re.M)}
    for slot in range(16):
        assert first.get(start + 128 * slot, "udf") not in ("udf", "nop", ".inst"), slot


@pytest.mark.parametrize("cpu", ["cortex-a57", "max,pauth-impdef=on"])
def test_s3_demo_fault_reports_each_class(cpu):
    """On max a jump to nowhere leaves its BTYPE, and what goes on behind it has no landing pad."""
    lines = demo("fault", cpu=cpu)
    assert verdict(lines).startswith("verdict: PASS")
    text = "\n".join(lines)
    assert re.search(r"(?i)\besr", text) and re.search(r"(?i)\belr", text)
    assert re.search(r"(?i)\bfar", text)


def test_s3_the_earliest_fault_is_reported(symbols):
    """Before the MMU, before relocation: gdb sends the CPU to where there is no code."""
    place = symbols["clear_bss"] - symbols["_image_start"] + symbols["_start"]
    port = free_port()
    with seed_machine(image("elf"), "-append", "nokaslr", "-gdb", "tcp:127.0.0.1:%d" % port,
                      "-S") as machine:
        script = ["target remote 127.0.0.1:%d" % port, "hbreak *%#x" % place, "continue",
                  "set $pc = 0", "detach"]
        subprocess.run(["gdb-multiarch", "-q", "-batch", "-nx", image("elf"),
                        *[word for command in script for word in ("-ex", command)]],
                       capture_output=True, timeout=BOOT_TIMEOUT, check=True)
        machine.expect(r"exception before relocation: ESR 0x0000000002000000 "
                       r"ELR 0x0000000000000000 FAR 0x[0-9A-F]{16}")


def test_s4_bump_allocator(symbols):
    for name in ("mm_init", "mm_alloc"):
        assert name in symbols, name
    assert verdict(demo("heap")).startswith("verdict: PASS")


def test_s5_context_switch_saves_the_callee_saved_registers():
    code = disassembly("context_switch")
    for offset, pair in zip(range(0, 80, 16), ("x19, x20", "x21, x22", "x23, x24", "x25, x26",
                                               "x27, x28")):
        place = r"\[x0\]" if offset == 0 else r"\[x0, #%d\]" % offset
        assert any(re.match("stp %s, %s$" % (pair, place), line) for line in code), pair
        load = r"\[x1\]" if offset == 0 else r"\[x1, #%d\]" % offset
        assert any(re.match("ldp %s, %s$" % (pair, load), line) for line in code), pair
    assert any(re.match(r"stp x29, x30, \[x0, #80\]$", line) for line in code)
    assert any(re.match(r"str x\d+, \[x0, #96\]$", line) for line in code)


def test_s5_the_kernel_uses_no_simd_register():
    out = subprocess.run(["aarch64-linux-gnu-objdump", "-d", "--no-show-raw-insn", image("elf")],
                         capture_output=True, text=True, check=True).stdout
    users, function = set(), ""
    for line in out.split("\n"):
        head = re.match(r"[0-9a-f]+ <(\S+)>:", line)
        if head:
            function = head.group(1)
        elif re.search(r"[\s,{\[]([vq]\d+(\.|\b)|d\d+\b|s\d+\b)", line.split("//")[0].split("<")[0]):
            users.add(function)
    # Those that save and restore the user's registers, which is their purpose.
    assert all(re.match(r"fp|simd|vector", name) for name in users), users


def test_s6_demo_coop_takes_turns(symbols):
    for name in ("task_create", "yield", "sched_start"):
        assert name in symbols, name
    lines = demo("coop")
    assert verdict(lines).startswith("verdict: PASS")
    assert turns(lines) >= 4


def turns(lines):
    """How often the output changes from one task's letter to another's."""
    text = "\n".join(lines)
    body = text[text.index("MMU enabled!"):text.index("verdict:")] if "MMU enabled!" in text else text
    letters = re.findall(r"\b[Tt]ask ([A-H])\b", body) or re.findall(r"^([A-H])\b", body, re.M)
    if not letters:
        letters = list("".join(re.findall(r"^[A-H]{4,}$", body, re.M)))
    return sum(a != b for a, b in zip(letters, letters[1:]))


def test_s7_artifacts():
    with open(image("elf"), "rb") as stream:
        head = stream.read(20)
    assert head[:4] == b"\x7fELF" and struct.unpack("<H", head[18:20]) == (183,)
    assert os.path.getsize(os.path.join(BUILD, "kernel.bin")) > 0
    out = subprocess.run(["aarch64-linux-gnu-readelf", "-lW", image("elf")], capture_output=True,
                         text=True, check=True).stdout
    low = min(int(m.group(1), 16) for m in re.finditer(r"LOAD +\S+ +\S+ +(0x[0-9a-f]+)", out))
    assert low >= 0x40100000, "QEMU gives such an ELF no device tree"


@pytest.mark.parametrize("kind", ["elf", "bin"])
def test_s8_the_seeds_own_line_reaches_a_shell(kind):
    with seed_machine(image(kind)) as machine:
        for text in (r"(?i)ashlar", "DTB at: 0x[0-9A-F]{16}", "MMU enabled!"):
            machine.expect(text, BOOT_TIMEOUT)
        machine.prompt()
        assert machine.ok("echo $((6*7))") == "42"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("kind", ["elf", "bin"])
def test_s9_gdb_attaches_and_breaks(kind, tmp_path):
    """As `-s -S`, but on a port that is free for sure."""
    port = free_port()
    with seed_machine(image(kind), "-append", "nokaslr", "-gdb", "tcp:127.0.0.1:%d" % port, "-S"):
        script = ["target remote 127.0.0.1:%d" % port, "printf \"START %lx\\n\", $pc",
                  "hbreak kernel_main", "continue", "printf \"AT %s\\n\", \"kernel_main\"", "bt 1",
                  "kill"]
        arguments = [word for command in script for word in ("-ex", command)]
        done = subprocess.run(["gdb-multiarch", "-q", "-batch", "-nx", image("elf"), *arguments],
                              capture_output=True, text=True, timeout=BOOT_TIMEOUT, check=False)
    assert re.search(r"^START [0-9a-f]+$", done.stdout, re.M), done.stdout + done.stderr
    assert re.search(r"hit .*kernel_main|Breakpoint 1, .*kernel_main", done.stdout), done.stdout
    assert re.search(r"#0 .*kernel_main", done.stdout), done.stdout
    if kind == "elf":
        entry = subprocess.run(["aarch64-linux-gnu-readelf", "-h", image("elf")], text=True,
                               capture_output=True, check=True).stdout
        entry = int(re.search(r"Entry point address: +(0x[0-9a-f]+)", entry).group(1), 16)
        assert int(re.search(r"^START ([0-9a-f]+)", done.stdout, re.M).group(1), 16) == entry


def test_s9_ashlar_debug():
    environment = dict(os.environ, ASHLAR_KERNEL=image("bin"), ASHLAR_BUILD=BUILD)
    child = pexpect.spawn(os.path.join(ROOT, "ashlar"), ["debug"], encoding="utf-8",
                          timeout=BOOT_TIMEOUT, env=environment)
    try:
        child.expect(r"\(gdb\) ")
        child.sendline("hbreak kernel_main")
        child.expect("reakpoint 1 at")
        child.sendline("continue")
        child.expect("reakpoint 1, .*kernel_main")
        child.sendline("ashlar epitaph")
        child.expect("no panic")
        child.sendline("kill")
        child.sendline("quit")
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)


def test_s10_dtb_address_in_sixteen_digits():
    with seed_machine(image("bin")) as machine:
        found = machine.expect(r"DTB at: 0x([0-9A-F]+)\r*\n", BOOT_TIMEOUT)
        assert len(found.group(1)) == 16 and int(found.group(1), 16) >= 0x40000000
    with seed_machine(image("elf")) as machine:
        # An ELF gets nothing in x0: the address printed first is that, then where the tree was.
        found = machine.expect(r"DTB at: 0x([0-9A-F]{16})([^\n]*)\n([^\n]*)\n", BOOT_TIMEOUT)
        assert int(found.group(1), 16) == 0
        assert re.search(r"(?i)0x0*40000000", found.group(2) + found.group(3))


@pytest.mark.parametrize("gic", [2, 3])
def test_s11_demo_preempt_alternates(gic):
    lines = demo("preempt", gic=gic)
    assert verdict(lines).startswith("verdict: PASS")
    assert turns(lines) >= 4


def test_s12_demo_mmu_draws_the_seeds_map():
    lines = demo("mmu")
    assert verdict(lines).startswith("verdict: PASS")
    assert any("MMU enabled!" in line for line in lines)


@pytest.mark.parametrize("name", ["coop", "preempt", "mmu", "fault", "heap"])
@pytest.mark.parametrize("kind", ["elf", "bin"])
def test_s13_demos_pass_and_power_off(name, kind):
    lines = demo(name, kernel=kind, gic=3)
    assert verdict(lines).startswith("verdict: PASS")
    assert [line for line in lines if line.strip()][-1].startswith("verdict: ")


def test_s13_an_unknown_demo_says_so():
    with Machine(append="demo=nosuch") as machine:
        machine.expect(r"(?i)demo[^\n]*nosuch|nosuch[^\n]*demo", BOOT_TIMEOUT)


def test_prompt_pattern_matches_the_shipped_profile():
    with open(os.path.join(ROOT, "tools/rootfs/etc/profile"), encoding="utf-8") as stream:
        assert "ashlar:" in stream.read()
    assert re.match(PROMPT, "ashlar:~# ")
