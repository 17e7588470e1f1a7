/* Boost.Context's fiber on its pooled stacks, without a scheduler: each is entered once to its end.
 * A batch is entered only when all of its fibers exist.
 * bench-flags: -lboost_context
 */
#include "bench.h"

#include <boost/context/fiber.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <memory>
#include <vector>

namespace ctx = boost::context;

static void batch_of(ctx::pooled_fixedsize_stack &stacks, std::vector<ctx::fiber> &fibers,
                     long batch)
{
    for (long i = 0; i < batch; i++)
        fibers.emplace_back(std::allocator_arg, stacks,
                            [](ctx::fiber &&main) { return std::move(main); });
    for (ctx::fiber &fiber : fibers)
        std::move(fiber).resume();
    fibers.clear();
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    long batch = bench_argument(&bench, 0, 1);
    long batches = bench.n / batch;
    ctx::pooled_fixedsize_stack stacks;
    std::vector<ctx::fiber> fibers;

    batch_of(stacks, fibers, batch);
    int64_t start = bench_now_ns();
    for (long i = 0; i < batches; i++)
        batch_of(stacks, fibers, batch);
    int64_t end = bench_now_ns();
    bench_report(bench.name, double(end - start) / double(batches * batch), "ns", batches * batch,
                 "");
    return 0;
}
