/* The version of the library, as opposed to that of the headers a program was built with. */
#include <yibu/base.h>

const char *yibu_version(void)
{
    return YIBU_STRINGIFY(YIBU_VERSION_MAJOR) "." YIBU_STRINGIFY(
        YIBU_VERSION_MINOR) "." YIBU_STRINGIFY(YIBU_VERSION_PATCH);
}
