/* A lane whose worker writes what it likes into it: the parent takes what makes sense, refuses the
 * rest, and touches nothing beyond the lane.  Written while nobody looks: what changes between two
 * looks is another input. */
#include <errno.h>

#include "check.h"
#include "proc/lane.h"
#include "proc/message_head.h"
#include "proc/messages.h"
#include "proc/payload.h"

static intptr_t nothing(yibu_bytes input, yibu_buffer *output)
{
    (void)input;
    (void)output;
    return 0;
}
YIBU_JOB(nothing);

static uint64_t take_number(stream *s, unsigned bytes)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < bytes; i++)
        number |= (uint64_t)take(s) << 8 * i;
    return number;
}

/* A place near one that matters, or anywhere. */
static uint64_t take_place(stream *s, const yb_lane *lane)
{
    const yb_lane_layout *l = &lane->layout;
    const uint64_t places[] = {0,
                               l->small_in,
                               l->small_out,
                               l->messages,
                               l->big_in,
                               l->big_out,
                               l->big_out + l->big_bytes,
                               l->big_out + lane->kept_bytes};
    unsigned which = take(s) % 10;
    if (which >= sizeof(places) / sizeof(places[0]))
        return take_number(s, 8);
    return places[which] + (uint64_t)(int8_t)take(s) * (take(s) % 2 ? 1 : 4096);
}

static uint64_t take_size(stream *s)
{
    unsigned bytes = take(s) % 9;
    return take_number(s, bytes);
}

/* The worker. */

static void write_slot(stream *s, yb_lane *lane)
{
    yb_slot *slot = &lane->shared->slots[take(s) % YB_LANE_SLOTS];
    slot->output = take_place(s, lane);
    slot->output_size = take_size(s);
    slot->outcome = take(s) % 5;
    slot->run_ns = (int64_t)take_size(s);
    slot->status = (int64_t)take_size(s);
}

static void write_message(stream *s, yb_lane *lane)
{
    uint64_t at = take_number(s, 3) * 8 % YB_LANE_MESSAGE_BYTES;
    uint32_t head[2] = {(uint32_t)take_size(s), take(s)};
    if (take(s) % 4 == 0)
        head[0] = UINT32_MAX; /* the end of a lap */
    memcpy(lane->base + lane->layout.messages +
               (take(s) % 2 ? lane->heard : at) % YB_LANE_MESSAGE_BYTES / 8 * 8,
           head, sizeof(head));
}

static void work(stream *s, yb_lane *lane)
{
    yb_lane_shared *shared = lane->shared;
    switch (take(s) % 6) {
    case 0:
        shared->completed = shared->completed + 1;
        break;
    case 1:
        shared->completed = (uint32_t)take_size(s);
        break;
    case 2:
        shared->said = lane->heard + take_size(s);
        break;
    case 3:
        write_message(s, lane);
        break;
    case 4:
        shared->release_count = take(s);
        shared->armed = take(s);
        shared->asleep = take(s);
        shared->heard = take_size(s);
        break;
    default:
        write_slot(s, lane);
    }
}

/* The parent. */

static void put(stream *s, yb_lane *lane)
{
    size_t size = (size_t)take_number(s, 2) * (take(s) % 3);
    int r = yb_lane_reserve(lane, &nothing_job, size);
    CHECK(r == 0 || r == -EAGAIN);
    if (r == 0)
        yb_lane_commit(lane);
    yb_lane_publish(lane);
}

/* Reads both ends of an output, which may be very large. */
static void read_output(const yb_lane *lane, const yb_answer *answer)
{
    static char bytes[4096];
    size_t part = answer->output_size < sizeof(bytes) ? answer->output_size : sizeof(bytes);
    CHECK(yb_lane_read(lane, answer, 0, bytes, part) == 0);
    CHECK(yb_lane_read(lane, answer, answer->output_size - part, bytes, part) == 0);
}

static void hold_output(yb_lane *lane, yb_answer *answer)
{
    yibu_payload *payload;
    if (answer->output_size == 0 || answer->output < lane->layout.big_out)
        return;
    int r = yb_payload_of_lane(lane, answer->output, answer->output_size, &payload);
    CHECK(r == 0 || r == -ENOMEM);
    if (r < 0)
        return;
    const volatile char *data = yibu_payload_data(payload);
    CHECK(yibu_payload_size(payload) == answer->output_size);
    (void)data[0];
    (void)data[answer->output_size - 1];
    yibu_payload_free(payload);
    answer->output_taken = true;
}

/* Whether the worker may go on. */
static bool collect(yb_lane *lane, bool hold)
{
    yb_answer answer;
    int r = yb_lane_next(lane, &answer);
    CHECK(r == 0 || r == 1 || r == -EPROTO);
    if (r == 1) {
        CHECK(yb_lane_in_flight(lane) > 0 && answer.run_ns >= 0);
        (void)yb_lane_usage(lane);
        read_output(lane, &answer);
        if (hold)
            hold_output(lane, &answer);
        yb_lane_retire(lane, &answer);
        yb_lane_publish(lane);
    }
    return r >= 0;
}

static bool hear(yb_lane *lane)
{
    char *message = malloc(YB_MESSAGE_MOST); /* where a sanitizer sees what is beyond */
    size_t size = 0;
    uint64_t before = lane->heard, said = lane->shared->said;
    CHECK(message != NULL);
    int r = yb_messages_next(lane, lane->retired, message, &size);
    CHECK(r == 0 || r == 1 || r == -EPROTO);
    if (r == 1) {
        CHECK(size <= YB_MESSAGE_MOST);
        yb_messages_pass(lane);
        CHECK(lane->heard - before <= said - before && lane->heard % 8 == 0);
        uint64_t start = lane->heard - yb_message_bytes(size); /* it lies in one lap */
        CHECK(start / YB_LANE_MESSAGE_BYTES == (lane->heard - 1) / YB_LANE_MESSAGE_BYTES);
    }
    CHECK(lane->heard - before <= YB_LANE_MESSAGE_BYTES);
    free(message);
    return r >= 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stream s = {data, data + size};
    yb_lane lane;
    bool good = true;
    CHECK(yb_lane_open(&lane) == 0);
    lane.listeners = 1;
    while (good && s.at < s.end) {
        unsigned what = take(&s) % 8;
        if (what == 0)
            put(&s, &lane);
        else if (what == 1)
            good = collect(&lane, take(&s) % 2);
        else if (what == 2)
            good = hear(&lane);
        else
            work(&s, &lane);
    }
    (void)yb_lane_arm(&lane);
    yb_lane_close(&lane);
    return 0;
}
