/* Shrinking, on the list of choices alone (MacIver and Donaldson, "Test-case reduction via
 * test-case generation", 2020): any list is a run, so the list is cut, zeroed and lowered, and what
 * still fails and is simpler is kept, until nothing helps.
 *
 * Of two runs the simpler is the one with fewer steps, which is the shorter trace; then the one
 * with fewer choices, then with more zeros, then with lower values. */
#include "shrink.h"

#include <stdlib.h>

typedef struct shrinking {
    program *program;
    uint64_t seed;
    outcome kind; /* how the run fails that is shrunk */
    choices best;
    uint64_t steps; /* of the best */
    unsigned runs;
} shrinking;

static uint64_t sum(const choices *list)
{
    uint64_t total = 0;
    for (size_t i = 0; i < list->length; i++)
        total += list->values[i];
    return total;
}

static bool simpler(uint64_t steps, const choices *list, const shrinking *s)
{
    if (steps != s->steps)
        return steps < s->steps;
    if (list->length != s->best.length)
        return list->length < s->best.length;
    size_t count = choices_count(list), best_count = choices_count(&s->best);
    if (count != best_count)
        return count < best_count;
    return sum(list) < sum(&s->best);
}

static bool may_go_on(const shrinking *s)
{
    return s->runs < s->program->options->shrink_runs;
}

/* Runs the candidate, which is consumed; keeps what it chose where that is simpler and fails. */
static bool keep_if_simpler(shrinking *s, choices candidate)
{
    if (!may_go_on(s)) {
        choices_free(&candidate);
        return false;
    }
    choices_trim(&candidate);
    outcome o = program_run(s->program, &(run){.seed = s->seed, .list = &candidate});
    choices_free(&candidate);
    s->runs++;
    if (!outcome_failed(&o) || !outcome_same(&o, &s->kind))
        return false;
    choices made = program_choices(s->program);
    if (!simpler(o.steps, &made, s)) {
        choices_free(&made);
        return false;
    }
    choices_free(&s->best);
    s->best = made;
    s->steps = o.steps;
    return true;
}

static choices copy_of_best(const shrinking *s)
{
    return choices_copy(s->best.values, s->best.length);
}

static bool try_length(shrinking *s, size_t length)
{
    choices candidate = copy_of_best(s);
    candidate.length = length;
    return keep_if_simpler(s, candidate);
}

/* Cuts the end off: all of it, then by halves. */
static bool truncate_list(shrinking *s)
{
    bool better = false;
    if (s->best.length > 0 && try_length(s, 0))
        return true;
    for (size_t cut = s->best.length / 2; cut > 0; cut /= 2)
        while (cut <= s->best.length && may_go_on(s) && try_length(s, s->best.length - cut))
            better = true;
    return better;
}

static bool is_zero(const choices *list, size_t at, size_t size)
{
    for (size_t i = at; i < at + size; i++)
        if (list->values[i] != 0)
            return false;
    return true;
}

static bool zero_chunk(shrinking *s, size_t at, size_t size)
{
    if (is_zero(&s->best, at, size))
        return false;
    choices candidate = copy_of_best(s);
    for (size_t i = at; i < at + size; i++)
        candidate.values[i] = 0;
    return keep_if_simpler(s, candidate);
}

static bool delete_chunk(shrinking *s, size_t at, size_t size)
{
    choices candidate = copy_of_best(s);
    for (size_t i = at; i + size < candidate.length; i++)
        candidate.values[i] = candidate.values[i + size];
    candidate.length -= size;
    return keep_if_simpler(s, candidate);
}

/* Does that to chunks of every size, large ones first, from the end of the list to its
 * beginning. */
static bool each_chunk(shrinking *s, bool (*change)(shrinking *s, size_t at, size_t size))
{
    bool better = false;
    for (size_t size = s->best.length; size > 0; size /= 2)
        for (size_t end = s->best.length; end >= size && may_go_on(s);) {
            better |= change(s, end - size, size);
            end = end - size < s->best.length ? end - size : s->best.length;
        }
    return better;
}

static bool try_value(shrinking *s, size_t at, uint64_t value)
{
    choices candidate = copy_of_best(s);
    candidate.values[at] = value;
    return keep_if_simpler(s, candidate);
}

/* To the lowest that still fails: by halves, then by one. */
static bool lower_value(shrinking *s, size_t at)
{
    bool better = false;
    for (uint64_t cut = s->best.values[at] / 2; cut > 0; cut /= 2)
        while (at < s->best.length && s->best.values[at] > cut && may_go_on(s) &&
               try_value(s, at, s->best.values[at] - cut))
            better = true;
    return better;
}

static bool lower_values(shrinking *s)
{
    bool better = false;
    for (size_t i = 0; i < s->best.length && may_go_on(s); i++)
        if (s->best.values[i] > 1)
            better |= lower_value(s, i);
    return better;
}

shrunk shrink(program *p, uint64_t seed, const outcome *failing)
{
    shrinking s = {.program = p, .seed = seed, .kind = *failing};
    (void)program_run(p, &(run){.seed = seed});
    s.best = program_choices(p);
    s.steps = p->record->steps;
    size_t first_count = choices_count(&s.best);
    bool better = s.best.length > 0;
    while (better && may_go_on(&s)) {
        better = truncate_list(&s);
        better |= each_chunk(&s, zero_chunk);
        better |= each_chunk(&s, delete_chunk);
        better |= lower_values(&s);
    }
    return (shrunk){.list = s.best, .outcome = s.kind, .first_count = first_count, .runs = s.runs};
}
