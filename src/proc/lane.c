/* The parent's side of a lane; lane.h says who may touch what. */
#define _GNU_SOURCE
#include "proc/lane.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "proc/job.h"

static const uint64_t ROOM_BYTES = (uint64_t)32 << 30, LEAST_BYTES = (uint64_t)4 << 20;

static uint64_t round_up(uint64_t bytes)
{
    return (bytes + YB_LANE_GRAIN - 1) / YB_LANE_GRAIN * YB_LANE_GRAIN;
}

yb_lane_layout yb_lane_layout_of(uint64_t total_bytes)
{
    yb_lane_layout l;
    l.small_in = round_up(sizeof(yb_lane_shared));
    l.small_out = l.small_in + YB_LANE_SMALL_BYTES;
    l.big_in = l.small_out + YB_LANE_SMALL_BYTES;
    l.big_bytes = (total_bytes - l.big_in) / 2 / YB_LANE_GRAIN * YB_LANE_GRAIN;
    l.big_out = l.big_in + l.big_bytes;
    return l;
}

static uint64_t limited(uint64_t bytes, __rlimit_resource_t resource, uint64_t share)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return bytes;
    return limit.rlim_cur / share < bytes ? limit.rlim_cur / share : bytes;
}

/* How large a sparse file and a worker's mapping of it may be. */
static uint64_t room_bytes(void)
{
    return limited(limited(ROOM_BYTES, RLIMIT_FSIZE, 1), RLIMIT_AS, 4);
}

static int open_memory(uint64_t total)
{
    int fd = memfd_create("yibu-lane", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)total) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static void *map(int fd, uint64_t at, uint64_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)at);
    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, size, MADV_DONTFORK);
    return memory;
}

static int map_parts(yb_lane *lane)
{
    const yb_lane_layout *l = &lane->layout;
    lane->kept_bytes = l->big_bytes < YB_LANE_KEEP_BYTES ? l->big_bytes : YB_LANE_KEEP_BYTES;
    lane->base = map(lane->fd, 0, l->big_in + lane->kept_bytes);
    if (!lane->base)
        return -errno;
    lane->big_base = map(lane->fd, l->big_out, lane->kept_bytes);
    if (!lane->big_base) {
        int error = errno;
        munmap(lane->base, l->big_in + lane->kept_bytes);
        return -error;
    }
    lane->shared = (yb_lane_shared *)(void *)lane->base;
    return 0;
}

int yb_lane_open(yb_lane *lane)
{
    uint64_t total = room_bytes();
    if (total < LEAST_BYTES)
        return -EFBIG;
    *lane = (yb_lane){.layout = yb_lane_layout_of(total)};
    lane->fd = open_memory(total);
    if (lane->fd < 0)
        return lane->fd;
    int r = map_parts(lane);
    if (r < 0) {
        close(lane->fd);
        return r;
    }
    yb_ring_init(&lane->small, YB_LANE_SMALL_BYTES);
    yb_ring_init(&lane->big, lane->layout.big_bytes);
    return 0;
}

void yb_lane_close(yb_lane *lane)
{
    munmap(lane->base, lane->layout.big_in + lane->kept_bytes);
    munmap(lane->big_base, lane->kept_bytes);
    close(lane->fd);
    *lane = (yb_lane){.fd = -1};
}

void yb_lane_set_spin(yb_lane *lane, uint32_t spin_ns)
{
    atomic_store_explicit(&lane->shared->spin_ns, spin_ns, memory_order_relaxed);
}

static yb_slot *slot_of(const yb_lane *lane, uint32_t n)
{
    return &lane->shared->slots[n % YB_LANE_SLOTS];
}

static int write_all(int fd, const void *data, size_t size, uint64_t at)
{
    const char *bytes = data;
    while (size > 0) {
        ssize_t n = pwrite(fd, bytes, size, (off_t)at);
        if (n < 0 && errno != EINTR)
            return errno == ENOSPC ? -ENOMEM : -errno;
        if (n > 0) {
            bytes += n;
            at += (uint64_t)n;
            size -= (size_t)n;
        }
    }
    return 0;
}

static int read_all(int fd, void *ret_bytes, size_t size, uint64_t at)
{
    char *bytes = ret_bytes;
    while (size > 0) {
        ssize_t n = pread(fd, bytes, size, (off_t)at);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EPROTO;
        if (n > 0) {
            bytes += n;
            at += (uint64_t)n;
            size -= (size_t)n;
        }
    }
    return 0;
}

static yb_lane_place *place_of(yb_lane *lane, uint32_t n)
{
    return &lane->places[n % YB_LANE_SLOTS];
}

/* Takes size bytes of a ring.  Returns 0, -EAGAIN, or -ENOMEM where it never has so many. */
static int take(yb_ring *ring, uint64_t size, uint64_t *ret_position, uint64_t *ret_end)
{
    if (yb_ring_room(ring, size, ret_position) < size)
        return size > ring->size ? -ENOMEM : -EAGAIN;
    *ret_end = yb_ring_take(ring, *ret_position, size);
    return 0;
}

/* The name goes behind the input where that is small, else it is alone. */
int yb_lane_reserve(yb_lane *lane, const yibu_job *job, size_t size)
{
    if (yb_lane_in_flight(lane) == YB_LANE_SLOTS)
        return -EAGAIN;
    yb_slot *slot = slot_of(lane, lane->submitted);
    yb_lane_place *place = place_of(lane, lane->submitted);
    size_t name_size = strlen(job->name), before = size <= YB_LANE_INLINE_BYTES ? size : 0;
    *place = (yb_lane_place){.big_size = size - before};
    int r = take(&lane->small, before + name_size, &place->small, &place->small_end);
    if (r < 0)
        return r;
    slot->input = lane->layout.small_in + yb_ring_place(&lane->small, place->small);
    slot->input_size = size;
    slot->name = slot->input + before;
    slot->name_size = (uint32_t)name_size;
    memcpy(lane->base + slot->name, job->name, name_size);
    if (place->big_size == 0)
        return 0;
    r = take(&lane->big, size, &place->big, &place->big_end);
    if (r < 0)
        yb_ring_untake(&lane->small, place->small);
    else
        slot->input = lane->layout.big_in + yb_ring_place(&lane->big, place->big);
    return r;
}

/* Writes to the big inputs: what has been resident already through the mapping, which is the
 * faster way then; else through a system call, which spares one page fault a page. */
static int write_big(yb_lane *lane, uint64_t at, const void *data, size_t size)
{
    uint64_t end = at + size;
    if (end <= lane->touched) {
        memcpy(lane->base + lane->layout.big_in + at, data, size);
        return 0;
    }
    int r = write_all(lane->fd, data, size, lane->layout.big_in + at);
    if (r == 0 && at <= lane->touched)
        lane->touched = end < lane->kept_bytes ? end : lane->kept_bytes;
    return r;
}

int yb_lane_write(yb_lane *lane, size_t offset, const void *data, size_t size)
{
    const yb_lane_place *place = place_of(lane, lane->submitted);
    if (place->big_size > 0)
        return write_big(lane, yb_ring_place(&lane->big, place->big) + offset, data, size);
    uint64_t at = lane->layout.small_in + yb_ring_place(&lane->small, place->small);
    if (size > 0)
        memcpy(lane->base + at + offset, data, size);
    return 0;
}

void yb_lane_commit(yb_lane *lane)
{
    yb_slot *slot = slot_of(lane, lane->submitted);
    atomic_store_explicit(&slot->taken_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->state, YB_SLOT_QUEUED, memory_order_relaxed);
    lane->submitted++;
}

void yb_lane_abandon(yb_lane *lane)
{
    const yb_lane_place *place = place_of(lane, lane->submitted);
    yb_ring_untake(&lane->small, place->small);
    if (place->big_end)
        yb_ring_untake(&lane->big, place->big);
}

static void wake(yb_lane_shared *shared)
{
    if (atomic_load(&shared->asleep) && atomic_exchange(&shared->asleep, 0))
        (void)syscall(SYS_futex, &shared->asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
}

void yb_lane_publish(yb_lane *lane)
{
    lane->published = lane->submitted;
    atomic_store_explicit(&lane->shared->parent_processor, sched_getcpu(), memory_order_relaxed);
    atomic_store_explicit(&lane->shared->retired, lane->retired, memory_order_release);
    atomic_store(&lane->shared->submitted, lane->submitted);
    wake(lane->shared);
}

bool yb_lane_withdraw(yb_lane *lane, uint32_t n)
{
    uint32_t queued = YB_SLOT_QUEUED;
    return atomic_compare_exchange_strong(&slot_of(lane, n)->state, &queued, YB_SLOT_WITHDRAWN);
}

bool yb_lane_taken(const yb_lane *lane, uint32_t n, int64_t *ret_since_ns)
{
    const yb_slot *slot = slot_of(lane, n);
    *ret_since_ns = atomic_load_explicit(&slot->taken_ns, memory_order_relaxed);
    return atomic_load_explicit(&slot->state, memory_order_acquire) == YB_SLOT_TAKEN;
}

bool yb_lane_answered(const yb_lane *lane, uint32_t n)
{
    uint32_t completed = atomic_load_explicit(&lane->shared->completed, memory_order_acquire);
    return n - lane->retired < completed - lane->retired;
}

static bool within(uint64_t at, uint64_t size, uint64_t first, uint64_t bytes)
{
    return at >= first && at - first <= bytes && size <= bytes - (at - first);
}

static bool plausible(const yb_lane *lane, const yb_answer *answer)
{
    const yb_lane_layout *l = &lane->layout;
    if (answer->outcome > YB_JOB_UNKNOWN)
        return false;
    return answer->output_size == 0 ||
           within(answer->output, answer->output_size, l->small_out, YB_LANE_SMALL_BYTES) ||
           within(answer->output, answer->output_size, l->big_out, l->big_bytes);
}

int yb_lane_next(const yb_lane *lane, yb_answer *ret_answer)
{
    uint32_t ready = atomic_load_explicit(&lane->shared->completed, memory_order_acquire);
    ready -= lane->retired;
    if (ready == 0)
        return 0;
    if (ready > lane->published - lane->retired)
        return -EPROTO;
    yb_slot *slot = slot_of(lane, lane->retired);
    yb_answer answer = {
        .outcome = atomic_load_explicit(&slot->outcome, memory_order_relaxed),
        .status = (intptr_t)atomic_load_explicit(&slot->status, memory_order_relaxed),
        .run_ns = atomic_load_explicit(&slot->run_ns, memory_order_relaxed),
        .output = atomic_load_explicit(&slot->output, memory_order_relaxed),
        .output_size = (size_t)atomic_load_explicit(&slot->output_size, memory_order_relaxed),
    };
    if (!plausible(lane, &answer))
        return -EPROTO;
    if (answer.run_ns < 0)
        answer.run_ns = 0;
    *ret_answer = answer;
    return 1;
}

int yb_lane_read(const yb_lane *lane, const yb_answer *answer, size_t offset, void *ret_bytes,
                 size_t size)
{
    YB_ASSERT(offset <= answer->output_size && size <= answer->output_size - offset);
    uint64_t at = answer->output + offset;
    if (size == 0)
        return 0;
    if (at < lane->layout.big_out)
        memcpy(ret_bytes, lane->base + at, size);
    else if (at + size <= lane->layout.big_out + lane->kept_bytes)
        memcpy(ret_bytes, lane->big_base + (at - lane->layout.big_out), size);
    else
        return read_all(lane->fd, ret_bytes, size, at);
    return 0;
}

/* Gives back to the system what a big piece has made resident beyond what is kept: the piece lies
 * in the part of the memfd that begins at ring, from place on. */
static void trim(yb_lane *lane, uint64_t ring, uint64_t place, uint64_t size)
{
    uint64_t first = place > lane->kept_bytes ? place : lane->kept_bytes;
    if (place + size > first)
        (void)fallocate(lane->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(ring + first),
                        (off_t)(place + size - first));
}

void yb_lane_retire(yb_lane *lane, const yb_answer *answer)
{
    const yb_lane_place *place = place_of(lane, lane->retired);
    if (place->small_end)
        yb_ring_release(&lane->small, place->small_end);
    if (place->big_end) {
        yb_ring_release(&lane->big, place->big_end);
        trim(lane, lane->layout.big_in, yb_ring_place(&lane->big, place->big), place->big_size);
    }
    if (answer->output_size > 0 && answer->output >= lane->layout.big_out)
        trim(lane, lane->layout.big_out, answer->output - lane->layout.big_out,
             answer->output_size);
    lane->retired++;
}

/* A lane found armed has been since a look that came before whatever is there now. */
bool yb_lane_arm(yb_lane *lane)
{
    if (!atomic_load(&lane->shared->armed))
        atomic_store(&lane->shared->armed, 1);
    return atomic_load(&lane->shared->completed) != lane->retired;
}

void yb_lane_disarm(yb_lane *lane)
{
    atomic_store_explicit(&lane->shared->armed, 0, memory_order_relaxed);
}

void yb_lane_finish(yb_lane *lane)
{
    atomic_store(&lane->shared->closing, 1);
    wake(lane->shared);
}
