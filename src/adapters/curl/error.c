/* libcurl's codes among Yibu's failures: YIBU_EADAPTER and the CURLcode below it. */
#include <yibu/curl.h>

const char *yibu_curl_strerror(intptr_t code)
{
    if (code <= YIBU_CURL_ERROR(0) && code > YIBU_CURL_ERROR(CURL_LAST))
        return curl_easy_strerror((CURLcode)(YIBU_EADAPTER - code));
    return yibu_strerror(code);
}
