/* Pings many hosts at once over UDP, each with a time limit, and sums up: how many answered, and
 * how fast.  What answers is an echo service (RFC 862), or the host itself, saying that nobody
 * listens at the port: both show that it is there.
 *
 * usage: ping COUNT MILLISECONDS HOST:PORT… */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yibu.h>

typedef struct host {
    char name[256];
    uint16_t port;
    uint32_t count; /* pings to send */
    int64_t limit_ns;
    uint32_t answers;
    int64_t best_ns, worst_ns, total_ns;
    int error; /* why there was no answer */
} host;

/* Answers to earlier pings, which came too late, are passed over. */
static intptr_t wait_for_answer(int fd, uint32_t number)
{
    for (;;) {
        uint32_t answer;
        ssize_t n = yibu_recvfrom(fd, &answer, sizeof(answer), NULL);
        if (n < 0 || (n == sizeof(answer) && answer == number))
            return n;
    }
}

static intptr_t ping_once(int fd, uint32_t number, int64_t limit_ns)
{
    yibu_timeout limit;
    intptr_t r = yibu_timeout_begin(&limit, limit_ns);
    if (r == 0)
        r = yibu_sendto(fd, &number, sizeof(number), NULL);
    if (r >= 0)
        r = wait_for_answer(fd, number);
    return yibu_timeout_end(&limit, r);
}

static void note(host *h, intptr_t result, int64_t took_ns)
{
    if (yibu_failed(result) && result != -ECONNREFUSED) {
        h->error = (int)result;
        return;
    }
    if (h->answers++ == 0 || took_ns < h->best_ns)
        h->best_ns = took_ns;
    if (took_ns > h->worst_ns)
        h->worst_ns = took_ns;
    h->total_ns += took_ns;
}

static intptr_t ping_host(void *arg)
{
    host *h = arg;
    yibu_loop *loop = yibu_get_running_loop();
    int fd = yibu_udp_connect(h->name, h->port, NULL);
    if (fd < 0) {
        h->error = fd;
        return 0; /* the others go on */
    }
    intptr_t r = 0;
    for (uint32_t i = 0; i < h->count && r != -ECANCELED; i++) {
        int64_t began_ns = yibu_loop_time(loop);
        r = ping_once(fd, i, h->limit_ns);
        note(h, r, yibu_loop_time(loop) - began_ns);
    }
    yibu_close(fd);
    return r == -ECANCELED ? r : 0;
}

static void report(const host *h)
{
    printf("%s:%u: %u of %u answered", h->name, h->port, h->answers, h->count);
    if (h->answers > 0)
        printf(", %.3f/%.3f/%.3f ms\n", (double)h->best_ns / 1e6,
               (double)h->total_ns / h->answers / 1e6, (double)h->worst_ns / 1e6);
    else
        printf(": %s\n", yibu_strerror(h->error));
}

static YIBU_ASYNC(void, ping_all, host *, hosts, int, count)
{
    intptr_t r = 0;
    YIBU_GROUP (group, NULL, &r)
        for (int i = 0; i < count; i++)
            yibu_group_spawn(&group, ping_host, &hosts[i]);
    for (int i = 0; i < count; i++)
        report(&hosts[i]);
    return (int)r;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: ping COUNT MILLISECONDS HOST:PORT...\n");
        return 2;
    }
    int count = argc - 3;
    host *hosts = calloc((size_t)count, sizeof(hosts[0]));
    for (int i = 0; hosts && i < count; i++) {
        const char *colon = strrchr(argv[i + 3], ':');
        int length = (int)(colon ? (size_t)(colon - argv[i + 3]) : strlen(argv[i + 3]));
        snprintf(hosts[i].name, sizeof(hosts[i].name), "%.*s", length, argv[i + 3]);
        hosts[i].port = colon ? (uint16_t)atoi(colon + 1) : 7;
        hosts[i].count = (uint32_t)atoi(argv[1]);
        hosts[i].limit_ns = YIBU_MS(atoi(argv[2]));
    }
    int r = hosts ? ping_all_run(NULL, hosts, count) : -ENOMEM;
    if (r < 0)
        fprintf(stderr, "ping: %s\n", yibu_strerror(r));
    free(hosts);
    return r < 0;
}
