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

static intptr_t count_part(void *arg)
{
    return yibu_to_process(&count_primes_job, (yibu_bytes){arg, sizeof(range)}, NULL, NULL);
}

enum { PARTS = 32 };

static intptr_t count_below(void *arg)
{
    long limit = *(const long *)arg;
    range parts[PARTS];
    yibu_task *tasks[PARTS];
    for (int i = 0; i < PARTS; i++) {
        parts[i] = (range){limit * i / PARTS, limit * (i + 1) / PARTS};
        tasks[i] = yibu_create_task(count_part, &parts[i], NULL);
    }
    intptr_t total = 0;
    for (int i = 0; i < PARTS; i++) {
        intptr_t count = yibu_await(tasks[i]);
        yibu_task_unref(tasks[i]);
        if (!yibu_failed(total))
            total = yibu_failed(count) ? count : total + count;
    }
    return total;
}

int main(int argc, char **argv)
{
    long limit = argc > 1 ? atol(argv[1]) : 1000000;
    intptr_t total = yibu_run(count_below, &limit, NULL);
    if (yibu_failed(total)) {
        fprintf(stderr, "primes: %s\n", yibu_strerror(total));
        return 1;
    }
    printf("%ld primes below %ld\n", (long)total, limit);
    return 0;
}
