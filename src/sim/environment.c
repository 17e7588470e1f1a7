/* What `yibu sim`, or whoever replays a run, sets in the environment of a program.
 *
 * The record is a file that both processes have mapped: it is true also after the program has died
 * in the middle of a step. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "sim/options.h"

static const char magic[8] = {'y', 'i', 'b', 'u', 's', 'i', 'm', '1'};

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

static int take_seed(yb_sim *sim, uint64_t seed)
{
    const char *text = setting("YIBU_SIM_SEED");
    sim->seed = seed;
    if (!text)
        return 0;
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (*end || errno || text[0] < '0' || text[0] > '9')
        return -EINVAL;
    sim->seed = number;
    return 0;
}

/* Reads up to size bytes and ends them with NUL, in memory for yb_free; NULL: none is to be had. */
static char *read_bytes(int fd, size_t size, int *ret_error)
{
    char *text = yb_malloc(size + 1);
    *ret_error = text ? 0 : -ENOMEM;
    if (!text)
        return NULL;
    ssize_t n = read(fd, text, size);
    if (n < 0) {
        *ret_error = -errno;
        n = 0;
    }
    text[n] = '\0';
    return text;
}

/* The whole of a file as text, for yb_free; *ret_error says what is wrong with it. */
static char *read_text(const char *path, int *ret_error)
{
    struct stat about;
    char *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &about) == 0)
        text = read_bytes(fd, (size_t)about.st_size, ret_error);
    else
        *ret_error = -errno;
    if (fd >= 0)
        close(fd);
    return text;
}

static int take_choices(yb_sim *sim)
{
    const char *text = setting("YIBU_SIM_CHOICES");
    if (!text)
        return yb_choices_init(&sim->choices, sim->seed, sim->options.choices);
    if (text[0] != '@')
        return yb_choices_init(&sim->choices, sim->seed, text);
    int r = 0;
    char *content = read_text(text + 1, &r);
    if (r == 0)
        r = yb_choices_init(&sim->choices, sim->seed, content);
    yb_free(content);
    return r;
}

static int open_trace(yb_sim *sim)
{
    const char *path = setting("YIBU_SIM_TRACE");
    sim->trace_file = NULL;
    if (!path)
        return 0;
    if (strcmp(path, "-") == 0) {
        sim->trace_file = stderr;
        return 0;
    }
    sim->trace_file = fopen(path, "ae");
    if (!sim->trace_file)
        return -errno;
    setvbuf(sim->trace_file, NULL, _IOLBF, BUFSIZ);
    return 0;
}

static bool is_record(const yibu_sim_record *record, size_t size)
{
    return memcmp(record->magic, magic, sizeof(magic)) == 0 &&
           record->capacity <= (size - sizeof(*record)) / sizeof(uint64_t);
}

static int map_record(int fd, yibu_sim_record **ret_record, size_t *ret_size)
{
    struct stat about;
    if (fstat(fd, &about) < 0)
        return -errno;
    size_t size = (size_t)about.st_size;
    if (about.st_size < (off_t)sizeof(yibu_sim_record))
        return -EINVAL;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    if (!is_record(memory, size)) {
        munmap(memory, size);
        return -EINVAL;
    }
    *ret_record = memory;
    *ret_size = size;
    return 0;
}

static void begin_record(yb_sim *sim, yibu_sim_record *record)
{
    record->runs++;
    record->seed = sim->seed;
    record->ended = 0;
    sim->record = record;
    sim->choices.kept = (uint64_t *)(record + 1);
    sim->choices.kept_count = &record->choices;
    sim->choices.capacity = record->capacity;
    yb_sim_update_record(sim);
}

static int open_record(yb_sim *sim)
{
    const char *path = setting("YIBU_SIM_RECORD");
    yibu_sim_record *record = NULL;
    sim->record = NULL;
    if (!path)
        return 0;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = map_record(fd, &record, &sim->record_bytes);
    close(fd);
    if (record)
        begin_record(sim, record);
    return r;
}

int yb_sim_open_files(yb_sim *sim, uint64_t seed)
{
    int r = take_seed(sim, seed);
    if (r == 0)
        r = take_choices(sim);
    if (r < 0)
        return r;
    r = open_trace(sim);
    if (r == 0)
        r = open_record(sim);
    if (r < 0)
        yb_sim_close_files(sim);
    return r;
}

void yb_sim_update_record(yb_sim *sim)
{
    yibu_sim_record *record = sim->record;
    if (YB_LIKELY(!record))
        return;
    record->steps = sim->steps;
    record->choices = sim->choices.count;
    record->faults = sim->faults;
    record->failure = sim->failure;
}

void yb_sim_close_files(yb_sim *sim)
{
    if (sim->record) {
        yb_sim_update_record(sim);
        munmap(sim->record, sim->record_bytes);
    }
    sim->record = NULL;
    if (sim->trace_file && sim->trace_file != stderr)
        (void)fclose(sim->trace_file);
    sim->trace_file = NULL;
    yb_choices_destroy(&sim->choices);
}
