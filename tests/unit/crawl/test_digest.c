/* What is computed of a page, and the archive that the pieces make. */
#include "digest.h"

#include <errno.h>

#include <archive.h>
#include <archive_entry.h>

#include "tar.h"
#include "test.h"

static yibu_buffer compute(const char *name, const char *text, const char *content, unsigned level)
{
    struct digest_request request = {.modified_s = 1000000000, .level = level};
    struct digester digester = {0};
    yibu_buffer input = {0};
    yibu_buffer output = {0};
    assert_int_equal(digest_pack(&input, &request, name, (yibu_bytes){text, strlen(text)},
                                 (yibu_bytes){content, strlen(content)}),
                     0);
    assert_int_equal(digest_compute(&digester, (yibu_bytes){input.data, input.size}, &output), 0);
    yibu_buffer_free(&input);
    digester_free(&digester);
    return output;
}

static void the_digest_is_sha_256(void **state)
{
    (void)state;
    static const uint8_t expected[4] = {0xba, 0x78, 0x16, 0xbf}; /* FIPS 180-2, "abc" */
    yibu_buffer output = compute("n", "", "abc", 0);
    struct digest_result result;
    yibu_bytes frame;
    assert_int_equal(digest_unpack((yibu_bytes){output.data, output.size}, &result, &frame), 0);
    assert_memory_equal(result.sha256, expected, sizeof(expected));
    assert_int_equal(result.fingerprint, 0);
    assert_int_equal(frame.size, 0);
    yibu_buffer_free(&output);
}

static void input_that_was_not_packed_is_refused(void **state)
{
    (void)state;
    struct digester digester = {0};
    yibu_buffer input = {0};
    yibu_buffer output = {0};
    struct digest_request request = {.level = 1};
    assert_int_equal(digest_pack(&input, &request, "name", (yibu_bytes){"text", 4},
                                 (yibu_bytes){"content", 7}),
                     0);
    for (size_t size = 0; size < sizeof(request) + 5 + 4; size++)
        assert_int_equal(digest_compute(&digester, (yibu_bytes){input.data, size}, &output),
                         -EINVAL);
    memset(input.data, 0xff, input.size);
    assert_int_equal(digest_compute(&digester, (yibu_bytes){input.data, input.size}, &output),
                     -EINVAL);
    yibu_buffer_free(&input);
    yibu_buffer_free(&output);
    digester_free(&digester);
}

/* --- archives --------------------------------------------------------------------------------- */

static void add_entry(yibu_buffer *archive, const char *name, const char *content)
{
    yibu_buffer output = compute(name, "", content, 3);
    struct digest_result result;
    yibu_bytes frame;
    assert_int_equal(digest_unpack((yibu_bytes){output.data, output.size}, &result, &frame), 0);
    assert_int_equal(yibu_buffer_append(archive, frame.data, frame.size), 0);
    yibu_buffer_free(&output);
}

static void add_end(yibu_buffer *archive)
{
    struct digester digester = {0};
    yibu_buffer end = {0};
    assert_int_equal(tar_append_end(&end), 0);
    assert_int_equal(digest_compress(&digester, (yibu_bytes){end.data, end.size}, 1, archive), 0);
    yibu_buffer_free(&end);
    digester_free(&digester);
}

static struct archive *open_archive(const yibu_buffer *bytes)
{
    struct archive *reader = archive_read_new();
    archive_read_support_filter_zstd(reader);
    archive_read_support_format_tar(reader);
    assert_int_equal(archive_read_open_memory(reader, bytes->data, bytes->size), ARCHIVE_OK);
    return reader;
}

static void expect_entry(struct archive *reader, const char *name, const char *content)
{
    struct archive_entry *entry;
    char buffer[2048] = "";
    assert_int_equal(archive_read_next_header(reader, &entry), ARCHIVE_OK);
    assert_string_equal(archive_entry_pathname(entry), name);
    assert_int_equal(archive_entry_size(entry), strlen(content));
    assert_int_equal(archive_entry_mtime(entry), 1000000000);
    assert_int_equal(archive_read_data(reader, buffer, sizeof(buffer)), strlen(content));
    assert_string_equal(buffer, content);
}

static void frames_one_after_another_are_an_archive(void **state)
{
    (void)state;
    yibu_buffer archive = {0};
    char long_name[600];
    char block[513];
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    memset(block, 'b', sizeof(block) - 1);
    block[sizeof(block) - 1] = '\0';
    add_entry(&archive, "host/index.html", "hello");
    add_entry(&archive, long_name, "");
    add_entry(&archive, "host/block", block);
    add_end(&archive);
    struct archive *reader = open_archive(&archive);
    struct archive_entry *entry;
    expect_entry(reader, "host/index.html", "hello");
    expect_entry(reader, long_name, "");
    expect_entry(reader, "host/block", block);
    assert_int_equal(archive_read_next_header(reader, &entry), ARCHIVE_EOF);
    archive_read_free(reader);
    yibu_buffer_free(&archive);
}

static void an_entry_fills_whole_blocks_and_ends_no_archive(void **state)
{
    (void)state;
    yibu_buffer archive = {0};
    assert_int_equal(tar_append_entry(&archive, "a", 0, (yibu_bytes){"x", 1}), 0);
    assert_int_equal(archive.size, 1024);
    assert_int_equal(tar_append_entry(&archive, "b", 0, (yibu_bytes){"", 0}), 0);
    assert_int_equal(archive.size, 1536);
    yibu_buffer_free(&archive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_digest_is_sha_256),
        cmocka_unit_test(input_that_was_not_packed_is_refused),
        cmocka_unit_test(frames_one_after_another_are_an_archive),
        cmocka_unit_test(an_entry_fills_whole_blocks_and_ends_no_archive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
