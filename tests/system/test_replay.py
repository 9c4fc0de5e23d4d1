"""./ashlar replay: what is recorded of a test replays to the same instruction, each time."""
import os
import re
import shutil
import subprocess

import pexpect
import pytest
from conftest import BOOT_TIMEOUT, ROOT, image

ATTACK = "tests/system/test_faults.py::test_attack_ends_in_a_panic[write_text]"
TYPED = "tests/system/failing.py::test_that_the_answer_is_41"
END = re.compile(r"^machine 1: (instruction \d+.*)$", re.M)


def settings(folder):
    return dict(os.environ, ASHLAR_BUILD=str(folder), ASHLAR_KERNEL=image("bin"), TERM="dumb")


def replay(folder, *words):
    """./ashlar replay WORDS with its recordings in folder; returns its status and what it said."""
    done = subprocess.run([os.path.join(ROOT, "ashlar"), "replay", *words], env=settings(folder),
                          cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=5 * BOOT_TIMEOUT,
                          check=False)
    return done.returncode, done.stdout


def printed(folder, name):
    with open(os.path.join(str(folder), "replay", "last", "1", name), "rb") as stream:
        return stream.read()


@pytest.fixture(scope="module")
def attack(tmp_path_factory):
    """A machine that panics, recorded and replayed twice: its folder and what was said."""
    folder = tmp_path_factory.mktemp("attack")
    status, said = replay(folder, ATTACK)
    assert status == 0, said
    return folder, said


def test_a_panic_replays_to_the_same_instruction(attack):
    folder, said = attack
    assert ATTACK + ": passed" in said
    assert "machine 1: recorded with one CPU instead of -smp 2" in said
    ends = END.findall(said)
    assert re.search(r"instruction \d+: 0x\w+ panic_at \(kernel/core/panic\.c:\d+\)", ends[0]), said
    assert "machine 1: replayed again to the same instruction" in said
    assert b"end of kernel panic" in printed(folder, "console")
    assert printed(folder, "console") == printed(folder, "replayed")
    # And so does what is left of it for later.
    status, again = replay(folder, "--check")
    assert status == 0 and END.findall(again) == ends, again


def test_gdb_on_the_replay_is_where_the_check_was(attack):
    folder, said = attack
    child = pexpect.spawn(os.path.join(ROOT, "ashlar"), ["replay"], encoding="utf-8",
                          timeout=BOOT_TIMEOUT, env=settings(folder), echo=False)
    try:
        child.expect_exact("(gdb) ")
        child.sendline("ashlar end")
        child.expect_exact(END.search(said).group(1))
        child.expect_exact("(gdb) ")
        child.sendline("backtrace")             # through the exception, to what took it
        child.expect(r"exception_report .*<signal handler called>.* ktest_fatal_write_text .* run_one ")
        child.expect_exact("(gdb) ")
        child.sendline("continue")              # the console is the terminal
        child.expect("end of kernel panic")
        child.expect_exact("(gdb) ")
        child.sendline("quit")
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)


def test_what_was_typed_replays_to_the_same_instruction(tmp_path):
    status, said = replay(tmp_path, TYPED)
    assert status == 0, said
    assert TYPED + ": failed" in said and "AssertionError: assert False" in said, said
    first = END.findall(said)
    assert first and ", the recording's last: " in first[-1], said
    assert "machine 1: replayed again to the same instruction" in said
    assert b"the answer to the question is 42" in printed(tmp_path, "replayed")
    # Another run of the test is told apart from this one.
    status, said = replay(tmp_path, "--check", TYPED)
    assert status == 0 and END.findall(said) != first, said


def test_a_changed_key_is_told_apart(tmp_path):
    """What was typed comes from the recording: with one key of it changed, 5 * 7 is asked. QEMU may
    then wait for an event whose instruction does not come."""
    assert replay(tmp_path, TYPED)[0] == 0
    path = os.path.join(str(tmp_path), "replay", "last", "1", "recording")
    with open(path, "r+b") as stream:
        at = stream.read().index(b"\0\0\0\x016") + 4     # the length, and the byte
        stream.seek(at)
        stream.write(b"5")
    status, said = replay(tmp_path, "--check")
    assert status == 1 and "it printed something else than when it was recorded" in said, said
    if "it stands still" not in said:
        assert b"the answer to the question is 35" in printed(tmp_path, "replayed")


def test_gdb_goes_backward(tmp_path):
    status, said = replay(tmp_path, "--reverse", TYPED)
    assert status == 0 and "recorded with one CPU instead of -smp 2 and nohz=off" in said, said
    last = int(re.search(r"instruction (\d+), the recording's last", said).group(1))
    child = pexpect.spawn(os.path.join(ROOT, "ashlar"), ["replay"], encoding="utf-8",
                          timeout=BOOT_TIMEOUT, env=settings(tmp_path), echo=False)

    def command(text, answer):
        child.sendline(text)
        child.expect(answer)
        found = child.match
        child.expect_exact("(gdb) ")
        return found

    def now():
        return int(command("monitor info replay", r"instruction count = (\d+)").group(1))

    try:
        child.expect_exact("(gdb) ")
        command("monitor replay_break %d" % (last - 1), "")
        command("continue", "the answer to the question is 42")     # then it is idle, or ticks
        assert now() == last - 1
        command("hbreak *tty_receive", "reakpoint")    # its first instruction, before any prologue
        command("reverse-continue", r"Breakpoint \d+, tty_receive ")
        there = now()
        assert there < last - 1
        command("reverse-stepi", "pl011_interrupt ")
        assert now() == there - 1
        command("stepi", "tty_receive ")
        assert now() == there
    finally:
        child.close(force=True)


def test_half_a_recording_is_no_replay(attack, tmp_path):
    folder = tmp_path / "replay" / "test"
    shutil.copytree(os.path.join(str(attack[0]), "replay", "last"), folder)
    os.symlink("test", tmp_path / "replay" / "last")
    line = folder / "1" / "line"
    line.write_text(line.read_text().replace(
        os.path.realpath(os.path.join(str(attack[0]), "replay", "last")), str(folder)))
    recording = folder / "1" / "recording"
    recording.write_bytes(recording.read_bytes()[:4096])
    status, said = replay(tmp_path, "--check")
    assert status == 1 and END.findall(said) != END.findall(attack[1]), said


def test_nothing_to_replay(tmp_path):
    assert replay(tmp_path) == (1, "ashlar: nothing is recorded yet: ./ashlar replay TEST\n")
    status, said = replay(tmp_path, "tests/system/test_faults.py::no_such_test")
    assert status == 1 and "no test" in said
