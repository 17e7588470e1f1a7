"""Memory that is really there before a run that measures first touches.

A virtual machine's host takes free memory back and provides it again page by page, at several
times the cost of the guest's own page fault, to whoever touches it first.  Touching as much as a
run will need just before it takes that out of the figures.
"""
import mmap

MADV_POPULATE_WRITE = 23
RESERVE = 1 << 30


def available_bytes():
    with open("/proc/meminfo", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0


def make_ready(size):
    """Touches size bytes and frees them again; leaves a reserve, and does nothing without
    memory or a kernel that can (Linux 5.14)."""
    size = min(size, available_bytes() - RESERVE)
    if size < mmap.PAGESIZE:
        return
    try:
        with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
            memory.madvise(mmap.MADV_HUGEPAGE)
            memory.madvise(MADV_POPULATE_WRITE)
    except OSError:
        pass
