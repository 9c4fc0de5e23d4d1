/* execve, and what this binary does when a case executes it: `abi @WORD ...`. */
#include "abi.h"

#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>

static void no_handler(int sig)
{
    (void)sig;
}

static const char *const plain_env[] = {"A=1", "B=two", NULL};

static void show_signals(void)
{
    sigset_t set;
    struct sigaction sa;
    char text[64] = "";

    for (int s = 1; s < 10; s++) {
        sigaction(s, NULL, &sa);
        strcat(text, sa.sa_handler == SIG_IGN ? "i" : sa.sa_handler == SIG_DFL ? "d" : "h");
    }
    sigprocmask(SIG_BLOCK, NULL, &set);
    say("  dispositions %s, USR1 blocked %d, USR2 blocked %d", text, sigismember(&set, SIGUSR1),
        sigismember(&set, SIGUSR2));
    sigpending(&set);
    stack_t ss;
    sigaltstack(NULL, &ss);
    say("  USR1 pending %d, altstack %s", sigismember(&set, SIGUSR1),
        ss.ss_flags & SS_DISABLE ? "off" : "on");
}

int helper_main(int argc, char **argv, char **envp)
{
    const char *word = argc > 1 ? argv[1] + 1 : "";

    if (argc == 1) {
        say("  no arguments, argv[0] = \"%s\"", argv[0]);
        return 0;
    }
    if (strcmp(word, "exit") == 0)
        return atoi(argv[2]);
    if (strncmp(word, "args", 4) == 0) {
        for (int i = 0; i < argc; i++)
            if (i != 1 || word[4])
                say("  argv[%d] = \"%s\"", i, argv[i]);
        for (int i = 0; envp[i]; i++)
            say("  env %s", envp[i]);
    } else if (strcmp(word, "keys") == 0) {
        branch_helper(argv[2]);
    } else if (strcmp(word, "signals") == 0) {
        show_signals();
    } else if (strcmp(word, "fds") == 0) {
        for (int i = 2; i < argc; i++)
            say("  descriptor %s %s", argv[i],
                fcntl(atoi(argv[i]), F_GETFD) < 0 ? "closed" : "open");
    } else if (strcmp(word, "ids") == 0) {
        uid_t r, e, s;
        gid_t rg, eg, sg;
        getresuid(&r, &e, &s);
        getresgid(&rg, &eg, &sg);
        say("  uid %d %d %d, gid %d %d %d, secure %ld", r, e, s, rg, eg, sg, getauxval(AT_SECURE));
    } else if (strcmp(word, "proc") == 0) {
        static const char *const files[] = {"/proc/self/cmdline", "/proc/self/environ",
                                            "/proc/self/comm"};
        char text[100];
        for (unsigned f = 0; f < COUNT(files); f++) {
            int fd = open(files[f], O_RDONLY), n = read(fd, text, sizeof(text));
            for (int i = 0; i < n; i++)
                text[i] = text[i] ? text[i] : '|';
            text[n > 0 ? n - 1 : 0] = 0;
            say("  %s: %d bytes, %s", files[f], n, text);
        }
    } else if (strcmp(word, "self") == 0) {
        char name[32] = "";
        prctl(PR_GET_NAME, name);
        say("  pid kept %d, tid is pid %d, name \"%s\"", getpid() == atoi(argv[2]),
            gettid() == getpid(), name);
        say("  alarm left %d, umask %03o", alarm(0) > 0, umask(0));
    } else {
        return 99;
    }
    return 0;
}

static void write_script(const char *path, const char *text, int mode)
{
    make_file(path, text);
    chmod(path, mode);
}

/* Copies the first `len` bytes of this binary, changed by `edit`, to `path`. */
static void write_elf(const char *path, size_t len, void (*edit)(Elf64_Ehdr *))
{
    static char copy[4096];
    int in = open(self_path, O_RDONLY), out = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0755);
    ssize_t n = read(in, copy, sizeof(copy));

    if (edit)
        edit((Elf64_Ehdr *)copy);
    for (size_t left = len; n > 0 && left > 0; left -= n) {
        if ((size_t)n > left)
            n = left;
        write(out, copy, n);
        if (left == (size_t)n)
            break;
        n = read(in, copy, sizeof(copy)) ?: 0;
    }
    close(in);
    close(out);
}

#define EXEC(...)                                                                                \
    RUN("exec", execve(self_path, (char *const[]){__VA_ARGS__, NULL}, (char *const *)plain_env); \
        say("exec: %s", error_name(errno)))

CASE(exec_args)
{
    EXEC("zero", "@args");
    EXEC("", "@args", "", "two words", "tab\tx");
    EXEC("zero", "@exit", "42");
    RUN("no environment", execve(self_path, (char *const[]){"x", "@args", NULL}, NULL));
    RUN("no arguments", val(execve(self_path, NULL, NULL)));
    RUN("/proc/self/exe", execl("/proc/self/exe", "again", "@args", NULL));
    RUN("through a symlink", symlink(self_path, "sl"); execl("sl", "sl", "@args", NULL));
    char pid[16];
    RUN("what stays", prctl(PR_SET_NAME, "before"); snprintf(pid, sizeof(pid), "%d", getpid());
        umask(027); alarm(10); symlink(self_path, "a-rather-long-name");
        execl("a-rather-long-name", "argv0", "@self", pid, NULL));
}

CASE(exec_at)
{
    RUN("execveat", syscall(SYS_execveat, open(self_path, O_RDONLY), "",
                            (char *const[]){"by-fd", "@args", NULL}, NULL, AT_EMPTY_PATH));
    int fd = ok(open(self_path, O_PATH));
    RUN("O_PATH", syscall(SYS_execveat, fd, "", (char *const[]){"p", "@exit", "3", NULL}, NULL,
                          AT_EMPTY_PATH));
    val(syscall(SYS_execveat, fd, "", NULL, NULL, 0));
    val(syscall(SYS_execveat, AT_FDCWD, self_path, NULL, NULL, 0x8000));
    ok(symlink(self_path, "sl"));
    val(syscall(SYS_execveat, AT_FDCWD, "sl", NULL, NULL, AT_SYMLINK_NOFOLLOW));
}

CASE(exec_errors)
{
    char *const argv[] = {"x", NULL};
    char *const env[] = {NULL};

    make_file("plain", "echo not a program\n");
    write_script("noexec", "#!/bin/true\n", 0644);
    write_script("text", "echo not a program\n", 0755);
    write_script("empty", "", 0755);
    ok(mkdir("dir", 0755));
    ok(execve("missing", argv, env));
    ok(execve("", argv, env));
    ok(execve("plain", argv, env));
    ok(execve("noexec", argv, env));
    ok(execve("text", argv, env));
    ok(execve("empty", argv, env));
    ok(execve("dir", argv, env));
    ok(execve("plain/x", argv, env));
    ok(execve("/dev/null", argv, env));
    ok(execve(NULL, argv, env));
    ok(execve(self_path, (char *const *)8, env));
    ok(execve(self_path, (char *const[]){"x", (char *)8, NULL}, env));
    ok(execve(self_path, argv, (char *const *)8));
    ok(symlink("loop", "loop"));
    ok(execve("loop", argv, env));
    RUN("as uid 1000", write_script("rootonly", "#!/bin/true\n", 0700); become(1000);
        ok(execve("rootonly", argv, env)));
    write_elf("busy", 1 << 30, NULL);
    int fd = ok(open("busy", O_WRONLY));
    ok(execve("busy", argv, env));
    close(fd);
    pid_t child = fork();
    if (child == 0) {
        execl("busy", "busy", "@exit", "0", NULL);
        _exit(1);
    }
    report_status("no longer busy", wait_child(child));
    ok(open(self_path, O_WRONLY));
    ok(truncate(self_path, 0));
}

static void not_arm(Elf64_Ehdr *e)
{
    e->e_machine = EM_X86_64;
}

static void relocatable(Elf64_Ehdr *e)
{
    e->e_type = ET_REL;
}

static void odd_phdr_size(Elf64_Ehdr *e)
{
    e->e_phentsize = 32;
}

static void no_phdrs(Elf64_Ehdr *e)
{
    e->e_phnum = 0;
}

static void far_phdrs(Elf64_Ehdr *e)
{
    e->e_phoff = 1L << 40;
}

static void phdr_wraps(Elf64_Ehdr *e)
{
    Elf64_Phdr *p = (Elf64_Phdr *)((char *)e + e->e_phoff);

    for (int i = 0; i < e->e_phnum; i++)
        if (p[i].p_type == PT_LOAD)
            p[i].p_filesz = p[i].p_memsz + 1;
}

static void in_kernel(Elf64_Ehdr *e)
{
    Elf64_Phdr *p = (Elf64_Phdr *)((char *)e + e->e_phoff);

    for (int i = 0; i < e->e_phnum; i++)
        if (p[i].p_type == PT_LOAD)
            p[i].p_vaddr |= 0xffff000000000000;
}

static void bad_entry(Elf64_Ehdr *e)
{
    e->e_entry = 0x10;
}

static void no_interpreter(Elf64_Ehdr *e)
{
    Elf64_Phdr *p = (Elf64_Phdr *)((char *)e + e->e_phoff);

    for (int i = 0; i < e->e_phnum; i++)
        if (p[i].p_type == PT_NOTE || p[i].p_type == PT_GNU_STACK) {
            p[i].p_type = PT_INTERP;
            p[i].p_offset = 0x200;
            p[i].p_filesz = 12;
            strcpy((char *)e + 0x200, "/no/such/ld");
            return;
        }
}

CASE(exec_bad_elf)
{
    static const struct {
        const char *name;
        size_t len;
        void (*edit)(Elf64_Ehdr *);
    } bad[] = {
        {"4 bytes", 4, NULL},
        {"half a header", 32, NULL},
        {"a header only", 64, NULL},
        {"half the headers", 120, NULL},
        {"wrong machine", 4096, not_arm},
        {"relocatable", 4096, relocatable},
        {"odd phentsize", 4096, odd_phdr_size},
        {"no program headers", 4096, no_phdrs},
        {"program headers far away", 4096, far_phdrs},
        {"missing interpreter", 1 << 30, no_interpreter},
    };
    /* these pass the point of no return: the program dies instead */
    static const struct {
        const char *name;
        size_t len;
        void (*edit)(Elf64_Ehdr *);
    } worse[] = {
        {"filesz over memsz", 1 << 30, phdr_wraps},
        {"kernel addresses", 1 << 30, in_kernel},
        {"entry nowhere", 1 << 30, bad_entry},
        {"truncated text", 8192, NULL},
    };

    for (unsigned i = 0; i < COUNT(bad); i++) {
        write_elf("bad", bad[i].len, bad[i].edit);
        RUN(bad[i].name, execl("bad", "bad", "@exit", "0", NULL); say("%s", error_name(errno)));
        unlink("bad");
    }
    for (unsigned i = 0; i < COUNT(worse); i++) {
        write_elf("bad", worse[i].len, worse[i].edit);
        int status = CHILD(execl("bad", "bad", "@exit", "0", NULL); _exit(1));
        say("%s: %s", worse[i].name, status == 0 ? "ran" : "did not run");
        unlink("bad");
    }
}

CASE(exec_scripts)
{
    char text[600], long_name[300];

    snprintf(text, sizeof(text), "#!%s @args\n", self_path);
    write_script("one", text, 0755);
    RUN("one argument", execl("./one", "ignored", "a", "b c", NULL));
    RUN("from a directory", mkdir("d", 0755); chdir("d"); execl("../one", "ignored", NULL));
    snprintf(text, sizeof(text), "#! \t%s \t @args with  spaces \t \nmore", self_path);
    write_script("spaces", text, 0755);
    RUN("spaces", execl("spaces", "ignored", NULL); say("%s", error_name(errno)));
    snprintf(text, sizeof(text), "#!%s @args", self_path);
    write_script("nonewline", text, 0755);
    RUN("no newline", execl("nonewline", "ignored", NULL); say("%s", error_name(errno)));
    write_script("bare", "#!\n", 0755);
    write_script("blank", "#!   \n", 0755);
    write_script("gone", "#!/no/such/interpreter\n", 0755);
    write_script("dirint", "#!/tmp\n", 0755);
    ok(execl("bare", "x", NULL));
    ok(execl("blank", "x", NULL));
    ok(execl("gone", "x", NULL));
    ok(execl("dirint", "x", NULL));
    snprintf(text, sizeof(text), "#!%s @args\n", self_path);
    write_script("s0", text, 0755);
    for (int i = 1; i <= 6; i++) {
        char name[8];
        snprintf(text, sizeof(text), "#!./s%d -%d\n", i - 1, i);
        snprintf(name, sizeof(name), "s%d", i);
        write_script(name, text, 0755);
    }
    RUN("a script for a script", execl("s1", "x", NULL); say("%s", error_name(errno)));
    RUN("four deep", execl("s3", "x", NULL); say("%s", error_name(errno)));
    RUN("five deep", execl("s4", "x", NULL); say("%s", error_name(errno)));
    RUN("six deep", execl("s5", "x", NULL); say("%s", error_name(errno)));
    write_script("selfish", "#!./selfish\n", 0755);
    ok(execl("selfish", "x", NULL));
    memset(long_name, 'x', sizeof(long_name));
    long_name[299] = 0;
    snprintf(text, sizeof(text), "#!/tmp/%s\n", long_name);
    write_script("long", text, 0755);
    ok(execl("long", "x", NULL));
    snprintf(text, sizeof(text), "#!%s @args %s\n", self_path, long_name);
    write_script("longarg", text, 0755);
    RUN("long argument is cut", execl("longarg", "x", NULL); say("%s", error_name(errno)));
}

CASE(exec_limits)
{
    static char big[131073];
    static char *many[40];
    struct rlimit rl;

    memset(big, 'a', sizeof(big) - 1);
    big[131071] = 0;
    RUN("a string of 131071 bytes",
        execve(self_path, (char *const[]){"x", "@exit", "5", big, NULL}, NULL);
        say("%s", error_name(errno)));
    big[131071] = 'a';
    big[131072] = 0;
    RUN("a string of 131072 bytes",
        execve(self_path, (char *const[]){"x", "@exit", "5", big, NULL}, NULL);
        say("%s", error_name(errno)));
    big[131000] = 0;
    for (int i = 0; i < 39; i++)
        many[i] = big;
    many[0] = "x", many[1] = "@exit", many[2] = "6";
    many[15] = NULL;
    RUN("12 such strings", execve(self_path, many, NULL); say("%s", error_name(errno)));
    many[15] = big;
    RUN("36 such strings", execve(self_path, many, NULL); say("%s", error_name(errno)));
    many[15] = NULL;
    RUN("12 and a stack of 1 MiB", rl.rlim_cur = rl.rlim_max = 1 << 20;
        setrlimit(RLIMIT_STACK, &rl); execve(self_path, many, NULL); say("%s", error_name(errno)));
    many[15] = big;
    RUN("as environment", execve(self_path, (char *const[]){"x", "@exit", "5", NULL}, many);
        say("%s", error_name(errno)));
}

CASE(exec_signals)
{
    sigset_t set;
    stack_t ss = {.ss_sp = map_anon(65536, PROT_READ | PROT_WRITE), .ss_size = 65536};

    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, no_handler);
    signal(SIGQUIT, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigaltstack(&ss, NULL);
    RUN("exec", kill(getpid(), SIGUSR1); execl(self_path, "x", "@signals", NULL));
    RUN("failed exec changes nothing", execl("/missing", "x", NULL); show_signals());
}

CASE(exec_descriptors)
{
    make_file("f", "x");
    open("f", O_RDONLY | O_CLOEXEC);
    dup2(3, 10);
    fcntl(3, F_DUPFD_CLOEXEC, 11);
    dup2(3, 12);
    fcntl(12, F_SETFD, FD_CLOEXEC);
    fcntl(12, F_SETFD, 0);
    RUN("exec", execl(self_path, "x", "@fds", "1", "3", "10", "11", "12", NULL));
    RUN("failed exec closes nothing", execl("/missing", "x", NULL); val(fcntl(3, F_GETFD));
        val(fcntl(11, F_GETFD)));
    RUN(
        "vfork and exec", pid_t pid = vfork(); if (pid == 0) {
            execl(self_path, "x", "@exit", "3", NULL);
            _exit(1);
        } report_status("child", wait_child(pid));
        val(fcntl(3, F_GETFD)));
}

CASE(exec_ids)
{
    write_elf("suid", 1 << 30, NULL);
    ok(chown("suid", 1000, 1001));
    ok(chmod("suid", 04755));
    RUN("setuid program", execl("suid", "x", "@ids", NULL));
    ok(chmod("suid", 02755));
    RUN("setgid program", execl("suid", "x", "@ids", NULL));
    ok(chmod("suid", 06755));
    RUN("both, as uid 2000", become(2000); execl("suid", "x", "@ids", NULL));
    ok(chmod("suid", 02745));
    RUN("setgid without group execute", become(2000); execl("suid", "x", "@ids", NULL);
        say("%s", error_name(errno)));
    ok(chmod("suid", 0755));
    RUN("plain, mixed ids", setresgid(5, 6, 7); setresuid(8, 9, 10);
        execl("suid", "x", "@ids", NULL));
    ok(chown("suid", 0, 0));
    ok(chmod("suid", 04755));
    RUN("setuid root, no_new_privs", become(2000); ok(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
        execl("suid", "x", "@ids", NULL));
}

static void *exec_from_thread(void *pid)
{
    execl(self_path, "thread", "@self", pid, NULL);
    return NULL;
}

static void *sleep_thread(void *arg)
{
    (void)arg;
    for (;;)
        msleep(1000);
    return NULL;
}

CASE(exec_thread)
{
    pthread_t t;
    char pid[16];

    RUN("exec from the main thread", pthread_create(&t, NULL, sleep_thread, NULL);
        pthread_create(&t, NULL, sleep_thread, NULL); execl(self_path, "x", "@exit", "21", NULL));
    RUN("exec from another thread", snprintf(pid, sizeof(pid), "%d", getpid());
        pthread_create(&t, NULL, sleep_thread, NULL);
        pthread_create(&t, NULL, exec_from_thread, pid); pause());
}
