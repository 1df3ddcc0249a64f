#include "store/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/crew.h"
#include "core/file.h"
#include "store/coordinates.h"
#include "store/layout.h"
#include "store/sums_file.h"
#include "store/texts.h"
#include "store/verify_texts.h"

enum {
    BATCH = 64,      /* segments that are looked at between two looks at the turn */
    WINDOW = 1 << 16 /* segments whose verdicts are in memory; a multiple of BATCH */
};

enum verdict { AS_WRITTEN, PENDING, UNKNOWN, DOUBTFUL, UNSETTLED, CHANGED };

struct verification {
    const char *path;
    const char *stage; /* of it, or NULL */
    int fd;
    struct sums sums;
    uint64_t token;     /* of its journals */
    bool trusts_unsafe; /* what was not safe counts: this machine wrote it, and runs on */
    enum segment_part part;
    int64_t first; /* segment of the window, */
    int64_t n;     /* how many it has, */
    uint8_t verdicts[WINDOW];
    pthread_mutex_t lock; /* of what failed first: */
    bool failed;
    struct sheaf_error why;
};

/* --- looking ------------------------------------------------------------------------------------------------------- */

/* The turn, and the sums of a batch. */
struct said {
    uint64_t turn, sums[BATCH];
};

static int read_said(const struct verification *v, int fd, int64_t first, int64_t n, struct said *said,
                     struct sheaf_error *error) {
    memset(said, 0, sizeof *said);
    return sheaf_file_pread(fd, &said->turn, sizeof said->turn, v->sums.turn_offset, v->path, error) ||
                   sheaf_file_pread(fd, said->sums, (size_t)n * sizeof *said->sums,
                                    sheaf_segment_sum_offset(&v->sums.segments, v->part, first), v->path, error)
               ? -1
               : 0;
}

static enum verdict judge(const struct verification *v, const struct segment_seen *seen, const struct said *said,
                          uint64_t sum) {
    const bool is_ended = said->turn % 2 == 0;
    if (sum == 0)
        return seen->sum == 0 ? PENDING : UNKNOWN;
    if (!is_ended && !v->trusts_unsafe && (seen->pending || seen->unsafe))
        return DOUBTFUL;
    if (is_ended && seen->unsafe) /* the sum does not see that bit */
        return CHANGED;
    return seen->sum == sum ? AS_WRITTEN : CHANGED;
}

/* Segments first … first + n - 1. A run that begins between the two looks has another turn, and one that is under way
   forgets a sum before it writes what that is of. */
static int look(const struct verification *v, int fd, int64_t first, int64_t n, char *room, uint8_t *verdicts,
                struct sheaf_error *error) {
    struct said before, after;
    struct segment_seen seen[BATCH];
    if (read_said(v, fd, first, n, &before, error))
        return -1;
    for (int64_t k = 0; k < n; k++)
        if (sheaf_sums_see(&v->sums, fd, v->path, v->part, first + k, before.sums[k] == 0, room, &seen[k], error))
            return -1;
    if (read_said(v, fd, first, n, &after, error))
        return -1;
    for (int64_t k = 0; k < n; k++)
        verdicts[k] = before.turn != after.turn || before.sums[k] != after.sums[k]
                          ? UNSETTLED
                          : (uint8_t)judge(v, &seen[k], &before, before.sums[k]);
    return 0;
}

static void look_at_batch(void *context, int64_t k) {
    struct verification *v = context;
    const int64_t first = k * BATCH, left = v->n - first;
    struct sheaf_error error;
    char *room = malloc(SEGMENT_PIECE);
    int rc = room ? look(v, v->fd, v->first + first, left < BATCH ? left : BATCH, room, v->verdicts + first, &error)
                  : sheaf_fail_memory(&error, v->path);
    free(room);
    if (rc == 0)
        return;
    pthread_mutex_lock(&v->lock);
    if (!v->failed)
        v->why = error;
    v->failed = true;
    pthread_mutex_unlock(&v->lock);
}

/* What is not as it should be is looked at again, with a descriptor of its own: a server's file is asked for anew then. */
static int look_again(struct verification *v, struct sheaf_error *error) {
    char same[64], *room = malloc(SEGMENT_PIECE);
    int rc = room ? 0 : sheaf_fail_memory(error, v->path), fd = -1;
    for (int64_t k = 0; rc == 0 && k < v->n; k++) {
        if (v->verdicts[k] != CHANGED && v->verdicts[k] != UNSETTLED)
            continue;
        if (fd < 0) {
            snprintf(same, sizeof same, "/proc/self/fd/%d", v->fd);
            fd = open(same, O_RDONLY | O_CLOEXEC);
        }
        rc = look(v, fd < 0 ? v->fd : fd, v->first + k, 1, room, &v->verdicts[k], error);
    }
    if (fd >= 0)
        close(fd);
    free(room);
    return rc;
}

/* --- counting ------------------------------------------------------------------------------------------------------ */

static void count_window(const struct verification *v, struct verified *found) {
    const size_t row_bytes = sheaf_sums_row_bytes(&v->sums, v->part);
    int64_t *const counts[] = {
        [AS_WRITTEN] = &found->n_checked, [PENDING] = &found->n_pending,     [UNKNOWN] = &found->n_unknown,
        [DOUBTFUL] = &found->n_doubtful,  [UNSETTLED] = &found->n_unsettled, [CHANGED] = &found->n_checked};
    for (int64_t k = 0; k < v->n; k++) {
        const struct span items = sheaf_segment_items(&v->sums.segments, v->first + k);
        const enum verdict verdict = v->verdicts[k];
        if (v->part == SEGMENT_OUTPUTS)
            *counts[verdict] += items.n;
        if (verdict == AS_WRITTEN || verdict == CHANGED)
            found->n_bytes += items.n * (int64_t)row_bytes;
        if (verdict == CHANGED)
            sheaf_span_list_add(&found->changed[v->part], items);
    }
}

static int verify_part(struct verification *v, struct verified *found, struct sheaf_error *error) {
    const int64_t n = sheaf_sums_row_bytes(&v->sums, v->part) ? v->sums.segments.n : 0;
    for (v->first = 0; v->first < n; v->first += v->n) {
        v->n = n - v->first < WINDOW ? n - v->first : WINDOW;
        sheaf_crew_do((v->n + BATCH - 1) / BATCH, look_at_batch, v);
        if (v->failed) {
            if (error)
                *error = v->why;
            return -1;
        }
        if (look_again(v, error))
            return -1;
        count_window(v, found);
    }
    return 0;
}

/* --- the file ------------------------------------------------------------------------------------------------------ */

/* Not from the attribute, where that can be: it lies in HDF5's heap, on which damage may keep HDF5 for ever. */
static char *read_arguments(hid_t file) {
    char *kept = sheaf_h5_get_dataset_text(file, ARGUMENTS_TEXT);
    H5Eclear2(H5E_DEFAULT);
    if (kept)
        return kept;
    hid_t group = H5Gopen2(file, GROUP, H5P_DEFAULT);
    char *text = group >= 0 ? sheaf_h5_get_attribute_text(group, "arguments") : NULL;
    if (group >= 0)
        H5Gclose(group);
    H5Eclear2(H5E_DEFAULT);
    return text;
}

static herr_t look_at_link(hid_t file, const char *name, const H5L_info_t *link, void *any) {
    (void)file, (void)name;
    *(bool *)any = *(bool *)any || link->type == H5L_TYPE_EXTERNAL;
    return 0;
}

/* Whether something at the root lies in another file. */
static bool has_links(hid_t file) {
    bool any = false;
    H5Literate(file, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, look_at_link, &any);
    H5Eclear2(H5E_DEFAULT);
    return any;
}

/* Where everything lies; the file is read without HDF5 then. */
static int look_inside(struct verification *v, struct verified *found, struct sheaf_error *error) {
    struct interrupt_reading reading;
    if (sheaf_file_check_regular(v->path, error))
        return -1;
    hid_t file = sheaf_h5_open_watched(v->path, v->stage, &reading);
    char *identity = file >= 0 ? sheaf_h5_get_dataset_text(file, IDENTITY_TEXT) : NULL;
    int rc = identity ? sheaf_sums_find(&v->sums, file, v->path, identity, error)
                      : sheaf_refuse(error,
                                     file < 0 ? "%s: is not an HDF5 file that can be read"
                                              : "%s: is not a results file of Sheaf",
                                     v->path);
    if (rc == 0) {
        v->trusts_unsafe = sheaf_h5_trusts_unsafe(file);
        found->arguments = read_arguments(file);
        v->token = sheaf_h5_get_token(file);
        found->lost_texts = v->sums.n_texts[SEGMENT_OUTPUTS] && sheaf_texts_are_lost(file, v->path, v->token);
        found->has_links = has_links(file);
        sheaf_coordinates_verify(file, &found->changed_coordinates);
    }
    free(identity);
    sheaf_h5_close_watched(file, &reading);
    return rc;
}

static int verify(struct verification *v, struct verified *found, struct sheaf_error *error) {
    uint64_t turn = 0;
    v->fd = open(v->path, O_RDONLY | O_CLOEXEC);
    if (v->fd < 0)
        return sheaf_refuse(error, "%s: cannot open: %s", v->path, strerror(errno));
    if (look_inside(v, found, error))
        return -1;
    found->has_sums = v->sums.segments.size > 0;
    found->moved_inputs = v->sums.moved_inputs;
    found->n_items = v->sums.segments.n_items;
    if (!found->has_sums)
        return 0;
    for (v->part = 0; v->part < SEGMENT_PARTS; v->part++)
        if (verify_part(v, found, error))
            return -1;
    const struct text_verification texts = {v->path, v->fd, &v->sums, v->token, v->trusts_unsafe};
    if (sheaf_verify_texts(&texts, found, error))
        return -1;
    int rc = sheaf_file_pread(v->fd, &turn, sizeof turn, v->sums.turn_offset, v->path, error);
    found->settled = turn % 2 == 0;
    return rc;
}

int sheaf_verify(const char *path, const char *stage, struct verified *found, struct sheaf_error *error) {
    struct verification *v = calloc(1, sizeof *v);
    *found = (struct verified){0};
    if (!v)
        return sheaf_fail_memory(error, path);
    v->path = path;
    v->stage = stage;
    v->fd = -1;
    pthread_mutex_init(&v->lock, NULL);
    int rc = verify(v, found, error);
    pthread_mutex_destroy(&v->lock);
    if (v->fd >= 0)
        close(v->fd);
    sheaf_sums_free(&v->sums);
    free(v);
    return rc;
}

void sheaf_verified_free(struct verified *found) {
    sheaf_string_free(&found->changed_coordinates);
    free(found->arguments);
    found->arguments = NULL;
}
