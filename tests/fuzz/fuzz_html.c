/* Pages of any octets: every link that is found is a URL in normal form, which means that it is the
 * same when it is resolved once more. */
#include "check.h"
#include "html.h"
#include "url.h"

static void check_link(const char *link)
{
    char *again = NULL;
    CHECK(strncmp(link, "http://", 7) == 0 || strncmp(link, "https://", 8) == 0);
    CHECK(!strchr(link, '#'));
    CHECK(url_resolve(NULL, link, strlen(link), &again) == URL_FINE);
    CHECK(strcmp(again, link) == 0);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct html_page page;
    if (html_parse((const char *)data, size, "http://host.example/folder/page?query", &page) < 0)
        return 0;
    for (size_t i = 0; i < page.links.count; i++)
        check_link(page.links.items[i]);
    html_page_free(&page);
    return 0;
}
