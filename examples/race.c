/* The first of several: asks servers for their greeting, takes the one that comes first, and ends
 * the others; or gives up after a while.
 *
 * usage: race MILLISECONDS PORT HOST…     (at most 16) */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <yibu.h>

enum { MAX = 16 };

typedef struct greeting {
    char text[64];
} greeting;

static YIBU_ASYNC(greeting, hear, const char *, host, uint16_t, port)
{
    int fd = yibu_tcp_connect(host, port);
    if (fd < 0)
        return fd;
    *ret = (greeting){""};
    ssize_t n = yibu_recv(fd, ret->text, sizeof(ret->text) - 1);
    yibu_close(fd);
    return n > 0 ? 0 : n < 0 ? (int)n : -ENODATA;
}

static YIBU_ASYNC(void, race, int64_t, limit_ns, uint16_t, port, char **, hosts, int, count)
{
    yibu_task *tasks[MAX];
    yibu_case cases[MAX + 1];
    for (int i = 0; i < count; i++) {
        tasks[i] = yibu_start(hear, hosts[i], port);
        cases[i] = YIBU_CASE_AWAIT(tasks[i]);
    }
    cases[count] = YIBU_CASE_AFTER(limit_ns);
    int r = -ENOENT;
    for (int left = count; r < 0 && left > 0; left--) {
        int i = (int)yibu_select(cases, (size_t)count + 1);
        if (i < 0 || i == count) {
            r = i < 0 ? i : -ETIMEDOUT;
            break;
        }
        greeting words;
        if ((r = hear_result(tasks[i], &words)) == 0)
            printf("%s: %s\n", hosts[i], words.text);
        cases[i] = YIBU_CASE_NEVER; /* it has ended: wait for the others */
    }
    for (int i = 0; i < count; i++) {
        yibu_task_cancel(tasks[i]);
        (void)yibu_await(tasks[i]);
        yibu_task_unref(tasks[i]);
    }
    return r;
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 3 + MAX)
        return 2;
    int r = race_run(NULL, YIBU_MS(atoi(argv[1])), (uint16_t)atoi(argv[2]), argv + 3, argc - 3);
    if (r < 0)
        fprintf(stderr, "race: %s\n", yibu_strerror(r));
    return r < 0;
}
