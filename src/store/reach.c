#include "store/reach.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"
#include "store/h5.h"

enum { MOST_LINKS = 64, MOST_DEPTH = 16 };

/* A way through groups, links and files. */
struct walk {
    struct reach *reach;
    const char *file; /* that `at` lies in: its path */
    hid_t at;         /* a group; owned */
    const char *rest; /* of the path, seen from there */
    int n_links;
};

static const char *keep(struct reach *r, const char *text, size_t n) {
    return sheaf_arena_text(r->arena, text, n);
}

/* --- files --------------------------------------------------------------------------------------------------------- */

/* Notes a file as it is now, before it is read. */
static int note(struct reach *r, const char *path, struct sheaf_error *error) {
    struct sheaf_stamp stamp;
    if (sheaf_stamp_take(&stamp, path, error))
        return -1;
    for (int i = 0; i < r->n_files; i++)
        if (r->files[i].stamp.inode == stamp.inode && r->files[i].stamp.device == stamp.device)
            return 0;
    if (r->n_files == r->most_files) {
        int most = r->most_files ? 2 * r->most_files : 8;
        struct items_file *files = sheaf_arena_take(r->arena, (size_t)most * sizeof *files);
        if (!files)
            return sheaf_fail_memory(error, path);
        if (r->n_files)
            memcpy(files, r->files, (size_t)r->n_files * sizeof *files);
        r->files = files;
        r->most_files = most;
    }
    const char *kept = keep(r, path, strlen(path));
    if (!kept)
        return sheaf_fail_memory(error, path);
    r->files[r->n_files++] = (struct items_file){kept, stamp};
    return 0;
}

hid_t sheaf_reach_open(struct reach *r, const char *path, struct sheaf_error *error) {
    if (access(path, R_OK)) {
        sheaf_refuse(error, "%s: cannot open: %s", path, strerror(errno));
        return H5I_INVALID_HID;
    }
    if (note(r, path, error))
        return H5I_INVALID_HID;
    hid_t file = sheaf_h5_open(path);
    if (file < 0) {
        H5Eclear2(H5E_DEFAULT);
        sheaf_refuse(error, "%s: is not an HDF5 file that can be read", path);
    }
    return file;
}

/* Opens the file that `name` is seen from a folder. Negative, and no error, where there is none. */
static hid_t try_folder(struct reach *r, const char *folder, size_t n, const char *name, const char **path) {
    struct sheaf_string joined = {0};
    struct sheaf_error ignored;
    sheaf_string_add(&joined, "%.*s%s%s", (int)n, folder, n > 0 && folder[n - 1] != '/' ? "/" : "", name);
    const int most = r->n_files;
    hid_t file = joined.failed ? H5I_INVALID_HID : sheaf_reach_open(r, joined.data, &ignored);
    if (file < 0)
        r->n_files = most;
    else
        *path = keep(r, joined.data, joined.length);
    sheaf_string_free(&joined);
    return file;
}

/* Opens a file that another one names. HDF5 looks for it as it is written if that is absolute; then for its name in the
   folders of a variable, in the folder of the one that names it, in the current one, and where that one really lies. */
static hid_t open_named(struct reach *r, const char *from, const char *name, const char *variable, const char **path) {
    const char *folders = getenv(variable), *slash = strrchr(from, '/');
    hid_t file = H5I_INVALID_HID;
    if (name[0] == '/') {
        file = try_folder(r, "", 0, name, path);
        name = strrchr(name, '/') + 1;
    }
    while (file < 0 && folders && *folders) {
        size_t n = strcspn(folders, ":");
        if (n > 0)
            file = try_folder(r, folders, n, name, path);
        folders += n + (folders[n] == ':');
    }
    if (file < 0)
        file = try_folder(r, from, slash ? (size_t)(slash + 1 - from) : 0, name, path);
    if (file < 0)
        file = try_folder(r, "", 0, name, path);
    char *real = file < 0 ? realpath(from, NULL) : NULL;
    if (real)
        file = try_folder(r, real, (size_t)(strrchr(real, '/') + 1 - real), name, path);
    free(real);
    return file;
}

/* --- paths --------------------------------------------------------------------------------------------------------- */

static int fail_path(const struct walk *w, const char *path, struct sheaf_error *error) {
    H5Eclear2(H5E_DEFAULT);
    return sheaf_refuse(error, "%s: has no dataset '%s'", w->file, path);
}

/* Goes on at a group, which is owned from now on. */
static int go(struct walk *w, hid_t group) {
    if (group < 0)
        return -1;
    H5Gclose(w->at);
    w->at = group;
    return 0;
}

/* The path goes on with what a link says. */
static int splice(struct walk *w, const char *link, const char *tail, struct sheaf_error *error) {
    struct sheaf_string path = {0};
    sheaf_string_add(&path, "%s/%s", link, tail);
    w->rest = path.failed ? NULL : keep(w->reach, path.data, path.length);
    sheaf_string_free(&path);
    if (!w->rest)
        return sheaf_fail_memory(error, w->file);
    if (++w->n_links > MOST_LINKS)
        return sheaf_refuse(error, "%s: its links lead nowhere: more than %d, one to another", w->file, MOST_LINKS);
    return 0;
}

/* Goes on in another file. */
static int cross(struct walk *w, const char *value, size_t n_bytes, const char *tail, struct sheaf_error *error) {
    const char *name, *path, *found = NULL;
    if (H5Lunpack_elink_val(value, n_bytes, NULL, &name, &path) < 0)
        return sheaf_h5_fail(error, w->file, "read a link");
    hid_t file = open_named(w->reach, w->file, name, "HDF5_EXT_PREFIX", &found);
    if (file < 0)
        return sheaf_refuse(error, "%s: links to '%s', which is not there, or is not an HDF5 file that can be read",
                            w->file, name);
    int rc = found && go(w, H5Gopen2(file, "/", H5P_DEFAULT)) == 0 ? 0 : sheaf_h5_fail(error, name, "open the file");
    H5Fclose(file);
    w->file = found;
    return rc ? rc : splice(w, path, tail, error);
}

static int follow_link(struct walk *w, const char *name, const H5L_info_t *about, const char *tail,
                       struct sheaf_error *error) {
    const size_t n_bytes = about->u.val_size;
    char *value = calloc(n_bytes + 1, 1);
    int rc = -1;
    if (!value)
        sheaf_fail_memory(error, w->file);
    else if (H5Lget_val(w->at, name, value, n_bytes, H5P_DEFAULT) < 0)
        sheaf_h5_fail(error, w->file, "read a link");
    else if (about->type == H5L_TYPE_EXTERNAL)
        rc = cross(w, value, n_bytes, tail, error);
    else if (about->type == H5L_TYPE_SOFT)
        rc = value[0] == '/' && go(w, H5Gopen2(w->at, "/", H5P_DEFAULT)) ? sheaf_h5_fail(error, w->file, "open '/'")
                                                                         : splice(w, value, tail, error);
    else
        sheaf_refuse(error, "%s: the link '%s' is of a kind that only another program knows", w->file, name);
    free(value);
    return rc;
}

/* Follows a path to the group of its last name, which is then all that is left of it. */
static int follow(struct walk *w, struct sheaf_error *error) {
    const char *whole = w->rest;
    for (;;) {
        w->rest += strspn(w->rest, "/");
        const size_t n = strcspn(w->rest, "/");
        const char *tail = w->rest + n + strspn(w->rest + n, "/"), *name = keep(w->reach, w->rest, n);
        H5L_info_t about;
        if (!name)
            return sheaf_fail_memory(error, w->file);
        if (strcmp(name, ".") == 0 && *tail) {
            w->rest = tail;
            continue;
        }
        if (n == 0 || H5Lget_info(w->at, name, &about, H5P_DEFAULT) < 0)
            return fail_path(w, whole, error);
        if (about.type != H5L_TYPE_HARD) {
            if (follow_link(w, name, &about, tail, error))
                return -1;
        } else if (*tail) {
            if (go(w, H5Gopen2(w->at, name, H5P_DEFAULT)))
                return fail_path(w, whole, error);
            w->rest = tail;
        } else {
            w->rest = name;
            return 0;
        }
    }
}

/* --- datasets ------------------------------------------------------------------------------------------------------ */

/* Opens a dataset with a cache for two of its chunks: HDF5's own holds a megabyte, and a larger compressed chunk would be
   unpacked anew for every read from it. Negative if there is none. */
static hid_t open_dataset(hid_t group, const char *name) {
    static const size_t most_cache_bytes = (size_t)64 << 20;
    hsize_t dims[H5S_MAX_RANK] = {0};
    size_t n_bytes = 2;
    hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT);
    hid_t creation = dataset >= 0 ? H5Dget_create_plist(dataset) : H5I_INVALID_HID;
    if (creation < 0 || H5Pget_layout(creation) != H5D_CHUNKED)
        goto out;
    hid_t type = H5Dget_type(dataset), access = H5Pcreate(H5P_DATASET_ACCESS);
    int rank = H5Pget_chunk(creation, H5S_MAX_RANK, dims);
    n_bytes *= type >= 0 ? H5Tget_size(type) : 8;
    for (int k = 0; k < rank; k++)
        n_bytes *= (size_t)dims[k];
    n_bytes = n_bytes < most_cache_bytes ? n_bytes : most_cache_bytes;
    if (access >= 0 && n_bytes > ((size_t)1 << 20) &&
        H5Pset_chunk_cache(access, 521, n_bytes, H5D_CHUNK_CACHE_W0_DEFAULT) >= 0) {
        H5Dclose(dataset);
        dataset = H5Dopen2(group, name, access);
    }
    H5Pclose(access);
    H5Tclose(type);
out:
    if (creation >= 0)
        H5Pclose(creation);
    return dataset;
}

/* Whether HDF5 finds the dataset in the file that we found it in. */
static bool agrees(hid_t file, const char *path, const char *found) {
    char name[4096] = "";
    struct sheaf_stamp ours, theirs;
    struct sheaf_error ignored;
    hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT);
    bool is = dataset >= 0 && H5Fget_name(dataset, name, sizeof name) > 0 &&
              sheaf_stamp_take(&ours, found, &ignored) == 0 && sheaf_stamp_take(&theirs, name, &ignored) == 0 &&
              ours.inode == theirs.inode && ours.device == theirs.device;
    if (dataset >= 0)
        H5Dclose(dataset);
    return is;
}

static int64_t all_bytes(hid_t dataset) {
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    const int64_t n = (int64_t)H5Sget_simple_extent_npoints(space) * (int64_t)H5Tget_size(type);
    H5Tclose(type);
    H5Sclose(space);
    return n;
}

/* A file of external storage: it must hold what the dataset takes from it, or zeros would be read. */
static int note_storage(struct reach *r, const char *from, const char *folder, const char *name, int64_t least_bytes,
                        struct sheaf_error *error) {
    char *path = sheaf_path_join(folder[0] ? folder : ".", name);
    int rc = path ? 0 : sheaf_fail_memory(error, name);
    if (rc == 0 && access(path, R_OK))
        rc = sheaf_refuse(error,
                          "%s: its values are in the file '%s' (external storage), which cannot be opened: %s; names "
                          "of such files are seen from the current folder, or from HDF5_EXTFILE_PREFIX",
                          from, path, strerror(errno));
    if (rc == 0)
        rc = note(r, path, error);
    for (int i = 0; rc == 0 && i < r->n_files; i++)
        if (strcmp(r->files[i].path, path) == 0 && r->files[i].stamp.n_bytes < least_bytes)
            rc = sheaf_refuse(error, "%s: is too short: %s takes %" PRId64 " bytes from it (external storage)", path,
                              from, least_bytes);
    free(path);
    return rc;
}

static int reach_storage(struct reach *r, hid_t dataset, hid_t creation, const char *from, struct sheaf_error *error) {
    char name[4096], folder[4096] = "";
    int64_t left = all_bytes(dataset);
    hid_t access = H5Dget_access_plist(dataset);
    const int n = H5Pget_external_count(creation);
    if (access >= 0) {
        H5Pget_efile_prefix(access, folder, sizeof folder);
        H5Pclose(access);
    }
    for (int i = 0; i < n && left > 0; i++) {
        off_t offset = 0;
        hsize_t size = 0;
        if (H5Pget_external(creation, (unsigned)i, sizeof name, name, &offset, &size) < 0)
            return sheaf_h5_fail(error, from, "find its external storage");
        name[sizeof name - 1] = '\0';
        const int64_t n_bytes = size == H5F_UNLIMITED || size > (hsize_t)left ? left : (int64_t)size;
        if (note_storage(r, from, folder, name, (int64_t)offset + n_bytes, error))
            return -1;
        left -= n_bytes;
    }
    return 0;
}

static hid_t reach_path(struct reach *r, hid_t file, const char *file_path, const char *path, bool is_source, int depth,
                        struct walk *w, struct sheaf_error *error);

/* A name of a virtual dataset's source, as new memory: "%%" stands for '%'. NULL, and an error, if it is a pattern. */
static char *source_name(ssize_t (*get)(hid_t, size_t, char *, size_t), hid_t creation, size_t i, const char *from,
                         struct sheaf_error *error) {
    const ssize_t n = get(creation, i, NULL, 0);
    char *name = n >= 0 ? malloc((size_t)n + 1) : NULL;
    if (!name || get(creation, i, name, (size_t)n + 1) < 0) {
        free(name);
        sheaf_h5_fail(error, from, "find the sources of a virtual dataset");
        return NULL;
    }
    char *to = name;
    for (const char *at = name; *at; *to++ = *at++)
        if (at[0] == '%' && at[1] == '%') {
            at++;
        } else if (at[0] == '%') {
            sheaf_refuse(error, "%s: the sources of a virtual dataset are a pattern, '%s'; name each of them", from,
                         name);
            free(name);
            return NULL;
        }
    *to = '\0';
    return name;
}

/* A source of a virtual dataset of the file `from`, and what it reaches itself. */
static int reach_source(struct reach *r, hid_t dataset, const char *from, const char *file_name, const char *name,
                        int depth, struct sheaf_error *error) {
    const char *path = from;
    struct walk w;
    hid_t file = strcmp(file_name, ".") == 0 ? H5Iget_file_id(dataset)
                                             : open_named(r, from, file_name, "HDF5_VDS_PREFIX", &path);
    if (file < 0)
        return sheaf_refuse(error,
                            "%s: a source of a virtual dataset, '%s', is not there, or is not an HDF5 file that can be "
                            "read; fill values would be taken for its values",
                            from, file_name);
    hid_t source = reach_path(r, file, path, name, true, depth + 1, &w, error);
    if (source >= 0)
        H5Dclose(source);
    H5Fclose(file);
    return source < 0 ? -1 : 0;
}

static int reach_sources(struct reach *r, hid_t dataset, hid_t creation, const char *from, int depth,
                         struct sheaf_error *error) {
    size_t n = 0;
    int rc = H5Pget_virtual_count(creation, &n) < 0
                 ? sheaf_h5_fail(error, from, "find the sources of a virtual dataset")
                 : 0;
    if (depth >= MOST_DEPTH)
        return sheaf_refuse(error, "%s: virtual datasets of virtual datasets, %d deep", from, depth);
    char *last_file = NULL, *last = NULL; /* a source may stand there many times, with other rows */
    for (size_t i = 0; rc == 0 && i < n; i++) {
        char *file = source_name(H5Pget_virtual_filename, creation, i, from, error);
        char *name = file ? source_name(H5Pget_virtual_dsetname, creation, i, from, error) : NULL;
        const bool again = name && last && strcmp(last_file, file) == 0 && strcmp(last, name) == 0;
        rc = !name ? -1 : again ? 0 : reach_source(r, dataset, from, file, name, depth, error);
        free(last_file);
        free(last);
        last_file = file;
        last = name;
    }
    free(last_file);
    free(last);
    return rc;
}

/* What the dataset's own values lie in. */
static int reach_values(struct reach *r, hid_t dataset, const char *from, int depth, struct sheaf_error *error) {
    hid_t creation = H5Dget_create_plist(dataset);
    int rc = 0;
    if (creation < 0)
        return sheaf_h5_fail(error, from, "see how a dataset is stored");
    if (H5Pget_layout(creation) == H5D_VIRTUAL)
        rc = reach_sources(r, dataset, creation, from, depth, error);
    else if (H5Pget_external_count(creation) > 0)
        rc = reach_storage(r, dataset, creation, from, error);
    H5Pclose(creation);
    return rc;
}

/* Opens the dataset at a path and notes what it reaches. *w: where it was found; nothing of it is owned. */
static hid_t reach_path(struct reach *r, hid_t file, const char *file_path, const char *path, bool is_source, int depth,
                        struct walk *w, struct sheaf_error *error) {
    *w = (struct walk){.reach = r, .file = file_path, .at = H5Gopen2(file, "/", H5P_DEFAULT), .rest = path};
    hid_t dataset = H5I_INVALID_HID;
    if (w->at < 0) {
        sheaf_h5_fail(error, file_path, "open '/'");
        return dataset;
    }
    int rc = follow(w, error);
    if (rc == 0) {
        dataset = open_dataset(w->at, w->rest);
        rc = dataset >= 0 ? 0 : fail_path(w, path, error);
    }
    H5Gclose(w->at);
    if (rc == 0 && w->n_links && !agrees(file, path, w->file))
        rc = sheaf_refuse(error, "%s: '%s' leads to another file than %s; name the file itself", file_path, path,
                          w->file);
    if (rc == 0 && r->look)
        rc = r->look(r->context, dataset, is_source, error);
    if (rc == 0)
        rc = reach_values(r, dataset, w->file, depth, error);
    if (rc && dataset >= 0) {
        H5Dclose(dataset);
        dataset = H5I_INVALID_HID;
    }
    return dataset;
}

hid_t sheaf_reach_dataset(struct reach *r, hid_t file, const char *file_path, const char *path, bool *is_local,
                          struct sheaf_error *error) {
    struct walk w;
    hid_t dataset = reach_path(r, file, file_path, path, false, 0, &w, error);
    *is_local = dataset >= 0 && strcmp(w.file, file_path) == 0;
    return dataset;
}
