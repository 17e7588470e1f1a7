/* Names for addresses of code, without the C library's help: dladdr(3) waits for the loader's lock
 * and knows no static functions, malloc(3) may be locked for good by whoever the report is
 * about. */
#ifndef YB_BASE_SYMBOLS_H
#define YB_BASE_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

enum { YB_SYMBOLS_MODULES = 16, YB_SYMBOLS_PATHS = 8192 };

/* A program, library or other mapping that holds code. */
typedef struct yb_module {
    const char *path;
    const char *image; /* its file in memory; NULL: none is to be had */
    size_t size;       /* of the image */
    int mapped;        /* the image is ours */
} yb_module;

/* Room for the answers of one look-up: they last until yb_symbols_close. */
typedef struct yb_symbols {
    yb_module modules[YB_SYMBOLS_MODULES];
    size_t module_count;
    char paths[YB_SYMBOLS_PATHS];
    size_t paths_used;
} yb_symbols;

/* What is known of an address.  In: address; NULL and 0 elsewhere. */
typedef struct yb_symbol {
    uintptr_t address;
    const char *function; /* NULL: not known */
    size_t function_offset;
    const char *module; /* path, or "[vdso]"; NULL: not known */
    size_t module_offset;
    int number; /* the module's in yb_symbols */
} yb_symbol;

/* Looks up all of them, in /proc/self/maps and the symbol tables of the files named there.  Takes
 * no lock and no memory but mappings. */
void yb_symbols_open(yb_symbols *symbols, yb_symbol *each, size_t count);
void yb_symbols_close(yb_symbols *symbols);

#endif
