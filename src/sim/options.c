/* Options: checked and given their defaults once, so that nothing else looks at a zero. */
#include "sim/options.h"

#include <errno.h>

#include "base/options.h"

enum { STEP_LIMIT = 1000000, BUFFER_BYTES = 65536 };

typedef struct probability {
    double given;
    uint64_t *chance;
} probability;

static int take_chance(double given, uint64_t *ret_chance)
{
    if (!(given >= 0 && given <= 1)) /* not a number, too */
        return -EINVAL;
    *ret_chance = (uint64_t)(given * 4294967296.0);
    return 0;
}

static int take_chances(const yibu_sim_options *o, yb_sim_chances *c)
{
    const probability all[] = {
        {o->cancel, &c->cancel},         {o->allocation_failure, &c->allocation},
        {o->accept_failure, &c->accept}, {o->connect_failure, &c->connect},
        {o->read_failure, &c->read},     {o->write_failure, &c->write},
        {o->interrupt, &c->interrupt},   {o->job_failure, &c->job},
        {o->lookup_failure, &c->lookup}, {o->short_transfer, &c->short_transfer},
        {o->reset, &c->reset},           {o->partition, &c->partition},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (take_chance(all[i].given, all[i].chance) < 0)
            return -EINVAL;
    return 0;
}

static void set_defaults(yibu_sim_options *o)
{
    if (o->step_limit == 0)
        o->step_limit = STEP_LIMIT;
    if (o->buffer_bytes == 0)
        o->buffer_bytes = BUFFER_BYTES;
    if (o->partition_ns == 0)
        o->partition_ns = YIBU_SECONDS(1);
    if (o->work_ns == 0)
        o->work_ns = YIBU_MS(1);
}

int yb_sim_take_options(yb_sim *sim, const yibu_sim_options *options)
{
    yibu_sim_options *o = &sim->options;
    int r = yb_options_take(o, sizeof(*o), options);
    if (r < 0)
        return r;
    if (o->step_ns < 0 || o->time_limit_ns < 0 || o->latency_ns < 0 || o->jitter_ns < 0 ||
        o->partition_ns < 0 || o->work_ns < 0)
        return -EINVAL;
    if (o->report && o->report->size < sizeof(size_t))
        return -EINVAL;
    set_defaults(o);
    return take_chances(o, &sim->chances);
}
