#include "store/verify_texts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "store/text_look.h"

enum { WINDOW_TEXTS = 1 << 20, TRIES = 3 /* of who meets runs that begin and end */ };

struct check {
    const struct text_verification *v;
    struct text_look look;
    struct journal_index *journals;
    int64_t first, n; /* items of the window, with */
    struct text_expected *expected;
    uint8_t *verdicts;
    struct sheaf_error *error;
};

static int open_journals(struct check *c) {
    sheaf_journal_index_close(c->journals);
    c->journals = NULL;
    c->look.journals = NULL;
    if (c->v->token == 0 || c->look.part == SEGMENT_INPUTS)
        return 0;
    int rc = sheaf_journal_index_open(&c->journals, c->v->path, c->v->token, c->error);
    c->look.journals = c->journals;
    return rc;
}

/* The statuses first: the texts of what is done were there before. */
static int look(struct check *c) {
    return sheaf_text_expect(&c->look, c->first, c->n, c->expected, c->error) ||
                   (c->journals && sheaf_journal_index_scan(c->journals, c->first, c->first + c->n, c->error)) ||
                   sheaf_text_look(&c->look, c->first, c->n, c->expected, c->verdicts, c->error)
               ? -1
               : 0;
}

static int read_turn(const struct check *c, uint64_t *turn) {
    return sheaf_file_pread(c->v->fd, turn, sizeof *turn, c->v->sums->turn_offset, c->v->path, c->error);
}

/* Texts that are packed at this moment are neither in the file as it was opened nor beside it. */
static int check_place(const struct check *c) {
    struct stat there, own;
    if (stat(c->v->path, &there) == 0 && fstat(c->v->fd, &own) == 0 && there.st_ino == own.st_ino &&
        there.st_dev == own.st_dev)
        return 0;
    return sheaf_fail(c->error, "%s: was replaced while it was read, as when its texts are packed; look again",
                      c->v->path);
}

/* With all anew: a run may have been at work, and a server's file is asked for again by another descriptor. */
static int look_again(struct check *c) {
    uint64_t before = 0, after = 1;
    char same[64];
    snprintf(same, sizeof same, "/proc/self/fd/%d", c->v->fd);
    int fd = open(same, O_RDONLY | O_CLOEXEC), rc = 0;
    c->look.fd = fd >= 0 ? fd : c->v->fd;
    for (int n = 0; rc == 0 && n < TRIES && before != after; n++)
        rc = read_turn(c, &before) || open_journals(c) || look(c) || read_turn(c, &after) || check_place(c) ? -1 : 0;
    for (int64_t i = 0; before != after && i < c->n; i++) /* nobody knows */
        c->verdicts[i] = c->verdicts[i] == TEXTS_CHANGED ? TEXTS_UNKNOWN : c->verdicts[i];
    c->look.fd = c->v->fd;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int check_window(struct check *c, struct span_list *changed) {
    if (look(c) || (memchr(c->verdicts, TEXTS_CHANGED, (size_t)c->n) && look_again(c)))
        return -1;
    for (int64_t i = 0; i < c->n; i++)
        if (c->verdicts[i] == TEXTS_CHANGED)
            sheaf_span_list_add(changed, (struct span){c->first + i, 1});
    return 0;
}

static int check_part(struct check *c, struct span_list *changed) {
    const int64_t n_items = c->v->sums->segments.n_items, most = WINDOW_TEXTS / c->v->sums->n_texts[c->look.part] + 1;
    const int64_t window = n_items < most ? n_items : most;
    c->expected = malloc((size_t)(window + 1) * sizeof *c->expected);
    c->verdicts = malloc((size_t)window + 1);
    int rc = c->expected && c->verdicts ? open_journals(c) : sheaf_fail_memory(c->error, c->v->path);
    for (c->first = 0; rc == 0 && c->first < n_items; c->first += c->n) {
        c->n = n_items - c->first < window ? n_items - c->first : window;
        rc = check_window(c, changed);
    }
    sheaf_journal_index_close(c->journals);
    free(c->expected);
    free(c->verdicts);
    return rc;
}

int sheaf_verify_texts(const struct text_verification *v, struct verified *found, struct sheaf_error *error) {
    for (int part = 0; part < SEGMENT_PARTS; part++) {
        struct check c = {.v = v, .error = error};
        c.look = (struct text_look){.sums = v->sums,
                                    .part = (enum segment_part)part,
                                    .fd = v->fd,
                                    .path = v->path,
                                    .trusts_unsafe = v->trusts_unsafe};
        if (v->sums->n_texts[part] == 0)
            continue;
        found->unknown_texts[part] = v->sums->text_sums_offset[part] == 0 || v->sums->moved_texts;
        if (!found->unknown_texts[part] && check_part(&c, &found->changed_texts[part]))
            return -1;
    }
    return 0;
}
