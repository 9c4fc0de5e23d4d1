/* Stopped in by the debugger's tests: says where its word is, then calls halve() for 40 and 20. */
#include <stdio.h>

volatile unsigned long word = 0x6173686c6172;

__attribute__((noinline)) static int halve(int number)
{
    word += number;
    return number / 2;
}

int main(void)
{
    printf("word at %p\n", (void *)&word);
    fflush(stdout);
    printf("left %d\n", halve(halve(40)));
    return 0;
}
