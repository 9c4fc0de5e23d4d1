/*
 * What holds of a line discipline between any two calls (the numbers are ldisc.c's own), for the
 * unit test and the fuzz target. Both include ldisc.c first, for its terms, and define CHECK and
 * CHECK_EQ.
 */
#pragma once

static void ldisc_check_invariants(struct ldisc *ld)
{
    u32 marks = 0;

    CHECK(ld->head - ld->tail <= LDISC_SIZE);
    if (canonical(ld)) {
        CHECK(ld->canon - ld->tail <= ld->head - ld->tail); /* I1 */
        for (u32 at = ld->tail; at != ld->canon; at++)
            marks += bitmap_test(ld->line_end, at % LDISC_SIZE);
    }
    CHECK_EQ(marks, bitmap_weight(ld->line_end, LDISC_SIZE)); /* I2 */
}
