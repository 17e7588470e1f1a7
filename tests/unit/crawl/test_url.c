/* URLs: one form for all that mean the same. */
#include "url.h"

#include "test.h"

static void expect(const char *base, const char *link, const char *expected)
{
    char *url = NULL;
    CURLU *handle = url_base(base);
    assert_non_null(handle);
    assert_int_equal(url_resolve(handle, link, strlen(link), &url), URL_FINE);
    assert_string_equal(url, expected);
    free(url);
    curl_url_cleanup(handle);
}

static url_verdict verdict(const char *link)
{
    char *url = NULL;
    CURLU *handle = url_base("http://h/a/b");
    url_verdict result = url_resolve(handle, link, strlen(link), &url);
    free(url);
    curl_url_cleanup(handle);
    return result;
}

static void links_are_resolved_against_their_page(void **state)
{
    (void)state;
    expect("http://h/a/b", "c", "http://h/a/c");
    expect("http://h/a/b", "../c", "http://h/c");
    expect("http://h/a/b", "/c?d=e", "http://h/c?d=e");
    expect("http://h/a/b?c", "?d", "http://h/a/b?d");
    expect("http://h/a/b", "//other/c", "http://other/c");
    expect("https://h/a/b", "http://h/c", "http://h/c");
    expect("http://h/a/b", "", "http://h/a/b");
    expect("http://h", "c", "http://h/c");
}

static void urls_that_mean_the_same_are_the_same(void **state)
{
    (void)state;
    expect("http://h/", "HTTP://H:80/a/./b/../c", "http://h/a/c");
    expect("https://h/", "https://h:443", "https://h/");
    expect("http://h/", "/a#part", "http://h/a");
    expect("http://h/", "#part", "http://h/");
    expect("http://h/", "/%7euser/%c3%A9?x=%2f%41", "http://h/~user/%C3%A9?x=%2FA");
    expect("http://h/", " \n/a\tb\r\n/c  ", "http://h/ab/c");
    expect("http://h/", "/with space", "http://h/with%20space");
}

static void other_schemes_are_foreign(void **state)
{
    (void)state;
    assert_int_equal(verdict("mailto:a@b"), URL_FOREIGN);
    assert_int_equal(verdict("javascript:void(0)"), URL_FOREIGN);
    assert_int_equal(verdict("data:text/plain,x"), URL_FOREIGN);
    assert_int_equal(verdict("ftp://h/a"), URL_FOREIGN);
    assert_int_equal(verdict("tel:+1"), URL_FOREIGN);
    assert_int_equal(verdict("a:b"), URL_FOREIGN);
}

static void what_is_no_url_is_malformed(void **state)
{
    (void)state;
    assert_int_equal(verdict("http://"), URL_MALFORMED);
    assert_int_equal(verdict("http://h:port/"), URL_MALFORMED);
    assert_int_equal(verdict("http://h:99999/"), URL_MALFORMED);
}

static void a_start_url_may_lack_its_scheme(void **state)
{
    (void)state;
    char *url = NULL;
    assert_int_equal(url_from_user("www.Debian.org", &url), URL_FINE);
    assert_string_equal(url, "http://www.debian.org/");
    free(url);
    assert_int_equal(url_from_user("localhost:8080/a", &url), URL_FINE);
    assert_string_equal(url, "http://localhost:8080/a");
    free(url);
    assert_int_equal(url_from_user("ftp.debian.org", &url), URL_FINE);
    assert_string_equal(url, "http://ftp.debian.org/");
    free(url);
    assert_int_equal(url_from_user("ftp://ftp.debian.org", &url), URL_FOREIGN);
    assert_int_equal(url_from_user("", &url), URL_MALFORMED);
}

static void a_url_comes_apart(void **state)
{
    (void)state;
    char *origin = url_origin("https://h:8443/a?b");
    char *site = url_site("https://user:word@h:8443/a?b@c");
    assert_string_equal(origin, "https://h:8443");
    assert_string_equal(site, "h:8443");
    assert_string_equal(url_path("https://h/a/b?c"), "/a/b?c");
    free(origin);
    free(site);
}

static void no_link_breaks_it(void **state)
{
    (void)state;
    static const char *const pieces[] = {"http:", "//",   "h",  ":", "80",          "/",
                                         "..",    ".",    "?",  "#", "%",           "%4",
                                         "@",     "[",    "::", "]", " ",           "\t",
                                         "\\",    "\xff", "a",  "&", "javascript:", "\xe3\x83\x84"};
    unsigned random = 1;
    for (int round = 0; round < 20000; round++) {
        char link[256] = "";
        for (int i = 0; i < 8; i++) {
            random = random * 1103515245 + 12345;
            strcat(link, pieces[(random >> 16) % (sizeof(pieces) / sizeof(*pieces))]);
        }
        (void)verdict(link);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_are_resolved_against_their_page),
        cmocka_unit_test(urls_that_mean_the_same_are_the_same),
        cmocka_unit_test(other_schemes_are_foreign),
        cmocka_unit_test(what_is_no_url_is_malformed),
        cmocka_unit_test(a_start_url_may_lack_its_scheme),
        cmocka_unit_test(a_url_comes_apart),
        cmocka_unit_test(no_link_breaks_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
