/* Programs for `yibu sim` to try: which one is its argument. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yibu.h>

/* Fails where three draws of many are high. */
static intptr_t three_of_many(void *arg)
{
    (void)arg;
    int high = 0;
    for (int i = 0; i < 200; i++)
        high += yibu_sim_random(1000) >= 900;
    return high >= 3 ? -EDOM : 0;
}

static intptr_t rare(void *arg)
{
    (void)arg;
    return yibu_sim_seed() >= 37 ? -EDOM : 0;
}

static intptr_t fail_an_assertion(void *arg)
{
    (void)arg;
    yibu_sim_trace("is about to abort");
    if (yibu_sim_random(10) == 7)
        abort();
    return 0;
}

static intptr_t spin(void *arg)
{
    (void)arg;
    for (;;)
        (void)sleep(1000);
    return 0;
}

/* Many things at once, so that their trace differs where anything about it can. */

static intptr_t serve_one(void *arg)
{
    char text[100];
    int fd = yibu_accept(*(int *)arg, NULL);
    for (ssize_t n; fd >= 0 && (n = yibu_recv(fd, text, sizeof(text))) > 0;)
        if (yibu_send_all(fd, text, (size_t)n, NULL) < 0)
            break;
    return fd < 0 ? fd : yibu_close(fd);
}

static intptr_t ask_one(void *arg)
{
    char text[100];
    int fd = yibu_tcp_connect("10.0.0.1", 7);
    if (fd < 0)
        return fd;
    (void)arg;
    for (int i = 0; i < 5; i++) {
        (void)yibu_sleep((int64_t)yibu_sim_random(YIBU_MS(3)));
        if (yibu_send_all(fd, "hello there", 11, NULL) < 0 || yibu_recv(fd, text, 100) <= 0)
            break;
    }
    return yibu_close(fd);
}

static intptr_t get_the_time(void *arg)
{
    (void)arg;
    return 3;
}

static intptr_t everything(void *arg)
{
    enum { CLIENTS = 5 };
    yibu_task *tasks[2 * CLIENTS];
    intptr_t results[2 * CLIENTS];
    int listener = yibu_tcp_listen("10.0.0.1", 7, NULL);
    (void)arg;
    for (int i = 0; i < CLIENTS; i++) {
        tasks[2 * i] = yibu_create_task(serve_one, &listener, NULL);
        tasks[2 * i + 1] = yibu_create_task(ask_one, NULL, NULL);
        (void)yibu_to_thread(get_the_time, NULL);
    }
    yibu_timeout limit;
    (void)yibu_timeout_begin(&limit, YIBU_SECONDS(100));
    intptr_t r = yibu_gather(tasks, 2 * CLIENTS, results, YIBU_RETURN_EXCEPTIONS);
    (void)yibu_timeout_end(&limit, r);
    for (int i = 0; i < 2 * CLIENTS; i++)
        yibu_task_unref(tasks[i]);
    (void)yibu_close(listener);
    return 0;
}

typedef struct one_case {
    const char *name;
    yibu_coroutine *main;
} one_case;

static const one_case cases[] = {
    {"three", three_of_many},   {"rare", rare}, {"abort", fail_an_assertion}, {"spin", spin},
    {"everything", everything},
};

static void keep_quiet(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    (void)message;
    (void)code;
    (void)arg;
}

int main(int argc, char **argv)
{
    yibu_sim_options options = {.size = sizeof(options),
                                .exception_handler = keep_quiet,
                                .jitter_ns = YIBU_MS(2),
                                .cancel = 0.001,
                                .short_transfer = 0.1,
                                .interrupt = 0.1,
                                .partition = 0.02,
                                .reset = 0.005};
    for (size_t i = 0; argc > 1 && i < sizeof(cases) / sizeof(cases[0]); i++)
        if (strcmp(argv[1], cases[i].name) == 0)
            return yibu_sim_run(1, cases[i].main, NULL, &options) == 0 ? 0 : 3;
    fputs("usage: cases NAME\n", stderr);
    return 5;
}
