/* Boost.Fiber's buffered channel, which holds one item less than its capacity, a power of two; the
 * unbuffered one stands for capacity 1.
 * bench-flags: -lboost_fiber -lboost_context
 */
#include "bench.h"

#include <boost/fiber/all.hpp>

namespace fibers = boost::fibers;

template <typename Channel> static void pass(Channel &channel, long n)
{
    fibers::fiber putter([&channel, n] {
        for (long i = 0; i < n; i++)
            channel.push(i);
    });
    for (long i = 0; i < n; i++)
        if (channel.value_pop() != i)
            bench_fail("value_pop", EBADMSG);
    putter.join();
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    long capacity = bench_argument(&bench, 0, 128);
    fibers::buffered_channel<long> buffered(capacity > 1 ? (size_t)capacity : 2);
    fibers::unbuffered_channel<long> unbuffered;
    int64_t start = bench_now_ns();
    if (capacity > 1)
        pass(buffered, bench.n);
    else
        pass(unbuffered, bench.n);
    int64_t end = bench_now_ns();
    bench_report(bench.name, double(end - start) / double(bench.n), "ns", bench.n, "");
    return 0;
}
