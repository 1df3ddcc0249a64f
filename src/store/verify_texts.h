/*
 * verify_texts - the part of verify that is about texts. Private to store/.
 */
#ifndef SHEAF_STORE_VERIFY_TEXTS_H
#define SHEAF_STORE_VERIFY_TEXTS_H

#include "core/error.h"
#include "store/sums.h"
#include "store/verify.h"

/* The file at the path is open as fd, has these sums, and its journals bear the token. */
struct text_verification {
    const char *path;
    int fd;
    const struct sums *sums;
    uint64_t token;
    bool trusts_unsafe;
};

/* Fills what *found has of texts. */
int sheaf_verify_texts(const struct text_verification *verification, struct verified *found, struct sheaf_error *error);

#endif
