/* The choices of a run: a list of numbers, without the zeros at its end. */
#ifndef CHOICES_H
#define CHOICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct choices {
    uint64_t *values;
    size_t length;
} choices;

/* A copy of so many values; must be freed. */
choices choices_copy(const uint64_t *values, size_t length);
void choices_free(choices *list);

/* Drops the zeros at the end. */
void choices_trim(choices *list);

/* How many are not 0. */
size_t choices_count(const choices *list);

/* Writes "INDEX:VALUE" of each that is not 0, with that separator between them. */
void choices_print(const choices *list, char separator, FILE *to);

/* How long choices_print's text is. */
size_t choices_text_length(const choices *list);

#endif
