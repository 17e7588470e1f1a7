/* Boost.Fiber: fibers with the default round-robin scheduler.
 * bench-flags: -lboost_fiber -lboost_context
 */
#include "bench.h"

#include <boost/fiber/all.hpp>
#include <vector>

namespace fibers = boost::fibers;

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    long tasks = bench_argument(&bench, 0, 2);
    long turns = bench.n / tasks;
    std::vector<fibers::fiber> all;

    for (long i = 0; i < tasks; i++)
        all.emplace_back([turns] {
            for (long turn = 0; turn < turns; turn++)
                boost::this_fiber::yield();
        });
    boost::this_fiber::yield();
    boost::this_fiber::yield();
    int64_t start = bench_now_ns();
    for (fibers::fiber &fiber : all)
        fiber.join();
    int64_t end = bench_now_ns();
    bench_report(bench.name, double(end - start) / double(turns * tasks), "ns", turns * tasks, "");
    return 0;
}
