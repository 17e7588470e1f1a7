/* Computing in worker processes: counts the primes below a number, on every core.
 *
 * A job is a function from bytes to bytes, registered by name.  It runs in another process, sees
 * none of this one's memory, and may return a number as well.
 *
 * usage: primes [NUMBER] */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yibu.h>

typedef struct range {
    long first, end;
} range;

static bool is_prime(long n)
{
    if (n < 4)
        return n > 1;
    for (long d = 2; d * d <= n; d++)
        if (n % d == 0)
            return false;
    return true;
}

static intptr_t count_primes(yibu_bytes input, yibu_buffer *output)
{
    (void)output;
    range r;
    if (input.size != sizeof(r))
        return -EINVAL;
    memcpy(&r, input.data, sizeof(r));
    intptr_t count = 0;
    for (long n = r.first; n < r.end; n++)
        count += is_prime(n);
    return count;
}
YIBU_JOB(count_primes);

static YIBU_ASYNC(long, count_part, range, part)
{
    const yibu_bytes input = {&part, sizeof(part)};
    intptr_t count = yibu_to_process(&count_primes_job, input, NULL, NULL);
    if (yibu_failed(count))
        return (int)count;
    *ret = count;
    return 0;
}

enum { PARTS = 32 };

static YIBU_ASYNC(long, count_below, long, limit)
{
    yibu_task *tasks[PARTS];
    for (int i = 0; i < PARTS; i++)
        tasks[i] = yibu_start(count_part, (range){limit * i / PARTS, limit * (i + 1) / PARTS});
    int r = 0;
    *ret = 0;
    for (int i = 0; i < PARTS; i++) {
        long count = 0;
        int status = count_part_await(tasks[i], &count);
        r = r == 0 ? status : r;
        *ret += count;
        yibu_task_unref(tasks[i]);
    }
    return r;
}

int main(int argc, char **argv)
{
    long limit = argc > 1 ? atol(argv[1]) : 1000000;
    long total;
    int r = count_below_run(NULL, limit, &total);
    if (r < 0) {
        fprintf(stderr, "primes: %s\n", yibu_strerror(r));
        return 1;
    }
    printf("%ld primes below %ld\n", total, limit);
    return 0;
}
