/* mmap, munmap, mprotect, mremap, brk, madvise, msync, mincore, mlock: results and errors. */
#include "abi.h"

#include <sys/auxv.h>
#include <elf.h>

CASE(mem_mmap_errors)
{
    int p[2];

    make_file("f", "x");
    int fd = ok(open("f", O_RDWR)), ro = ok(open("f", O_RDONLY)), wo = ok(open("f", O_WRONLY));
    ok(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ok(mmap(NULL, 4096, PROT_READ, MAP_ANONYMOUS, -1, 0));
    ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, -1, 0));
    ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 99, 0));
    ok(mmap(NULL, 4096, PROT_READ, 0, fd, 0));
    ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 1));
    ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 4096L * 1000));
    ok(syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE, fd, -4096L));
    ok(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0));
    ok(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0));
    ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, wo, 0));
    ok(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, wo, 0));
    ok(mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE, wo, 0));
    ok(mmap((void *)1, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    ok(mmap((void *)(1L << 48), 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    ok(mmap((void *)0xffffffffc0000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
            -1, 0));
    ok(mmap((void *)((1L << 48) - 4096), 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
            -1, 0));
    ok(mmap(NULL, 1L << 48, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    ok(mmap(NULL, -1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ok(mmap(NULL, 1L << 36, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, fd, 0));
    ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, 99, 4096));
    ok(mmap(NULL, 4096, PROT_READ, MAP_SHARED_VALIDATE, fd, 0));
    ok(mmap(NULL, 4096, PROT_READ, MAP_SHARED_VALIDATE | 0x40000000, fd, 0));
    ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | 0x40000000, fd, 0));
    ok(mmap(NULL, 4096, 0xf0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    int d = ok(open(".", O_RDONLY));
    ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, d, 0));
    ok(pipe(p));
    ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, p[0], 0));
    int null = ok(open("/dev/null", O_RDWR));
    ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, null, 0));
    int zero = ok(open("/dev/zero", O_RDWR));
    char *z = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    touch("private /dev/zero", z, 1);
    z = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
    RUN("shared /dev/zero", z[5] = 42);
    val(z[5]);
    RUN("below mmap_min_addr as uid 1000", become(1000);
        ok(mmap((void *)4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)));
}

CASE(mem_fixed)
{
    char *a = map_anon(8 * PAGE, PROT_READ | PROT_WRITE);

    memset(a, 7, 8 * PAGE);
    yes(mmap(a + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == a + 2 * PAGE);
    say("%d %d %d %d", a[2 * PAGE - 1], a[2 * PAGE], a[4 * PAGE - 1], a[4 * PAGE]);
    ok(mmap(a + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    val(a[PAGE]);
    ok(munmap(a + PAGE, PAGE));
    yes(mmap(a + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
        a + PAGE);
    val(a[PAGE]);
    ok(mmap(a, 9 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    ok(munmap(a + 5 * PAGE, PAGE));
    yes(mmap(a + 5 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
        a + 5 * PAGE); /* a free hint is taken */
    yes(mmap(a, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != a);
    char *h = mmap(a + 5 * PAGE + 3, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    yes(((long)h & 4095) == 0);
    /* two mappings made one after another do not overlap, and lengths round up */
    char *b = map_anon(100, PROT_READ | PROT_WRITE), *c = map_anon(100, PROT_READ | PROT_WRITE);
    yes(b + PAGE <= c || c + PAGE <= b);
    touch("the rest of the page", b + 4095, 1);
}

CASE(mem_munmap)
{
    char *a = map_anon(6 * PAGE, PROT_READ | PROT_WRITE);

    ok(munmap(a + 2 * PAGE, PAGE));
    touch("before the hole", a + 2 * PAGE - 1, 1);
    touch("in the hole", a + 2 * PAGE, 1);
    touch("after the hole", a + 3 * PAGE, 1);
    ok(munmap(a + 2 * PAGE, PAGE));
    ok(munmap(a, 6 * PAGE));
    touch("all gone", a + 5 * PAGE, 0);
    ok(munmap(a + 1, PAGE));
    ok(munmap(a, 0));
    ok(munmap(a, -1));
    ok(munmap((void *)(1L << 48), PAGE));
    a = map_anon(2 * PAGE, PROT_READ | PROT_WRITE);
    ok(munmap(a, 1));
    touch("first page", a, 0);
    touch("second page", a + PAGE, 0);
}

CASE(mem_mprotect)
{
    char *a = map_anon(5 * PAGE, PROT_READ | PROT_WRITE);

    memset(a, 5, 5 * PAGE);
    ok(mprotect(a + PAGE, PAGE, PROT_READ));
    touch("read read-only", a + PAGE, 0);
    touch("write read-only", a + PAGE + 10, 1);
    touch("write before", a + PAGE - 1, 1);
    touch("write after", a + 2 * PAGE, 1);
    ok(mprotect(a + 2 * PAGE, PAGE, PROT_NONE));
    touch("read none", a + 2 * PAGE + 5, 0);
    touch("write none", a + 2 * PAGE, 1);
    ok(mprotect(a, 5 * PAGE, PROT_READ | PROT_WRITE));
    touch("write again", a + 2 * PAGE, 1);
    val(a[2 * PAGE + 1]);
    ok(mprotect(a, 5 * PAGE, PROT_WRITE));
    touch("read write-only", a, 0);
    ok(mprotect(a + 1, PAGE, PROT_READ));
    ok(mprotect(a, 0, PROT_READ));
    ok(mprotect(a, PAGE, 0x100));
    ok(mprotect(a, PAGE, PROT_GROWSDOWN | PROT_READ));
    ok(mprotect(a, -PAGE, PROT_READ));
    ok(munmap(a + 3 * PAGE, PAGE));
    ok(mprotect(a, 5 * PAGE, PROT_READ));
    touch("changed up to the hole", a + 2 * PAGE, 1);
    touch("not changed after it", a + 4 * PAGE, 1);
    ok(mprotect((void *)(1L << 48), PAGE, PROT_READ));
    make_file("f", "x");
    int ro = open("f", O_RDONLY);
    char *m = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
    ok(mprotect(m, PAGE, PROT_READ | PROT_WRITE));
    m = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, ro, 0);
    ok(mprotect(m, PAGE, PROT_READ | PROT_WRITE));
    touch("private copy", m, 1);
    str(file_text("f"));
}

static const unsigned code[] = {0x52800540, 0xd65f03c0}; /* mov w0, #42; ret */

CASE(mem_exec)
{
    char *a = map_anon(PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);

    yes(a != MAP_FAILED);
    memcpy(a, code, sizeof(code));
    __builtin___clear_cache(a, a + sizeof(code));
    val(((int (*)(void))a)());
    ok(mprotect(a, PAGE, PROT_READ | PROT_WRITE));
    RUN("run a page that is not executable", ((int (*)(void))a)());
    ok(mprotect(a, PAGE, PROT_READ | PROT_EXEC));
    val(((int (*)(void))a)());
    touch("write to code", a, 1);
    ok(mprotect(a, PAGE, PROT_EXEC));
    val(((int (*)(void))a)());
    RUN("jump to NULL", ((void (*)(void))0)());
    RUN("jump to an unaligned address", ((void (*)(void))(a + 2))());
    RUN("undefined instruction", __asm__ volatile(".inst 0"));
    RUN("brk", __asm__ volatile("brk #7"));
    RUN("privileged register", __asm__ volatile("mrs x0, ttbr0_el1" ::: "x0"));
}

CASE(mem_mremap)
{
    char *a = map_anon(8 * PAGE, PROT_READ | PROT_WRITE);

    memset(a, 1, 8 * PAGE);
    yes(mremap(a, 8 * PAGE, 4 * PAGE, 0) == a);
    touch("cut off", a + 4 * PAGE, 0);
    yes(mremap(a, 4 * PAGE, 8 * PAGE, 0) == a);
    val(a[4 * PAGE]);
    val(a[4 * PAGE - 1]);
    mmap(a + 5 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    ok(mremap(a, 5 * PAGE, 6 * PAGE, 0));
    char *b = mremap(a, 5 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
    yes(b != MAP_FAILED && b != a);
    val(b[0] + b[3 * PAGE]);
    touch("old place", a, 0);
    touch("new tail", b + 6 * PAGE - 1, 1);
    char *to = map_anon(8 * PAGE, PROT_READ | PROT_WRITE);
    yes(mremap(b, 6 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
    val(to[0]);
    ok(mremap(to, 6 * PAGE, 6 * PAGE, MREMAP_FIXED, b));
    ok(mremap(to, 6 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE));
    ok(mremap(to, 6 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + 1));
    ok(mremap(to, PAGE, 0, 0));
    ok(mremap(to + 1, PAGE, PAGE, 0));
    ok(mremap(to, PAGE, PAGE, 0x80));
    munmap(to + 2 * PAGE, PAGE);
    ok(mremap(to, 6 * PAGE, 8 * PAGE, MREMAP_MAYMOVE));
    ok(mremap(to + 2 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
    ok(mremap(to, 0, PAGE, MREMAP_MAYMOVE));
    char *s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    s[0] = 9;
    char *twin = mremap(s, 0, PAGE, MREMAP_MAYMOVE);
    yes(twin != MAP_FAILED && twin != s);
    twin[0]++;
    val(s[0]);
    b = mremap(s, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
    ok(b);
    ok(mremap((void *)(1L << 48), PAGE, PAGE, 0));
    /* a file mapping keeps its offset when it moves */
    int fd = open("f", O_CREAT | O_RDWR, 0644);
    ftruncate(fd, 3 * PAGE);
    pwrite(fd, "second", 6, PAGE);
    char *m = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
    m = mremap(m, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    str(m);
}

/* What is cut off may lie in several mappings; what stays may not be a hole. */
CASE(mem_mremap_shrink)
{
    char *a = map_anon(16 * PAGE, PROT_READ | PROT_WRITE);
    char *to = map_anon(8 * PAGE, PROT_READ | PROT_WRITE);

    memset(a, 1, 16 * PAGE);
    memset(to, 2, 8 * PAGE);
    munmap(a + 4 * PAGE, PAGE);
    yes(mremap(a, 6 * PAGE, PAGE, 0) == a);
    touch("what stays", a, 0);
    touch("the first mapping's rest", a + 2 * PAGE, 0);
    touch("the second's begin", a + 5 * PAGE, 0);
    touch("behind", a + 6 * PAGE, 0);
    ok(mremap(a + 4 * PAGE, 4 * PAGE, PAGE, 0));
    touch("behind a hole", a + 6 * PAGE, 0);
    ok(mremap(a + 4 * PAGE, 4 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
    touch("where a hole was to go", to, 0);
    touch("behind that hole", a + 6 * PAGE, 0);
    yes(mremap(a + 6 * PAGE, 4 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
    val(to[0]);
    touch("the rest of it", a + 9 * PAGE, 0);
    munmap(a + 12 * PAGE, PAGE);
    yes(mremap(a + 10 * PAGE, 4 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE) ==
        to + PAGE);
    touch("the rest behind a hole", a + 13 * PAGE, 0);
    ok(mremap(NULL, 1L << 47, PAGE, 0));
}

CASE(mem_brk)
{
    struct rlimit rl;
    char *start = (char *)syscall(SYS_brk, 0);

    yes(start != NULL);
    yes((char *)syscall(SYS_brk, start + 3 * PAGE) == start + 3 * PAGE);
    touch("first byte", start + PAGE, 1);
    touch("last byte", start + 3 * PAGE - 1, 1);
    start[PAGE + 5] = 77;
    yes((char *)syscall(SYS_brk, start + 3 * PAGE + 123) == start + 3 * PAGE + 123);
    yes((char *)syscall(SYS_brk, 0) == start + 3 * PAGE + 123);
    yes((char *)syscall(SYS_brk, start) == start);
    yes((char *)syscall(SYS_brk, start + 3 * PAGE) == start + 3 * PAGE);
    val(start[PAGE + 5]);
    yes((char *)syscall(SYS_brk, 8) == start + 3 * PAGE);
    yes((char *)syscall(SYS_brk, -1L) == start + 3 * PAGE);
    char *page = (char *)(((long)start + 4 * PAGE) & -PAGE);
    mmap(page, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    yes((char *)syscall(SYS_brk, start + 16 * PAGE) == start + 3 * PAGE);
    munmap(page, PAGE);
    getrlimit(RLIMIT_DATA, &rl);
    yes(rl.rlim_cur == RLIM_INFINITY);
    RUN("RLIMIT_DATA", rl.rlim_cur = 100 * 4096; setrlimit(RLIMIT_DATA, &rl);
        yes((char *)syscall(SYS_brk, start + 200 * PAGE) == start + 3 * PAGE));
    RUN("RLIMIT_AS", rl.rlim_cur = rl.rlim_max = 64 << 20; setrlimit(RLIMIT_AS, &rl);
        ok(map_anon(128 << 20, PROT_READ)); ok(map_anon(4096, PROT_READ)));
}

CASE(mem_advise)
{
    unsigned char vec[8];
    char *a = map_anon(4 * PAGE, PROT_READ | PROT_WRITE);

    memset(a, 3, 4 * PAGE);
    ok(madvise(a + PAGE, PAGE, MADV_DONTNEED));
    say("%d %d %d", a[0], a[PAGE], a[2 * PAGE]);
    ok(madvise(a, 4 * PAGE, MADV_WILLNEED));
    ok(madvise(a, 4 * PAGE, MADV_SEQUENTIAL));
    ok(madvise(a, 4 * PAGE, MADV_RANDOM));
    ok(madvise(a, 4 * PAGE, MADV_NORMAL));
    ok(madvise(a, 4 * PAGE, MADV_FREE));
    ok(madvise(a, 4 * PAGE, MADV_DONTFORK));
    RUN("MADV_DONTFORK", touch("in the child", a, 0));
    ok(madvise(a, 4 * PAGE, MADV_DOFORK));
    ok(madvise(a, 4 * PAGE, MADV_WIPEONFORK));
    a[0] = 4;
    RUN("MADV_WIPEONFORK", val(a[0]));
    val(a[0]);
    ok(madvise(a, 4 * PAGE, 9999));
    ok(madvise(a + 1, PAGE, MADV_DONTNEED));
    ok(madvise(a, 0, MADV_DONTNEED));
    ok(madvise(a, -PAGE, MADV_DONTNEED));
    munmap(a + 2 * PAGE, PAGE);
    ok(madvise(a, 4 * PAGE, MADV_DONTNEED));
    val(a[3 * PAGE]);
    int fd = open("f", O_CREAT | O_RDWR, 0644);
    ftruncate(fd, 2 * PAGE);
    char *m = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    m[0] = 'k';
    ok(madvise(m, 2 * PAGE, MADV_DONTNEED));
    val(m[0]);
    char *q = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    q[0] = 'p';
    ok(madvise(q, PAGE, MADV_DONTNEED));
    val(q[0]);
    ok(madvise(m, PAGE, MADV_FREE));
    ok(madvise(m, PAGE, MADV_REMOVE));
    val(m[0]);
    ok(msync(m, 2 * PAGE, MS_SYNC));
    ok(msync(m, 2 * PAGE, MS_ASYNC | MS_INVALIDATE));
    ok(msync(m, 2 * PAGE, MS_SYNC | MS_ASYNC));
    ok(msync(m, 2 * PAGE, 0x80));
    ok(msync(m + 1, PAGE, MS_SYNC));
    ok(msync(m, 0, MS_SYNC));
    munmap(m, 2 * PAGE);
    ok(msync(m, PAGE, MS_SYNC));
    a = map_anon(4 * PAGE, PROT_READ | PROT_WRITE);
    a[PAGE] = 1;
    ok(mincore(a, 4 * PAGE, vec));
    say("resident %d %d %d %d", vec[0] & 1, vec[1] & 1, vec[2] & 1, vec[3] & 1);
    ok(mincore(a + 1, PAGE, vec));
    ok(mincore(a, PAGE, NULL));
    munmap(a, 4 * PAGE);
    ok(mincore(a, PAGE, vec));
}

CASE(mem_lock)
{
    struct rlimit rl = {0, 0};
    char *a = map_anon(4 * PAGE, PROT_READ | PROT_WRITE);
    unsigned char vec[4];

    ok(mlock(a, 4 * PAGE));
    ok(mincore(a, 4 * PAGE, vec));
    say("resident %d %d", vec[0] & 1, vec[3] & 1);
    ok(munlock(a, 4 * PAGE));
    ok(mlock(a + 100, 10));
    ok(syscall(SYS_mlock2, a, PAGE, 1));
    ok(syscall(SYS_mlock2, a, PAGE, 8));
    ok(mlockall(0));
    ok(mlockall(MCL_CURRENT | 0x10));
    ok(munlockall());
    munmap(a + PAGE, PAGE);
    ok(mlock(a, 4 * PAGE));
    ok(munlock(a, 4 * PAGE));
    RUN("as uid 1000 without allowance", setrlimit(RLIMIT_MEMLOCK, &rl); become(1000);
        ok(mlock(a, PAGE)); ok(mlockall(MCL_CURRENT)));
    rl.rlim_cur = rl.rlim_max = PAGE;
    RUN("as uid 1000 with a page", setrlimit(RLIMIT_MEMLOCK, &rl); become(1000); ok(mlock(a, PAGE));
        ok(mlock(a + 2 * PAGE, PAGE)));
}

CASE(mem_auxv)
{
    val(getauxval(AT_PAGESZ));
    val(getauxval(AT_CLKTCK));
    val(getauxval(AT_PHENT));
    yes(getauxval(AT_PHNUM) > 2);
    yes(getauxval(AT_PHDR) != 0);
    yes(getauxval(AT_ENTRY) != 0);
    val(getauxval(AT_BASE));
    val(getauxval(AT_FLAGS));
    val(getauxval(AT_SECURE));
    val(getauxval(AT_UID) + getauxval(AT_EUID) + getauxval(AT_GID) + getauxval(AT_EGID));
    yes(getauxval(AT_HWCAP) & 3); /* fp and asimd */
    yes(getauxval(AT_MINSIGSTKSZ) >= 4000);
    const char *platform = (const char *)getauxval(AT_PLATFORM);
    str(platform);
    str(strrchr((const char *)getauxval(AT_EXECFN), '/'));
    const unsigned char *random = (const unsigned char *)getauxval(AT_RANDOM);
    int set = 0;
    for (int i = 0; i < 16; i++)
        set += random[i] != 0;
    yes(set > 8);
    const Elf64_Ehdr *vdso = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
    yes(vdso != NULL);
    yes(vdso && memcmp(vdso->e_ident, ELFMAG, 4) == 0 && vdso->e_machine == EM_AARCH64);
    touch("write to the vDSO", (void *)vdso, 1);
}
