# Cross-compiles with Debian's compiler and runs the result under qemu's user mode.  What the tests
# link besides libc is in a folder of its own, filled by tools/dev/sysroot-aarch64.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_ASM_COMPILER aarch64-linux-gnu-gcc)

cmake_path(SET sysroot NORMALIZE ${CMAKE_CURRENT_LIST_DIR}/../build/sysroot-aarch64)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${sysroot})
set(ENV{PKG_CONFIG_LIBDIR} ${sysroot}/usr/lib/aarch64-linux-gnu/pkgconfig)
# qemu lets a load (ldar) overtake an earlier store (stlr) where the processor it runs on does, which
# C's sequentially consistent atomics forbid, and a wake-up may be lost.  On one processor nobody sees
# that.
set(CMAKE_CROSSCOMPILING_EMULATOR
    ${CMAKE_CURRENT_LIST_DIR}/../tools/dev/one-processor qemu-aarch64 -L /usr/aarch64-linux-gnu
    -E LD_LIBRARY_PATH=${sysroot}/usr/lib/aarch64-linux-gnu)
