/* Names of addresses, from the symbol tables of files that need not be what they were. */
#include "base/symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/peek.h"
#include "platform/valgrind.h"
#include "test.h"

__attribute__((noinline)) static int function_of_ours(int number)
{
    static volatile int sum;
    sum += number;
    return sum;
}

static yb_symbols symbols;

static yb_symbol look_up(const void *address)
{
    yb_symbol symbol = {.address = (uintptr_t)address};
    yb_symbols_open(&symbols, &symbol, 1);
    return symbol;
}

static const char *ours(void)
{
    return (const char *)(uintptr_t)function_of_ours;
}

static void a_static_function_of_the_program_has_its_name(void **state)
{
    (void)state;
    function_of_ours(1);
    yb_symbol symbol = look_up(ours() + 3);
    assert_string_equal(symbol.function, "function_of_ours");
    assert_int_equal(symbol.function_offset, 3);
    assert_non_null(strstr(symbol.module, "test_symbols"));
    yb_symbols_close(&symbols);
}

static void a_function_of_a_library_has_its_name(void **state)
{
    (void)state;
    yb_symbol symbol = look_up((const char *)(uintptr_t)&cmocka_set_message_output + 1);
    assert_string_equal(symbol.function, "cmocka_set_message_output");
    assert_int_equal(symbol.function_offset, 1);
    assert_non_null(strstr(symbol.module, "libcmocka"));
    yb_symbols_close(&symbols);
}

static void what_is_no_function_has_no_name(void **state)
{
    (void)state;
    int here = 0;
    assert_null(look_up(&here).function);
    yb_symbols_close(&symbols);
    yb_symbol nothing = look_up(NULL);
    assert_true(!nothing.function && !nothing.module);
    yb_symbols_close(&symbols);
}

/* A copy of the program that is in memory, and may be changed. */

typedef struct copy {
    char path[64];
    size_t size;
    char *bytes;
    const char *image; /* mapped from the file */
} copy;

static void write_file(const char *path, const void *bytes, size_t size)
{
    char next[80];
    snprintf(next, sizeof(next), "%s.new", path);
    int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
    assert_int_equal(rename(next, path), 0);
}

static void read_program(copy *c)
{
    struct stat about;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fstat(fd, &about), 0);
    c->size = (size_t)about.st_size;
    c->bytes = malloc(c->size);
    assert_non_null(c->bytes);
    assert_int_equal(read(fd, c->bytes, c->size), c->size);
    close(fd);
}

static void make_copy(copy *c)
{
    snprintf(c->path, sizeof(c->path), "/tmp/test-symbols-%d", (int)getpid());
    read_program(c);
    write_file(c->path, c->bytes, c->size);
    int fd = open(c->path, O_RDONLY | O_CLOEXEC);
    c->image = mmap(NULL, c->size, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_true(c->image != MAP_FAILED);
    close(fd);
}

static void drop_copy(copy *c)
{
    munmap((void *)(uintptr_t)c->image, c->size);
    unlink(c->path);
    free(c->bytes);
}

/* Where the function lies in the copy: offsets in the file are addresses there, as linkers do
 * it. */
static const char *ours_in(const copy *c)
{
    size_t offset = look_up(ours()).module_offset;
    yb_symbols_close(&symbols);
    return c->image + offset;
}

static void a_file_that_was_replaced_gives_no_names(void **state)
{
    (void)state;
    copy c;
    make_copy(&c);
    const char *address = ours_in(&c);
    assert_string_equal(look_up(address).function, "function_of_ours");
    yb_symbols_close(&symbols);
    write_file(c.path, c.bytes, c.size);
    assert_null(look_up(address).function);
    yb_symbols_close(&symbols);
    drop_copy(&c);
}

/* Where another file is mounted over it, say: the path leads to what is not in memory. */
static void a_file_unlike_what_is_in_memory_gives_no_names(void **state)
{
    (void)state;
    copy c;
    make_copy(&c);
    const char *address = ours_in(&c);
    assert_int_equal(mprotect((void *)(uintptr_t)c.image, c.size, PROT_READ | PROT_WRITE), 0);
    ((char *)(uintptr_t)c.image)[sizeof(ElfW(Ehdr)) + 5] ^= 1; /* as other headers would differ */
    assert_null(look_up(address).function);
    yb_symbols_close(&symbols);
    drop_copy(&c);
}

/* Each field of the file's header in turn; what it gives is not said, but that it ends. */
static void damaged_files_do_no_harm(void **state)
{
    (void)state;
    copy c;
    make_copy(&c);
    const char *address = ours_in(&c);
    munmap((void *)(uintptr_t)c.image, c.size);
    for (size_t at = EI_NIDENT; at < sizeof(ElfW(Ehdr)); at++) {
        char was = c.bytes[at];
        c.bytes[at] = (char)(was ^ 0xff);
        write_file(c.path, c.bytes, c.size);
        int fd = open(c.path, O_RDONLY | O_CLOEXEC);
        void *wanted = (void *)(uintptr_t)c.image;
        assert_true(mmap(wanted, c.size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == wanted);
        close(fd);
        (void)look_up(address);
        yb_symbols_close(&symbols);
        c.bytes[at] = was;
    }
    write_file(c.path, c.bytes, 100);
    (void)look_up(address);
    yb_symbols_close(&symbols);
    drop_copy(&c);
}

/* Memory that is gone. */

static void memory_is_read_as_far_as_it_is_there(void **state)
{
    (void)state;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    typedef ssize_t peek(void *ret_bytes, const void *from, size_t size);
    peek *const ways[] = {yb_peek, yb_peek_through_pipe};
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    memset(pages, 'x', page);
    munmap(pages + page, page);
    for (int i = 0; i < (YB_UNDER_VALGRIND ? 1 : 2); i++) { /* it looks at what is written */
        char bytes[8] = "";
        assert_int_equal(ways[i](bytes, pages, sizeof(bytes)), sizeof(bytes));
        assert_memory_equal(bytes, "xxxxxxxx", sizeof(bytes));
        assert_int_equal(ways[i](bytes, pages + page - 3, 3), 3);
        assert_int_equal(ways[i](bytes, pages + page, sizeof(bytes)), -1);
        assert_int_equal(ways[i](bytes, NULL, sizeof(bytes)), -1);
    }
    munmap(pages, page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_static_function_of_the_program_has_its_name),
        cmocka_unit_test(a_function_of_a_library_has_its_name),
        cmocka_unit_test(what_is_no_function_has_no_name),
        cmocka_unit_test(a_file_that_was_replaced_gives_no_names),
        cmocka_unit_test(a_file_unlike_what_is_in_memory_gives_no_names),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(memory_is_read_as_far_as_it_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
