#include "plan/journal_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/hash.h"
#include "plan/journal.h"

enum {
    OPEN_MOST = 16, /* journals kept open: a run of many ranks has more of them than a process may open */
    STRETCH_BYTES = 1 << 20
};

/* A piece of a journal, from one record to another, and whose texts it has: most journals are nearly in the order of the
   items, so that whoever looks for some of them need not read all again. */
struct stretch {
    uint32_t file;
    int64_t offset, first, last;
};

struct journal_index {
    char *folder;
    struct stretch *stretches; /* [n_stretches] as the first scan found them, a journal's in order */
    int64_t n_stretches, room_stretches;
    struct journal_file *files; /* [n_files] */
    size_t n_files;
    int64_t n_bytes, n_dropped;
    struct journal_entry *entries; /* [n] */
    int64_t n, room;
    struct {
        int fd;
        uint32_t file;
        char *path;
    } open[OPEN_MOST]; /* journal k is in slot k % OPEN_MOST; fd -1: nothing is */
};

/* --- opening ------------------------------------------------------------------------------------------------------- */

int sheaf_journal_index_open(struct journal_index **made, const char *path, uint64_t token, struct sheaf_error *error) {
    struct journal_index *index = *made = calloc(1, sizeof *index);
    if (!index)
        return sheaf_fail_memory(error, "the journals");
    for (int k = 0; k < OPEN_MOST; k++)
        index->open[k].fd = -1;
    index->folder = sheaf_journal_folder(path);
    if (!index->folder)
        return sheaf_fail_memory(error, "the journals");
    if (sheaf_journal_list(index->folder, &index->files, &index->n_files, error))
        return -1;
    size_t kept = 0;
    for (size_t k = 0; k < index->n_files; k++)
        if (index->files[k].token == token)
            index->files[kept++] = index->files[k];
    index->n_files = kept;
    return 0;
}

static void close_slot(struct journal_index *index, size_t slot) {
    if (index->open[slot].fd >= 0)
        close(index->open[slot].fd);
    free(index->open[slot].path);
    index->open[slot].fd = -1;
    index->open[slot].path = NULL;
}

void sheaf_journal_index_close(struct journal_index *index) {
    if (!index)
        return;
    for (size_t k = 0; k < OPEN_MOST; k++)
        close_slot(index, k);
    free(index->folder);
    free(index->files);
    free(index->entries);
    free(index->stretches);
    free(index);
}

/* The slot in which a journal is open now; -1 after an error. */
static int open_file(struct journal_index *index, uint32_t file, struct sheaf_error *error) {
    int slot = (int)(file % OPEN_MOST);
    if (index->open[slot].fd >= 0 && index->open[slot].file == file)
        return slot;
    close_slot(index, (size_t)slot);
    char *path = sheaf_journal_path(index->folder, index->files[file]);
    if (!path)
        return sheaf_fail_memory(error, "a path");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT)
            sheaf_fail(error, "%s: is not there any more: its texts were just packed; look again", path);
        else
            sheaf_fail_errno(error, "%s: cannot open", path);
        free(path);
        return -1;
    }
    index->open[slot].fd = fd;
    index->open[slot].file = file;
    index->open[slot].path = path;
    return slot;
}

int64_t sheaf_journal_index_files(const struct journal_index *index) {
    return (int64_t)index->n_files;
}

int64_t sheaf_journal_index_bytes(const struct journal_index *index) {
    return index->n_bytes;
}

/* --- looking through ----------------------------------------------------------------------------------------------- */

/* A journal read from the front, a window at a time. */
struct scan {
    int fd;
    const char *path;
    int64_t size;
    char *window; /* [JOURNAL_PIECE] bytes at … at + n - 1 of the file */
    int64_t at, n;
    struct sheaf_error *error;
};

/* n bytes at the offset, which are in the file and no more than JOURNAL_PIECE. NULL after an error. */
static const char *fetch(struct scan *s, int64_t offset, int64_t n) {
    if (offset < s->at || offset + n > s->at + s->n) {
        int64_t left = s->size - offset;
        s->n = 0;
        if (sheaf_file_pread(s->fd, s->window, (size_t)(left < JOURNAL_PIECE ? left : JOURNAL_PIECE), offset, s->path,
                             s->error))
            return NULL;
        s->at = offset;
        s->n = left < JOURNAL_PIECE ? left : JOURNAL_PIECE;
    }
    return s->window + (offset - s->at);
}

/* Whether a whole, sound record begins at the offset. */
static int check_record(struct scan *s, int64_t offset, struct journal_head *head, bool *sound) {
    const int64_t head_bytes = (int64_t)sizeof *head, left = s->size - offset - head_bytes;
    *sound = false;
    if (left < 0)
        return 0;
    const char *bytes = fetch(s, offset, head_bytes);
    if (!bytes)
        return -1;
    memcpy(head, bytes, sizeof *head);
    if (head->magic != JOURNAL_MAGIC || head->n_bytes > (uint64_t)left || head->item < 0 || head->output < 0)
        return 0;
    uint64_t checksum = sheaf_journal_checksum(head);
    for (int64_t at = 0, n, n_bytes = (int64_t)head->n_bytes; at < n_bytes; at += n) {
        n = n_bytes - at < JOURNAL_PIECE ? n_bytes - at : JOURNAL_PIECE;
        bytes = fetch(s, offset + head_bytes + at, n);
        if (!bytes)
            return -1;
        checksum = sheaf_hash_word(bytes, (size_t)n, checksum);
    }
    *sound = checksum == head->checksum;
    return 0;
}

/* Where the next record may begin, from the offset on: at the magic, which is in no text. The end of the file if there
   is none. */
static int find_magic(struct scan *s, int64_t *offset) {
    const uint32_t magic = JOURNAL_MAGIC;
    const int64_t n_magic = (int64_t)sizeof magic;
    while (s->size - *offset >= n_magic) {
        int64_t left = s->size - *offset, n = left < JOURNAL_PIECE ? left : JOURNAL_PIECE;
        const char *bytes = fetch(s, *offset, n);
        if (!bytes)
            return -1;
        const char *found = memmem(bytes, (size_t)n, &magic, sizeof magic);
        if (found) {
            *offset += found - bytes;
            return 0;
        }
        *offset += n - n_magic + 1;
    }
    *offset = s->size;
    return 0;
}

/* Makes room for one more of what[n]. */
static int make_room(void **what, int64_t n, int64_t *room, size_t each, struct sheaf_error *error) {
    if (n < *room)
        return 0;
    const int64_t wanted = *room ? 2 * *room : 1024;
    void *more = realloc(*what, (size_t)wanted * each);
    if (!more)
        return sheaf_fail_memory(error, "the texts of so many items");
    *what = more;
    *room = wanted;
    return 0;
}

static int add_entry(struct journal_index *index, struct journal_entry entry, struct sheaf_error *error) {
    void *entries = index->entries;
    int rc = make_room(&entries, index->n, &index->room, sizeof entry, error);
    index->entries = entries;
    if (rc == 0)
        index->entries[index->n++] = entry;
    return rc;
}

/* Notes where a record of an item begins. */
static int add_to_stretch(struct journal_index *index, uint32_t file, int64_t offset, int64_t item,
                          struct sheaf_error *error) {
    struct stretch *last = index->n_stretches ? &index->stretches[index->n_stretches - 1] : NULL;
    if (last && last->file == file && offset - last->offset < STRETCH_BYTES) {
        last->first = item < last->first ? item : last->first;
        last->last = item > last->last ? item : last->last;
        return 0;
    }
    void *stretches = index->stretches;
    int rc = make_room(&stretches, index->n_stretches, &index->room_stretches, sizeof *last, error);
    index->stretches = stretches;
    if (rc == 0)
        index->stretches[index->n_stretches++] = (struct stretch){file, offset, item, item};
    return rc;
}

/* Which texts a scan is for, and whether it is the first. */
struct wanted {
    int64_t first, end;
    bool notes;
};

/* From one place of a journal, where a record begins or may begin, to another. */
static int scan_piece(struct journal_index *index, struct scan *s, uint32_t file, int64_t offset, int64_t upto,
                      const struct wanted *w) {
    struct journal_head head;
    int64_t n_bad = 0; /* since the last sound record: dropped if another one follows, else the torn end */
    bool sound;
    while (offset < upto) {
        if (check_record(s, offset, &head, &sound))
            return -1;
        if (!sound) {
            n_bad++;
            offset++;
            if (find_magic(s, &offset))
                return -1;
            continue;
        }
        if (w->notes && add_to_stretch(index, file, offset, head.item, s->error))
            return -1;
        index->n_dropped += w->notes ? n_bad : 0;
        n_bad = 0;
        offset += (int64_t)sizeof head;
        const struct journal_entry entry = {head.item, head.output, file, offset, (int64_t)head.n_bytes, head.checksum};
        if (head.item >= w->first && head.item < w->end && add_entry(index, entry, s->error))
            return -1;
        offset += (int64_t)head.n_bytes;
    }
    return 0;
}

/* What the first scan has found need not be looked for again: only stretches that have texts of these items. */
static int scan_stretches(struct journal_index *index, struct scan *s, uint32_t file, const struct wanted *w) {
    for (int64_t k = 0; k < index->n_stretches; k++) {
        const struct stretch *stretch = &index->stretches[k];
        if (stretch->file != file || stretch->last < w->first || stretch->first >= w->end)
            continue;
        const bool is_last = k + 1 == index->n_stretches || stretch[1].file != file;
        if (scan_piece(index, s, file, stretch->offset, is_last ? s->size : stretch[1].offset, w))
            return -1;
    }
    return 0;
}

static int by_text(const struct journal_entry *x, const struct journal_entry *y) {
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    return (x->output > y->output) - (x->output < y->output);
}

/* By text, and of one text the record that counts last. */
static int by_text_and_age(const void *a, const void *b) {
    const struct journal_entry *x = a, *y = b;
    if (by_text(x, y))
        return by_text(x, y);
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Keeps of each text the record that counts. */
static void keep_newest(struct journal_index *index) {
    int64_t kept = 0;
    if (index->n)
        qsort(index->entries, (size_t)index->n, sizeof *index->entries, by_text_and_age);
    for (int64_t k = 0; k < index->n; k++)
        if (k + 1 == index->n || by_text(&index->entries[k], &index->entries[k + 1]))
            index->entries[kept++] = index->entries[k];
    index->n = kept;
}

static int scan_file(struct journal_index *index, struct scan *s, uint32_t file, const struct wanted *w) {
    struct stat about;
    const int slot = open_file(index, file, s->error);
    if (slot < 0)
        return -1;
    s->fd = index->open[slot].fd;
    s->path = index->open[slot].path;
    s->n = 0;
    if (fstat(s->fd, &about))
        return sheaf_fail_errno(s->error, "%s: cannot stat", s->path);
    s->size = (int64_t)about.st_size;
    index->n_bytes += s->size;
    return w->notes ? scan_piece(index, s, file, 0, s->size, w) : scan_stretches(index, s, file, w);
}

int sheaf_journal_index_scan(struct journal_index *index, int64_t first, int64_t end, struct sheaf_error *error) {
    const struct wanted wanted = {first, end, index->n_stretches == 0};
    struct scan s = {.window = malloc(JOURNAL_PIECE), .error = error};
    int rc = s.window ? 0 : sheaf_fail_memory(error, "the journals");
    index->n = index->n_bytes = 0;
    if (wanted.notes)
        index->n_dropped = 0;
    for (uint32_t k = 0; rc == 0 && k < index->n_files; k++)
        rc = scan_file(index, &s, k, &wanted);
    free(s.window);
    keep_newest(index);
    return rc;
}

/* --- what was found ------------------------------------------------------------------------------------------------ */

int64_t sheaf_journal_index_dropped(const struct journal_index *index) {
    return index->n_dropped;
}

const struct journal_entry *sheaf_journal_index_entries(const struct journal_index *index, int64_t *n) {
    *n = index->n;
    return index->entries;
}

const struct journal_entry *sheaf_journal_index_from(const struct journal_index *index, int64_t item, int64_t *n) {
    int64_t from = 0, upto = index->n;
    while (from < upto) {
        const int64_t middle = from + (upto - from) / 2;
        if (index->entries[middle].item < item)
            from = middle + 1;
        else
            upto = middle;
    }
    *n = index->n - from;
    return index->entries + from;
}

static int compare_texts(const void *a, const void *b) {
    return by_text(a, b);
}

const struct journal_entry *sheaf_journal_index_find(const struct journal_index *index, int64_t item, int32_t output) {
    const struct journal_entry wanted = {.item = item, .output = output};
    if (!index->n)
        return NULL;
    return bsearch(&wanted, index->entries, (size_t)index->n, sizeof wanted, compare_texts);
}

int sheaf_journal_index_read(struct journal_index *index, const struct journal_entry *entry, char *text,
                             struct sheaf_error *error) {
    int slot = open_file(index, entry->file, error);
    if (slot < 0)
        return -1;
    return sheaf_file_pread(index->open[slot].fd, text, (size_t)entry->n_bytes, (off_t)entry->offset,
                            index->open[slot].path, error);
}
