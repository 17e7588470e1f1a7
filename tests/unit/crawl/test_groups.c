/* Pages that are alike are found, whatever bits they differ in. */
#include "groups.h"

#include "test.h"

static struct crawl crawl;

static struct page *add(const char *url, uint8_t content, uint64_t fingerprint)
{
    crawl.frontier.limits = (struct frontier_limits){.depth = 1, .max_pages = 100000};
    struct page *page = frontier_add_start(&crawl.frontier, url);
    assert_non_null(page);
    page->digested = true;
    page->size = 1;
    page->digest.sha256[0] = content;
    page->digest.fingerprint = fingerprint;
    return page;
}

static struct report find(void)
{
    struct report report = {.crawl = &crawl};
    assert_int_equal(groups_find(&report), 0);
    return report;
}

static void done(struct report *report)
{
    report_free(report);
    frontier_free(&crawl.frontier);
    crawl = (struct crawl){0};
}

static void pages_of_the_same_content_are_a_group(void **state)
{
    (void)state;
    add("http://h/b", 1, 0);
    add("http://h/a", 1, 0);
    add("http://h/c", 2, 0);
    struct report report = find();
    assert_int_equal(report.group_count, 1);
    assert_int_equal(report.exact_count, 1);
    assert_int_equal(report.groups[0].pages.count, 2);
    assert_string_equal(report.groups[0].pages.pages[0]->url, "http://h/a");
    done(&report);
}

static void empty_pages_are_no_group(void **state)
{
    (void)state;
    add("http://h/a", 1, 0)->size = 0;
    add("http://h/b", 1, 0)->size = 0;
    struct report report = find();
    assert_int_equal(report.group_count, 0);
    assert_null(report_near_groups(&report));
    done(&report);
}

static void three_bits_are_near_wherever_they_are(void **state)
{
    (void)state;
    const uint64_t print = 0x123456789abcdef0;
    for (unsigned i = 0; i < 64; i++)
        for (unsigned j = i; j < 64; j += 5)
            for (unsigned k = j; k < 64; k += 7) {
                add("http://h/a", 1, print);
                add("http://h/b", 2, print ^ 1ULL << i ^ 1ULL << j ^ 1ULL << k);
                struct report report = find();
                assert_int_equal(report.group_count, 1);
                assert_int_equal(report.exact_count, 0);
                done(&report);
            }
}

static void four_bits_are_far(void **state)
{
    (void)state;
    add("http://h/a", 1, 0xf0f0f0f0f0f0f0f0);
    add("http://h/b", 2, 0xf0f0f0f0f0f0f0f0 ^ 0x0001000100010001);
    struct report report = find();
    assert_int_equal(report.group_count, 0);
    done(&report);
}

static void neighbours_of_neighbours_join(void **state)
{
    (void)state;
    add("http://h/a", 1, 0xff00);
    add("http://h/b", 2, 0xff07);
    add("http://h/c", 3, 0xff3f);
    add("http://h/d", 4, 0xffffffff00000000);
    struct report report = find();
    assert_int_equal(report.group_count, 1);
    assert_int_equal(report.groups[0].pages.count, 3);
    done(&report);
}

static void copies_stand_for_one_among_the_near(void **state)
{
    (void)state;
    add("http://h/a", 1, 0xff00);
    add("http://h/b", 1, 0xff00);
    add("http://h/c", 2, 0xff01);
    struct report report = find();
    assert_int_equal(report.group_count, 2);
    assert_int_equal(report.exact_count, 1);
    assert_int_equal(report_near_groups(&report)->pages.count, 2);
    done(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_the_same_content_are_a_group),
        cmocka_unit_test(empty_pages_are_no_group),
        cmocka_unit_test(three_bits_are_near_wherever_they_are),
        cmocka_unit_test(four_bits_are_far),
        cmocka_unit_test(neighbours_of_neighbours_join),
        cmocka_unit_test(copies_stand_for_one_among_the_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
