# Ashlar. `make` builds build/kernel.elf and build/kernel.bin; everything goes to $(O).
#
#   O=DIR              another output directory (default build)
#   CROSS=PREFIX       tool prefix (default aarch64-linux-gnu-); CC=clang LD=ld.lld also works
#   INITRAMFS=FILE     build this archive in; INITRAMFS= builds none in
#   DEBUG=1            lock ranks, per-CPU and sleeping-in-atomic checks
#   UBSAN=1            undefined behaviour panics, and the panic names it
#   KASAN=1            each access to memory is checked (gcc only)
#   KTEST=0            without the on-target tests
#   V=1                show the commands
O ?= build
# One spelling of the directory: the dependency files name their targets by it.
override O := $(patsubst $(CURDIR)/%,%,$(abspath $(O)))
CROSS ?= aarch64-linux-gnu-
ifeq ($(origin CC),default)
CC := $(CROSS)gcc
endif
ifeq ($(origin LD),default)
LD := $(CROSS)ld
endif
OBJCOPY ?= $(CROSS)objcopy
NM ?= $(CROSS)nm
PYTHON ?= /usr/bin/python3
INITRAMFS ?= $(O)/initramfs.cpio
DEBUG ?= 0
UBSAN ?= 0
KASAN ?= 0
KTEST ?= 1

# The tutorial's flags, and what a kernel of several CPUs needs beside them. General registers
# only: FP/SIMD belongs to user programs. Position independent: the image relocates itself.
CFLAGS := -std=gnu11 -O2 -g -ffreestanding -nostdlib -nostartfiles -march=armv8-a -mgeneral-regs-only \
	-mbranch-protection=standard \
	-fPIE -fvisibility=hidden -fno-strict-aliasing -fno-omit-frame-pointer -fno-common \
	-fno-asynchronous-unwind-tables -fno-unwind-tables -fno-delete-null-pointer-checks \
	-Wall -Wextra -Werror -Wno-unused-parameter -Wmissing-prototypes -Wstrict-prototypes \
	-include kernel/lib/visibility.h -Ikernel -MMD -MP
ifneq (,$(findstring clang,$(CC)))
CFLAGS += --target=aarch64-none-elf -mno-outline-atomics -Wno-gnu-folding-constant -fno-stack-protector \
	-Qunused-arguments -Wno-unknown-warning-option -Wno-ignored-optimization-argument
else
CFLAGS += -mno-outline-atomics -fno-tree-loop-distribute-patterns -fstack-protector-strong -mstack-protector-guard=sysreg \
	-mstack-protector-guard-reg=tpidr_el1 -mstack-protector-guard-offset=104
endif
ifeq ($(DEBUG),1)
CFLAGS += -DDEBUG=1
endif
ifeq ($(UBSAN),1)
CFLAGS += -fsanitize=undefined -fno-sanitize-recover=undefined -fno-sanitize=alignment
ifneq (,$(findstring clang,$(CC)))
CFLAGS += -fno-sanitize=pointer-overflow # offsets of per-CPU areas wrap around
endif
endif
ifeq ($(KASAN),1)
ifneq (,$(findstring clang,$(CC)))
$(error KASAN=1 needs gcc: clang marks globals in another way)
endif
CFLAGS += -DKASAN=1
ADDRESS := -fsanitize=kernel-address -fasan-shadow-offset=0xe000000000000000 \
	-fsanitize-address-use-after-scope --param asan-stack=1 --param asan-globals=1 \
	--param asan-instrumentation-with-call-threshold=0 -Wno-maybe-uninitialized
endif
LDFLAGS := -pie --no-dynamic-linker -z text -z max-page-size=4096 --build-id=none -z noexecstack \
	--no-warn-rwx-segments -T kernel/arch/arm64/linker.ld
ifneq (,$(findstring lld,$(LD)))
LDFLAGS := $(filter-out --no-warn-rwx-segments,$(LDFLAGS))
endif

# What the objects depend on beside their sources: another choice of flags builds them anew.
CONFIG := $(CC) $(CFLAGS) $(ADDRESS) $(KTEST)
$(shell mkdir -p $(O); echo '$(CONFIG)' | cmp -s - $(O)/config || echo '$(CONFIG)' > $(O)/config; \
	echo '$(INITRAMFS)' | cmp -s - $(O)/config.initramfs || echo '$(INITRAMFS)' > $(O)/config.initramfs)

SOURCES := $(sort $(shell find kernel -name '*.[cS]' -not -path 'kernel/arch/host/*' \
	-not -path '*/vdso/*'))
ifneq ($(KASAN),1)
SOURCES := $(filter-out kernel/mm/kasan% kernel/mm/test_kasan.c,$(SOURCES))
endif
ifneq ($(UBSAN),1)
SOURCES := $(filter-out kernel/core/ubsan.c kernel/core/test_ubsan.c,$(SOURCES))
endif
ifeq ($(KTEST),0)
SOURCES := $(filter-out $(shell find kernel -name 'test_*.c'),$(SOURCES))
endif
OBJECTS := $(SOURCES:%=$(O)/%.o)

ifeq ($(V),1)
run =
else
run = @echo '  $1  $@';
endif

all: $(O)/kernel.elf $(O)/kernel.bin

include kernel/arch/arm64/vdso/vdso.mk
include kernel/fs/zlib.mk

# zlib's inflate comes as a source package, and is compiled like the kernel's own files.
LIBRARIES := $(ZLIB_SOURCES:build/packages/%=$(O)/packages/%.o)
$(ZLIB_DIR)/zlib.h $(ZLIB_SOURCES) &:
	tools/fetch.sh zlib
$(LIBRARIES): $(O)/packages/%.o: build/packages/% $(O)/config kernel/fs/zlib.mk
	@mkdir -p $(@D)
	$(call run,CC) $(CC) $(CFLAGS) $(ADDRESS) $(ZLIB_CFLAGS) -c -o $@ $<
$(O)/kernel/fs/gunzip.c.o: CFLAGS += $(GUNZIP_CFLAGS)
$(O)/kernel/fs/gunzip.c.o: $(ZLIB_DIR)/zlib.h

# Runs before the MMU is on, where an unaligned access faults, and before relocation.
$(O)/kernel/arch/arm64/boot_map.c.o: CFLAGS += -mstrict-align -fno-stack-protector -fno-sanitize=all

ifeq ($(KASAN),1)
# What the sanitizer itself is made of; and what runs before the stack has its shadow.
$(addprefix $(O)/kernel/,mm/kasan.c.o mm/kasan_heap.c.o mm/kasan_report.c.o mm/slab.c.o arch/arm64/boot_map.c.o): ADDRESS :=
$(addprefix $(O)/kernel/,arch/arm64/cpu.c.o arch/arm64/trap.c.o lib/fdt.c.o lib/fdt_bus.c.o lib/string.c.o): ADDRESS += --param asan-stack=0
endif

$(O)/%.c.o: %.c Makefile $(O)/config
	@mkdir -p $(@D)
	$(call run,CC) $(CC) $(CFLAGS) $(ADDRESS) -c -o $@ $<
$(O)/%.S.o: %.S Makefile $(O)/config
	@mkdir -p $(@D)
	$(call run,AS) $(CC) $(CFLAGS) $(ASFLAGS) -D__ASSEMBLER__ -c -o $@ $<

# The device tree of a machine that passes none.
$(O)/fallback.o: kernel/arch/arm64/fallback.dts Makefile
	$(call run,DTC) dtc -O dtb -o $(O)/fallback.dtb $<
	@printf '.section .rodata\n.balign 8\n.global fallback_tree\nfallback_tree:\n.incbin "%s"\n' $(O)/fallback.dtb > $(O)/fallback.S
	@$(CC) $(filter-out -MMD -MP,$(CFLAGS)) -c -o $@ $(O)/fallback.S
OBJECTS += $(O)/fallback.o

# The archive that is built in, or nothing.
$(O)/initramfs.o: $(INITRAMFS) Makefile $(O)/config.initramfs
	@mkdir -p $(@D)
	@printf '.section .initramfs, "aw"\n%s\n' '$(if $(INITRAMFS),.incbin "$(INITRAMFS)")' > $(O)/initramfs.S
	$(call run,CC) $(CC) $(filter-out -MMD -MP,$(CFLAGS)) -c -o $@ $(O)/initramfs.S

BUSYBOX := build/packages/busybox-static/bin/busybox
$(BUSYBOX):
	tools/fetch.sh busybox-static
$(O)/initramfs.cpio: $(BUSYBOX) tools/mkinitramfs.py tools/busybox_applets.txt $(shell find tools/rootfs -type f)
	@mkdir -p $(@D)
	$(call run,CPIO) $(PYTHON) tools/mkinitramfs.py --busybox $(BUSYBOX) --out $@

# Two links: the symbol table of the second is made from the first. Text addresses are the same
# in both, for the table stands behind the text.
$(O)/ksyms-empty.o $(O)/ksyms.o: $(O)/%.o: $(O)/%.S
	$(call run,CC) $(CC) $(filter-out -MMD -MP,$(CFLAGS)) -c -o $@ $<
$(O)/ksyms-empty.S:
	@mkdir -p $(@D)
	@echo '.section .ksyms, "a"' > $@
$(O)/ksyms.S: $(O)/kernel-nosyms.elf tools/ksyms.py
	$(call run,SYMS) $(NM) -n $< | $(PYTHON) tools/ksyms.py > $@
$(O)/kernel-nosyms.elf: $(OBJECTS) $(LIBRARIES) $(O)/initramfs.o $(O)/ksyms-empty.o kernel/arch/arm64/linker.ld
	$(call run,LD) $(LD) $(LDFLAGS) -o $@ $(OBJECTS) $(LIBRARIES) $(O)/initramfs.o $(O)/ksyms-empty.o
$(O)/kernel.elf: $(O)/kernel-nosyms.elf $(O)/ksyms.o
	$(call run,LD) $(LD) $(LDFLAGS) -o $@ $(OBJECTS) $(LIBRARIES) $(O)/initramfs.o $(O)/ksyms.o
$(O)/kernel.bin: $(O)/kernel.elf
	$(call run,BIN) $(OBJCOPY) -O binary $< $@

clean:
	rm -rf $(O)/kernel $(O)/*.o $(O)/*.S $(O)/*.elf $(O)/*.bin

.PHONY: all clean
.DELETE_ON_ERROR:
-include $(OBJECTS:.o=.d)
