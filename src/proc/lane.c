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
#include "base/memory.h"
#include "proc/job.h"

enum { SETTINGS_ALIGNMENT = 8 };

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
    l.messages = l.small_out + YB_LANE_SMALL_BYTES;
    l.big_in = l.messages + YB_LANE_MESSAGE_BYTES;
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
    yb_lane_memory *memory = lane->memory;
    lane->kept_bytes = l->big_bytes < YB_LANE_KEEP_BYTES ? l->big_bytes : YB_LANE_KEEP_BYTES;
    memory->fd = lane->fd;
    memory->kept_bytes = lane->kept_bytes;
    memory->big_in = l->big_in;
    memory->big_out = l->big_out;
    memory->big_bytes = l->big_bytes;
    lane->base = memory->base = map(lane->fd, 0, l->big_in + lane->kept_bytes);
    if (lane->base)
        lane->big_base = memory->big_base = map(lane->fd, l->big_out, lane->kept_bytes);
    return lane->big_base ? 0 : -ENOMEM;
}

static int make(yb_lane *lane, uint64_t total)
{
    *lane = (yb_lane){.layout = yb_lane_layout_of(total)};
    lane->memory = yb_lane_memory_new();
    if (!lane->memory)
        return -ENOMEM;
    lane->fd = open_memory(total);
    int r = lane->fd < 0 ? lane->fd : map_parts(lane);
    if (r < 0)
        yb_lane_memory_close(lane->memory);
    return r;
}

int yb_lane_open(yb_lane *lane)
{
    uint64_t total = room_bytes();
    if (total < LEAST_BYTES)
        return -EFBIG;
    int r = make(lane, total);
    if (r < 0)
        return r;
    lane->shared = (yb_lane_shared *)(void *)lane->base;
    yb_ring_init(&lane->small, YB_LANE_SMALL_BYTES);
    yb_pieces_init(&lane->big, lane->layout.big_bytes);
    return 0;
}

void yb_lane_close(yb_lane *lane)
{
    yb_lane_memory_close(lane->memory);
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

static void release_output(yb_lane *lane, uint64_t at)
{
    atomic_store_explicit(&lane->shared->released[lane->released++ % YB_PIECES_MOST],
                          at - lane->layout.big_out, memory_order_relaxed);
}

static void take_back(yb_lane *lane, const yb_holding *holding)
{
    if (holding->at >= lane->layout.big_out)
        release_output(lane, holding->at);
    else
        yb_pieces_release(&lane->big, holding->at - lane->layout.big_in);
}

void yb_lane_take_back(yb_lane *lane)
{
    for (yb_holding *freed; (freed = yb_lane_memory_take_freed(lane->memory));) {
        take_back(lane, freed);
        yb_free(freed);
    }
}

static size_t aligned(size_t at)
{
    return (at + SETTINGS_ALIGNMENT - 1) / SETTINGS_ALIGNMENT * SETTINGS_ALIGNMENT;
}

/* Takes size bytes of a ring.  Returns 0, -EAGAIN, or -ENOMEM where it never has so many. */
static int take_small(yb_lane *lane, uint64_t size, yb_lane_place *place)
{
    if (yb_ring_room(&lane->small, size, &place->small) < size)
        return size > lane->small.size ? -ENOMEM : -EAGAIN;
    place->small_end = yb_ring_take(&lane->small, place->small, size);
    return 0;
}

/* Takes size bytes of the big inputs.  Returns as above. */
static int take_big(yb_lane *lane, uint64_t size, uint64_t *ret_start)
{
    if (yb_pieces_room(&lane->big, size, ret_start) < size)
        return size > lane->big.size ? -ENOMEM : -EAGAIN;
    yb_pieces_take(&lane->big, *ret_start, size);
    return 0;
}

void yb_lane_set_settings(yb_lane *lane, yibu_bytes settings)
{
    lane->settings = settings;
}

/* Takes the next slot, and of the small inputs `before` bytes and room for settings and name behind
 * them. */
static int begin_slot(yb_lane *lane, const yibu_job *job, size_t before, yb_slot **ret_slot)
{
    if (yb_lane_in_flight(lane) == YB_LANE_SLOTS)
        return -EAGAIN;
    yb_slot *slot = slot_of(lane, lane->submitted);
    yb_lane_place *place = place_of(lane, lane->submitted);
    yibu_bytes settings = lane->settings;
    size_t name_size = strlen(job->name), settings_at = settings.size ? aligned(before) : before;
    *place = (yb_lane_place){0};
    int r = take_small(lane, settings_at + settings.size + name_size, place);
    if (r < 0)
        return r;
    lane->settings = (yibu_bytes){0};
    slot->flags = 0;
    slot->input = lane->layout.small_in + yb_ring_place(&lane->small, place->small);
    slot->settings = slot->input + settings_at;
    slot->settings_size = (uint32_t)settings.size;
    if (settings.size > 0)
        memcpy(lane->base + slot->settings, settings.data, settings.size);
    slot->name = slot->settings + settings.size;
    slot->name_size = (uint32_t)name_size;
    memcpy(lane->base + slot->name, job->name, name_size);
    *ret_slot = slot;
    return 0;
}

/* The name goes behind the input where that is small, else it is alone. */
int yb_lane_reserve(yb_lane *lane, const yibu_job *job, size_t size)
{
    yb_slot *slot;
    size_t before = size <= YB_LANE_INLINE_BYTES ? size : 0;
    int r = begin_slot(lane, job, before, &slot);
    if (r < 0)
        return r;
    slot->input_size = size;
    if (before == size)
        return 0;
    yb_lane_take_back(lane);
    yb_lane_place *place = place_of(lane, lane->submitted);
    r = take_big(lane, size, &place->big);
    if (r < 0) {
        yb_ring_untake(&lane->small, place->small);
    } else {
        place->big_size = size;
        slot->input = lane->layout.big_in + place->big;
    }
    return r;
}

int yb_lane_reserve_held(yb_lane *lane, const yibu_job *job, uint64_t at, size_t size)
{
    yb_slot *slot;
    int r = begin_slot(lane, job, 0, &slot);
    if (r < 0)
        return r;
    slot->input = at;
    slot->input_size = size;
    return 0;
}

bool yb_lane_has_room(yb_lane *lane, uint64_t size)
{
    uint64_t start;
    yb_lane_take_back(lane);
    return yb_pieces_room(&lane->big, size, &start) >= size;
}

uint64_t yb_lane_resident(const yb_lane *lane, uint64_t at, uint64_t size)
{
    uint64_t start = at - lane->layout.big_in;
    uint64_t bytes = lane->touched > start ? lane->touched - start : 0;
    return bytes < size ? bytes : size;
}

void yb_lane_note_resident(yb_lane *lane, uint64_t at, uint64_t size)
{
    uint64_t start = at - lane->layout.big_in, end = start + size;
    if (start <= lane->touched && end > lane->touched)
        lane->touched = end < lane->kept_bytes ? end : lane->kept_bytes;
}

void yb_lane_set_flags(yb_lane *lane, uint32_t flags)
{
    slot_of(lane, lane->submitted)->flags = flags;
}

int yb_lane_take_piece(yb_lane *lane, uint64_t size, uint64_t *ret_at)
{
    uint64_t start;
    yb_lane_take_back(lane);
    int r = take_big(lane, size, &start);
    if (r == 0)
        *ret_at = lane->layout.big_in + start;
    return r;
}

void yb_lane_give_piece(yb_lane *lane, uint64_t at)
{
    yb_pieces_release(&lane->big, at - lane->layout.big_in);
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
    if (r == 0)
        yb_lane_note_resident(lane, lane->layout.big_in + at, size);
    return r;
}

int yb_lane_write(yb_lane *lane, size_t offset, const void *data, size_t size)
{
    const yb_lane_place *place = place_of(lane, lane->submitted);
    if (place->big_size > 0)
        return write_big(lane, place->big + offset, data, size);
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
    if (place->big_size > 0)
        yb_pieces_release(&lane->big, place->big);
}

/* Wakes the worker where it sleeps for that reason, or a greater one. */
static void wake(yb_lane_shared *shared, uint32_t why)
{
    if (atomic_load(&shared->asleep) >= why && atomic_exchange(&shared->asleep, 0))
        (void)syscall(SYS_futex, &shared->asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
}

void yb_lane_publish(yb_lane *lane)
{
    uint32_t news = lane->published != lane->submitted ? YB_ASLEEP_IDLE : YB_ASLEEP_FOR_ROOM;
    lane->published = lane->submitted;
    yb_lane_take_back(lane);
    atomic_store_explicit(&lane->shared->release_count, lane->released, memory_order_release);
    atomic_store_explicit(&lane->shared->parent_processor, sched_getcpu(), memory_order_relaxed);
    atomic_store_explicit(&lane->shared->retired, lane->retired, memory_order_release);
    atomic_store(&lane->shared->submitted, lane->submitted);
    wake(lane->shared, news);
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

yb_used yb_lane_usage(const yb_lane *lane)
{
    const yb_usage *usage = &lane->shared->usage[lane->retired % YB_LANE_SLOTS];
    yb_used used = {
        .user_ns = atomic_load_explicit(&usage->user_ns, memory_order_relaxed),
        .system_ns = atomic_load_explicit(&usage->system_ns, memory_order_relaxed),
        .peak_memory_bytes = atomic_load_explicit(&usage->peak_memory_bytes, memory_order_relaxed),
    };
    return used;
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

void yb_lane_retire(yb_lane *lane, const yb_answer *answer)
{
    const yb_lane_place *place = place_of(lane, lane->retired);
    yb_ring_release(&lane->small, place->small_end);
    if (place->big_size > 0) {
        yb_lane_memory_trim(lane->memory, lane->layout.big_in + place->big, place->big_size);
        yb_pieces_release(&lane->big, place->big);
    }
    if (answer->output_size > 0 && answer->output >= lane->layout.big_out &&
        !answer->output_taken) {
        yb_lane_memory_trim(lane->memory, answer->output, answer->output_size);
        release_output(lane, answer->output);
    }
    lane->retired++;
}

static bool anything_said(const yb_lane *lane)
{
    return lane->listeners > 0 && !lane->deaf && atomic_load(&lane->shared->said) != lane->heard;
}

/* A lane found armed has been since a look that came before whatever is there now. */
bool yb_lane_arm(yb_lane *lane)
{
    if (!atomic_load(&lane->shared->armed))
        atomic_store(&lane->shared->armed, 1);
    return atomic_load(&lane->shared->completed) != lane->retired || anything_said(lane);
}

void yb_lane_disarm(yb_lane *lane)
{
    atomic_store_explicit(&lane->shared->armed, 0, memory_order_relaxed);
}

void yb_lane_finish(yb_lane *lane)
{
    atomic_store(&lane->shared->closing, 1);
    wake(lane->shared, YB_ASLEEP_IDLE);
}
