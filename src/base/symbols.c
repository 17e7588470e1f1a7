/* Which module an address lies in is read from /proc/self/maps; which function, from the symbol
 * table of the module's file: .symtab, which knows static functions too, else .dynsym.
 *
 * Nothing in a file is believed: every offset is checked against its size.  A file that is not the
 * one in memory any more, since an upgrade replaced it, is told by its first page, which holds the
 * headers and mostly the build id: then there is no name. */
#include "base/symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/peek.h"

enum { PAGE_BYTES = 4096, LINE_BYTES = 4096 + 128 };

/* A line of /proc/self/maps. */
typedef struct mapping {
    uintptr_t start, end;
    size_t offset; /* in its file */
    const char *path;
} mapping;

static bool parse(char *line, mapping *ret)
{
    unsigned long start, end, offset;
    int path_at = 0;
    if (sscanf(line, "%lx-%lx %*4s %lx %*s %*s %n", &start, &end, &offset, &path_at) < 3)
        return false;
    *ret = (mapping){start, end, offset, path_at ? line + path_at : ""};
    return true;
}

/* Its number, -1: there are too many. */
static int module_of(yb_symbols *s, const char *path)
{
    for (size_t i = 0; i < s->module_count; i++)
        if (strcmp(s->modules[i].path, path) == 0)
            return (int)i;
    size_t length = strlen(path) + 1;
    if (s->module_count == YB_SYMBOLS_MODULES || length > sizeof(s->paths) - s->paths_used)
        return -1;
    char *copy = memcpy(s->paths + s->paths_used, path, length);
    s->paths_used += length;
    s->modules[s->module_count] = (yb_module){.path = copy};
    return (int)s->module_count++;
}

/* Until the segments of the file are known, the offset is the one in the file. */
static void note_mapping(yb_symbols *s, const mapping *m, yb_symbol *each, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (each[i].address < m->start || each[i].address >= m->end || !m->path[0])
            continue;
        int number = module_of(s, m->path);
        if (number < 0)
            continue;
        each[i].number = number;
        each[i].module = s->modules[number].path;
        each[i].module_offset = each[i].address - m->start + m->offset;
        if (strcmp(m->path, "[vdso]") == 0) {
            s->modules[number].image = (const char *)m->start;
            s->modules[number].size = m->end - m->start;
        }
    }
}

typedef void mapping_visitor(yb_symbols *s, const mapping *m, yb_symbol *each, size_t count);

/* Visits every mapping of the process. */
static void visit_mappings(yb_symbols *s, mapping_visitor *visit, yb_symbol *each, size_t count)
{
    char buffer[LINE_BYTES];
    size_t length = 0;
    ssize_t n;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    while ((n = read(fd, buffer + length, sizeof(buffer) - length)) > 0) {
        char *line = buffer, *end;
        length += (size_t)n;
        while ((end = memchr(line, '\n', (size_t)(buffer + length - line)))) {
            mapping m;
            *end = '\0';
            if (parse(line, &m))
                visit(s, &m, each, count);
            line = end + 1;
        }
        length = (size_t)(buffer + length - line);
        memmove(buffer, line, length);
    }
    close(fd);
}

/* Whether the page at start is what the image begins with; also where it cannot be read. */
static bool begins_like(const yb_module *module, uintptr_t start)
{
    char page[PAGE_BYTES];
    size_t length = module->size < sizeof(page) ? module->size : sizeof(page);
    ssize_t n = yb_peek(page, (const void *)start, length);
    return n < 0 || memcmp(page, module->image, (size_t)n) == 0;
}

static void drop_image(yb_module *module)
{
    if (module->mapped)
        munmap((void *)(uintptr_t)module->image, module->size);
    module->image = NULL;
    module->mapped = 0;
}

/* Drops the images of files that have been replaced. */
static void verify_mapping(yb_symbols *s, const mapping *m, yb_symbol *each, size_t count)
{
    (void)each;
    (void)count;
    for (size_t i = 0; i < s->module_count; i++) {
        yb_module *module = &s->modules[i];
        if (module->mapped && m->offset == 0 && strcmp(m->path, module->path) == 0 &&
            !begins_like(module, m->start))
            drop_image(module);
    }
}

static void map_file(yb_module *module)
{
    struct stat about;
    if (module->image || module->path[0] != '/')
        return;
    int fd = open(module->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0) {
        void *image = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (image != MAP_FAILED)
            *module = (yb_module){module->path, image, (size_t)about.st_size, 1};
    }
    close(fd);
}

/* A part of the image: an array of count entries; NULL where it does not lie in it. */
static const void *part(const yb_module *module, size_t offset, size_t count, size_t entry_bytes)
{
    if (offset > module->size || count > (module->size - offset) / entry_bytes ||
        offset % _Alignof(size_t) != 0)
        return NULL;
    return module->image + offset;
}

static const ElfW(Ehdr) * header_of(const yb_module *module)
{
    const ElfW(Ehdr) *header = module->image ? part(module, 0, 1, sizeof(*header)) : NULL;
    bool ours = header && memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
                header->e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32);
    return ours ? header : NULL;
}

/* Turns an offset in the file into the address that the file's own tables speak of. */
static size_t own_address(const yb_module *module, const ElfW(Ehdr) * header, size_t offset)
{
    const ElfW(Phdr) *segments = part(module, header->e_phoff, header->e_phnum, sizeof(*segments));
    for (size_t i = 0; segments && i < header->e_phnum; i++)
        if (segments[i].p_type == PT_LOAD && offset >= segments[i].p_offset &&
            offset - segments[i].p_offset < segments[i].p_filesz)
            return offset - segments[i].p_offset + segments[i].p_vaddr;
    return offset;
}

static const ElfW(Shdr) * find_table(const ElfW(Shdr) * sections, size_t count)
{
    const ElfW(Shdr) *found = NULL;
    for (size_t i = 0; sections && i < count; i++)
        if (sections[i].sh_type == SHT_SYMTAB || (sections[i].sh_type == SHT_DYNSYM && !found))
            found = &sections[i];
    return found;
}

static size_t underscores(const char *name)
{
    return strspn(name, "_");
}

/* Of a function's several names, the one meant for people: the one with fewer underscores. */
static void offer(yb_symbol *symbol, const ElfW(Sym) * candidate, const char *name)
{
    size_t offset = symbol->module_offset - candidate->st_value;
    if (symbol->function &&
        (offset > symbol->function_offset || underscores(name) >= underscores(symbol->function)))
        return;
    symbol->function = name;
    symbol->function_offset = offset;
}

static bool covers(const ElfW(Sym) * candidate, size_t address)
{
    return address >= candidate->st_value && address - candidate->st_value < candidate->st_size;
}

/* One walk through the table, for all of the module's addresses. */
static void name_functions(const yb_module *module, int number, yb_symbol *each, size_t count)
{
    const ElfW(Ehdr) *header = header_of(module);
    const ElfW(Shdr) *sections =
        header ? part(module, header->e_shoff, header->e_shnum, sizeof(*sections)) : NULL;
    const ElfW(Shdr) *table = sections ? find_table(sections, header->e_shnum) : NULL;
    if (!table || table->sh_link >= header->e_shnum)
        return;
    size_t total = table->sh_size / sizeof(ElfW(Sym));
    const ElfW(Sym) *symbols = part(module, table->sh_offset, total, sizeof(*symbols));
    const ElfW(Shdr) *strings = &sections[table->sh_link];
    if (!symbols || strings->sh_offset > module->size || strings->sh_size == 0 ||
        strings->sh_size > module->size - strings->sh_offset)
        return;
    const char *names = module->image + strings->sh_offset;
    if (names[strings->sh_size - 1] != '\0')
        return;
    for (size_t i = 0; i < total; i++) {
        const ElfW(Sym) *candidate = &symbols[i];
        if ((candidate->st_info & 0xf) != STT_FUNC || candidate->st_name >= strings->sh_size)
            continue;
        for (size_t k = 0; k < count; k++)
            if (each[k].number == number && covers(candidate, each[k].module_offset))
                offer(&each[k], candidate, names + candidate->st_name);
    }
}

static void name_module(const yb_module *module, int number, yb_symbol *each, size_t count)
{
    const ElfW(Ehdr) *header = header_of(module);
    for (size_t i = 0; header && i < count; i++)
        if (each[i].number == number)
            each[i].module_offset = own_address(module, header, each[i].module_offset);
    name_functions(module, number, each, count);
}

void yb_symbols_open(yb_symbols *symbols, yb_symbol *each, size_t count)
{
    symbols->module_count = symbols->paths_used = 0;
    for (size_t i = 0; i < count; i++)
        each[i] = (yb_symbol){.address = each[i].address, .number = -1};
    visit_mappings(symbols, note_mapping, each, count);
    for (size_t i = 0; i < symbols->module_count; i++)
        map_file(&symbols->modules[i]);
    visit_mappings(symbols, verify_mapping, NULL, 0);
    for (size_t i = 0; i < symbols->module_count; i++)
        name_module(&symbols->modules[i], (int)i, each, count);
}

void yb_symbols_close(yb_symbols *symbols)
{
    for (size_t i = 0; i < symbols->module_count; i++)
        drop_image(&symbols->modules[i]);
    symbols->module_count = 0;
}
