#pragma once
#include <argon2.h>
#include <malloc.h>

/// Blocks of a megabyte and more are mapped on their own and go back to the system when freed. Without it glibc raises
/// its threshold with the first block of 19 MiB and keeps later ones for good.
static inline void zvonok_give_large_blocks_back(void) {
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
}
