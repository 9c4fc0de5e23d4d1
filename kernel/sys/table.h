/*
 * The system-call table, one line a call:
 *
 *     SYSCALL(number, name, argument count, kind of each argument...)
 *
 *     SYSCALL_AS(number, name, function, ...)   several calls that one sys_FUNCTION implements,
 *                                               which tells them apart by their numbers
 *
 * Whoever includes this file defines both first; they are undefined after. The implementation of
 * each call is `long sys_NAME(u64, ...)` with exactly that many arguments (calls.h). The kinds
 * serve docs/ABI.md and the test that gives every call every kind of bad argument:
 *
 *   FD INT UINT LONG SIZE FLAGS MODE OFFSET PID SIGNAL UID GID CLOCK ADDR CMD   plain numbers
 *   PATH STRING       a NUL-terminated string that is read
 *   STRINGS           a NULL-terminated array of strings
 *   UPTR_IN(n) UPTR_OUT(n) UPTR_INOUT(n)    a structure of n bytes; may not be null
 *   OPT_IN(n) OPT_OUT(n) OPT_INOUT(n)       the same, or null
 *   BUF_IN(i) BUF_OUT(i)    memory whose length is argument i (0 is the first)
 *   IOVEC(i)          an array of struct iovec, as many as argument i says
 *   UNUSED            ignored
 *
 * Each family's lines stand in a fragment of their own.
 */
#include "sys/table_fs.h"
#include "sys/table_io.h"
#include "sys/table_mm.h"
#include "sys/table_proc.h"

#undef SYSCALL
#undef SYSCALL_AS
