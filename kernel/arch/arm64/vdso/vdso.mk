# The vDSO: a shared object of its own, built for user mode and carried by the kernel.
VDSO := kernel/arch/arm64/vdso
VDSO_CFLAGS := -std=gnu11 -O2 -ffreestanding -nostdlib -march=armv8-a -mgeneral-regs-only -fPIC -mbranch-protection=standard \
	-mcmodel=tiny -fno-strict-aliasing -fomit-frame-pointer -fno-stack-protector \
	-fno-asynchronous-unwind-tables -Wall -Wextra -Werror -Ikernel -MMD -MP
ifneq (,$(findstring clang,$(CC)))
VDSO_CFLAGS += --target=aarch64-none-elf
endif
VDSO_LDFLAGS := -shared -soname linux-vdso.so.1 --hash-style=both --build-id=none -Bsymbolic -s \
	-z max-page-size=4096 -z noexecstack -z text -T $(VDSO)/vdso.lds

$(O)/vdso/%.o: $(VDSO)/% $(VDSO)/vdso.mk
	@mkdir -p $(@D)
	$(CC) $(VDSO_CFLAGS) -c -o $@ $<
$(O)/vdso.so: $(O)/vdso/clock.c.o $(O)/vdso/sigreturn.S.o $(VDSO)/vdso.lds
	$(LD) $(VDSO_LDFLAGS) -o $@ $(filter %.o,$^)
$(O)/vdso-blob.o: $(VDSO)/blob.S $(O)/vdso.so
	$(CC) $(filter-out -MMD -MP,$(CFLAGS)) -Wa,-I$(O) -D__ASSEMBLER__ -c -o $@ $<

OBJECTS += $(O)/vdso-blob.o
-include $(O)/vdso/clock.c.d
