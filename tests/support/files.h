/* A folder of its own for tests of files: made before each test, and removed with all in it. */
#ifndef FILES_H
#define FILES_H

#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static char test_folder[64];

/* A path in the folder; valid until the second next call. */
static inline const char *test_path(const char *name)
{
    static char paths[2][512];
    static int turn;
    turn ^= 1;
    snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", test_folder, name);
    return paths[turn];
}

static inline int test_files_setup(void **state)
{
    (void)state;
    strcpy(test_folder, "yibu-test.XXXXXX"); /* beside the program, not on a tmpfs */
    return mkdtemp(test_folder) ? 0 : -1;
}

static inline int test_remove_entry(const char *path, const struct stat *about, int type,
                                    struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline int test_files_teardown(void **state)
{
    (void)state;
    return nftw(test_folder, test_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

#define file_test(NAME) cmocka_unit_test_setup_teardown(NAME, test_files_setup, test_files_teardown)

/* A file with this content, made by plain system calls. */
static inline const char *test_file(const char *name, const void *data, size_t size)
{
    const char *path = test_path(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    close(fd);
    return path;
}

static inline int test_count_in(const char *path)
{
    DIR *folder = opendir(path);
    assert_non_null(folder);
    int count = -2; /* . and .. */
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* How many entries the folder has, and how many descriptors the process. */
static inline int test_entries(void)
{
    return test_count_in(test_folder);
}
static inline int test_descriptors(void)
{
    return test_count_in("/proc/self/fd");
}

/* Bytes that tell where they are from. */
static inline void test_fill(char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (char)(i * 2654435761U >> 13);
}

/* Takes a file's pages out of memory, so that reading it has to wait for the disk. */
static inline void test_evict(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    close(fd);
}

#endif
