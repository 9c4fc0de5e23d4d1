/* The parts of the ELF format (ELF-64 Object File Format, elf(5)) that the loader reads. */
#pragma once

#include "lib/types.h"

#define ELF_EXECUTABLE 2
#define ELF_DYNAMIC    3
#define ELF_AARCH64    183

struct elf_header {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, segment_offset, section_offset;
    u32 flags;
    u16 header_size, segment_size, segment_count;
    u16 section_size, section_count, section_names;
};

#define ELF_LOAD        1
#define ELF_INTERPRETER 3
#define ELF_GNU_STACK   0x6474e551

#define ELF_X           1
#define ELF_W           2
#define ELF_R           4

struct elf_segment {
    u32 type, flags;
    u64 offset, vaddr, paddr, file_size, memory_size, align;
};

_Static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_segment) == 56, "ELF-64");
