/*
 * Included ahead of every file by the Makefile: all symbols belong to this one image, so the
 * compiler reaches them relative to the PC, never through a table of pointers that would have
 * to be relocated first.
 */
#pragma GCC visibility push(hidden)
