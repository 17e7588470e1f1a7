/* Choices.  The generator is SplitMix64 (Steele, Lea, Flood, 2014): a word of state, and streams of
 * neighbouring seeds have nothing in common.  A choice that is drawn is written down as the number
 * chosen, not as the bits it came from, so that a list of choices can be cut and lowered by whoever
 * looks for a simpler one: what a bound no longer allows becomes the highest that it does. */
#include "sim/choices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

uint64_t yb_choices_bits(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The next of the list; what is missing is 0. */
static uint64_t replayed(yb_choices *choices)
{
    if (choices->next == choices->length || choices->list[choices->next].index != choices->count)
        return 0;
    return choices->list[choices->next++].value;
}

static uint64_t made(yb_choices *choices, uint64_t value)
{
    if (choices->count < choices->capacity)
        choices->kept[choices->count] = value;
    *choices->kept_count = ++choices->count;
    yb_choices_note(choices, value);
    return value;
}

static uint64_t replay(yb_choices *choices, uint64_t bound)
{
    uint64_t value = replayed(choices);
    return made(choices, value < bound ? value : bound - 1);
}

__extension__ typedef unsigned __int128 product;

/* Lemire's multiplication; its bias is below bound / 2^64. */
static uint64_t draw(yb_choices *choices, uint64_t bound)
{
    return (uint64_t)(((product)yb_choices_bits(&choices->state) * bound) >> 64);
}

uint64_t yb_choices_below(yb_choices *choices, uint64_t bound)
{
    if (bound < 2)
        return 0;
    return choices->list ? replay(choices, bound) : made(choices, draw(choices, bound));
}

uint64_t yb_choices_swerve(yb_choices *choices, uint64_t bound, unsigned keep)
{
    if (bound < 2)
        return 0;
    if (choices->list)
        return replay(choices, bound);
    bool kept = draw(choices, 256) < keep;
    return made(choices, kept ? 0 : draw(choices, bound));
}

bool yb_choices_happens(yb_choices *choices, uint64_t chance)
{
    if (chance == 0)
        return false;
    if (choices->list)
        return replay(choices, 2) != 0;
    return made(choices, (yb_choices_bits(&choices->state) >> 32) < chance) != 0;
}

/* Reading a list. */

static const char *skip_blanks(const char *at)
{
    for (;; at++) {
        if (*at == '#')
            at += strcspn(at, "\n");
        if (!*at || !strchr(" \t\r\n,", *at))
            return at;
    }
}

static bool read_number(const char **at, uint64_t *ret_number)
{
    if (**at < '0' || **at > '9')
        return false;
    char *end;
    errno = 0;
    *ret_number = strtoull(*at, &end, 10);
    *at = end;
    return errno == 0;
}

static bool read_choice(const char **at, yb_choice *ret_choice)
{
    if (!read_number(at, &ret_choice->index) || **at != ':')
        return false;
    ++*at;
    return read_number(at, &ret_choice->value);
}

static size_t most_choices(const char *text)
{
    size_t count = 1;
    for (; *text; text++)
        count += *text == ':';
    return count;
}

static int read_list(yb_choices *choices, const char *text)
{
    choices->list = yb_malloc(most_choices(text) * sizeof(*choices->list));
    if (!choices->list)
        return -ENOMEM;
    for (const char *at = skip_blanks(text); *at; at = skip_blanks(at)) {
        yb_choice *choice = &choices->list[choices->length];
        if (!read_choice(&at, choice))
            return -EINVAL;
        if (choices->length > 0 && choice[-1].index >= choice->index)
            return -EINVAL;
        choices->length++;
    }
    return 0;
}

int yb_choices_init(yb_choices *choices, uint64_t seed, const char *text)
{
    *choices = (yb_choices){.state = seed, .digest = seed, .kept_count = &choices->unkept};
    int r = text ? read_list(choices, text) : 0;
    if (r < 0)
        yb_choices_destroy(choices);
    return r;
}

void yb_choices_destroy(yb_choices *choices)
{
    yb_free(choices->list);
    choices->list = NULL;
}
