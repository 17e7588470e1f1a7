/* The worker's side of messages: what a job says while it runs. */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "exec/listener.h"
#include "proc/asleep.h"
#include "proc/message_head.h"
#include "proc/messages.h"
#include <yibu/payload.h>

static struct {
    yb_lane_shared *shared;
    unsigned char *ring;
    bool (*tell)(void);
    uint64_t said;
    uint64_t wanted; /* it waits until so much has been heard */
    uint32_t job;
    bool running, listened;
    pid_t process; /* a child of a job's has no lane */
} self;

void yb_messages_open(yb_lane_shared *shared, unsigned char *base, const yb_lane_layout *layout,
                      bool (*ring)(void))
{
    self.shared = shared;
    self.ring = base + layout->messages;
    self.tell = ring;
    self.process = getpid();
}

void yb_messages_begin(uint32_t n, uint32_t flags)
{
    self.job = n;
    self.listened = flags & YB_SLOT_LISTENED;
    self.running = true;
}

void yb_messages_end(void)
{
    self.running = false;
}

/* `submitted` is written last, and is what `asleep` pairs with. */
static bool heard_enough(void)
{
    (void)atomic_load(&self.shared->submitted);
    uint64_t heard = atomic_load(&self.shared->heard);
    if (self.said - heard > YB_LANE_MESSAGE_BYTES)
        yb_abort("a job wrote over what its worker shares with its parent");
    return (int64_t)(heard - self.wanted) >= 0;
}

static void write_head(uint32_t size)
{
    yb_message_head head = {size, self.job};
    memcpy(self.ring + self.said % YB_LANE_MESSAGE_BYTES, &head, sizeof(head));
}

/* Waits for room for so many bytes in one piece.  Returns 0, or -EBADF where the parent, which may
 * be asleep, cannot be told. */
static int make_room(uint64_t bytes)
{
    uint64_t left = YB_LANE_MESSAGE_BYTES - self.said % YB_LANE_MESSAGE_BYTES;
    uint64_t skipped = left < bytes ? left : 0;
    self.wanted = self.said + skipped + bytes - YB_LANE_MESSAGE_BYTES;
    if (!heard_enough()) {
        if (!self.tell())
            return -EBADF;
        yb_asleep_until(self.shared, YB_ASLEEP_FOR_ROOM, heard_enough);
    }
    if (skipped > 0)
        write_head(YB_MESSAGE_SKIP);
    self.said += skipped;
    return 0;
}

/* To a listener in this process. */
static int divert(yibu_bytes message)
{
    if (yb_listener_here->take)
        (void)yb_listener_here->take(yb_listener_here->arg, message, true);
    return 0;
}

int yibu_job_send(const void *data, size_t size)
{
    if (!data && size > 0)
        return -EINVAL;
    if (yb_listener_here)
        return size > YB_MESSAGE_MOST ? -EMSGSIZE : divert((yibu_bytes){data, size});
    if (!self.running || getpid() != self.process)
        return -ENOTSUP;
    if (size > YB_MESSAGE_MOST)
        return -EMSGSIZE;
    if (!self.listened)
        return 0;
    uint64_t bytes = yb_message_bytes(size);
    int r = make_room(bytes);
    if (r < 0)
        return r;
    write_head((uint32_t)size);
    if (size > 0)
        memcpy(self.ring + self.said % YB_LANE_MESSAGE_BYTES + sizeof(yb_message_head), data, size);
    self.said += bytes;
    atomic_store(&self.shared->said, self.said);
    (void)self.tell();
    return 0;
}
