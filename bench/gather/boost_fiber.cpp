/* Boost.Fiber: a batch of fibers, each behind a future, on pooled stacks.
 * bench-flags: -lboost_fiber -lboost_context
 */
#include "bench.h"

#include <boost/fiber/all.hpp>
#include <boost/fiber/pooled_fixedsize_stack.hpp>
#include <memory>
#include <vector>

namespace fibers = boost::fibers;

static void gather(fibers::pooled_fixedsize_stack &stacks, std::vector<fibers::future<long>> &all,
                   std::vector<long> &results)
{
    for (size_t i = 0; i < results.size(); i++) {
        fibers::packaged_task<long()> task([i] { return (long)i; });
        all.push_back(task.get_future());
        fibers::fiber(std::allocator_arg, stacks, std::move(task)).detach();
    }
    for (size_t i = 0; i < results.size(); i++)
        results[i] = all[i].get();
    all.clear();
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    long size = bench_argument(&bench, 0, 1000);
    long batches = bench.n / size;
    fibers::pooled_fixedsize_stack stacks;
    std::vector<fibers::future<long>> all;
    std::vector<long> results((size_t)size);

    gather(stacks, all, results);
    int64_t start = bench_now_ns();
    for (long i = 0; i < batches; i++)
        gather(stacks, all, results);
    int64_t end = bench_now_ns();
    bench_report(bench.name, double(end - start) / double(batches * size), "ns", batches * size,
                 "");
    return 0;
}
