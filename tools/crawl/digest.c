/* What is computed of a page: its SHA-256, its fingerprint, and its place in the archive.
 *
 * It goes from bytes to bytes, so that it can be a job of the process pool.  Archives are put
 * together from these pages' frames as they are: zstd frames one after another are a zstd stream
 * (RFC 8878, section 3), so each worker compresses an entry alone. */
#include "digest.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <zstd.h>

#include "fingerprint.h"
#include "memory.h"
#include "tar.h"

static int64_t monotonic_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int digest_pack(yibu_buffer *input, const struct digest_request *request, const char *name,
                yibu_bytes text, yibu_bytes content)
{
    struct digest_request head = *request;
    head.name_size = (uint32_t)strlen(name) + 1;
    head.text_size = text.size;
    int error =
        yibu_buffer_reserve(input, sizeof(head) + head.name_size + text.size + content.size);
    if (error < 0)
        return error;
    yibu_buffer_append(input, &head, sizeof(head));
    yibu_buffer_append(input, name, head.name_size);
    yibu_buffer_append(input, text.data, text.size);
    yibu_buffer_append(input, content.data, content.size);
    return 0;
}

struct parts {
    struct digest_request head;
    const char *name;
    yibu_bytes text;
    yibu_bytes content;
};

static int take_apart(yibu_bytes input, struct parts *ret_parts)
{
    struct parts parts;
    if (input.size < sizeof(parts.head))
        return -EINVAL;
    memcpy(&parts.head, input.data, sizeof(parts.head));
    size_t left = input.size - sizeof(parts.head);
    if (parts.head.name_size == 0 || parts.head.name_size > left ||
        parts.head.text_size > left - parts.head.name_size)
        return -EINVAL;
    parts.name = (const char *)input.data + sizeof(parts.head);
    if (parts.name[parts.head.name_size - 1] != '\0')
        return -EINVAL;
    parts.text = (yibu_bytes){parts.name + parts.head.name_size, parts.head.text_size};
    parts.content = (yibu_bytes){(const char *)parts.text.data + parts.text.size,
                                 left - parts.head.name_size - parts.head.text_size};
    *ret_parts = parts;
    return 0;
}

int digest_compress(struct digester *digester, yibu_bytes content, int level, yibu_buffer *output)
{
    if (!digester->compressor)
        digester->compressor = ZSTD_createCCtx();
    size_t bound = ZSTD_compressBound(content.size);
    if (!digester->compressor || yibu_buffer_reserve(output, bound) < 0)
        return -ENOMEM;
    size_t size = ZSTD_compressCCtx(digester->compressor, (char *)output->data + output->size,
                                    bound, content.data, content.size, level);
    if (ZSTD_isError(size))
        return -ENOMEM;
    output->size += size;
    return 0;
}

static int append_frame(struct digester *digester, const struct parts *parts, yibu_buffer *output)
{
    yibu_buffer entry = {0};
    int error = tar_append_entry(&entry, parts->name, parts->head.modified_s, parts->content);
    if (error == 0)
        error = digest_compress(digester, (yibu_bytes){entry.data, entry.size},
                                (int)parts->head.level, output);
    yibu_buffer_free(&entry);
    return error;
}

int digest_compute(struct digester *digester, yibu_bytes input, yibu_buffer *output)
{
    struct digest_result result = {.start_ns = monotonic_now(), .worker = getpid()};
    struct parts parts;
    int error = take_apart(input, &parts);
    if (error < 0)
        return error;
    if (!EVP_Digest(parts.content.data, parts.content.size, result.sha256, NULL, EVP_sha256(),
                    NULL))
        return -ENOMEM;
    result.fingerprint = fingerprint_text(parts.text.data, parts.text.size);
    size_t place = output->size;
    error = yibu_buffer_append(output, &result, sizeof(result));
    if (error == 0 && parts.head.level > 0)
        error = append_frame(digester, &parts, output);
    if (error < 0)
        return error;
    result.end_ns = monotonic_now();
    memcpy((char *)output->data + place, &result, sizeof(result));
    return 0;
}

int digest_unpack(yibu_bytes output, struct digest_result *ret_result, yibu_bytes *ret_frame)
{
    if (output.size < sizeof(*ret_result))
        return -EINVAL;
    memcpy(ret_result, output.data, sizeof(*ret_result));
    *ret_frame = (yibu_bytes){(const char *)output.data + sizeof(*ret_result),
                              output.size - sizeof(*ret_result)};
    return 0;
}

/* In a worker process, which has one thread. */
static intptr_t crawl_digest(yibu_bytes input, yibu_buffer *output)
{
    static struct digester digester;
    if (!digester.compressor)
        memory_keep();
    return digest_compute(&digester, input, output);
}
YIBU_JOB(crawl_digest);

intptr_t digest_in_process(yibu_bytes input, yibu_buffer *ret_output)
{
    return yibu_to_process(&crawl_digest_job, input, ret_output, NULL);
}

void digester_free(struct digester *digester)
{
    ZSTD_freeCCtx(digester->compressor);
    digester->compressor = NULL;
}
