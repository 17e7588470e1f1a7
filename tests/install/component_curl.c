/* A program that uses an extension: the component's header and library come with their own. */
#include <stdio.h>

#include <yibu.h>
#include <yibu/curl.h>

static intptr_t fetch(void *arg)
{
    CURL *easy = curl_easy_init();
    if (!easy)
        return -1;
    curl_easy_setopt(easy, CURLOPT_URL, arg);
    intptr_t result = yibu_curl_perform(easy);
    curl_easy_cleanup(easy);
    return result;
}

int main(void)
{
    char url[] = "file:///dev/null";
    intptr_t result = yibu_run(fetch, url, NULL);
    printf("%ld\n", (long)result);
    return result == 0 ? 0 : 1;
}
