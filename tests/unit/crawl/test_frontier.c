/* The frontier: what is visited, in which order, and where redirects lead. */
#include "frontier.h"

#include "test.h"

static struct frontier new_frontier(void)
{
    return (struct frontier){
        .limits = {.depth = 10, .max_pages = 100, .per_host = 2, .redirects = 5}};
}

static void learn_robots(struct frontier *frontier)
{
    struct host *host;
    while ((host = frontier_next_host(frontier))) {
        host->robots_state = ROBOTS_KNOWN;
        frontier_fetched(host);
    }
}

static struct page *next(struct frontier *frontier)
{
    struct page *page = frontier_next_page(frontier);
    assert_non_null(page);
    return page;
}

static void pages_of_the_start_hosts_are_visited_once(void **state)
{
    (void)state;
    struct frontier frontier = new_frontier();
    struct page *start = frontier_add_start(&frontier, "http://a/");
    assert_non_null(frontier_add_link(&frontier, "http://a/1", start));
    assert_ptr_equal(frontier_add_link(&frontier, "http://a/1", start),
                     frontier_add_link(&frontier, "http://a/1", start));
    assert_non_null(frontier_add_link(&frontier, "https://a/", start));
    assert_null(frontier_add_link(&frontier, "http://b/", start));
    assert_null(frontier_add_link(&frontier, "http://a:81/", start));
    assert_int_equal(frontier.count, 3);
    frontier_free(&frontier);
}

static void the_first_page_of_a_server_waits_for_its_robots(void **state)
{
    (void)state;
    struct frontier frontier = new_frontier();
    frontier_add_start(&frontier, "http://a/");
    assert_null(frontier_next_page(&frontier));
    struct host *host = frontier_next_host(&frontier);
    assert_string_equal(host->origin, "http://a");
    assert_null(frontier_next_host(&frontier));
    assert_null(frontier_next_page(&frontier));
    host->robots_state = ROBOTS_KNOWN;
    frontier_fetched(host);
    assert_non_null(frontier_next_page(&frontier));
    assert_null(frontier_next_page(&frontier));
    frontier_free(&frontier);
}

static void pages_come_in_the_order_they_were_found_in(void **state)
{
    (void)state;
    struct frontier frontier = new_frontier();
    struct page *start = frontier_add_start(&frontier, "http://a/");
    frontier_add_link(&frontier, "http://a/2", start);
    frontier_add_link(&frontier, "http://a/1", start);
    learn_robots(&frontier);
    const char *const expected[] = {"http://a/", "http://a/2", "http://a/1"};
    for (int i = 0; i < 3; i++) {
        struct page *page = next(&frontier);
        assert_string_equal(page->url, expected[i]);
        frontier_fetched(page->host);
    }
    frontier_free(&frontier);
}

static void servers_take_turns_and_none_gets_more_than_its_share(void **state)
{
    (void)state;
    struct frontier frontier = new_frontier();
    for (int i = 0; i < 3; i++) {
        char url[32];
        snprintf(url, sizeof(url), "http://a/%d", i);
        frontier_add_start(&frontier, url);
        snprintf(url, sizeof(url), "http://b/%d", i);
        frontier_add_start(&frontier, url);
    }
    learn_robots(&frontier);
    struct page *first = next(&frontier);
    struct page *second = next(&frontier);
    assert_ptr_not_equal(first->host, second->host);
    next(&frontier);
    next(&frontier);
    assert_null(frontier_next_page(&frontier));
    frontier_fetched(first->host);
    assert_ptr_equal(next(&frontier)->host, first->host);
    assert_null(frontier_next_page(&frontier));
    frontier_free(&frontier);
}

static void links_beyond_the_limits_are_counted_and_left(void **state)
{
    (void)state;
    struct frontier frontier = new_frontier();
    frontier.limits.depth = 1;
    frontier.limits.max_pages = 3;
    struct page *start = frontier_add_start(&frontier, "http://a/");
    struct page *child = frontier_add_link(&frontier, "http://a/1", start);
    assert_null(frontier_add_link(&frontier, "http://a/1/1", child));
    assert_int_equal(frontier.too_deep, 1);
    assert_non_null(frontier_add_link(&frontier, "http://a/2", start));
    assert_null(frontier_add_link(&frontier, "http://a/3", start));
    assert_int_equal(frontier.left_out, 1);
    assert_ptr_equal(frontier_add_link(&frontier, "http://a/1", start), child);
    frontier_free(&frontier);
}

static void referrers_are_remembered_once_a_page(void **state)
{
    (void)state;
    struct frontier frontier = new_frontier();
    struct page *start = frontier_add_start(&frontier, "http://a/");
    struct page *linked = frontier_add_link(&frontier, "http://a/1", start);
    frontier_add_link(&frontier, "http://a/1", start);
    assert_ptr_equal(linked->referrers->from, start);
    assert_null(linked->referrers->next);
    frontier_free(&frontier);
}

static void a_redirect_is_a_page_that_leads_to_another(void **state)
{
    (void)state;
    struct frontier frontier = new_frontier();
    struct page *start = frontier_add_start(&frontier, "http://a/");
    struct page *moved = frontier_add_link(&frontier, "http://a/old", start);
    frontier_add_redirect(&frontier, moved, "http://a/new");
    assert_int_equal(moved->outcome, PAGE_REDIRECT);
    assert_string_equal(moved->redirect_to->url, "http://a/new");
    assert_int_equal(moved->redirect_to->depth, moved->depth);
    assert_ptr_equal(moved->redirect_to->referrers->from, moved);
    frontier_free(&frontier);
}

static void a_redirect_to_another_site_ends_there(void **state)
{
    (void)state;
    struct frontier frontier = new_frontier();
    struct page *start = frontier_add_start(&frontier, "http://a/");
    struct page *moved = frontier_add_link(&frontier, "http://a/old", start);
    frontier_add_redirect(&frontier, moved, "http://b/");
    assert_int_equal(moved->outcome, PAGE_REDIRECT);
    assert_null(moved->redirect_to);
    assert_string_equal(moved->location, "http://b/");
    assert_int_equal(frontier.count, 2);
    frontier_free(&frontier);
}

static void a_start_url_that_moved_takes_the_crawl_with_it(void **state)
{
    (void)state;
    struct frontier frontier = new_frontier();
    struct page *start = frontier_add_start(&frontier, "http://a/");
    frontier_add_redirect(&frontier, start, "https://www.a/");
    assert_string_equal(start->redirect_to->url, "https://www.a/");
    assert_non_null(frontier_add_link(&frontier, "https://www.a/1", start->redirect_to));
    frontier_free(&frontier);
}

static void redirects_in_a_circle_are_broken(void **state)
{
    (void)state;
    struct frontier frontier = new_frontier();
    struct page *start = frontier_add_start(&frontier, "http://a/");
    struct page *one = frontier_add_link(&frontier, "http://a/1", start);
    struct page *itself = frontier_add_link(&frontier, "http://a/self", start);
    frontier_add_redirect(&frontier, one, "http://a/2");
    frontier_add_redirect(&frontier, one->redirect_to, "http://a/1");
    assert_int_equal(one->outcome, PAGE_REDIRECT);
    assert_int_equal(one->redirect_to->outcome, PAGE_BROKEN);
    assert_string_equal(one->redirect_to->reason, "redirect loop");
    frontier_add_redirect(&frontier, itself, "http://a/self");
    assert_int_equal(itself->outcome, PAGE_BROKEN);
    frontier_free(&frontier);
}

static void redirects_without_end_are_broken(void **state)
{
    (void)state;
    struct frontier frontier = new_frontier();
    struct page *start = frontier_add_start(&frontier, "http://a/");
    struct page *page = frontier_add_link(&frontier, "http://a/0", start);
    unsigned hops = 0;
    while (page->outcome != PAGE_BROKEN) {
        char url[32];
        snprintf(url, sizeof(url), "http://a/%u", ++hops);
        frontier_add_redirect(&frontier, page, url);
        page = page->redirect_to ? page->redirect_to : page;
    }
    assert_int_equal(hops, 6);
    assert_string_equal(page->reason, "more than 5 redirects");
    frontier_free(&frontier);
}

static void a_link_that_is_no_url_is_a_broken_page(void **state)
{
    (void)state;
    struct frontier frontier = new_frontier();
    struct page *start = frontier_add_start(&frontier, "http://a/");
    frontier_add_malformed(&frontier, "http://", start);
    frontier_add_malformed(&frontier, "http://", start);
    assert_int_equal(frontier.count, 2);
    assert_int_equal(frontier.pages[1]->outcome, PAGE_BROKEN);
    assert_int_equal(frontier.waiting, 1);
    frontier_free(&frontier);
}

static void robots_that_cannot_be_read_forbid_everything(void **state)
{
    (void)state;
    struct frontier frontier = new_frontier();
    struct page *start = frontier_add_start(&frontier, "http://a/");
    struct page *other = frontier_add_start(&frontier, "http://b/");
    start->host->robots_failure = strdup("robots.txt answered 503");
    other->host->robots_failure = strdup("connection refused");
    other->host->unreachable = true;
    assert_false(frontier_allows(start));
    assert_int_equal(start->outcome, PAGE_FORBIDDEN);
    assert_false(frontier_allows(other));
    assert_int_equal(other->outcome, PAGE_BROKEN);
    frontier_free(&frontier);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_the_start_hosts_are_visited_once),
        cmocka_unit_test(the_first_page_of_a_server_waits_for_its_robots),
        cmocka_unit_test(pages_come_in_the_order_they_were_found_in),
        cmocka_unit_test(servers_take_turns_and_none_gets_more_than_its_share),
        cmocka_unit_test(links_beyond_the_limits_are_counted_and_left),
        cmocka_unit_test(referrers_are_remembered_once_a_page),
        cmocka_unit_test(a_redirect_is_a_page_that_leads_to_another),
        cmocka_unit_test(a_redirect_to_another_site_ends_there),
        cmocka_unit_test(a_start_url_that_moved_takes_the_crawl_with_it),
        cmocka_unit_test(redirects_in_a_circle_are_broken),
        cmocka_unit_test(redirects_without_end_are_broken),
        cmocka_unit_test(a_link_that_is_no_url_is_a_broken_page),
        cmocka_unit_test(robots_that_cannot_be_read_forbid_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
