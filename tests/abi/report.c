/* Printing: every line of the tests' output is made here and leaves in one write. */
#include "abi.h"

#include <stdarg.h>

void say(const char *fmt, ...)
{
    char line[2048];
    va_list ap;
    int saved = errno;

    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
    va_end(ap);
    if (n > (int)sizeof(line) - 2)
        n = sizeof(line) - 2;
    line[n++] = '\n';
    for (int done = 0; done < n;) {
        ssize_t w = write(1, line + done, n - done);
        if (w <= 0 && errno != EINTR)
            break;
        if (w > 0)
            done += w;
    }
    errno = saved;
}

const char *error_name(int e)
{
    static char number[16];
    const char *name = e ? strerrorname_np(e) : "0";

    if (name)
        return name;
    snprintf(number, sizeof(number), "errno %d", e);
    return number;
}

const char *signal_name(int sig)
{
    static char text[4][24];
    static int turn;
    char *out = text[turn++ % 4];
    const char *name = sigabbrev_np(sig);

    if (sig >= 34 && sig <= 64)
        snprintf(out, 24, "SIGRT%d", sig);
    else if (name)
        snprintf(out, 24, "SIG%s", name);
    else
        snprintf(out, 24, "signal %d", sig);
    return out;
}

long report_ok(const char *what, long r)
{
    say("%s: %s", what, r == -1 ? error_name(errno) : "ok");
    return r;
}

long report_val(const char *what, long r)
{
    if (r == -1 && errno)
        say("%s: %s", what, error_name(errno));
    else
        say("%s: %ld", what, r);
    return r;
}

long report_base(const char *what, long r, const char *fmt)
{
    char number[32];

    snprintf(number, sizeof(number), fmt, r);
    say("%s: %s", what, r == -1 && errno ? error_name(errno) : number);
    return r;
}

int report_yes(const char *what, int r)
{
    say("%s: %s", what, r ? "yes" : "no");
    return r;
}

void report_str(const char *what, const char *s)
{
    char out[1200];
    size_t n = 0;

    for (; s && *s && n < sizeof(out) - 8; s++) {
        unsigned char c = *s;
        if (c == '\n')
            n += sprintf(out + n, "\\n");
        else if (c < 32 || c > 126)
            n += sprintf(out + n, "\\x%02x", c);
        else
            out[n++] = c;
    }
    out[n] = 0;
    say("%s: %s%s%s", what, s ? "\"" : "", s ? out : "null", s ? "\"" : "");
}

int report_err(const char *what, int e)
{
    say("%s: %s", what, error_name(e));
    return e;
}

int report_status(const char *what, int status)
{
    if (WIFEXITED(status))
        say("%s: exit %d", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        say("%s: killed by %s%s", what, signal_name(WTERMSIG(status)),
            WCOREDUMP(status) ? " (core)" : "");
    else if (WIFSTOPPED(status))
        say("%s: stopped by %s", what, signal_name(WSTOPSIG(status)));
    else if (WIFCONTINUED(status))
        say("%s: continued", what);
    else
        say("%s: status %#x", what, status);
    return status;
}

static const char *code_name(const siginfo_t *si)
{
    static char number[16];

    switch (si->si_code) {
    case SI_USER: return "SI_USER";
    case SI_KERNEL: return "SI_KERNEL";
    case SI_QUEUE: return "SI_QUEUE";
    case SI_TIMER: return "SI_TIMER";
    case SI_TKILL: return "SI_TKILL";
    }
    if (si->si_signo == SIGCHLD && si->si_code >= 1 && si->si_code <= 6)
        return (const char *[]){"CLD_EXITED",  "CLD_KILLED",  "CLD_DUMPED",
                                "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED"}[si->si_code - 1];
    snprintf(number, sizeof(number), "%d", si->si_code);
    return number;
}

/* The sender as a word: pids themselves differ from run to run. */
static const char *sender(pid_t pid)
{
    return pid == 0 ? "0" : pid == getpid() ? "self" : pid == getppid() ? "parent" : "other";
}

void report_siginfo(const char *what, const siginfo_t *si)
{
    char more[128] = "";

    switch (si->si_code) {
    case SI_USER:
    case SI_TKILL:
        snprintf(more, sizeof(more), " pid=%s uid=%d", sender(si->si_pid), si->si_uid);
        break;
    case SI_QUEUE:
        snprintf(more, sizeof(more), " pid=%s uid=%d value=%d", sender(si->si_pid), si->si_uid,
                 si->si_value.sival_int);
        break;
    case SI_TIMER: snprintf(more, sizeof(more), " value=%d", si->si_value.sival_int); break;
    default:
        if (si->si_signo == SIGCHLD)
            snprintf(more, sizeof(more), " pid=%s uid=%d status=%d", sender(si->si_pid), si->si_uid,
                     si->si_status);
    }
    say("%s: %s %s errno=%d%s", what, signal_name(si->si_signo), code_name(si), si->si_errno, more);
}
