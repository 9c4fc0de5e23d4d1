# zlib's inflate, from Debian's source package (tools/fetch.sh zlib), for fs/gunzip.c. Everything
# else of zlib stays out; the tables of its crc32 are made when needed, and small. The Makefile
# includes this file, and compiles $(ZLIB_SOURCES) with $(ZLIB_CFLAGS) and fs/gunzip.c with
# $(GUNZIP_CFLAGS), both after the kernel's own flags.
ZLIB_DIR := build/packages/zlib
ZLIB_SOURCES := $(addprefix $(ZLIB_DIR)/,inflate.c inftrees.c inffast.c adler32.c crc32.c \
                zutil.c)
ZLIB_CFLAGS := -DZ_SOLO -DDYNAMIC_CRC_TABLE -DZ_TESTW=0 -DHAVE_MEMCPY -include kernel/lib/string.h -w
GUNZIP_CFLAGS := -isystem $(ZLIB_DIR) -DZ_SOLO
