"""`./ashlar run`: exit statuses, standard input and output to the byte, the terminal."""
import os
import signal
import subprocess

import pexpect
import pytest
from conftest import BOOT_TIMEOUT, BUILD, PROMPT, ROOT, image, launch, static_program

HELLO = """
#include <stdio.h>
int main(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        printf("%d[%s]\\n", i, argv[i]);
    return 42;
}
"""


@pytest.fixture(scope="module")
def hello(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hello")
    (folder / "hello.c").write_text(HELLO)
    static_program(str(folder / "hello.c"), folder)
    return folder


@pytest.mark.parametrize("words,status", [
    (["/bin/busybox", "sh", "-c", "exit 7"], 7),
    (["true"], 0),
    (["sh", "-c", "exit 255"], 255),
    (["sh", "-c", "kill -9 $$"], 128 + 9),
    (["sh", "-c", "kill -SEGV $$"], 128 + 11),
    (["sh", "-c", "no-such-program"], 127),
    (["no-such-program"], 127),
    (["./no/such/program"], 127),
    (["/etc/passwd"], 126),
], ids=lambda value: "-".join(value).replace("/", "_") if isinstance(value, list) else str(value))
def test_exit_status(words, status):
    done = launch("--", *words)
    assert done.returncode == status, done.stderr.decode()


def test_a_panic_is_125():
    done = launch("--append", "rdinit=/bin/true", "--", "true")
    assert done.returncode == 125


def test_a_program_of_another_machine_is_126(tmp_path):
    done = launch("--add", "/bin/true:/root/foreign", "--", "/root/foreign")
    assert done.returncode == 126


def test_stdout_is_the_programs_alone():
    done = launch("--", "printf", r"a\nb\tc\rd\0e")
    assert done.stdout == b"a\nb\tc\rd\0e"
    assert done.returncode == 0


def test_bytes_pass_unchanged():
    data = bytes(range(256)) * 300 + b"no newline at the end"
    done = launch("--", "cat", stdin=data)
    assert done.stdout == data


def test_empty_stdin_is_end_of_file():
    done = launch("--", "wc", "-c", stdin=b"")
    assert done.stdout == b"0\n"


def test_stdin_from_a_file(tmp_path):
    path = tmp_path / "input"
    path.write_bytes(b"one\ntwo\n")
    with open(path, "rb") as stream:
        environment = dict(os.environ, ASHLAR_KERNEL=image("bin"), ASHLAR_BUILD=BUILD)
        done = subprocess.run([ROOT + "/ashlar", "run", "--", "tac"], stdin=stream,
                              capture_output=True, timeout=BOOT_TIMEOUT, env=environment,
                              check=False)
    assert done.stdout == b"two\none\n"


def test_script_on_stdin_runs_in_the_shell():
    done = launch(stdin=b"echo $((6 * 7))\nexit 5\n")
    assert (done.stdout, done.returncode) == (b"42\n", 5)


def test_host_program_is_packed(hello):
    words = ["a b", "it's", 'say "x"', "", "two\nlines", "$HOME *"]
    done = launch("--", "./hello", *words, cwd=str(hello))
    expected = "".join("%d[%s]\n" % pair for pair in enumerate(["./hello", *words]))
    assert done.stdout.decode() == expected
    assert done.returncode == 42
    done = launch("--", str(hello / "hello"))
    assert done.stdout.decode() == "0[%s]\n" % (hello / "hello")


def test_add_puts_files_and_directories_in(tmp_path):
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "file").write_text("inside")
    (tmp_path / "it's one").write_text("alone")
    done = launch("--add", str(folder) + ":/opt/here", "--add", str(tmp_path / "it's one"),
                  "--", "sh", "-c", "cat /opt/here/deep/file; cat \"/root/it's one\"")
    assert done.stdout == b"insidealone"


def test_machine_options():
    done = launch("-smp", "3", "-m", "96M", "-cpu", "cortex-a57", "--gic", "2", "-v",
                  "--", "sh", "-c", "nproc; awk '/MemTotal/{print ($2 > 60000 && $2 < 98305)}' "
                  "/proc/meminfo")
    assert done.stdout == b"3\n1\n"
    assert b"-smp 3" in done.stderr and b"gic-version=2" in done.stderr


def test_append_reaches_the_kernel():
    done = launch("--append", "some.word=1 another", "--", "cat", "/proc/cmdline")
    assert b"some.word=1 another" in done.stdout


def test_missing_tools_are_named_and_nothing_is_done(tmp_path):
    for tool in ("sh", "dirname", "id", "sed", "uname", "nproc", "mkdir", "env"):
        os.symlink("/bin/" + tool if os.path.exists("/bin/" + tool) else "/usr/bin/" + tool,
                   tmp_path / tool)
    done = subprocess.run([ROOT + "/ashlar", "run", "--no-install", "--", "true"],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                          env={"PATH": str(tmp_path)}, check=False)
    assert done.returncode == 3 and done.stdout == b""
    for package in (b"gcc-aarch64-linux-gnu", b"qemu-system-arm", b"make"):
        assert package in done.stderr


@pytest.mark.parametrize("words", [["run", "--nosuch"], ["run", "-m"], ["run", "--"],
                                   ["nosuch"], ["test", "nosuch"]], ids=" ".join)
def test_usage_errors(words):
    done = subprocess.run([ROOT + "/ashlar", *words], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 2 and done.stderr


def test_help():
    done = subprocess.run([ROOT + "/ashlar", "help"], capture_output=True, check=True)
    for word in (b"run", b"test", b"debug", b"bench", b"--gic", b"--add"):
        assert word in done.stdout


def terminal_settings(child):
    child.expect(r"([0-9a-f]+(?::[0-9a-f]+){5,})\r*\n")
    return child.match.group(1)


def run_in_shell(words, act):
    """(exit status, was the terminal restored) of ./ashlar run WORDS while act(child) drives it."""
    environment = dict(os.environ, ASHLAR_KERNEL=image("bin"), ASHLAR_BUILD=BUILD)
    child = pexpect.spawn("/bin/sh", ["-c", "stty -g; ./ashlar run %s; s=$?; stty -g; echo end=$s"
                                      % words],
                          encoding="utf-8", timeout=BOOT_TIMEOUT, env=environment, cwd=ROOT)
    child.delaybeforesend = None
    try:
        before = terminal_settings(child)
        act(child)
        after = terminal_settings(child)
        child.expect(r"end=(\d+)")
        return int(child.match.group(1)), before == after
    finally:
        child.close(force=True)


def test_terminal_control_c_goes_to_the_guest():
    def act(child):
        child.expect("ready")
        child.send("\x03")

    assert run_in_shell("-- sh -c 'echo ready; exec sleep 1000'", act) == (130, True)


def test_terminal_control_a_x_quits():
    def act(child):
        child.expect(PROMPT)
        child.send("\x01x")

    assert run_in_shell("", act) == (0, True)


def test_terminal_is_restored_after_the_program():
    assert run_in_shell("-- sh -c 'exit 9'", lambda child: None) == (9, True)


def test_terminal_is_restored_when_the_launcher_is_killed():
    """SIGTERM to the launcher ends the machine as well, and leaves no scratch directory."""
    def act(child):
        child.expect(PROMPT)
        pids = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(child.pid)],
                              capture_output=True, text=True, check=True).stdout.split("\n")
        launcher = [int(line.split()[0]) for line in pids if "ashlar run" in line]
        os.kill(launcher[0], signal.SIGTERM)

    assert run_in_shell("", act) == (143, True)


def test_terminal_gets_carriage_returns_and_echo():
    def act(child):
        child.expect("ready\r+\n")
        child.send("typed\r")
        child.expect("typed\r+\n")          # the echo
        child.expect("got typed\r+\n")

    assert run_in_shell("-- sh -c 'echo ready; read x; echo got $x'", act) == (0, True)
