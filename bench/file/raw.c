/* The limits: one io_uring without a runtime, registered buffers, one submission for what has
 * completed; and the plain loop over small files, one after the other. */
/* bench-packages: liburing */
#include "files.h"

#include <liburing.h>

static void start_read(struct io_uring *ring, int fd, char *block, unsigned i, int64_t offset)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(ring);

    io_uring_prep_read_fixed(entry, fd, block, BLOCK, (uint64_t)offset, 0);
    entry->user_data = i;
}

static void random_reads(const struct bench *bench)
{
    struct io_uring ring;
    uint64_t random = 1;
    int fd = open(data_path(prepare(bench, "")), O_RDONLY | O_DIRECT | O_CLOEXEC);
    char *blocks = aligned_alloc(BLOCK, DEPTH * BLOCK);
    struct iovec area = {blocks, DEPTH * BLOCK};

    if (fd < 0 || !blocks)
        bench_fail("open", errno);
    int r =
        io_uring_queue_init(DEPTH, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
    if (r == 0)
        r = io_uring_register_buffers(&ring, &area, 1);
    if (r < 0)
        bench_fail("io_uring", r);
    long count = count_blocks(fd), started = 0, done = 0;
    int64_t start = bench_now_ns();
    for (unsigned i = 0; i < DEPTH && started < bench->n; i++, started++)
        start_read(&ring, fd, blocks + i * BLOCK, i, next_offset(&random, count));
    while (done < bench->n) {
        struct io_uring_cqe *entries[DEPTH];
        io_uring_submit_and_wait(&ring, 1);
        unsigned n = io_uring_peek_batch_cqe(&ring, entries, DEPTH);
        for (unsigned k = 0; k < n; k++) {
            unsigned i = (unsigned)entries[k]->user_data;
            if (entries[k]->res != BLOCK)
                bench_fail("read", entries[k]->res);
            if (started < bench->n) {
                start_read(&ring, fd, blocks + i * BLOCK, i, next_offset(&random, count));
                started++;
            }
        }
        io_uring_cq_advance(&ring, n);
        done += n;
    }
    report_reads(bench, bench->n, bench_now_ns() - start, "io_uring");
}

static void read_file(const char *path)
{
    static char buffer[SMALL_MOST];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        bench_fail(path, errno);
    while ((n = read(fd, buffer, sizeof(buffer))) > 0)
        ;
    if (n < 0)
        bench_fail(path, errno);
    close(fd);
}

static void small_files(const struct bench *bench, int cold)
{
    long n = bench->n;
    char(*paths)[PATH_BYTES] = read_paths(prepare(bench, ""), &n);

    if (cold)
        prepare(bench, "cold");
    else
        for (long i = 0; i < n; i++)
            read_file(paths[i]); /* now they are in memory */
    int64_t start = cold ? bench_now_ns() : cpu_now_ns();
    for (long i = 0; i < n; i++)
        read_file(paths[i]);
    report_files(bench, n, (cold ? bench_now_ns() : cpu_now_ns()) - start, "");
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);

    if (strncmp(bench.name, "random", 6) == 0)
        random_reads(&bench);
    else
        small_files(&bench, strncmp(bench.name, "cold", 4) == 0);
    return 0;
}
