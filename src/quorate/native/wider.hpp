// Marks a function of whole-number loops to be compiled for wider vectors too; the processor picks when loading.
#pragma once

// Only where the dynamic linker can choose, and only for code without floats: results must not depend on it.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define QUORATE_WIDER __attribute__((target_clones("default", "avx2")))
#else
#define QUORATE_WIDER
#endif
