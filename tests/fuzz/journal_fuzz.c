/*
 * journal_fuzz - journals of texts as a kill, a bad disk or anybody may have left them.
 *
 * An input that begins with 'r' is the bytes of a journal. Any other makes two journals: up to 15 records (item, output,
 * length and text of each), and then damages them: bytes are changed, ends are cut. Besides: looking through always
 * works; what is found lies in the file; each record that is whole is found, and of several of one text the last; no
 * other is; a window holds just its items; texts are UTF-8 without NUL, and as they were put if they were that already.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#include "plan/journal.h"
#include "plan/journal_index.h"

enum { MOST_RECORDS = 15, N_FILES = 2, N_ITEMS = 4, N_OUTPUTS = 2 };
static const uint64_t token = 0x123456789abcdef;

/* --- the folder ---------------------------------------------------------------------------------------------------- */

static char top[4096], results[4200], *folder, *paths[N_FILES];

static void remove_folder(void) {
    for (int f = 0; f < N_FILES; f++)
        unlink(paths[f]);
    rmdir(folder);
    rmdir(top);
}

static void make_folder(void) {
    const char *parent = getenv("TMPDIR");
    snprintf(top, sizeof top, "%s/journal-XXXXXX", parent ? parent : "/tmp");
    claim(mkdtemp(top), "%s: cannot be made", top);
    snprintf(results, sizeof results, "%s/out.h5", top);
    folder = sheaf_journal_folder(results);
    claim(folder && mkdir(folder, 0700) == 0, "no folder");
    for (int f = 0; f < N_FILES; f++)
        paths[f] = sheaf_journal_path(folder, (struct journal_file){token, (uint64_t)f});
    atexit(remove_folder);
}

static void write_file(int f, const char *data, size_t n_bytes) {
    int fd = open(paths[f], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    claim(fd >= 0 && write(fd, data, n_bytes) == (ssize_t)n_bytes && close(fd) == 0, "%s: cannot be written", paths[f]);
}

/* --- records ------------------------------------------------------------------------------------------------------- */

struct record {
    int file;
    size_t begin, end;       /* in its file, where its text ends */
    struct journal_entry at; /* as it is to be found */
    char *copy;              /* [end - begin] as it was put */
    bool whole;              /* still */
};

struct bytes {
    const uint8_t *at, *end;
};

static unsigned take(struct bytes *in) {
    return in->at < in->end ? *in->at++ : 0;
}

static void put(struct bytes *in, struct sheaf_buffer *files, struct record *r) {
    struct sheaf_error error = {0};
    unsigned what = take(in), length = take(in);
    size_t left = (size_t)(in->end - in->at), n = length < left ? length : left;
    *r = (struct record){.file = what % N_FILES};
    struct sheaf_buffer *file = &files[r->file];
    r->begin = file->n_bytes;
    r->at.item = what / N_FILES % N_ITEMS;
    r->at.output = (int32_t)(what / N_FILES / N_ITEMS % N_OUTPUTS);
    claim(sheaf_journal_put(file, r->at.item, r->at.output, (const char *)in->at, n, &error) == 0, "%s", error.text);
    r->end = file->n_bytes;
    r->at.file = (uint32_t)r->file;
    r->at.offset = (int64_t)(r->begin + sizeof(struct journal_head));
    r->at.n_bytes = (int64_t)r->end - r->at.offset;
    const char *kept = file->data + r->at.offset;
    size_t n_kept = (size_t)r->at.n_bytes;
    claim(is_utf8(kept, n_kept) && !memchr(kept, '\0', n_kept), "a text that h5py cannot read");
    if (is_utf8((const char *)in->at, n) && !memchr(in->at, '\0', n))
        claim(n_kept == n && memcmp(kept, in->at, n) == 0, "a good text was changed");
    r->copy = malloc(r->end - r->begin);
    memcpy(r->copy, file->data + r->begin, r->end - r->begin); /* a byte may be changed and changed back */
    in->at += n;
}

/* Changes a byte of a file or cuts its end off. */
static void damage(struct bytes *in, struct sheaf_buffer *files) {
    unsigned what = take(in), change = take(in);
    struct sheaf_buffer *file = &files[what % N_FILES];
    size_t at = take(in);
    at |= (size_t)take(in) << 8;
    if (file->n_bytes == 0)
        return;
    at %= file->n_bytes;
    if (what >= 128)
        file->n_bytes = at;
    else
        file->data[at] ^= (char)change;
}

static bool is_whole(const struct sheaf_buffer *files, const struct record *r) {
    const struct sheaf_buffer *file = &files[r->file];
    return r->end <= file->n_bytes && memcmp(file->data + r->begin, r->copy, r->end - r->begin) == 0;
}

/* --- looking through ----------------------------------------------------------------------------------------------- */

/* The record that counts of one text, or NULL. */
static const struct record *newest(const struct record *records, int n, int64_t item, int32_t output) {
    const struct record *best = NULL;
    for (int k = 0; k < n; k++) /* in one file they are put one behind the other */
        if (records[k].whole && records[k].at.item == item && records[k].at.output == output &&
            (!best || records[k].file >= best->file))
            best = &records[k];
    return best;
}

static void check_entry(struct journal_index *index, const struct journal_entry *entry) {
    struct sheaf_error error = {0};
    struct stat about;
    claim(entry->file < N_FILES && stat(paths[entry->file], &about) == 0, "of a file that is not there");
    claim(entry->item >= 0 && entry->output >= 0 && entry->offset >= 0 && entry->n_bytes >= 0 &&
              entry->offset + entry->n_bytes <= about.st_size,
          "%lld bytes at %lld", (long long)entry->n_bytes, (long long)entry->offset);
    char *text = malloc((size_t)entry->n_bytes + 1);
    claim(sheaf_journal_index_read(index, entry, text, &error) == 0, "%s", error.text);
    free(text);
}

static void check_window(struct journal_index *index, const struct record *records, int n, int64_t first, int64_t end) {
    struct sheaf_error error = {0};
    int64_t n_found, n_wanted = 0;
    claim(sheaf_journal_index_scan(index, first, end, &error) == 0, "%s", error.text);
    const struct journal_entry *found = sheaf_journal_index_entries(index, &n_found);
    for (int64_t k = 0; k < n_found; k++) {
        check_entry(index, &found[k]);
        claim(found[k].item >= first && found[k].item < end, "item %lld", (long long)found[k].item);
        claim(k == 0 || found[k - 1].item < found[k].item ||
                  (found[k - 1].item == found[k].item && found[k - 1].output < found[k].output),
              "not in order");
        claim(sheaf_journal_index_find(index, found[k].item, found[k].output) == &found[k], "cannot be found");
    }
    for (int64_t item = first; records && item < end; item++)
        for (int32_t output = 0; output < N_OUTPUTS; output++) {
            const struct record *wanted = newest(records, n, item, output);
            const struct journal_entry *got = sheaf_journal_index_find(index, item, output);
            claim(!wanted == !got, "item %lld, output %d: %s", (long long)item, output, wanted ? "lost" : "invented");
            if (!wanted)
                continue;
            n_wanted++;
            claim(got->file == wanted->at.file && got->offset == wanted->at.offset &&
                      got->n_bytes == wanted->at.n_bytes,
                  "item %lld, output %d: another record", (long long)item, output);
            char *text = calloc(1, (size_t)got->n_bytes + 1);
            claim(sheaf_journal_index_read(index, got, text, &error) == 0, "%s", error.text);
            claim(memcmp(text, wanted->copy + sizeof(struct journal_head), (size_t)got->n_bytes) == 0, "another text");
            free(text);
        }
    claim(!records || n_found == n_wanted, "%lld texts, not %lld", (long long)n_found, (long long)n_wanted);
}

static void check_journals(const struct record *records, int n) {
    struct journal_index *index;
    struct sheaf_error error = {0};
    claim(sheaf_journal_index_open(&index, results, token, &error) == 0, "%s", error.text);
    claim(sheaf_journal_index_files(index) == N_FILES, "%lld files", (long long)sheaf_journal_index_files(index));
    check_window(index, records, n, 0, records ? N_ITEMS : INT64_MAX);
    check_window(index, records, n, 1, 3);
    sheaf_journal_index_close(index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sheaf_buffer files[N_FILES] = {0};
    struct record records[MOST_RECORDS];
    struct bytes in = {data, data + size};
    if (!folder)
        make_folder();
    if (size && *data == 'r') {
        write_file(0, (const char *)data + 1, size - 1);
        write_file(1, "", 0);
        check_journals(NULL, 0);
        return 0;
    }
    int n = (int)(take(&in) % (MOST_RECORDS + 1));
    for (int k = 0; k < n; k++)
        put(&in, files, &records[k]);
    while (in.at < in.end)
        damage(&in, files);
    for (int k = 0; k < n; k++)
        records[k].whole = is_whole(files, &records[k]);
    for (int f = 0; f < N_FILES; f++)
        write_file(f, files[f].data, files[f].n_bytes);
    check_journals(records, n);
    for (int f = 0; f < N_FILES; f++)
        sheaf_buffer_free(&files[f]);
    for (int k = 0; k < n; k++)
        free(records[k].copy);
    return 0;
}
