#!/usr/bin/python3
"""Record the machines of a system test, and replay them: the work of ./ashlar replay.

A recording of QEMU's (-icount with rr=record) holds what came to a machine from outside, each event
with the instruction before which it came; so every replay is alike to the instruction. Tests start
QEMU in several ways, by the name: while one is recorded, a `qemu-system-aarch64` that runs this
file as `machine ARGUMENTS` stands first in PATH. It keeps the line with all files that it names,
and departs from the line only where recording demands it.

Typed input needs two things of QEMU 7.2 to arrive in a recording as it was sent:

 - QEMU hands it to the machine only when a timer of the machine's clock expires, and Ashlar's idle
   CPUs have none for up to 5 s. TIMER is one that the guest does not see: a filter that passes on,
   each millisecond, what came to a network of two hubs and no card.
 - Until then the UART is asked again and again whether it has room, as if nothing were under way;
   what comes beyond the 16 bytes of its FIFO overwrites what is there. So input goes in at the pace
   of the guest: never more than the FIFO has room for, as QEMU's trace of the FIFO tells it.

gdb goes backward by loading the machine's first state and replaying up to just before; a snapshot
does not have TIMER, so for --reverse the guest keeps a tick of its own (nohz=off).

The build directory's replay/TEST/N holds the N-th machine that TEST started: `line` (JSON: QEMU's
words, its -icount, the departures), the `recording`, what it printed (`console`; `replayed` is what
it printed when replayed), and copies of its files.
"""
import argparse
import ctypes
import fcntl
import json
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import tty

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RECORDINGS = os.path.join(os.environ.get("ASHLAR_BUILD", os.path.join(ROOT, "build")), "replay")
LAST = os.path.join(RECORDINGS, "last")
QEMU = "qemu-system-aarch64"
TIMER = ("-netdev hubport,id=replay0,hubid=0 -netdev hubport,id=replay1,hubid=1,netdev=replay0 "
         "-object filter-buffer,id=replay2,netdev=replay0,interval=1000").split()
CLOCK = "shift=3"           # 8 ns an instruction, where the line says nothing
REVERSE = "-drive file=%s,if=none,id=replay4"
FIFO = 16                   # bytes, of the PL011
PR_SET_PDEATHSIG = 1
STILL_LIMIT = 15            # seconds, and more for a longer recording: the replay stands still
OTHERWISE = "it printed something else than when it was recorded"
STILL = "it stands still: it went another way than when it was recorded"
END_LIMIT = 60              # seconds: QEMU hangs


def fail(text):
    sys.exit("ashlar: " + text)


# ---------------------------------------------------------------- one machine, recorded


def recordable(line):
    """The line without what cannot be recorded, what is attached to this run alone, the options of
    -icount, and what was departed from."""
    words, attached, icount, departures = [], [], CLOCK, []
    mux = any("mux=on" in word for word in line)
    line = iter(line)
    for word in line:
        if word == "-smp":
            count = next(line)
            if count not in ("1", "cpus=1"):
                departures.append("one CPU instead of -smp " + count)
        elif word == "-icount":
            icount = next(line)
        elif word in ("-s", "-S"):
            attached.append(word)
        elif word == "-gdb":
            attached += [word, next(line)]
        elif word == "-qmp":        # which -qmp itself would make a part of the recording
            attached += ["-chardev", "socket,id=replay3," + next(line).replace("unix:", "path="),
                         "-mon", "chardev=replay3,mode=control"]
        elif word == "-mon" and mux:
            next(line)
            departures.append("no monitor on the console")  # which would eat unrecorded input
        else:
            words.append(word.replace(",mux=on", ""))
    return words, attached, icount, departures


def keep_files(words, folder):
    """Copies the files that a line names; returns the line with the copies in their place."""
    kept = {}
    for path in re.split(r"[\0,=]", "\0".join(words)):
        if path not in kept and os.path.isfile(path):
            kept[path] = os.path.join(folder, "%d-%s" % (len(kept), os.path.basename(path)))
            shutil.copyfile(path, kept[path])
            symbols = os.path.splitext(path)[0] + ".elf"
            if os.path.basename(path) == "kernel.bin" and os.path.isfile(symbols):
                shutil.copyfile(symbols, os.path.join(folder, "kernel.elf"))
    return ["".join(kept.get(part, part) for part in re.split("([,=])", word)) for word in words]


def new_folder():
    """The next free number in ASHLAR_REPLAY, which this process has made."""
    number = 1
    while True:
        try:
            folder = os.path.join(os.environ["ASHLAR_REPLAY"], str(number))
            os.mkdir(folder)
            return folder
        except FileExistsError:
            number += 1


def with_tick(words):
    """The line of a guest that keeps a tick when idle: nohz=off behind its kernel arguments."""
    if "-append" not in words:
        return [*words, "-append", "nohz=off"]
    at = words.index("-append") + 1
    before, dashes, init = words[at].partition(" -- ")
    return [*words[:at], before + " nohz=off" + dashes + init, *words[at + 1:]]


def empty_image(path):
    """A disk of 1 MiB for QEMU's snapshots, in its format qcow2, version 2: header, a table of
    reference counts, one block of them, and the first table of a map, each in its cluster."""
    cluster = 1 << 16
    image = bytearray(4 * cluster)
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, 1 << 20, 0, 1, 3 * cluster,
                         cluster, 1, 0, 0)
    image[:len(header)] = header
    struct.pack_into(">Q", image, cluster, 2 * cluster)
    struct.pack_into(">4H", image, 2 * cluster, 1, 1, 1, 1)
    with open(path, "wb") as stream:
        stream.write(image)


class Input:
    """What goes to the UART, and how much of it has arrived and was read."""

    def __init__(self):
        self.waiting = b""
        self.under_way = self.in_fifo = 0
        self.trace = b""

    def take(self):
        """The bytes that may be sent now."""
        room = max(FIFO - self.in_fifo - self.under_way, 0)
        part, self.waiting = self.waiting[:room], self.waiting[room:]
        self.under_way += len(part)
        return part

    def traced(self, text):
        *lines, self.trace = (self.trace + text).split(b"\n")
        for line in lines:
            found = re.match(rb"pl011_(put|read)_fifo .*read_count now (\d+)", line)
            if found:
                self.in_fifo = int(found.group(2))
                self.under_way -= found.group(1) == b"put"


def relay(child, trace, console):
    """Passes input and output on until the machine has closed its output."""
    to_guest, keys = Input(), [0]
    while True:
        ready = select.select([child.stdout, trace, *keys], [], [])[0]
        if trace in ready:
            to_guest.traced(os.read(trace, 65536))
        if 0 in ready:
            try:
                typed = os.read(0, 4096)
            except OSError:             # the terminal is gone
                typed = b""
            to_guest.waiting += typed
            keys = keys if typed else []
        if child.stdout in ready:
            text = os.read(child.stdout.fileno(), 65536)
            if not text:
                return
            console.write(text)
            try:
                os.write(1, text)
            except OSError:             # nobody reads any more
                child.terminate()
        if not child.stdin.closed:
            try:
                os.write(child.stdin.fileno(), to_guest.take())
            except BrokenPipeError:     # the machine has ended
                to_guest.waiting, keys = b"", []
            if not keys and not to_guest.waiting:
                child.stdin.close()


def raw_terminal():
    """As QEMU sets a terminal that is its console; returns how to set it back."""
    try:
        before = termios.tcgetattr(0)
    except termios.error:
        return lambda: None
    tty.setraw(0)
    mode = termios.tcgetattr(0)
    mode[1] |= termios.OPOST
    termios.tcsetattr(0, termios.TCSANOW, mode)
    return lambda: termios.tcsetattr(0, termios.TCSANOW, before)


def end_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def machine(line):
    """Stands in for QEMU: the machine of that line, recorded; returns its exit status."""
    folder = new_folder()
    words, attached, icount, departures = recordable(line)
    words = keep_files(words, folder)
    if os.environ.get("ASHLAR_REPLAY_REVERSE") and "-kernel" in words:
        image = os.path.join(folder, "snapshot")
        empty_image(image)
        words = with_tick(words) + (REVERSE % image).split()
        icount += ",rrsnapshot=start"
        departures.append("nohz=off")
    else:
        words += TIMER
    with open(os.path.join(folder, "line"), "w", encoding="utf-8") as stream:
        json.dump([words, icount, departures], stream)
    # Who replays waits for this lock, which QEMU holds to its end, longer maybe than we live.
    lock = os.open(os.path.join(folder, "lock"), os.O_CREAT | os.O_WRONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    trace, traced = os.pipe()
    restore = raw_terminal()
    path = os.environ["PATH"].split(os.pathsep, 1)[1]
    child = subprocess.Popen(
        [shutil.which(QEMU, path=path), *words, *attached, "-trace", "pl011_*_fifo", "-D",
         "/dev/fd/%d" % traced, "-icount",
         "%s,rr=record,rrfile=%s" % (icount, os.path.join(folder, "recording"))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, pass_fds=(lock, traced),
        start_new_session=True, preexec_fn=end_with_parent)
    os.close(traced)
    # Ended from outside, QEMU must still write the recording's end: a kill would leave none.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: child.terminate())
    try:
        with open(os.path.join(folder, "console"), "wb", buffering=0) as console:
            relay(child, trace, console)
    finally:
        restore()
    status = child.wait()
    return status if status >= 0 else 128 - status


# ---------------------------------------------------------------- one test, recorded


def record(test, reverse):
    """Runs the test with its machines recorded; returns their folder."""
    name = re.sub(r"[^\w.-]+", "_", os.path.basename(test)).strip("_")
    folder = os.path.join(RECORDINGS, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "bin"))
    stand_in = os.path.join(folder, "bin", QEMU)
    with open(stand_in, "w", encoding="utf-8") as stream:
        stream.write('#!/bin/sh\nexec "%s" "%s" machine "$@"\n' % (sys.executable, __file__))
    os.chmod(stand_in, 0o755)
    path = os.path.dirname(stand_in) + os.pathsep + os.environ["PATH"]
    system = os.path.join(ROOT, "tests", "system")
    where = [test] if ".py" in test else ["-k", test, system]
    status = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", system,
         *where],
        env=dict(os.environ, PATH=path, ASHLAR_REPLAY=folder,
                 ASHLAR_REPLAY_REVERSE="yes" if reverse else ""), check=False).returncode
    if status not in (0, 1):
        fail("pytest ran no test: %s" % test)
    print("%s: %s" % (test, "failed" if status else "passed"))
    if os.path.lexists(LAST):
        os.unlink(LAST)
    os.symlink(name, LAST)
    return folder


def machines(folder):
    """The folders of the machines that a test started, which have ended by now, in their order."""
    found = sorted((name for name in os.listdir(folder) if name.isdigit()), key=int)
    for name in found:
        with open(os.path.join(folder, name, "lock"), "wb") as lock:
            limit = time.monotonic() + END_LIMIT
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > limit:
                        fail("machine %s still runs: %s" % (name, folder))
                    time.sleep(0.05)
    return [os.path.join(folder, name) for name in found]


# ---------------------------------------------------------------- one machine, replayed


def replay_line(folder, socket):
    with open(os.path.join(folder, "line"), encoding="utf-8") as stream:
        words, icount, _ = json.load(stream)
    return [QEMU, *words, "-icount",
            "%s,rr=replay,rrfile=%s" % (icount, os.path.join(folder, "recording")),
            "-no-shutdown", "-S", "-gdb", "unix:%s,server=on,wait=off" % socket]


def replay(folder, output, script, **how):
    """The machine in folder once more, stopped, its output to `output`, and gdb with a script."""
    with tempfile.TemporaryDirectory() as scratch:
        socket = os.path.join(scratch, "gdb")
        with open(os.path.join(scratch, "errors"), "w+b") as errors, subprocess.Popen(
                replay_line(folder, socket), stdin=subprocess.DEVNULL, stdout=output,
                stderr=errors, start_new_session=True, preexec_fn=end_with_parent) as child:
            try:
                while not os.path.exists(socket):
                    if child.poll() is not None:
                        errors.seek(0)
                        fail("no replay of %s: %s" % (folder, errors.read().decode()))
                    time.sleep(0.01)
                gdb = ["gdb-multiarch", "-q", "-nx", "-iex", "set auto-load safe-path /",
                       "-ex", "set confirm off", "-ex", "set pagination off",
                       "-ex", "file " + os.path.join(folder, "kernel.elf"),
                       "-ex", "source %s/tools/gdb/ashlar.py" % ROOT,
                       "-ex", "target remote " + socket, "-ex", "ashlar relocate",
                       "-ex", "python import recording"]
                return subprocess.run(gdb + script, check=False, **how)
            finally:
                child.kill()


def content(folder, name):
    with open(os.path.join(folder, name), "rb") as stream:
        return stream.read()


def patience(folder):
    """Seconds after which a replay stands still: many times what the recording took."""
    begin, end = (os.path.getmtime(os.path.join(folder, name)) for name in ("line", "console"))
    return STILL_LIMIT + 10 * (end - begin)


def look(folder):
    """Replays a machine to its end; returns a line for each end that it came to, and last ones if
    it went another way than the recording: QEMU then waits for ever for an event's instruction, or
    the machine does not print what it had printed."""
    still = False
    with open(os.path.join(folder, "replayed"), "wb") as output:
        try:
            said = replay(folder, output, ["-batch", "-ex", "python recording.all_ends()"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=patience(folder)).stdout
        except subprocess.TimeoutExpired as late:
            said, still = late.stdout or b"", True
    said = said.decode(errors="replace")
    ends = re.findall(r"^instruction \d+.*", said, re.M)
    if still:
        ends.append(STILL)
    if not ends:
        fail("the replay of %s came to no end:\n%s" % (folder, said))
    if not content(folder, "replayed").startswith(content(folder, "console")):
        ends.append(OTHERWISE)
    return ends


def check(folder, times):
    """Says how a machine was recorded and ended; False: a replay was not like the others."""
    name = "machine " + os.path.basename(folder)
    with open(os.path.join(folder, "line"), encoding="utf-8") as stream:
        departures = json.load(stream)[2]
    if departures:
        print("%s: recorded with %s" % (name, " and ".join(departures)))
    first = look(folder)
    others = [] if STILL in first else [look(folder) for _ in range(times - 1)]
    for end in first:
        print("%s: %s" % (name, end))
    for other in others:
        if other != first:
            print("%s: replayed again it differs:\n%s" % (name, "\n".join(other)))
            return False
        print("%s: replayed again to the same instruction" % name)
    return not {OTHERWISE, STILL} & set(first)


def debug(folder):
    """gdb on a replay; the machine prints on our terminal."""
    print("machine %s replays; `ashlar end` goes to the panic or to the end of the recording"
          % os.path.basename(folder), flush=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)        # ^C is gdb's
    replay(folder, None, ["-ex", "python recording.hold_at_last()"])


def main():
    if sys.argv[1:2] == ["machine"]:
        sys.exit(machine(sys.argv[2:]))
    parser = argparse.ArgumentParser(prog="ashlar replay")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--machine", type=int)
    parser.add_argument("--reverse", action="store_true")
    parser.add_argument("test", nargs="?")
    options = parser.parse_args()
    if options.reverse and not options.test:
        parser.error("--reverse is for recording: name a TEST")
    folder = record(options.test, options.reverse) if options.test else os.path.realpath(LAST)
    if not os.path.isdir(folder):
        fail("nothing is recorded yet: ./ashlar replay TEST")
    found = machines(folder)
    if options.machine:
        found = [one for one in found if os.path.basename(one) == str(options.machine)]
    if not found:
        fail("no such machine was recorded")
    ask = options.check or not sys.stdin.isatty()
    alike = [check(one, 2 if ask else 1) for one in found] if ask or options.test else []
    if not ask:
        debug(found[-1])
    sys.exit(not all(alike))


if __name__ == "__main__":
    main()
