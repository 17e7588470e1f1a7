/* Runs a fuzz target without a fuzzer: over every file of a corpus, and over as many random
 * changes of them as asked for, the same ones each time.  With Clang, libFuzzer takes its place.
 *
 * usage: PROGRAM [-runs=COUNT] FOLDER */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 4096, INPUTS_MAX = 256 };

typedef struct input {
    uint8_t data[INPUT_MAX];
    size_t size;
} input;

static input inputs[INPUTS_MAX];
static size_t input_count;
static uint64_t seed = 1;

static unsigned pseudo_random(unsigned below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % below;
}

/* In memory of its own size, so that a sanitizer sees what is read beyond its end. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void load(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    input *in = &inputs[input_count++];
    in->size = fread(in->data, 1, sizeof(in->data), file);
    fclose(file);
}

static void load_all(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort); /* the same order everywhere */
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.' && input_count < INPUTS_MAX)
            load(folder, entries[i]->d_name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static void change(input *in)
{
    unsigned at = pseudo_random((unsigned)in->size + 1);
    switch (pseudo_random(4)) {
    case 0: /* another byte */
        if (at < in->size)
            in->data[at] = (uint8_t)pseudo_random(256);
        break;
    case 1: /* one byte more */
        if (in->size < INPUT_MAX) {
            memmove(in->data + at + 1, in->data + at, in->size - at);
            in->data[at] = (uint8_t)pseudo_random(256);
            in->size++;
        }
        break;
    case 2: /* cut off */
        in->size = at;
        break;
    default: { /* the beginning of another one at the end */
        const input *other = &inputs[pseudo_random((unsigned)input_count)];
        size_t length = pseudo_random((unsigned)other->size + 1);
        if (length > INPUT_MAX - in->size)
            length = INPUT_MAX - in->size;
        memcpy(in->data + in->size, other->data, length);
        in->size += length;
    }
    }
}

int main(int argc, char **argv)
{
    static input changed;
    long runs = 0;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-runs=", 6) == 0)
            runs = strtol(argv[i] + 6, NULL, 10);
        else if (argv[i][0] != '-')
            load_all(argv[i]);
    }
    if (input_count == 0) {
        fprintf(stderr, "there is no corpus\n");
        return 1;
    }
    for (size_t i = 0; i < input_count; i++)
        run(inputs[i].data, inputs[i].size);
    for (long i = 0; i < runs; i++) {
        changed = inputs[pseudo_random((unsigned)input_count)];
        for (unsigned changes = 1 + pseudo_random(8); changes > 0; changes--)
            change(&changed);
        run(changed.data, changed.size);
    }
    printf("%zu inputs and %ld changes of them\n", input_count, runs);
    return 0;
}
