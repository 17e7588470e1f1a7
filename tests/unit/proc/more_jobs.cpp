// Jobs in C++, one of them in a namespace.
#include <yibu.h>

#include <string>

namespace
{
intptr_t job_in_cpp(yibu_bytes, yibu_buffer *)
{
    return 3;
}
YIBU_JOB(job_in_cpp);
} // namespace

namespace shop
{
static intptr_t greet(yibu_bytes input, yibu_buffer *output)
{
    std::string text = "hello " + std::string(static_cast<const char *>(input.data), input.size);
    return yibu_buffer_append(output, text.data(), text.size());
}
YIBU_JOB(greet);
} // namespace shop
