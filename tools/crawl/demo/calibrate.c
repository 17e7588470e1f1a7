/* How hard to compress, so that a page costs what the demonstration wants it to: a sample of the
 * site's pages is examined at one level after another. */
#include "calibrate.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include <zstd.h>

#include "content.h"

#define SAMPLE 32
#define FIRST_LEVEL 9

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* What a crawler does with a page, from the response to the digest. */
static void examine(const struct answer *answer, unsigned level, struct digester *digester)
{
    struct content content = {.url = "http://localhost/", .type = "text/html", .level = level};
    yibu_buffer output = {0};
    content.name = strdup(answer->path);
    yibu_bytes body = site_body(answer);
    yibu_buffer_append(&content.body, body.data, body.size);
    if (content_parse(&content) == 0)
        digest_compute(digester, (yibu_bytes){content.input.data, content.input.size}, &output);
    yibu_buffer_free(&output);
    content_free(&content);
}

static double cost_ms(const struct site *site, unsigned level, struct digester *digester)
{
    size_t step = site->count / SAMPLE ? site->count / SAMPLE : 1;
    size_t pages = 0;
    double start = cpu_ms();
    for (size_t i = 0; i < site->count; i += step) {
        if (site->answers[i]->status != 200)
            continue;
        examine(site->answers[i], level, digester);
        pages++;
    }
    return pages ? (cpu_ms() - start) / (double)pages : 0;
}

unsigned calibrate(const struct site *site, double wanted_ms)
{
    struct digester digester = {0};
    unsigned best = FIRST_LEVEL;
    double best_ms = 0;
    cost_ms(site, FIRST_LEVEL, &digester); /* warms up */
    for (unsigned level = FIRST_LEVEL; level <= (unsigned)ZSTD_maxCLevel(); level++) {
        double cost = cost_ms(site, level, &digester);
        if (best_ms == 0 || fabs(cost - wanted_ms) < fabs(best_ms - wanted_ms)) {
            best = level;
            best_ms = cost;
        }
        if (cost > 2 * wanted_ms)
            break;
    }
    digester_free(&digester);
    return best;
}
