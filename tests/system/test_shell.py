"""Sessions at the shell: editing, the line discipline, job control, what every user does."""
import pytest
from conftest import PROMPT, Machine


@pytest.fixture(scope="module")
def machines():
    """The machine that the tests share, in a list: a test that wrecks it gets the next a new one."""
    shared = []
    yield shared
    for machine in shared:
        machine.__exit__()


@pytest.fixture
def shell(machines, request):
    """The shared machine at a fresh prompt."""
    if not machines:
        machines.append(Machine(smp=2))
        machines[0].prompt()
    failed = request.session.testsfailed
    machine = machines[0]
    machine.ok("cd /root; stty sane; true")
    yield machine
    if request.session.testsfailed > failed:
        machines.pop().__exit__()


LEFT, UP, HOME, END = "\x1b[D", "\x1b[A", "\x01", "\x05"


@pytest.mark.parametrize("keys,result", [
    ("echo helo" + LEFT + "l", "hello"),
    ("cho moved" + HOME + "e", "moved"),
    ("echo a" + HOME + END + "b", "ab"),
    ("echo one two\x17three", "one three"),
    ("garbage\x15echo clean", "clean"),
    ("echo abX\x7fc", "abc"),
], ids=["left", "home", "end", "word-erase", "kill-line", "erase"])
def test_line_editing(shell, keys, result):
    shell.send(keys + "\r")
    shell.expect(r"\n%s\r*\n" % result)
    shell.prompt()


def test_history(shell):
    shell.ok("echo fir''st")
    shell.send(UP + UP + UP + "\x15")
    shell.type("echo mark''er")
    shell.expect(r"\nmarker\r*\n")
    shell.prompt()
    shell.send(UP + "\r")
    shell.expect(r"\nmarker\r*\n")
    shell.prompt()


def test_completion(shell):
    shell.ok("mkdir -p /tmp/completion-directory")
    shell.send("cd /tmp/comple\t\r")
    shell.expect(r"ashlar:/tmp/completion-directory# ")


@pytest.mark.parametrize("keys,line", [
    ("ab\x7fc", "ac"),
    ("one two\x17three", "one three"),
    ("lost\x15kept", "kept"),
    ("a\x16\x03b", "a\x03b"),
    ("a\x16\x16b", "a\x16b"),
], ids=["erase", "word-erase", "kill", "literal-next", "literal-literal"])
def test_canonical_mode(shell, keys, line):
    shell.type("echo rea''dy; head -n 1 > /tmp/line; echo do''ne")
    shell.expect(r"ready\r*\n")            # from here on the terminal is no longer the shell's
    shell.send(keys + "\n")
    shell.expect(r"done\r*\n")
    shell.prompt()
    expected = " ".join("%02x" % ord(c) for c in line + "\n")
    assert shell.ok("xxd -p /tmp/line | sed 's/../& /g; s/ $//'") == expected


def test_end_of_file_in_canonical_mode(shell):
    shell.type("echo rea''dy; cat; echo ended $?")
    shell.expect(r"ready\r*\n")
    shell.send("text\n")
    shell.expect(r"text\r*\ntext\r*\n")
    shell.send("\x04")
    shell.expect(r"ended 0\r*\n")
    shell.prompt()


def test_partial_line_is_pushed_by_end_of_file(shell):
    shell.type("echo rea''dy; cat; echo ended")
    shell.expect(r"ready\r*\n")
    shell.send("part\x04")
    shell.expect("partpart")
    shell.send("\x04")
    shell.expect("ended")
    shell.prompt()


def test_control_characters_are_echoed_with_a_caret(shell):
    shell.type("echo rea''dy; cat > /dev/null")
    shell.expect(r"ready\r*\n")
    shell.send("a\x02b")
    shell.expect(r"a\^Bb")
    shell.send("\n\x04")
    shell.prompt()


def test_raw_mode_reads_single_bytes(shell):
    shell.type("stty raw -echo; echo rea''dy; dd bs=1 count=3 2>/dev/null | xxd -p; stty sane")
    shell.expect("ready")
    shell.send("\x03a\x04")
    shell.expect("036104")
    shell.prompt()


def test_vmin_and_vtime(shell):
    out = shell.ok("stty -icanon min 0 time 2; dd bs=10 count=1 2>&1 </dev/console | tail -n 1;"
                   " stty sane", timeout=30)
    assert "0 bytes" in out or "0+0" in out


def test_window_size(shell):
    assert shell.ok("stty rows 33 cols 101; stty size; stty rows 24 cols 80") == "33 101"


def test_flow_control(shell):
    shell.type("stty ixon; echo rea''dy; read x; echo got $x")
    shell.expect(r"ready\r*\n")
    shell.send("\x13")                      # stop: the echo and the answer wait
    shell.send("word\n")
    shell.send("\x11")                      # go
    shell.expect(r"got word\r*\n")
    shell.prompt()


def start(shell, command, mark="st''arted"):
    """Start a command that prints `started` once it runs."""
    shell.type("sh -c 'echo %s; exec %s'" % (mark.replace("''", '""'), command))
    shell.expect(r"\nstarted\r*\n")


def test_interrupt(shell):
    start(shell, "sleep 1000")
    shell.send("\x03")
    shell.prompt()
    shell.type("sh -c 'trap \"echo trapped; exit 3\" INT; echo st\"\"arted; while :; do sleep 9; done'")
    shell.expect(r"\nstarted\r*\n")
    shell.send("\x03")
    shell.expect(r"trapped\r*\n")
    shell.prompt()


def test_interrupt_status(shell):
    # Not by way of `sh -c`: that shell itself ignores SIGQUIT until it executes the program.
    shell.ok("echo started > /tmp/started")
    shell.type("tail -f /tmp/started; echo status $?")
    shell.expect(r"\nstarted\r*\n")
    shell.send("\x1c")
    shell.expect("status 131|Quit")
    shell.prompt()


def test_stop_background_and_foreground(shell):
    start(shell, "sleep 1000")
    shell.send("\x1a")
    shell.expect("Stopped")
    shell.prompt()
    assert "T" in shell.ok("sed 's/.*) \\(.\\).*/\\1/' /proc/$(jobs -p)/stat")
    shell.type("bg")
    shell.prompt()
    assert "Running" in shell.ok("jobs")
    assert "S" in shell.ok("sed 's/.*) \\(.\\).*/\\1/' /proc/$(jobs -p)/stat")
    shell.type("fg")
    shell.expect("sleep 1000")
    shell.send("\x03")
    shell.prompt()
    assert shell.ok("jobs") == ""


def test_stop_reaches_the_whole_pipeline(shell):
    shell.type("sleep 1000 | sleep 1001 | sh -c 'echo rea\"\"dy; read never'")
    shell.expect(r"ready\r*\n")
    shell.send("\x1a")
    shell.expect("Stopped")
    shell.prompt()
    states = shell.ok("group=$(jobs -p); cat /proc/[0-9]*/stat 2> /dev/null |"
                      " awk -v group=$group '$5 == group { print $3 }'")
    assert states.split() == ["T"] * 3
    shell.ok("kill -9 -$group; wait; true")


def test_background_reader_is_stopped(shell):
    """By the terminal's own name: reads through /dev/console escape this rule."""
    out = shell.ok("cat < /dev/ttyAMA0 & usleep 300000; jobs")
    assert "Stopped" in out
    shell.ok("kill -9 %1; wait; true")


def test_background_and_wait(shell):
    assert shell.ok("(exit 3) & wait $!; echo $?").split("\n")[-1] == "3"


@pytest.mark.parametrize("command,result", [
    ("seq 1 1000 | grep 7 | wc -l", "271"),
    ("yes | head -n 3 | tr '\\n' ' '", "y y y "),
    ("seq 1 100000 | tail -n 1", "100000"),
    ("dd if=/dev/zero bs=64k count=64 2>/dev/null | wc -c", "4194304"),
    ("(echo a; echo b >&2) 2>&1 | sort -r | tr -d '\\n'", "ba"),
    ("cat /proc/self/comm | cat | cat", "cat"),
    ("echo hello > /tmp/f; cat < /tmp/f >> /tmp/f2; cat /tmp/f2; rm /tmp/f2", "hello"),
    ("x=$(echo a; echo b); echo $x", "a b"),
    ("set -- a b c; echo $# $2; set --", "3 b"),
    ("for i in 1 2 3; do echo $i; done | paste -s -d +", "1+2+3"),
    ("mkfifo /tmp/p; echo through > /tmp/p & cat /tmp/p; rm /tmp/p", "through"),
    ("ls /nosuch 2>&1 || echo status $?", "ls: /nosuch: No such file or directory\nstatus 1"),
    ("ulimit -n 8; for i in 1 2 3; do :; done; ulimit -n", "8"),
    ("sh -c 'echo $0 $1' zero one", "zero one"),
    ("trap 'echo bye' EXIT; trap - EXIT; echo ok", "ok"),
])
def test_pipelines_and_redirection(shell, command, result):
    out = shell.ok("( %s )" % command)
    lines = [line for line in out.split("\n") if not line.startswith("[")]
    assert "\n".join(lines) == result.rstrip("\n")


def test_here_document(shell):
    for line in ("cat > /tmp/here <<'END'", "first $HOME", "second", "END"):
        shell.type(line)
    shell.prompt()
    assert shell.ok("cat /tmp/here") == "first $HOME\nsecond"


def test_script_with_an_interpreter_line(shell):
    shell.ok("printf '#!/bin/sh -e\\necho script $1 $-\\n' > /tmp/s; chmod +x /tmp/s")
    out = shell.ok("/tmp/s arg").split()
    assert out[:2] == ["script", "arg"] and "e" in out[2]


def test_ps_shows_init_and_the_shell(shell):
    lines = shell.ok("ps").split("\n")
    assert any(line.split()[0] == "1" and "init" in line for line in lines[1:])
    assert any("-/bin/sh" in line or "-sh" in line for line in lines)
    assert any(line.endswith("ps") or "{ps}" in line for line in lines)


def test_top(shell):
    out = shell.ok("top -b -n 1")
    assert "Mem:" in out and "CPU:" in out and "init" in out


def test_mount_and_df(shell):
    out = shell.ok("mount")
    for word in ("proc on /proc type proc", "on /dev type devtmpfs"):
        assert word in out
    assert shell.ok("df /dev").split("\n")[-1].endswith("/dev")
    shell.ok("mkdir -p /tmp/m; mount -t tmpfs -o size=1m mine /tmp/m")
    assert "mine on /tmp/m type tmpfs" in shell.ok("mount")
    _, status = shell.sh("dd if=/dev/zero of=/tmp/m/big bs=64k count=64 2>/dev/null")
    assert status == 1
    assert "mine" in shell.ok("df /tmp/m")
    shell.ok("echo x > /tmp/m/f; mkdir -p /tmp/b; mount -o bind /tmp/m /tmp/b; cat /tmp/b/f;"
             "umount /tmp/b; umount /tmp/m")
    assert "/tmp/m" not in shell.ok("mount")


def test_deep_mounts_are_bound_and_let_go(shell):
    """Each mounted in the one before: neither the copy nor the end may go down by recursion."""
    shell.ok("mkdir -p /tmp/deep /tmp/copy; mount -t tmpfs d /tmp/deep; cd /tmp/deep;"
             "i=0; while [ $i -lt 300 ]; do mkdir d && mount -t tmpfs d d && cd d || break;"
             "i=$((i+1)); done; mount --rbind /tmp/deep /tmp/copy; cd /")
    assert shell.ok("grep -c ' /tmp/copy' /proc/mounts") == "301"
    shell.ok("umount -l /tmp/copy; umount -l /tmp/deep")
    assert "/tmp/deep" not in shell.ok("mount")


def test_vi(shell):
    shell.ok("rm -f /tmp/vi; stty rows 24 cols 80")
    shell.send("vi /tmp/vi\r")
    shell.expect("/tmp/vi")
    shell.send("ifirst line\rsecond\x1b")
    shell.expect(r"\x1b\[2;6H")             # an escape with a key right behind it is another key
    shell.send("kddp")                       # swap the two lines
    shell.send(":wq\r")
    shell.prompt()
    assert shell.ok("cat /tmp/vi") == "second\nfirst line"


def test_cpuinfo_dmesg_uptime_free(shell):
    assert "processor" in shell.ok("cat /proc/cpuinfo")
    assert "MMU enabled!" in shell.ok("dmesg")
    assert "load average" in shell.ok("uptime")
    assert "Mem:" in shell.ok("free")


def test_date_is_the_hosts(shell):
    import time
    assert abs(int(shell.ok("date +%s")) - time.time()) < 120


def test_sleep_lasts(shell):
    out = shell.ok("a=$(cut -d. -f1 /proc/uptime); sleep 2; b=$(cut -d. -f1 /proc/uptime);"
                   " echo $((b - a))")
    assert out in ("2", "3")


def test_users_and_permissions(shell):
    out = shell.ok("echo secret > /tmp/root-only; chmod 600 /tmp/root-only;"
                   " chown 0:0 /tmp/root-only; chmod 1777 /tmp;"
                   " setpriv --help 2>&1 | head -n 1; su nobody -s /bin/sh -c"
                   " 'id -u; cat /tmp/root-only 2>&1 || true'")
    assert "65534" in out and "Permission denied" in out


def test_end_of_file_logs_out_and_init_starts_another_shell(shell):
    before = shell.ok("echo $$")
    shell.send("\x04")
    shell.prompt()
    assert shell.ok("echo $$") != before


def test_poweroff():
    with Machine() as machine:
        machine.prompt()
        machine.type("poweroff")
        assert machine.expect_end() == 0


def test_reboot():
    with Machine() as machine:
        machine.prompt()
        machine.type("reboot")
        machine.expect("DTB at: ", 120)
        machine.expect(PROMPT, 120)
