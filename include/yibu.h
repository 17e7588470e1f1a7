/* Yibu: asyncio for C.  The umbrella header: includes the public headers and nothing else. */
#ifndef YIBU_H
#define YIBU_H

#include <yibu/address.h>
#include <yibu/alloc.h>
#include <yibu/async.h>
#include <yibu/barrier.h>
#include <yibu/base.h>
#include <yibu/cancel_scope.h>
#include <yibu/channel.h>
#include <yibu/concurrent_future.h>
#include <yibu/condition.h>
#include <yibu/error.h>
#include <yibu/event.h>
#include <yibu/future.h>
#include <yibu/group.h>
#include <yibu/io.h>
#include <yibu/iterator.h>
#include <yibu/layer.h>
#include <yibu/limiter.h>
#include <yibu/local.h>
#include <yibu/lock.h>
#include <yibu/loop.h>
#include <yibu/message.h>
#include <yibu/op.h>
#include <yibu/process_pool.h>
#include <yibu/queue.h>
#include <yibu/runner.h>
#include <yibu/rwlock.h>
#include <yibu/select.h>
#include <yibu/semaphore.h>
#include <yibu/server.h>
#include <yibu/signal.h>
#include <yibu/sim.h>
#include <yibu/stream.h>
#include <yibu/task.h>
#include <yibu/tcp.h>
#include <yibu/thread_pool.h>
#include <yibu/timeout.h>
#include <yibu/udp.h>
#include <yibu/unix.h>

#endif
