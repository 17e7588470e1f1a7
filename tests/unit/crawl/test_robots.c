/* robots.txt: RFC 9309's rules, and files made to hurt. */
#include "robots.h"

#include "test.h"

static bool allows(const char *text, const char *path)
{
    struct robots *rules = robots_parse(text, strlen(text), "yibu-crawl");
    assert_non_null(rules);
    bool allowed = robots_allow(rules, path);
    robots_free(rules);
    return allowed;
}

static void an_empty_file_allows_everything(void **state)
{
    (void)state;
    assert_true(allows("", "/"));
    assert_true(allows("# nothing but a comment", "/a"));
    assert_true(allows("Disallow: /", "/a")); /* belongs to no group */
}

static void a_group_for_everyone_applies_where_none_names_us(void **state)
{
    (void)state;
    const char *text = "User-agent: *\nDisallow: /private/\n";
    assert_false(allows(text, "/private/a"));
    assert_true(allows(text, "/private"));
    assert_true(allows(text, "/public"));
}

static void a_group_that_names_us_replaces_the_one_for_everyone(void **state)
{
    (void)state;
    const char *text = "User-agent: *\nDisallow: /\n\nUser-Agent: Yibu-Crawl/2.0\nDisallow: /no\n";
    assert_true(allows(text, "/yes"));
    assert_false(allows(text, "/no"));
}

static void a_group_that_names_us_and_has_no_rules_allows_everything(void **state)
{
    (void)state;
    assert_true(allows("User-agent: yibu-crawl\n\nUser-agent: *\nDisallow: /\n", "/") == false);
    assert_true(allows("User-agent: yibu-crawl\nDisallow:\nUser-agent: *\nDisallow: /\n", "/a"));
}

static void groups_that_name_us_are_one(void **state)
{
    (void)state;
    const char *text = "User-agent: yibu-crawl\nDisallow: /a\n"
                       "User-agent: other\nDisallow: /b\n"
                       "User-agent: yibu-crawl\nDisallow: /c\n";
    assert_false(allows(text, "/a"));
    assert_true(allows(text, "/b"));
    assert_false(allows(text, "/c"));
}

static void user_agent_lines_in_a_row_share_the_rules(void **state)
{
    (void)state;
    const char *text = "User-agent: other\nUser-agent: yibu-crawl\nSitemap: /map\nDisallow: /a\n";
    assert_false(allows(text, "/a"));
}

static void a_longer_name_is_not_ours(void **state)
{
    (void)state;
    assert_true(allows("User-agent: yibu-crawler\nDisallow: /\n", "/"));
    assert_true(allows("User-agent: yibu\nDisallow: /\n", "/"));
}

static void the_longest_match_wins_and_allow_wins_a_tie(void **state)
{
    (void)state;
    const char *text = "User-agent: *\nDisallow: /a\nAllow: /a/b\nDisallow: /a/b/c\n";
    assert_false(allows(text, "/a/x"));
    assert_true(allows(text, "/a/b/x"));
    assert_false(allows(text, "/a/b/c"));
    assert_true(allows("User-agent: *\nDisallow: /a\nAllow: /a\n", "/a"));
    assert_true(allows("User-agent: *\nAllow: /a\nDisallow: /a\n", "/a"));
}

static void stars_and_dollars_are_special(void **state)
{
    (void)state;
    const char *text = "User-agent: *\nDisallow: /*.gif$\nDisallow: /a*b*c\nDisallow: /end$\n";
    assert_false(allows(text, "/x/y.gif"));
    assert_true(allows(text, "/x/y.gif?size=1"));
    assert_false(allows(text, "/a-b-c-d"));
    assert_false(allows(text, "/abbbc"));
    assert_true(allows(text, "/a-c-b"));
    assert_false(allows(text, "/end"));
    assert_true(allows(text, "/ending"));
    assert_false(allows("User-agent: *\nDisallow: *\n", "/anything"));
    assert_false(allows("User-agent: *\nDisallow: /x*$\n", "/xyz"));
}

/* The examples of section 2.2.2. */
static void escapes_match_whatever_way_they_are_written(void **state)
{
    (void)state;
    assert_false(allows("User-agent: *\nDisallow: /foo/bar/%62%61%7A\n", "/foo/bar/baz"));
    assert_false(allows("User-agent: *\nDisallow: /foo/bar/\xe3\x83\x84\n", "/foo/bar/%E3%83%84"));
    assert_false(allows("User-agent: *\nDisallow: /foo/bar/%e3%83%84\n", "/foo/bar/%E3%83%84"));
}

static void line_ends_spaces_comments_and_a_byte_order_mark_do_not_matter(void **state)
{
    (void)state;
    assert_false(allows("\xef\xbb\xbfUser-agent: *\r\nDisallow: /a # not this\r\n", "/a"));
    assert_false(allows("user-AGENT \t: * \rDISALLOW\t:/a\r", "/a"));
}

static void robots_txt_itself_is_always_allowed(void **state)
{
    (void)state;
    assert_true(allows("User-agent: *\nDisallow: /\n", "/robots.txt"));
}

static void no_more_than_the_limit_is_read(void **state)
{
    (void)state;
    size_t size = ROBOTS_MAX_BYTES + 64;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, '\n', size);
    memcpy(text, "User-agent: *\n", 14);
    memcpy(text + ROBOTS_MAX_BYTES + 1, "Disallow: /", 11);
    struct robots *rules = robots_parse(text, size, "yibu-crawl");
    assert_true(robots_allow(rules, "/a"));
    robots_free(rules);
    free(text);
}

static void many_stars_take_no_exponential_time(void **state)
{
    (void)state;
    char text[2200] = "User-agent: *\nDisallow: /";
    char path[4096];
    for (int i = 0; i < 1000; i++)
        strcat(text, "*a");
    strcat(text, "b\n");
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    assert_true(allows(text, path));
}

/* Pieces that mean something, put together at random, from seeds that never change. */
static void no_file_and_no_path_break_the_parser(void **state)
{
    (void)state;
    static const char *const pieces[] = {"User-agent:",  "Disallow:", "Allow:", "*",  "$",   "/",
                                         "yibu-crawl",   "\n",        "\r\n",   " ",  "#",   "%4",
                                         "%41",          "%zz",       "a",      ":",  "\t",  "\xff",
                                         "\xef\xbb\xbf", "Sitemap:",  "/a/b",   "**", "*$*", "%"};
    unsigned random = 1;
    for (int round = 0; round < 20000; round++) {
        char text[512] = "";
        char path[128] = "/";
        for (int i = 0; i < 24; i++) {
            random = random * 1103515245 + 12345;
            strcat(text, pieces[(random >> 16) % (sizeof(pieces) / sizeof(*pieces))]);
        }
        for (int i = 0; i < 4; i++) {
            random = random * 1103515245 + 12345;
            strcat(path, pieces[(random >> 16) % (sizeof(pieces) / sizeof(*pieces))]);
        }
        char *exact = strndup(text, strlen(text)); /* so that reading beyond its end is seen */
        struct robots *rules = robots_parse(exact, strlen(text), "yibu-crawl");
        assert_non_null(rules);
        (void)robots_allow(rules, path);
        robots_free(rules);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_allows_everything),
        cmocka_unit_test(a_group_for_everyone_applies_where_none_names_us),
        cmocka_unit_test(a_group_that_names_us_replaces_the_one_for_everyone),
        cmocka_unit_test(a_group_that_names_us_and_has_no_rules_allows_everything),
        cmocka_unit_test(groups_that_name_us_are_one),
        cmocka_unit_test(user_agent_lines_in_a_row_share_the_rules),
        cmocka_unit_test(a_longer_name_is_not_ours),
        cmocka_unit_test(the_longest_match_wins_and_allow_wins_a_tie),
        cmocka_unit_test(stars_and_dollars_are_special),
        cmocka_unit_test(escapes_match_whatever_way_they_are_written),
        cmocka_unit_test(line_ends_spaces_comments_and_a_byte_order_mark_do_not_matter),
        cmocka_unit_test(robots_txt_itself_is_always_allowed),
        cmocka_unit_test(no_more_than_the_limit_is_read),
        cmocka_unit_test(many_stars_take_no_exponential_time),
        cmocka_unit_test(no_file_and_no_path_break_the_parser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
