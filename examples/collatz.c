/* Computing on all processors, with threads: which number below a limit takes the most steps to
 * come down to 1, if each is halved where it is even, and else tripled and 1 added (Collatz).
 *
 * The loop's own thread computes nothing: a task shows the progress meanwhile.
 *
 * usage: collatz [NUMBER] */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <yibu.h>

typedef struct search {
    int64_t limit;
    _Atomic(int64_t) done; /* numbers */
} search;

/* What each thread gathers for itself: the best that it has seen. */
typedef struct longest {
    int64_t start;
    int steps;
} longest;

static int count_steps(int64_t n)
{
    int steps = 0;
    for (; n != 1; steps++)
        n = n % 2 == 0 ? n / 2 : 3 * n + 1;
    return steps;
}

static bool is_longer(longest a, longest b)
{
    return a.steps > b.steps || (a.steps == b.steps && a.start < b.start);
}

static int try_numbers(int64_t first, int64_t end, void *accumulator, void *arg)
{
    longest *best = accumulator;
    for (int64_t n = first; n < end; n++) {
        longest one = {n, count_steps(n)};
        if (is_longer(one, *best))
            *best = one;
    }
    atomic_fetch_add(&((search *)arg)->done, end - first);
    return 0;
}

static int combine(void *into, const void *from, void *arg)
{
    (void)arg;
    if (is_longer(*(const longest *)from, *(longest *)into))
        *(longest *)into = *(const longest *)from;
    return 0;
}

static intptr_t show_progress(void *arg)
{
    search *s = arg;
    for (;;) {
        int r = yibu_sleep(YIBU_MS(100));
        if (r < 0)
            return r;
        fprintf(stderr, "\r%3d %%", (int)((double)atomic_load(&s->done) * 100 / (double)s->limit));
    }
}

static YIBU_ASYNC(longest, find_longest, int64_t, limit)
{
    const yibu_reduction reduction = {.size = sizeof(reduction),
                                      .accumulator_bytes = sizeof(longest),
                                      .body = try_numbers,
                                      .combine = combine};
    search s = {.limit = limit};
    yibu_task *progress = yibu_create_task(show_progress, &s, NULL);
    int r = yibu_parallel_reduce(NULL, 1, limit, 0, &reduction, &s, ret);
    yibu_task_cancel(progress);
    (void)yibu_await(progress);
    yibu_task_unref(progress);
    return r;
}

int main(int argc, char **argv)
{
    long limit = argc > 1 ? atol(argv[1]) : 3000000;
    longest found;
    int r = find_longest_run(NULL, limit, &found);
    if (r < 0) {
        fprintf(stderr, "collatz: %s\n", yibu_strerror(r));
        return 1;
    }
    printf("%ld takes %d steps\n", (long)found.start, found.steps);
    return 0;
}
