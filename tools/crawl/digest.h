/* What is computed of a page: its SHA-256, its fingerprint, and its place in the archive. */
#ifndef CRAWL_DIGEST_H
#define CRAWL_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include <yibu/process_pool.h>

#define DIGEST_SHA256_BYTES 32

/* The job's input: this, then the archive name, the text and the content. */
struct digest_request {
    int64_t modified_s;
    uint32_t level; /* of compression, 0: no archive */
    uint32_t name_size;
    uint64_t text_size;
};

/* The job's output: this, then a zstd frame that holds the page's tar entry, where one was asked
 * for. */
struct digest_result {
    uint8_t sha256[DIGEST_SHA256_BYTES];
    uint64_t fingerprint; /* 0: none */
    int64_t start_ns;     /* on the monotonic clock */
    int64_t end_ns;
    int64_t worker; /* the process that computed it */
};

/* What a thread or process that computes digests keeps from one to the next; zero to begin. */
struct digester {
    struct ZSTD_CCtx_s *compressor;
};

/* Packs a job's input.  Returns 0 or -ENOMEM. */
int digest_pack(yibu_buffer *input, const struct digest_request *request, const char *name,
                yibu_bytes text, yibu_bytes content);

/* Computes.  Returns 0, -ENOMEM, or -EINVAL for an input that digest_pack has not made. */
int digest_compute(struct digester *digester, yibu_bytes input, yibu_buffer *output);

/* Takes the output apart; the frame lies within it.  Returns 0 or -EINVAL. */
int digest_unpack(yibu_bytes output, struct digest_result *ret_result, yibu_bytes *ret_frame);

/* The same in a worker process.  A checkpoint, as yibu_to_process. */
intptr_t digest_in_process(yibu_bytes input, yibu_buffer *ret_output);

/* A zstd frame of its own, appended to output.  Returns 0 or -ENOMEM. */
int digest_compress(struct digester *digester, yibu_bytes content, int level, yibu_buffer *output);

void digester_free(struct digester *digester);

#endif
