/* Files, without holding the loop: on io_uring the kernel does the work, elsewhere, and where the
 * kernel has no such operation, threads that do nothing else.  What is in memory already is read at
 * once.
 *
 *     int fd = yibu_file_open("notes.txt", O_RDONLY, 0);
 *     if (fd < 0)
 *         return fd;
 *     char text[4096];
 *     ssize_t n = yibu_file_read_at(fd, text, sizeof(text), 0);
 *     yibu_file_close(fd);
 *
 * or, for the whole of it at once,
 *
 *     yibu_buffer text = {0};
 *     ssize_t n = yibu_read_file("notes.txt", 1 << 20, &text);
 *     …
 *     yibu_buffer_free(&text);
 *
 * Files are plain descriptors: system calls that do not block, and libraries, may use them as well.
 * Paths are relative to the process's working directory at the time of the call, as ever.
 *
 * Context of all calls: a task.  Where nothing else is said they are checkpoints, and a cancel
 * finds the call in one of two states: it has not begun, then it does not and -ECANCELED is
 * returned; or it has, then it is waited for and its result is returned.
 * Nobody may close a descriptor that a call is using.
 *
 * All paths and buffers must stay until the call returns; they may be on the task's stack. */
#ifndef YIBU_FILE_H
#define YIBU_FILE_H

#include <sys/uio.h>
#include <yibu/base.h>
#include <yibu/buffer.h>

struct statx;

/* Options of yibu_write_file.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_write_file_options {
    size_t size;
    mode_t mode;  /* of the file, less the umask; default 0666 */
    bool durable; /* returns once it would survive a loss of power: fsync of file and folder */
} yibu_write_file_options;

YIBU_BEGIN_DECLS

/* open(2) with O_CLOEXEC and O_NONBLOCK, so that a FIFO does not wait for its other end: to read it
 * opens at once, to write without a reader it fails with -ENXIO.  mode counts for O_CREAT.
 * O_DIRECT: transfers go past the page cache; see <yibu/file_buffers.h>.
 * Cancel: a file that was opened is returned.
 * Returns a descriptor, the caller's, or a negative errno. */
YIBU_API int yibu_file_open(const char *path, int flags, mode_t mode);

/* The same for a path relative to an open folder (openat(2)). */
YIBU_API int yibu_file_open_at(int folder, const char *path, int flags, mode_t mode);

/* Closes a descriptor where that may take time, as after writing to a file.  Must finish; in a task
 * that is cancelled it closes all the same.  Returns 0, -EBADF, or what a file system that writes
 * late failed with; but for -EBADF the descriptor is gone. */
YIBU_API int yibu_file_close(int fd);

/* Reads at the descriptor's own position, which moves.  For one task at a time.
 * Returns how many bytes: fewer than size only at the end of the file (a pipe, terminal or socket:
 * what there is); 0 at the end; or a negative errno. */
YIBU_API ssize_t yibu_file_read(int fd, void *ret_buffer, size_t size);

/* Writes at the descriptor's position (at the end for O_APPEND).
 * Returns how many bytes: fewer than size only where the next call will say why, a full disk for
 * instance; or a negative errno. */
YIBU_API ssize_t yibu_file_write(int fd, const void *data, size_t size);

/* pread(2) and pwrite(2): at an offset, the position stays.  Any number of tasks at once. */
YIBU_API ssize_t yibu_file_read_at(int fd, void *ret_buffer, size_t size, int64_t offset);
YIBU_API ssize_t yibu_file_write_at(int fd, const void *data, size_t size, int64_t offset);

/* preadv2(2) and pwritev2(2), up to IOV_MAX pieces; offset -1 is the descriptor's position.
 * The array must stay as well.  May transfer less, as those do. */
YIBU_API ssize_t yibu_file_readv(int fd, const struct iovec *pieces, size_t count, int64_t offset);
YIBU_API ssize_t yibu_file_writev(int fd, const struct iovec *pieces, size_t count, int64_t offset);

/* Appends a whole file, max_size bytes at most, to a buffer.  Files that do not know their size
 * (/proc) work, too.  Cancel: the buffer is as it was, but for its capacity.
 * Returns the file's size; YIBU_ELIMIT for a larger one; or a negative errno; after a failure
 * nothing was appended. */
YIBU_API ssize_t yibu_read_file(const char *path, size_t max_size, yibu_buffer *buffer);

/* Makes data the whole of the file, or changes nothing: it is written to a new file beside it,
 * which then takes its place and its name.  Links to the old file keep its content; a symbolic link
 * is replaced itself.  Cancel: the old file, or the new one where it is in place already (then 0 is
 * returned).  A process that dies meanwhile leaves a file "PATH.….new".
 * Returns 0 or a negative errno. */
YIBU_API int yibu_write_file(const char *path, const void *data, size_t size,
                             const yibu_write_file_options *options);

/* Returns once data and metadata, or the data and what is needed to find it, are on the device. */
YIBU_API int yibu_file_fsync(int fd);
YIBU_API int yibu_file_fdatasync(int fd);

/* fallocate(2): mode 0 reserves space for length bytes from offset and extends the file. */
YIBU_API int yibu_file_fallocate(int fd, int mode, int64_t offset, int64_t length);

/* Makes the file length bytes long; what is added reads as zeros. */
YIBU_API int yibu_file_truncate(int fd, int64_t length);

YIBU_API int yibu_file_chmod(int fd, mode_t mode);

/* What is known of a file: statx(2) with STATX_BASIC_STATS and STATX_BTIME; its fields are in
 * <sys/stat.h>.  lstat: of a symbolic link itself. */
YIBU_API int yibu_file_stat(int fd, struct statx *ret_about);
YIBU_API int yibu_stat(const char *path, struct statx *ret_about);
YIBU_API int yibu_lstat(const char *path, struct statx *ret_about);

/* The system calls of these names, on paths.  Return 0 or a negative errno. */
YIBU_API int yibu_rename(const char *from, const char *to);
YIBU_API int yibu_unlink(const char *path);
YIBU_API int yibu_mkdir(const char *path, mode_t mode);
YIBU_API int yibu_rmdir(const char *path);
YIBU_API int yibu_link(const char *from, const char *to);
YIBU_API int yibu_symlink(const char *target, const char *path);
YIBU_API int yibu_chmod(const char *path, mode_t mode);

/* readlink(2), ended by a zero byte: size counts it.
 * Returns the length, -ERANGE where it does not fit, or a negative errno. */
YIBU_API ssize_t yibu_readlink(const char *path, char *ret_target, size_t size);

YIBU_END_DECLS

#endif
