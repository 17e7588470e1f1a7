/* Boost.Fiber on its pooled stacks: fibers are created (launch::post, the default), then joined.
 * bench-flags: -lboost_fiber -lboost_context
 */
#include "bench.h"

#include <boost/fiber/all.hpp>
#include <boost/fiber/pooled_fixedsize_stack.hpp>
#include <memory>
#include <vector>

namespace fibers = boost::fibers;

static void batch_of(fibers::pooled_fixedsize_stack &stacks, std::vector<fibers::fiber> &all,
                     long batch)
{
    for (long i = 0; i < batch; i++)
        all.emplace_back(std::allocator_arg, stacks, [] {});
    for (fibers::fiber &fiber : all)
        fiber.join();
    all.clear();
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    long batch = bench_argument(&bench, 0, 1);
    long batches = bench.n / batch;
    fibers::pooled_fixedsize_stack stacks;
    std::vector<fibers::fiber> all;

    batch_of(stacks, all, batch);
    int64_t start = bench_now_ns();
    for (long i = 0; i < batches; i++)
        batch_of(stacks, all, batch);
    int64_t end = bench_now_ns();
    bench_report(bench.name, double(end - start) / double(batches * batch), "ns", batches * batch,
                 "");
    return 0;
}
