/* A payload of many bytes each way, by default as many as any machine has; or so many MiB as the
 * argument says, where there is memory for that. */
#include "jobs.h"

#include <stdlib.h>
#include <string.h>

#include <yibu/payload.h>

static size_t size_bytes = (size_t)96 << 20;

enum { STEP = 4096 };

/* Each page begins with its number, and answers with what follows from that. */
static intptr_t answer(yibu_bytes input, yibu_buffer *output)
{
    int r = yibu_buffer_reserve(output, input.size);
    if (r < 0)
        return r;
    for (size_t i = 0; i + sizeof(i) <= input.size; i += STEP) {
        size_t page;
        memcpy(&page, (const char *)input.data + i, sizeof(page));
        page = 3 * page + 1;
        memcpy((char *)output->data + i, &page, sizeof(page));
    }
    output->size = input.size;
    return 1;
}
YIBU_JOB(answer);

static void fill(yibu_payload *payload)
{
    char *bytes = yibu_payload_data(payload);
    for (size_t i = 0; i + sizeof(i) <= size_bytes; i += STEP)
        memcpy(bytes + i, &(size_t){i / STEP}, sizeof(size_t));
}

static void check(const yibu_payload *payload)
{
    const char *bytes = yibu_payload_data(payload);
    assert_int_equal(yibu_payload_size(payload), size_bytes);
    for (size_t i = 0; i + sizeof(i) <= size_bytes; i += STEP) {
        size_t page;
        memcpy(&page, bytes + i, sizeof(page));
        if (page != 3 * (i / STEP) + 1)
            fail_msg("page %zu is wrong", i / STEP);
    }
}

static intptr_t tick(void *arg)
{
    int64_t *longest = arg, last = monotonic_ns();
    for (;;) {
        int r = yibu_sleep(YIBU_MS(1));
        int64_t now = monotonic_ns();
        if (r < 0)
            return r;
        *longest = now - last > *longest ? now - last : *longest;
        last = now;
    }
}

static intptr_t go_there_and_back(void *arg)
{
    yibu_payload *payload, *output;
    int64_t longest = 0;
    (void)arg;
    yibu_task *ticking = yibu_create_task(tick, &longest, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    int r = yibu_payload_new(NULL, size_bytes, &payload);
    yibu_task_cancel(ticking);
    assert_int_equal(yibu_await(ticking), -ECANCELED);
    yibu_task_unref(ticking);
    assert_int_equal(r, 0);
    assert_true(longest < YIBU_SECONDS(1)); /* others had their turns meanwhile */
    fill(payload);
    assert_int_equal(yibu_to_process_payload(&answer_job, payload, &output, NULL), 1);
    check(output);
    yibu_payload_free(output);
    return 0;
}

static void large_payload_goes_there_and_comes_back(void **state)
{
    (void)state;
    assert_int_equal(yibu_run(go_there_and_back, NULL, NULL), 0);
}

static bool enough_memory(void)
{
    size_t available = 0;
    char line[200];
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof(line), file))
        (void)sscanf(line, "MemAvailable: %zu kB", &available);
    if (file)
        fclose(file);
    return available / 1024 > 3 * (size_bytes >> 20);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_payload_goes_there_and_comes_back),
    };
    if (argc > 1)
        size_bytes = (size_t)atol(argv[1]) << 20;
    return enough_memory() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
