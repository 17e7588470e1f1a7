/* Boost.Context's fiber, a context switch without a scheduler: a loop resumes N fibers in turn,
 * and each switches back, so that one turn of a fiber is two switches.
 * bench-flags: -lboost_context
 */
#include "bench.h"

#include <boost/context/fiber.hpp>
#include <vector>

namespace ctx = boost::context;

static ctx::fiber yielder(ctx::fiber &&main)
{
    for (;;)
        main = std::move(main).resume();
    return std::move(main);
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    long tasks = bench_argument(&bench, 0, 2);
    long rounds = bench.n / (tasks * 2);
    std::vector<ctx::fiber> fibers;

    for (long i = 0; i < tasks; i++) {
        fibers.emplace_back(yielder);
        fibers.back() = std::move(fibers.back()).resume();
    }
    int64_t start = bench_now_ns();
    for (long round = 0; round < rounds; round++)
        for (ctx::fiber &fiber : fibers)
            fiber = std::move(fiber).resume();
    int64_t end = bench_now_ns();
    long switches = rounds * tasks * 2;
    bench_report(bench.name, double(end - start) / double(switches), "ns", switches, "");
    return 0;
}
