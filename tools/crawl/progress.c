/* The line on the terminal while a crawl runs: pages, those that wait, bytes, speed. */
#include "progress.h"

#include <stdio.h>

#include "crawl.h"

#define PAUSE YIBU_MS(200)

const char *progress_size(char *text, size_t size, double bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(*units)) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, size, "%.*f %s", unit > 0, bytes, units[unit]);
    return text;
}

static void write_line(const struct crawl *crawl, int64_t elapsed_ns)
{
    char size[32];
    const struct crawl_totals *totals = &crawl->totals;
    double seconds = (double)elapsed_ns / 1e9;
    fprintf(stderr, "\r\033[K%zu page%s, %zu waiting, %s, %.0f/s", (size_t)totals->fetched,
            totals->fetched == 1 ? "" : "s", crawl->frontier.waiting,
            progress_size(size, sizeof(size), (double)totals->bytes),
            seconds > 0 ? (double)totals->fetched / seconds : 0.0);
}

intptr_t progress_run(void *arg)
{
    const struct crawl *crawl = arg;
    yibu_loop *loop = yibu_get_running_loop();
    int64_t start_ns = yibu_loop_time(loop);
    while (yibu_sleep(PAUSE) == 0)
        write_line(crawl, yibu_loop_time(loop) - start_ns);
    fputs("\r\033[K", stderr);
    return 0;
}
