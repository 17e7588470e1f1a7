/* The decisions of a run: a stream of numbers, drawn from the seed or replayed from a list. */
#ifndef YB_SIM_CHOICES_H
#define YB_SIM_CHOICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct yb_choice {
    uint64_t index, value;
} yb_choice;

typedef struct yb_choices {
    uint64_t state;  /* of the generator */
    uint64_t count;  /* choices made */
    uint64_t digest; /* of them, and of what the simulator adds */
    yb_choice *list; /* replayed, by ascending index; NULL: drawn */
    size_t length, next;
    uint64_t *kept;       /* where the first `capacity` values are written down */
    uint64_t *kept_count; /* and how many were made */
    uint64_t capacity;
    uint64_t unkept; /* what kept_count points to where nothing is written down */
} yb_choices;

/* Draws from the seed, or replays the text "INDEX:VALUE,…" where it is not NULL ("#" comments).
 * Returns 0, -EINVAL for another text, or -ENOMEM. */
int yb_choices_init(yb_choices *choices, uint64_t seed, const char *text);
void yb_choices_destroy(yb_choices *choices);

/* A number below bound, each as likely; 0 and no choice for a bound of 0 or 1. */
uint64_t yb_choices_below(yb_choices *choices, uint64_t bound);

/* The same, drawn 0 with a probability of keep of 256, whatever the bound. */
uint64_t yb_choices_swerve(yb_choices *choices, uint64_t bound, unsigned keep);

/* Whether it happens, with a probability of chance of 2^32; no choice for a chance of 0. */
bool yb_choices_happens(yb_choices *choices, uint64_t chance);

/* Bits that are no choice, and do not shift those that are: the program's own randomness. */
uint64_t yb_choices_bits(uint64_t *state);

/* Adds what happened to the digest. */
static inline void yb_choices_note(yb_choices *choices, uint64_t what)
{
    choices->digest = (choices->digest ^ what) * UINT64_C(0x9e3779b97f4a7c15);
    choices->digest ^= choices->digest >> 29;
}

#endif
