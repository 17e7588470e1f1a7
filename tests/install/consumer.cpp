// The same from C++: the headers compile there, and an exception may cross a suspended task's turn.
#include <cstdio>
#include <stdexcept>
#include <string>

#include <yibu.h>

static intptr_t length(yibu_bytes input, yibu_buffer *)
{
    return static_cast<intptr_t>(
        std::string(static_cast<const char *>(input.data), input.size).size());
}
YIBU_JOB(length);

static intptr_t careful(void *arg)
{
    try {
        yibu_sleep(YIBU_MS(1));
        throw std::runtime_error(*static_cast<const std::string *>(arg));
    } catch (const std::exception &error) {
        yibu_sleep(YIBU_MS(1));
        return error.what() == *static_cast<const std::string *>(arg) ? 38 : -1;
    }
}

static intptr_t everywhere(void *arg)
{
    yibu_task *task = yibu_create_task(careful, arg, nullptr);
    std::string other = "other";
    intptr_t own = careful(&other);
    intptr_t result = yibu_await(task);
    yibu_task_unref(task);
    yibu_bytes input = {"yibu", 4};
    yibu_buffer unused = {};
    intptr_t size = yibu_to_process(&length_job, input, &unused, nullptr);
    yibu_buffer_free(&unused);
    return own == 38 ? result + size : -1;
}

int main()
{
    std::string message = "boom";
    intptr_t result = yibu_run(everywhere, &message, nullptr);
    std::printf("yibu %s: %ld\n", yibu_version(), static_cast<long>(result));
    return result == 42 ? 0 : 1;
}
