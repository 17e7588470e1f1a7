/* Workers that are killed at random while many short jobs run: every job ends exactly once, and
 * nothing is left behind. */
#include "executors.h"
#include "leftovers.h"

#include <semaphore.h>
#include <stdatomic.h>

enum {
    IN_FLIGHT = 300,
    JOBS = 100000 / (YB_TEST_SLOWDOWN * YB_TEST_SLOWDOWN),
    MOST_ENDS_BETWEEN_KILLS = JOBS * YB_TEST_SLOWDOWN / 200,
};

static intptr_t give_back(yibu_bytes input, yibu_buffer *output)
{
    int number;
    memcpy(&number, input.data, sizeof(number));
    return yibu_buffer_append(output, input.data, input.size) < 0 ? -ENOMEM : number;
}
YIBU_JOB(give_back);

/* The killer strikes after so many ends of jobs, not after a time: on the slowest machine workers
 * come to work between two of its blows. */

static sem_t due, ended;
static atomic_int ends_until_due;
static atomic_bool over;
static int kills;

static int workers(pid_t *ret_pids, int max)
{
    pid_t zygotes[8];
    int count = 0, zygote_count = children_of(getpid(), zygotes, 8);
    for (int i = 0; i < zygote_count && count < max; i++)
        count += children_of(zygotes[i], ret_pids + count, max - count);
    return count;
}

static void kill_one(unsigned *seed)
{
    enum { MOST_LATE_US = 300 };
    pid_t pids[16];
    usleep((useconds_t)rand_r(seed) % MOST_LATE_US);
    int count = workers(pids, 16);
    if (count > 0 && kill(pids[rand_r(seed) % count], SIGKILL) == 0)
        kills++;
}

static void *kill_at_random(void *arg)
{
    unsigned seed = 1;
    (void)arg;
    while (sem_wait(&due) == 0 && !atomic_load(&over)) {
        kill_one(&seed);
        atomic_store(&ends_until_due, 1 + rand_r(&seed) % MOST_ENDS_BETWEEN_KILLS);
    }
    return NULL;
}

static void start_killer(pthread_t *ret_thread)
{
    kills = 0;
    atomic_store(&over, false);
    atomic_store(&ends_until_due, MOST_ENDS_BETWEEN_KILLS);
    assert_int_equal(sem_init(&due, 0, 0), 0);
    assert_int_equal(pthread_create(ret_thread, NULL, kill_at_random, NULL), 0);
}

static void stop_killer(pthread_t thread)
{
    atomic_store(&over, true);
    assert_int_equal(sem_post(&due), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(sem_destroy(&due), 0);
}

/* Jobs in flight, and what has become of them. */

typedef struct slot {
    yibu_concurrent_future *future;
    int number;
} slot;

typedef struct storm {
    yibu_executor *executor;
    yibu_job_options options;
    atomic_uchar *ends; /* by number of the job */
    int answered, died;
} storm;

static void note_end(yibu_concurrent_future *future, void *arg)
{
    (void)future;
    atomic_fetch_add((atomic_uchar *)arg, 1);
    if (atomic_fetch_sub(&ends_until_due, 1) == 1)
        sem_post(&due);
    sem_post(&ended);
}

static void start_one(storm *s, slot *place, int number)
{
    place->number = number;
    place->future = submit_with(s->executor, &give_back_job, VALUE(number), s->options);
    assert_int_equal(
        yibu_concurrent_future_add_done_callback(place->future, note_end, &s->ends[number]), 0);
}

static void finish_one(storm *s, slot *place)
{
    yibu_bytes output;
    intptr_t result = yibu_concurrent_future_result(place->future, YIBU_FOREVER);
    if (result == YIBU_EWORKER) {
        s->died++;
    } else {
        assert_int_equal(result, place->number);
        assert_int_equal(yibu_concurrent_future_output(place->future, &output), 0);
        assert_int_equal(output.size, sizeof(place->number));
        assert_memory_equal(output.data, &place->number, sizeof(place->number));
        s->answered++;
    }
    yibu_concurrent_future_unref(place->future);
}

static void weather(storm *s)
{
    slot places[IN_FLIGHT];
    for (int i = 0; i < JOBS; i++) {
        if (i >= IN_FLIGHT)
            finish_one(s, &places[i % IN_FLIGHT]);
        start_one(s, &places[i % IN_FLIGHT], i);
    }
    for (int i = JOBS; i < JOBS + IN_FLIGHT; i++)
        finish_one(s, &places[i % IN_FLIGHT]);
}

static void storm_over(storm *s)
{
    pthread_t killer;
    s->ends = calloc(JOBS, sizeof(*s->ends));
    start_killer(&killer);
    assert_int_equal(sem_init(&ended, 0, 0), 0);
    weather(s);
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(sem_wait(&ended), 0); /* a result may be seen before its callback runs */
    stop_killer(killer);
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(s->ends[i], 1);
    assert_int_equal(s->answered + s->died, JOBS);
    assert_true(kills > 0);
    assert_int_equal(sem_destroy(&ended), 0);
    free(s->ends);
}

static intptr_t storm_on_a_loop(void *arg)
{
    storm *s = arg;
    s->executor = executor_new((yibu_process_pool_options){.max_workers = 2});
    storm_over(s);
    yibu_executor_stats statistics = statistics_of(s->executor);
    assert_int_equal(statistics.queued + statistics.running, 0);
    assert_int_equal(statistics.done, s->answered);
    assert_int_equal(statistics.failed, s->died);
    yibu_executor_free(s->executor);
    return 0;
}

static void every_job_ends_once_while_workers_are_killed(void **state)
{
    int descriptors = count_descriptors();
    storm s = {0};
    (void)state;
    assert_int_equal(yibu_run(storm_on_a_loop, &s, NULL), 0);
    expect_nothing_left(descriptors);
}

static void every_job_has_its_result_where_it_is_tried_again(void **state)
{
    int descriptors = count_descriptors();
    storm s = {.options = {.max_attempts = 100, .retry_delay_ns = YIBU_US(10)}};
    (void)state;
    s.executor = executor_new((yibu_process_pool_options){.max_workers = 2});
    storm_over(&s);
    assert_int_equal(s.died, 0);
    yibu_executor_free(s.executor);
    expect_nothing_left(descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_ends_once_while_workers_are_killed),
        cmocka_unit_test(every_job_has_its_result_where_it_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
