/* A lane: both sides of it, and a worker that writes nonsense into it. */
#include "test.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/lane.h"
#include "proc/message_head.h"
#include "proc/messages.h"
#include "proc/runner.h"

typedef struct bench {
    yb_lane lane;
    int doorbell;
    pid_t worker;
} bench;

static intptr_t reverse(yibu_bytes input, yibu_buffer *output)
{
    const char *bytes = input.data;
    for (size_t i = input.size; i-- > 0;)
        yibu_buffer_append(output, &bytes[i], 1);
    return (intptr_t)input.size;
}
YIBU_JOB(reverse);

static int put_job(bench *b, yibu_bytes input)
{
    int r = yb_lane_reserve(&b->lane, &reverse_job, input.size);
    if (r == 0)
        r = yb_lane_write(&b->lane, 0, input.data, input.size);
    if (r == 0)
        yb_lane_commit(&b->lane);
    return r;
}

static int setup(void **state)
{
    static bench b;
    *state = &b;
    b.worker = 0;
    b.doorbell = eventfd(0, EFD_CLOEXEC);
    return yb_lane_open(&b.lane);
}

static int teardown(void **state)
{
    bench *b = *state;
    if (b->worker) {
        int status;
        yb_lane_finish(&b->lane);
        assert_int_equal(waitpid(b->worker, &status, 0), b->worker);
        assert_int_equal(status, 0);
    }
    yb_lane_close(&b->lane);
    close(b->doorbell);
    return 0;
}

static void start_worker(bench *b)
{
    fflush(NULL);
    b->worker = fork();
    if (b->worker == 0)
        yb_runner_main((const int[]){dup(b->lane.fd), dup(b->doorbell), -1, -1});
}

static void wait_for_answer(bench *b, yb_answer *ret_answer)
{
    uint64_t count;
    while (!yb_lane_arm(&b->lane))
        assert_int_equal(read(b->doorbell, &count, sizeof(count)), sizeof(count));
    assert_int_equal(yb_lane_next(&b->lane, ret_answer), 1);
}

static void job_comes_back_with_its_output(void **state)
{
    bench *b = *state;
    yb_answer answer;
    char output[4];
    start_worker(b);
    assert_int_equal(put_job(b, (yibu_bytes){"step", 4}), 0);
    yb_lane_publish(&b->lane);
    wait_for_answer(b, &answer);
    assert_int_equal(answer.outcome, YB_JOB_RAN);
    assert_int_equal(answer.status, 4);
    assert_int_equal(answer.output_size, 4);
    assert_int_equal(yb_lane_read(&b->lane, &answer, 0, output, 4), 0);
    assert_memory_equal(output, "pets", 4);
    yb_lane_retire(&b->lane, &answer);
    assert_int_equal(yb_lane_in_flight(&b->lane), 0);
}

/* Laps round every ring, with answers left lying so that space runs out. */
static void thousands_of_jobs_of_all_sizes_keep_their_bytes(void **state)
{
    enum { LARGEST = 200000, JOBS = 3000 };
    bench *b = *state;
    static char input[LARGEST], output[LARGEST];
    unsigned put = 0, got = 0;
    start_worker(b);
    for (size_t i = 0; i < LARGEST; i++)
        input[i] = (char)(i * 13);
    while (got < JOBS) {
        size_t size = (size_t)put * 7919 % (put % 9 == 0 ? LARGEST : 3000);
        if (put < JOBS && put - got < 40 && put_job(b, (yibu_bytes){input, size}) == 0) {
            put++;
            continue;
        }
        yb_answer answer;
        yb_lane_publish(&b->lane);
        wait_for_answer(b, &answer);
        size = (size_t)got * 7919 % (got % 9 == 0 ? LARGEST : 3000);
        assert_int_equal(answer.output_size, size);
        assert_int_equal(yb_lane_read(&b->lane, &answer, 0, output, size), 0);
        for (size_t i = 0; i < size; i++)
            if (output[i] != input[size - 1 - i])
                fail_msg("byte %zu of job %u is wrong", i, got);
        yb_lane_retire(&b->lane, &answer);
        got++;
    }
}

static void withdrawn_job_is_skipped(void **state)
{
    bench *b = *state;
    yb_answer answer;
    int64_t since;
    for (int i = 0; i < 3; i++)
        assert_int_equal(put_job(b, (yibu_bytes){"abc", 3}), 0);
    assert_true(yb_lane_withdraw(&b->lane, 1));
    assert_false(yb_lane_withdraw(&b->lane, 1));
    yb_lane_publish(&b->lane);
    start_worker(b);
    for (uint32_t i = 0; i < 3; i++) {
        wait_for_answer(b, &answer);
        assert_int_equal(answer.outcome, i == 1 ? YB_JOB_SKIPPED : YB_JOB_RAN);
        assert_int_equal(answer.output_size, i == 1 ? 0 : 3);
        assert_int_equal(yb_lane_taken(&b->lane, i, &since), i != 1);
        assert_false(yb_lane_withdraw(&b->lane, i));
        yb_lane_retire(&b->lane, &answer);
    }
}

static void full_lane_takes_no_more(void **state)
{
    bench *b = *state;
    for (int i = 0; i < YB_LANE_SLOTS; i++)
        assert_int_equal(put_job(b, (yibu_bytes){NULL, 0}), 0);
    assert_int_equal(put_job(b, (yibu_bytes){NULL, 0}), -EAGAIN);
}

static void full_input_ring_takes_no_more(void **state)
{
    bench *b = *state;
    static char input[YB_LANE_INLINE_BYTES];
    int count = 0;
    while (put_job(b, (yibu_bytes){input, sizeof(input)}) == 0)
        count++;
    assert_int_equal(count, YB_LANE_SMALL_BYTES / YB_LANE_INLINE_BYTES - 1);
}

/* What a worker can do to its parent through the lane. */

static void nonsense_in_a_counter_is_noticed(void **state)
{
    bench *b = *state;
    yb_answer answer;
    atomic_store(&b->lane.shared->completed, 1);
    assert_int_equal(yb_lane_next(&b->lane, &answer), -EPROTO); /* of nothing submitted */
    assert_int_equal(put_job(b, (yibu_bytes){NULL, 0}), 0);
    assert_int_equal(yb_lane_next(&b->lane, &answer), -EPROTO); /* of nothing published */
    yb_lane_publish(&b->lane);
    assert_int_equal(yb_lane_next(&b->lane, &answer), 1);
    atomic_store(&b->lane.shared->completed, UINT32_MAX);
    assert_int_equal(yb_lane_next(&b->lane, &answer), -EPROTO);
}

static int answer_with(bench *b, uint64_t output, uint64_t size)
{
    yb_answer answer;
    yb_slot *slot = &b->lane.shared->slots[0];
    atomic_store(&slot->outcome, YB_JOB_RAN);
    atomic_store(&slot->output, output);
    atomic_store(&slot->output_size, size);
    return yb_lane_next(&b->lane, &answer);
}

static void output_outside_its_rings_is_noticed(void **state)
{
    bench *b = *state;
    const yb_lane_layout *l = &b->lane.layout;
    assert_int_equal(put_job(b, (yibu_bytes){NULL, 0}), 0);
    yb_lane_publish(&b->lane);
    atomic_store(&b->lane.shared->completed, 1);
    assert_int_equal(answer_with(b, l->small_out, YB_LANE_SMALL_BYTES), 1);
    assert_int_equal(answer_with(b, l->small_out + 1, YB_LANE_SMALL_BYTES), -EPROTO);
    assert_int_equal(answer_with(b, l->big_out, l->big_bytes), 1);
    assert_int_equal(answer_with(b, l->big_out + 1, l->big_bytes), -EPROTO);
    assert_int_equal(answer_with(b, l->big_out, UINT64_MAX), -EPROTO);
    assert_int_equal(answer_with(b, UINT64_MAX, 2), -EPROTO);
    assert_int_equal(answer_with(b, 0, 1), -EPROTO);
    assert_int_equal(answer_with(b, l->big_in, 1), -EPROTO);
    assert_int_equal(answer_with(b, l->small_out - 1, 1), -EPROTO);
}

static void unknown_outcome_is_noticed(void **state)
{
    bench *b = *state;
    yb_answer answer;
    assert_int_equal(put_job(b, (yibu_bytes){NULL, 0}), 0);
    yb_lane_publish(&b->lane);
    atomic_store(&b->lane.shared->slots[0].outcome, 77);
    atomic_store(&b->lane.shared->completed, 1);
    assert_int_equal(yb_lane_next(&b->lane, &answer), -EPROTO);
}

static int hear(bench *b, uint32_t size, uint32_t job, uint64_t said)
{
    static char copy[YB_MESSAGE_MOST];
    size_t copied;
    yb_message_head head = {size, job};
    memcpy(b->lane.base + b->lane.layout.messages, &head, sizeof(head));
    atomic_store(&b->lane.shared->said, said);
    return yb_messages_next(&b->lane, 0, copy, &copied);
}

static void nonsense_in_messages_is_noticed(void **state)
{
    bench *b = *state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(put_job(b, (yibu_bytes){NULL, 0}), 0);
    yb_lane_publish(&b->lane);
    assert_int_equal(hear(b, 8, 0, 0), 0);
    assert_int_equal(hear(b, 8, 0, 16), 1);
    assert_int_equal(hear(b, 8, 0, 15), -EPROTO);
    assert_int_equal(hear(b, 9, 0, 16), -EPROTO); /* longer than what was said */
    assert_int_equal(hear(b, YB_MESSAGE_MOST + 1, 0, YB_LANE_MESSAGE_BYTES), -EPROTO);
    assert_int_equal(hear(b, 8, 0, YB_LANE_MESSAGE_BYTES + 8), -EPROTO);
    assert_int_equal(hear(b, 8, 0, UINT64_MAX - 7), -EPROTO);
    assert_int_equal(hear(b, 8, 1, 16), -EPROTO); /* of a job whose turn it is not */
    assert_int_equal(hear(b, YB_MESSAGE_SKIP, 0, 16), -EPROTO);
    atomic_store(&b->lane.shared->completed, 1);
    assert_int_equal(hear(b, 8, 1, 16), 0); /* now it is */
    assert_int_equal(hear(b, 8, 2, 16), -EPROTO);
}

static void memory_cannot_be_taken_away(void **state)
{
    bench *b = *state;
    assert_int_equal(ftruncate(b->lane.fd, 0), -1);
    assert_int_equal(errno, EPERM);
}

int main(void)
{
#define lane_test(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        lane_test(job_comes_back_with_its_output),
        lane_test(thousands_of_jobs_of_all_sizes_keep_their_bytes),
        lane_test(withdrawn_job_is_skipped),
        lane_test(full_lane_takes_no_more),
        lane_test(full_input_ring_takes_no_more),
        lane_test(nonsense_in_a_counter_is_noticed),
        lane_test(output_outside_its_rings_is_noticed),
        lane_test(unknown_outcome_is_noticed),
        lane_test(nonsense_in_messages_is_noticed),
        lane_test(memory_cannot_be_taken_away),
    };
    /* The lane takes all it may; an instrument keeps a shadow of what a worker in it maps. */
    (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){64 << 20, RLIM_INFINITY});
    return cmocka_run_group_tests(tests, NULL, NULL);
}
