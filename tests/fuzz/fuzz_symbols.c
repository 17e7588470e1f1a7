/* Names of addresses: whatever /proc/self/maps and the files named there are, nothing beyond them
 * is read, and a name lies in the file that it is said to come from.
 *
 * open(2) hands out the input in the place of both. */
#define _GNU_SOURCE
#include "base/symbols.h"

#include <fcntl.h>
#include <stdbool.h>

#include "memory_file.h"

int __wrap_open(const char *path, int flags, ...);

static struct {
    const uint8_t *maps, *image;
    size_t maps_size, image_size;
    int opened;
} input;

int __wrap_open(const char *path, int flags, ...)
{
    bool maps = strcmp(path, "/proc/self/maps") == 0;
    (void)flags;
    CHECK(maps || path[0] == '/');
    input.opened++;
    return maps ? memory_file_new(input.maps, input.maps_size).fd
                : memory_file_new(input.image, input.image_size).fd;
}

static void check(const yb_symbols *symbols, const yb_symbol *symbol)
{
    if (symbol->number < 0) {
        CHECK(!symbol->module && !symbol->function);
        return;
    }
    CHECK((size_t)symbol->number < symbols->module_count);
    const yb_module *module = &symbols->modules[symbol->number];
    CHECK(symbol->module == module->path && module->path[0] != '\0');
    if (!symbol->function)
        return;
    CHECK(symbol->function >= module->image && symbol->function < module->image + module->size);
    size_t room = (size_t)(module->image + module->size - symbol->function);
    CHECK(strnlen(symbol->function, room) < room);
}

static int count_descriptors(void)
{
    int fd = dup(0);
    CHECK(fd >= 0);
    close(fd);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static yb_symbols symbols;
    yb_symbol each[8];
    if (size < 2)
        return 0;
    input.maps = data + 2;
    input.maps_size = (size_t)(data[0] | data[1] << 8) % (size - 1);
    input.image = input.maps + input.maps_size;
    input.image_size = size - 2 - input.maps_size;
    /* The kernel's own library is read where it lies: that line is believed. */
    if (memmem(input.maps, input.maps_size, "[vdso]", 6))
        return 0;
    for (size_t i = 0; i < 8; i++)
        each[i].address = 0x1000 + i * 0x10;
    int before = count_descriptors();
    yb_symbols_open(&symbols, each, 8);
    for (size_t i = 0; i < 8; i++)
        check(&symbols, &each[i]);
    yb_symbols_close(&symbols);
    CHECK(count_descriptors() == before);
    return 0;
}
