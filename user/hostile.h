/*
 * What the parts of hostile share: the table of system calls with the kinds of their arguments, the
 * call itself, and the memory and descriptors that calls are given. Theory in hostile.c.
 */
#pragma once

#include <stdint.h>
#include <sys/syscall.h>

#define PAGE 4096L

enum kind {
    NONE,
    FD,
    INT,
    UINT,
    LONG,
    SIZE,
    FLAGS,
    MODE,
    OFFSET,
    PID,
    SIGNAL,
    UID,
    GID,
    CLOCK,
    ADDR,
    CMD,
    UNUSED,
    POINTERS,
    PATH = POINTERS,
    STRING,
    STRINGS,
    IN,
    OUT,
    INOUT,
    MAYBE_IN,
    MAYBE_OUT,
    MAYBE_INOUT,
    MEMORY_IN,
    MEMORY_OUT,
    VECTOR,
};

struct call {
    int number;
    const char *name;
    int count;
    int kinds[6];
};

extern const struct call calls[];
extern const long call_count;

/* What a child that comes out of clone calls before it ends. */
struct script {
    long count;
    struct {
        long number, a[7];
    } calls[4];
};

/*
 * Makes the call. A child that comes out of clone in the caller's memory must not touch the
 * caller's stack: with `script` it makes the calls of that, and ends. NULL: it returns as the
 * caller does.
 */
long call_raw(long number, const long *a, const struct script *script);

/* Is it clone or clone3? */
int clones(const struct call *call);

/* Is `number` in the list, which ends with 0? */
int is_one_of(int number, const int *list);

extern char *good;      /* 16 pages that may be read and written, nothing around them */
extern char *read_only; /* one page */
extern char *border;    /* the end of a page with nothing behind it */

char *map_pages(long pages, int prot);
void make_memory(void);

/* Descriptors of every kind, the last 64 that were kept. The first is that of the file a. */
extern int live_fds[64], live_count;

void keep_fd(int fd);
void make_files(void);

/* A handler that does nothing: a call that waits is interrupted by the alarm. */
void on_alarm(int signal);

/* Says what failed, with errno, and ends the program. */
void fail(const char *what) __attribute__((noreturn));

/* The modes; each returns the exit status. `only` is the name of a call, or NULL. */
int pointers(const char *only);
int numbers(const char *only);
int random_calls(uint64_t seed, long budget, int workers);
int replay(uint64_t seed, char *list);
