/* uv_queue_work on a pool of one thread; libuv.c has the default, four.
 * bench-packages: libuv
 * bench-backend: epoll
 */
#define main main_of_libuv
#include "libuv.c"
#undef main

int main(int argc, char **argv)
{
    setenv("UV_THREADPOOL_SIZE", "1", 1);
    return main_of_libuv(argc, argv);
}
