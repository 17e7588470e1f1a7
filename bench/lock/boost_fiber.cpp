/* Boost.Fiber's mutex.  It has no semaphore.
 * bench-flags: -lboost_fiber -lboost_context
 */
#include "bench.h"

#include <boost/fiber/all.hpp>

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    boost::fibers::mutex mutex;

    if (bench.argc > 0 && strcmp(bench.argv[0], "lock") != 0) {
        fprintf(stderr, "Boost.Fiber has no semaphore\n");
        return 1;
    }
    int64_t start = bench_now_ns();
    for (long i = 0; i < bench.n; i++) {
        mutex.lock();
        mutex.unlock();
    }
    int64_t end = bench_now_ns();
    bench_report(bench.name, double(end - start) / double(bench.n), "ns", bench.n, "");
    return 0;
}
