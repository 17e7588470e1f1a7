/* Lists of choices. */
#include "choices.h"

#include <stdlib.h>
#include <string.h>

choices choices_copy(const uint64_t *values, size_t length)
{
    choices list = {malloc((length ? length : 1) * sizeof(*values)), length};
    if (!list.values) {
        perror("yibu sim");
        exit(2);
    }
    if (length > 0)
        memcpy(list.values, values, length * sizeof(*values));
    return list;
}

void choices_free(choices *list)
{
    free(list->values);
    *list = (choices){NULL, 0};
}

void choices_trim(choices *list)
{
    while (list->length > 0 && list->values[list->length - 1] == 0)
        list->length--;
}

size_t choices_count(const choices *list)
{
    size_t count = 0;
    for (size_t i = 0; i < list->length; i++)
        count += list->values[i] != 0;
    return count;
}

void choices_print(const choices *list, char separator, FILE *to)
{
    bool first = true;
    for (size_t i = 0; i < list->length; i++) {
        if (list->values[i] == 0)
            continue;
        if (!first)
            fputc(separator, to);
        fprintf(to, "%zu:%llu", i, (unsigned long long)list->values[i]);
        first = false;
    }
}

static size_t digits(uint64_t number)
{
    size_t count = 1;
    for (; number >= 10; number /= 10)
        count++;
    return count;
}

size_t choices_text_length(const choices *list)
{
    size_t length = 0;
    for (size_t i = 0; i < list->length; i++)
        if (list->values[i] != 0)
            length += digits(i) + digits(list->values[i]) + 2;
    return length;
}
