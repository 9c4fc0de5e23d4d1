/* Between page.c, section.c and pagetable.c. */
#pragma once

#include "mm/page.h"

/* For page_alloc_nosleep: fail rather than wait for a section to be built. */
#define PA_NO_BUILD 0x100u

/* Empty lists and caches. */
void frames_init(void);

/* Gives whole pages, which nobody has, to the lists. */
void frames_add(paddr_t start, paddr_t end);

/* Is a section left to build? Any context. */
bool section_left(void);

/* Builds one, or waits for another CPU that does. False: none was left. */
bool section_build_more(void);

/* Free pages of the sections that are not built. */
u64 section_pages_untaken(void);

/* A zeroed page for a page table, by its address in the linear map; NULL: none. Never sleeps. */
void *table_alloc(void);
