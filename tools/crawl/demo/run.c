/* One way of crawling, run and measured. */
#include "run.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <yibu/error.h>
#include <yibu/process_pool.h>

#include "child.h"

#define MAX_ARGUMENTS 64

/* A command line under construction. */
struct arguments {
    char *items[MAX_ARGUMENTS + 1];
    size_t count;
};

static int64_t monotonic_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

__attribute__((format(printf, 2, 3))) static void add_argument(struct arguments *arguments,
                                                               const char *format, ...)
{
    va_list values;
    va_start(values, format);
    char *text = NULL;
    if (arguments->count < MAX_ARGUMENTS && vasprintf(&text, format, values) >= 0)
        arguments->items[arguments->count++] = text;
    va_end(values);
}

static int start(struct child *child, struct arguments *arguments)
{
    int error = child_start(child, arguments->items);
    for (size_t i = 0; i < arguments->count; i++)
        free(arguments->items[i]);
    if (error < 0)
        fprintf(stderr, "yibu-demo: cannot start a process: %s\n", yibu_strerror(error));
    return error;
}

/* --- the server ------------------------------------------------------------------------------- */

static int start_server(struct child *server, const struct run_settings *settings, char **ret_url)
{
    struct arguments arguments = {0};
    unsigned port;
    add_argument(&arguments, "yibu-demo-server");
    add_argument(&arguments, "--role=server");
    add_argument(&arguments, "--tree=%s", settings->tree);
    add_argument(&arguments, "--pages=%zu", settings->max_files);
    add_argument(&arguments, "--latency=%.3f", (double)settings->latency_ns / 1e6);
    if (start(server, &arguments) < 0)
        return -1;
    FILE *output = fdopen(server->output, "re");
    bool told = output && fscanf(output, "%u", &port) == 1;
    if (output)
        fclose(output);
    if (told && asprintf(ret_url, "http://127.0.0.1:%u/", port) >= 0)
        return 0;
    close(server->input);
    return -1;
}

/* --- the crawler ------------------------------------------------------------------------------ */

static int start_crawler(struct child *crawler, way_kind way, const struct way_settings *settings)
{
    struct arguments arguments = {0};
    add_argument(&arguments, "yibu-demo-%s", way_names[way]);
    add_argument(&arguments, "--role=%s", way_names[way]);
    add_argument(&arguments, "--concurrency=%u", settings->concurrency);
    add_argument(&arguments, "--level=%u", settings->level);
    if (settings->direct)
        add_argument(&arguments, "--direct");
    for (size_t i = 0; i < settings->starts.count; i++)
        add_argument(&arguments, "%s", settings->starts.items[i]);
    int error = start(crawler, &arguments);
    if (error == 0)
        close(crawler->input);
    return error;
}

/* Takes what the crawler says until it ends, a sample every period. */
static int listen_to(int fd, struct meter *meter, yibu_buffer *output)
{
    int64_t next = monotonic_now();
    for (;;) {
        int64_t now = monotonic_now();
        if (now >= next) {
            meter_sample(meter);
            next = now + METER_PERIOD_NS;
        }
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int wait_ms = (int)((next - now) / 1000000) + 1;
        if (poll(&ready, 1, wait_ms) <= 0)
            continue;
        if (yibu_buffer_reserve(output, 65536) < 0)
            return -ENOMEM;
        ssize_t count = read(fd, (char *)output->data + output->size, 65536);
        if (count <= 0)
            return (int)count;
        output->size += (size_t)count;
    }
}

static int judge(struct run *run, const yibu_buffer *output, int status)
{
    json_error_t error;
    if (status == 0)
        run->result = json_loadb(output->data ? output->data : "", output->size, 0, &error);
    if (run->result)
        return 0;
    fprintf(stderr, "yibu-demo: %s ended early (status %d)\n", way_names[run->way], status);
    return EXIT_FAILURE;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int measure(struct run *run, const struct way_settings *settings, struct child *server)
{
    struct child crawler;
    yibu_buffer output = {0};
    int64_t server_before = server ? child_cpu_ns(server->pid) : 0;
    int64_t cpu_ns = 0;
    run->start_ns = monotonic_now();
    if (start_crawler(&crawler, run->way, settings) < 0)
        return EXIT_FAILURE;
    meter_start(&run->meter, crawler.pid, server ? server->pid : 0);
    listen_to(crawler.output, &run->meter, &output);
    meter_sample(&run->meter);
    run->wall_s = (double)(monotonic_now() - run->start_ns) / 1e9;
    close(crawler.output);
    if (server)
        close(server->input);
    int status = child_wait_all(crawler.pid, &cpu_ns);
    run->cpu_s = (double)(cpu_ns - server_before) / 1e9;
    status = judge(run, &output, status);
    yibu_buffer_free(&output);
    return status;
}

int run_way(struct run *run, way_kind way, const struct run_settings *settings)
{
    struct way_settings crawler = settings->way;
    struct child server;
    *run = (struct run){.way = way};
    if (!settings->tree)
        return measure(run, &crawler, NULL);
    char *url = NULL;
    if (start_server(&server, settings, &url) < 0)
        return EXIT_FAILURE;
    crawler.starts = (struct string_list){0};
    int status = EXIT_FAILURE;
    if (string_list_take(&crawler.starts, url))
        status = measure(run, &crawler, &server);
    string_list_free(&crawler.starts);
    return status;
}

double run_number(const struct run *run, const char *key)
{
    return json_number_value(json_object_get(run->result, key));
}

void run_free(struct run *run)
{
    json_decref(run->result);
    meter_free(&run->meter);
}
