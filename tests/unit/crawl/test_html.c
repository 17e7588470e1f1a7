/* HTML: the links and the text of any octets. */
#include "html.h"

#include <errno.h>
#include <time.h>

#include "test.h"

static struct html_page parse(const char *source)
{
    struct html_page page;
    assert_int_equal(html_parse(source, strlen(source), "http://h/dir/page", &page), 0);
    return page;
}

static void expect_links(const char *source, const char *const *expected, size_t count)
{
    struct html_page page = parse(source);
    assert_int_equal(page.links.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(page.links.items[i], expected[i]);
    html_page_free(&page);
}

#define EXPECT_LINKS(source, ...)                            \
    expect_links(source, (const char *const[]){__VA_ARGS__}, \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void links_come_in_the_order_of_the_page(void **state)
{
    (void)state;
    EXPECT_LINKS("<link rel=stylesheet href=a.css><script src=b.js></script>"
                 "<a href=c>c</a><img src=d srcset='e 1x, f,g 2x,/h'><iframe src=i></iframe>"
                 "<video src=j poster=k></video><object data=l></object>",
                 "http://h/dir/a.css", "http://h/dir/b.js", "http://h/dir/c", "http://h/dir/d",
                 "http://h/dir/e", "http://h/dir/f,g", "http://h/h", "http://h/dir/i",
                 "http://h/dir/j", "http://h/dir/k", "http://h/dir/l");
}

static void the_first_base_counts(void **state)
{
    (void)state;
    EXPECT_LINKS("<base href=/other/><base href=/third/><a href=a>a</a>", "http://h/other/a");
}

static void a_refresh_is_a_link(void **state)
{
    (void)state;
    EXPECT_LINKS("<meta http-equiv=Refresh content=\"5; URL='next'\">", "http://h/dir/next");
}

static void places_in_the_page_and_hints_are_no_links(void **state)
{
    (void)state;
    struct html_page page = parse("<link rel=preconnect href=//cdn><a href='#here'>here</a>"
                                  "<a href=mailto:a@b>mail</a><a>nowhere</a>");
    assert_int_equal(page.links.count, 0);
    html_page_free(&page);
}

static void links_that_are_no_urls_are_told(void **state)
{
    (void)state;
    struct html_page page = parse("<a href='http://'>oops</a>");
    assert_int_equal(page.malformed.count, 1);
    assert_string_equal(page.malformed.items[0], "http://");
    html_page_free(&page);
}

static void text_is_what_a_reader_sees(void **state)
{
    (void)state;
    struct html_page page = parse("<title>T</title><style>s{}</style><script>x()</script>"
                                  "<p>one <b>two</b>&amp;three</p><!-- four -->");
    assert_true(page.text.size > 0);
    assert_int_equal(yibu_buffer_append(&page.text, "", 1), 0);
    assert_string_equal(page.text.data, "T one  two &three ");
    html_page_free(&page);
}

static void malformed_pages_are_read_as_browsers_do(void **state)
{
    (void)state;
    EXPECT_LINKS("<a href=one<p></table><a href='two'><b></i></a ><td><a href=\"three",
                 "http://h/dir/one%3Cp", "http://h/dir/two");
}

static void a_page_of_nul_bytes_has_no_links(void **state)
{
    (void)state;
    static const char zeros[100000];
    struct html_page page;
    assert_int_equal(html_parse(zeros, sizeof(zeros), "http://h/", &page), 0);
    assert_int_equal(page.links.count, 0);
    html_page_free(&page);
    assert_int_equal(html_parse(NULL, 0, "http://h/", &page), 0);
    html_page_free(&page);
}

static void links_have_a_limit(void **state)
{
    (void)state;
    static const char link[] = "<a href=x>";
    size_t size = (HTML_MAX_LINKS + 100) * (sizeof(link) - 1);
    char *source = malloc(size);
    struct html_page page;
    assert_non_null(source);
    for (size_t i = 0; i < size; i++)
        source[i] = link[i % (sizeof(link) - 1)];
    int r = html_parse(source, size, "http://h/", &page);
    if (r == 0) {
        assert_int_equal(page.links.count, HTML_MAX_LINKS);
        html_page_free(&page);
    } else {
        assert_int_equal(r, -E2BIG); /* a slow machine, or an instrumented program */
    }
    free(source);
}

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Elements inside each other make the parser's time quadratic, and a recursive walk overflow. */
static void a_page_too_tangled_is_given_up(void **state)
{
    (void)state;
    size_t count = 1000000;
    char *source = malloc(count * 5);
    struct html_page page;
    assert_non_null(source);
    for (size_t i = 0; i < count; i++)
        memcpy(source + 5 * i, "<div>", 5);
    double start = cpu_s();
    assert_int_equal(html_parse(source, count * 5, "http://h/", &page), -E2BIG);
    assert_true(cpu_s() - start < 10);
    free(source);
}

static void a_deep_page_is_walked_without_a_deep_stack(void **state)
{
    (void)state;
    size_t count = 5000;
    char *source = malloc(count * 5 + 32);
    struct html_page page;
    assert_non_null(source);
    for (size_t i = 0; i < count; i++)
        memcpy(source + 5 * i, "<div>", 5);
    strcpy(source + count * 5, "<a href=deep>deep</a>");
    assert_int_equal(html_parse(source, strlen(source), "http://h/", &page), 0);
    assert_int_equal(page.links.count, 1);
    html_page_free(&page);
    free(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_come_in_the_order_of_the_page),
        cmocka_unit_test(the_first_base_counts),
        cmocka_unit_test(a_refresh_is_a_link),
        cmocka_unit_test(places_in_the_page_and_hints_are_no_links),
        cmocka_unit_test(links_that_are_no_urls_are_told),
        cmocka_unit_test(text_is_what_a_reader_sees),
        cmocka_unit_test(malformed_pages_are_read_as_browsers_do),
        cmocka_unit_test(a_page_of_nul_bytes_has_no_links),
        cmocka_unit_test(links_have_a_limit),
        cmocka_unit_test(a_page_too_tangled_is_given_up),
        cmocka_unit_test(a_deep_page_is_walked_without_a_deep_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
