/* The system as a whole: names, memory and load, random numbers, the log, its end. */
#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"
#include "dev/kmsg.h"
#include "dev/power/power.h"
#include "fs/vfs.h"
#include "io/fdtable.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmalloc.h"
#include "mm/page.h"
#include "proc/fork.h"
#include "proc/signal.h"
#include "sched/reclaim.h"
#include "sys/calls.h"
#include "task/cred.h"
#include "task/task.h"

/* ---- names ---- */

long sys_uname(u64 out)
{
    struct uts_namespace *uts = self_task()->namespaces->uts;
    struct uts_names names;

    spin_lock(&uts->lock);
    names = uts->names;
    spin_unlock(&uts->lock);
    return copy_to_user(USER_PTR(out), &names, sizeof(names));
}

static long set_name(char *name, u64 text, u64 length)
{
    struct uts_namespace *uts = self_task()->namespaces->uts;
    char buf[UTS_LENGTH] = {0};

    if (!cred_has_cap(CAP_SYS_ADMIN))
        return -EPERM;
    if ((s32)length < 0 || (s32)length >= UTS_LENGTH)
        return -EINVAL;
    if (copy_from_user(buf, USER_PTR(text), (u32)length))
        return -EFAULT;
    spin_guard(&uts->lock);
    memcpy(name, buf, sizeof(buf));
    return 0;
}

CALL(sethostname, (u64 text, u64 length),
     set_name(self_task()->namespaces->uts->names.nodename, text, length))
CALL(setdomainname, (u64 text, u64 length),
     set_name(self_task()->namespaces->uts->names.domainname, text, length))

/* ---- memory and load ---- */

/* struct sysinfo */
struct sysinfo_abi {
    s64 uptime;
    u64 loads[3];
    u64 total_ram, free_ram, shared_ram, buffer_ram, total_swap, free_swap;
    u16 processes, pad;
    u32 pad2;
    u64 total_high, free_high;
    u32 unit, pad3;
};

_Static_assert(sizeof(struct sysinfo_abi) == 112, "struct sysinfo");

#define LOAD_SHIFT 5 /* from 11 bits of fraction to 16 */

long sys_sysinfo(u64 out)
{
    struct sysinfo_abi info = {
        .uptime = DIV_ROUND_UP(clock_boottime_ns(), NS_PER_SEC),
        .total_ram = pages_total() * PAGE_SIZE,
        .free_ram = pages_free() * PAGE_SIZE,
        .processes = READ_ONCE(task_count),
        .unit = 1,
    };

    load_averages(info.loads);
    for (int i = 0; i < 3; i++)
        info.loads[i] <<= LOAD_SHIFT;
    return copy_to_user(USER_PTR(out), &info, sizeof(info));
}

/* ---- random numbers ---- */

#define GRND_NONBLOCK 1
#define GRND_RANDOM   2
#define GRND_INSECURE 4
#define READY_LOOK_NS (50 * NS_PER_MS)

/* Waits for the generator to be seeded. 0, -EAGAIN or -ERESTARTSYS. */
static int wait_random(u32 flags)
{
    while (!random_ready() && !(flags & GRND_INSECURE)) {
        if (flags & GRND_NONBLOCK)
            return -EAGAIN;
        if (sleep_until(clock_monotonic_ns() + READY_LOOK_NS, true))
            return -ERESTARTSYS;
    }
    return 0;
}

long sys_getrandom(u64 buf, u64 size, u64 flags)
{
    size_t done = 0;
    u8 chunk[256];
    int error;

    if ((u32)flags & ~7u || ((u32)flags & 6) == (GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    error = wait_random((u32)flags);
    if (error)
        return error;
    size = MIN(size, (u64)INT32_MAX);
    while (done < size) {
        size_t n = MIN(size - done, sizeof(chunk)), missed;

        random_bytes(chunk, n);
        missed = user_copy_to(buf + done, chunk, n);
        done += n - missed;
        if (missed || (signal_pending() && done >= PAGE_SIZE))
            break;
    }
    memset(chunk, 0, sizeof(chunk));
    barrier();
    return !done && size ? -EFAULT : (long)done;
}

/* ---- the end of the machine ---- */

#define REBOOT_MAGIC     0xfee1deadu
#define REBOOT_RESTART   0x01234567u
#define REBOOT_HALT      0xcdef0123u
#define REBOOT_CAD_ON    0x89abcdefu
#define REBOOT_CAD_OFF   0u
#define REBOOT_POWER_OFF 0x4321fedcu
#define REBOOT_RESTART2  0xa1b2c3d4u

static bool second_magic(u32 magic)
{
    return magic == 672274793 || magic == 85072278 || magic == 369367448 || magic == 537993216;
}

/* A halted virtual machine would only burn its host's time, so halting powers it off. */
long sys_reboot(u64 magic, u64 magic2, u64 command, u64 arg)
{
    if (!cred_has_cap(CAP_SYS_BOOT))
        return -EPERM;
    if ((u32)magic != REBOOT_MAGIC || !second_magic((u32)magic2))
        return -EINVAL;
    switch ((u32)command) {
    case REBOOT_CAD_ON:
    case REBOOT_CAD_OFF: return 0; /* no key combination reaches this kernel */
    case REBOOT_RESTART:
    case REBOOT_RESTART2: log_notice("reboot: restarting system"); power_restart();
    case REBOOT_HALT:
    case REBOOT_POWER_OFF: log_notice("reboot: power down"); power_off();
    }
    return -EINVAL;
}

/* ---- the log ---- */

enum syslog_action {
    SYSLOG_CLOSE,
    SYSLOG_OPEN,
    SYSLOG_READ,
    SYSLOG_READ_ALL,
    SYSLOG_READ_CLEAR,
    SYSLOG_CLEAR,
    SYSLOG_CONSOLE_OFF,
    SYSLOG_CONSOLE_ON,
    SYSLOG_CONSOLE_LEVEL,
    SYSLOG_SIZE_UNREAD,
    SYSLOG_SIZE_BUFFER,
};

/* One reader for all, as syslog(2) has it, and what a short buffer left of its last record. */
static struct mutex reader_lock = MUTEX_INIT(reader_lock, RANK_SEQ);
static struct log_reader log_reader; /* [L] */
static char log_rest[LOG_LINE_MAX];  /* [L] */
static size_t rest_at, rest_end;     /* [L] */

static struct log_reader log_cleared; /* who races may see a record twice */
static u32 saved_console_level;

/* One record in the form of syslog(2); 0 when there is none. A record lost is skipped. */
static size_t next_line(struct log_reader *reader, char *line)
{
    char text[LOG_TEXT_MAX];
    struct log_record record;
    int error;

    do {
        error = log_read(reader, &record, text);
    } while (error == -EPIPE);
    return error ? 0 : log_format_syslog(&record, text, line);
}

/* Copies whole lines from `reader` on, as many as fit; what was copied, or -EFAULT. */
static long copy_lines(struct log_reader *reader, u64 buf, size_t size, char *line)
{
    size_t done = 0;

    for (;;) {
        struct log_reader at = *reader;
        size_t n = next_line(&at, line);

        if (!n || n > size - done)
            return done;
        if (copy_to_user(USER_PTR(buf + done), line, n))
            return -EFAULT;
        done += n;
        *reader = at;
    }
}

/* SYSLOG_READ fills the buffer: the rest of a record comes with the next call. */
static long read_unread(u64 buf, size_t size)
{
    size_t done = 0;
    mutex_guard(&reader_lock);

    while (done < size) {
        size_t part;

        if (rest_at == rest_end) {
            rest_at = 0;
            rest_end = next_line(&log_reader, log_rest);
        }
        part = MIN(rest_end - rest_at, size - done);
        if (!part)
            break;
        if (copy_to_user(USER_PTR(buf + done), log_rest + rest_at, part))
            return done ? (long)done : -EFAULT;
        rest_at += part;
        done += part;
    }
    return done;
}

static size_t bytes_from(struct log_reader reader, char *line)
{
    size_t total = 0, n;

    while ((n = next_line(&reader, line)))
        total += n;
    return total;
}

/* The newest lines that fit, from the mark on; or those not yet read, waiting for one. */
static long syslog_read(u32 action, u64 buf, s32 size)
{
    char *line __scoped(kmalloc) = NULL;
    struct log_reader reader = log_cleared;
    long done = 0;

    if (!buf || size < 0)
        return -EINVAL;
    if (!size)
        return 0;
    if (action == SYSLOG_READ) {
        while (!(done = read_unread(buf, size))) {
            if (kmsg_wait_unread(&log_reader))
                return -ERESTARTSYS;
        }
        return done;
    }
    line = kmalloc(LOG_LINE_MAX);
    if (!line)
        return -ENOMEM;
    for (size_t n, total = bytes_from(reader, line); total > (size_t)size; total -= n) {
        n = next_line(&reader, line);
        if (!n)
            break;
    }
    done = copy_lines(&reader, buf, size, line);
    if (action == SYSLOG_READ_CLEAR && done >= 0)
        log_seek_newest(&log_cleared);
    return done;
}

static long unread(void)
{
    char *line __scoped(kmalloc) = kmalloc(LOG_LINE_MAX);

    if (!line)
        return -ENOMEM;
    mutex_guard(&reader_lock);
    return bytes_from(log_reader, line) + rest_end - rest_at;
}

/* From now on; `saved` is what CONSOLE_ON goes back to, 0: nothing. */
static long console_level(u32 level, u32 saved)
{
    if (level < 1 || level > 8)
        return -EINVAL;
    log_set_console_level(level);
    saved_console_level = saved;
    return 0;
}

long sys_syslog(u64 action, u64 buf, u64 size)
{
    u32 level = log_console_level(), saved = saved_console_level;

    if ((u32)action != SYSLOG_READ_ALL && (u32)action != SYSLOG_SIZE_BUFFER &&
        !cred_has_cap(CAP_SYSLOG) && !cred_has_cap(CAP_SYS_ADMIN))
        return -EPERM;
    switch ((u32)action) {
    case SYSLOG_CLOSE:
    case SYSLOG_OPEN: return 0;
    case SYSLOG_READ:
    case SYSLOG_READ_ALL:
    case SYSLOG_READ_CLEAR: return syslog_read((u32)action, buf, (s32)size);
    case SYSLOG_CLEAR: log_seek_newest(&log_cleared); return 0;
    case SYSLOG_CONSOLE_OFF: return console_level(1, saved ? saved : level);
    case SYSLOG_CONSOLE_ON: return console_level(saved ? saved : level, 0);
    case SYSLOG_CONSOLE_LEVEL: return console_level(size, 0);
    case SYSLOG_SIZE_UNREAD: return unread();
    case SYSLOG_SIZE_BUFFER: return log_capacity();
    }
    return -EINVAL;
}

/* ---- of the caller ---- */

CALL(rseq, (u64 area, u64 length, u64 flags, u64 signature),
     rseq_register(area, (u32)length, (u32)flags, (u32)signature))

#define PERSONALITY_QUERY 0xffffffffu

long sys_personality(u64 value)
{
    struct process *process = current_process();
    u32 old = process->personality;

    if ((u32)value != PERSONALITY_QUERY)
        WRITE_ONCE(process->personality, (u32)value);
    return old;
}

/* unshare(2): files and fs; memory, actions and threads are shared only within the process. */
long sys_unshare(u64 flags)
{
    const u64 parts = CLONE_FILES | CLONE_FS | CLONE_SYSVSEM;
    const u64 whole = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
    struct task *self = self_task();
    int error = 0;

    if (flags & ~(parts | whole | CLONE_NEW_ANY | CLONE_NEWTIME))
        return -EINVAL;
    if (flags & (CLONE_NEW_ANY | CLONE_NEWTIME))
        return cred_has_cap(CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
    if (flags & whole && self->process->thread_count > 1)
        return -EINVAL;
    if (flags & CLONE_FILES && ref_read(&self->files->refs) > 1)
        error = fdtable_unshare();
    if (!error && flags & CLONE_FS)
        error = fs_context_unshare();
    return error;
}
