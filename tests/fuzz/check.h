/* What the fuzz targets share. */
#ifndef CHECK_H
#define CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(CONDITION)                                                    \
    do {                                                                    \
        if (!(CONDITION)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #CONDITION); \
            abort();                                                        \
        }                                                                   \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a stream of numbers; zeros once it is used up. */
typedef struct stream {
    const uint8_t *at, *end;
} stream;

static inline uint8_t take(stream *s)
{
    return s->at < s->end ? *s->at++ : 0;
}

#endif
