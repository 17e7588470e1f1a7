/* A fingerprint of a text, such that texts that differ little differ in few bits. */
#ifndef CRAWL_FINGERPRINT_H
#define CRAWL_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

/* Texts of fewer words have no fingerprint: too little to tell them apart. */
#define FINGERPRINT_MIN_WORDS 32
/* Texts whose fingerprints differ in at most so many bits are near-duplicates. */
#define FINGERPRINT_NEAR_BITS 3

/* The fingerprint of UTF-8 text, 0: too short to have one. */
uint64_t fingerprint_text(const char *text, size_t size);

/* In how many bits two fingerprints differ. */
unsigned fingerprint_distance(uint64_t a, uint64_t b);

#endif
