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

static YIBU_ASYNC(int, careful, std::string, message)
{
    try {
        yibu_sleep(YIBU_MS(1));
        throw std::runtime_error(message);
    } catch (const std::exception &error) {
        yibu_sleep(YIBU_MS(1));
        *ret = error.what() == message ? 38 : -1;
        return 0;
    }
}

static YIBU_ASYNC(intptr_t, everywhere, std::string, message)
{
    yibu_task *task = yibu_start(careful, message);
    int own = -1, result = -1;
    int failure = careful("other", &own);
    if (failure == 0)
        failure = careful_await(task, &result);
    yibu_task_unref(task);
    yibu_bytes input = {"yibu", 4};
    yibu_buffer unused = {};
    intptr_t size = yibu_to_process(&length_job, input, &unused, nullptr);
    yibu_buffer_free(&unused);
    *ret = own == 38 ? result + size : -1;
    return failure;
}

int main()
{
    intptr_t result = -1;
    if (everywhere_run(nullptr, "boom", &result) < 0)
        return 1;
    std::printf("yibu %s: %ld\n", yibu_version(), static_cast<long>(result));
    return result == 42 ? 0 : 1;
}
