/* The parent's side of a lane; lane.h says who may touch what. */
#define _GNU_SOURCE
#include "proc/lane.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
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

/* Writes to the big inputs: what has been resident already through the mapping, which is the
 * faster way then; else through a system call, which spares one page fault a page. */
static int write_big(yb_lane *lane, yibu_bytes input, uint64_t place)
{
    uint64_t end = place + input.size;
    if (end <= lane->touched) {
        memcpy(lane->base + lane->layout.big_in + place, input.data, input.size);
        return 0;
    }
    int r = write_all(lane->fd, input.data, input.size, lane->layout.big_in + place);
    if (r == 0 && place <= lane->touched)
        lane->touched = end < lane->kept_bytes ? end : lane->kept_bytes;
    return r;
}

static int put_big(yb_lane *lane, yibu_bytes input, yb_slot *slot, yb_lane_place *place)
{
    uint64_t position;
    if (yb_ring_room(&lane->big, input.size, &position) < input.size)
        return input.size > lane->layout.big_bytes ? -ENOMEM : -EAGAIN;
    slot->input = lane->layout.big_in + yb_ring_place(&lane->big, position);
    int r = write_big(lane, input, slot->input - lane->layout.big_in);
    if (r < 0)
        return r;
    place->big_end = yb_ring_take(&lane->big, position, input.size);
    place->big_at = slot->input;
    place->big_size = input.size;
    return 0;
}

/* Puts the name, behind the input where that is small. */
static int put_bytes(yb_lane *lane, yb_slot *slot, yb_lane_place *place, const char *name,
                     yibu_bytes input)
{
    bool small = input.size <= YB_LANE_INLINE_BYTES;
    uint64_t position, before = small ? input.size : 0, total = before + slot->name_size;
    if (yb_ring_room(&lane->small, total, &position) < total)
        return -EAGAIN;
    int r = small ? 0 : put_big(lane, input, slot, place);
    if (r < 0)
        return r;
    uint64_t at = lane->layout.small_in + yb_ring_place(&lane->small, position);
    if (small && input.size > 0)
        memcpy(lane->base + at, input.data, input.size);
    if (small)
        slot->input = at;
    slot->name = at + before;
    memcpy(lane->base + slot->name, name, slot->name_size);
    place->small_end = yb_ring_take(&lane->small, position, total);
    return 0;
}

int yb_lane_put(yb_lane *lane, const yibu_job *job, yibu_bytes input)
{
    if (yb_lane_in_flight(lane) == YB_LANE_SLOTS)
        return -EAGAIN;
    yb_slot *slot = slot_of(lane, lane->submitted);
    yb_lane_place place = {0};
    slot->name_size = (uint32_t)strlen(job->name);
    slot->input_size = input.size;
    int r = put_bytes(lane, slot, &place, job->name, input);
    if (r < 0)
        return r;
    atomic_store_explicit(&slot->taken_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->state, YB_SLOT_QUEUED, memory_order_relaxed);
    lane->places[lane->submitted % YB_LANE_SLOTS] = place;
    lane->submitted++;
    return 0;
}

static int64_t monotonic_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void wake(yb_lane_shared *shared)
{
    if (!atomic_load(&shared->asleep))
        return;
    atomic_store_explicit(&shared->called_ns, monotonic_now(), memory_order_relaxed);
    if (atomic_exchange(&shared->asleep, 0))
        (void)syscall(SYS_futex, &shared->asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
}

void yb_lane_publish(yb_lane *lane)
{
    lane->published = lane->submitted;
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
        .done_ns = atomic_load_explicit(&slot->taken_ns, memory_order_relaxed),
        .output = atomic_load_explicit(&slot->output, memory_order_relaxed),
        .output_size = (size_t)atomic_load_explicit(&slot->output_size, memory_order_relaxed),
    };
    if (!plausible(lane, &answer))
        return -EPROTO;
    if (answer.run_ns < 0 || answer.run_ns > INT64_MAX / 4 || answer.done_ns > INT64_MAX / 4)
        answer.run_ns = answer.done_ns = 0;
    answer.done_ns += answer.run_ns;
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

/* Gives back to the system what a big piece has made resident beyond what is kept. */
static void trim(yb_lane *lane, uint64_t ring, uint64_t at, uint64_t size)
{
    uint64_t keep = ring + YB_LANE_KEEP_BYTES, end = at + size;
    uint64_t first = at > keep ? at : keep;
    if (end > first)
        (void)fallocate(lane->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)first,
                        (off_t)(end - first));
}

void yb_lane_retire(yb_lane *lane, const yb_answer *answer)
{
    const yb_lane_place *place = &lane->places[lane->retired % YB_LANE_SLOTS];
    if (place->small_end)
        yb_ring_release(&lane->small, place->small_end);
    if (place->big_end) {
        yb_ring_release(&lane->big, place->big_end);
        trim(lane, lane->layout.big_in, place->big_at, place->big_size);
    }
    if (answer->output >= lane->layout.big_out)
        trim(lane, lane->layout.big_out, answer->output, answer->output_size);
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
