#include "store/space.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/file.h"
#include "core/interrupt.h"
#include "core/type.h"
#include "store/prints.h"

size_t sheaf_space_row_bytes(const struct results_plan *plan) {
    size_t n_bytes = 1; /* the status */
    for (int k = 0; k < plan->n_outputs; k++)
        n_bytes += plan->outputs[k].type == SHEAF_TEXT ? 0 : sheaf_field_row_bytes(&plan->outputs[k]);
    return n_bytes;
}

static bool has_texts(const struct sheaf_field *fields, int n_fields) {
    for (int k = 0; k < n_fields; k++)
        if (fields[k].type == SHEAF_TEXT)
            return true;
    return false;
}

/* What the rows take, without texts of any length. As a float: it may be beyond 64 bits. */
static double needed_bytes(const struct results_plan *plan) {
    const struct items *items = plan->items;
    const size_t outputs = sheaf_space_row_bytes(plan), sums = SEGMENT_PARTS * sizeof(uint64_t);
    const double text_sum = sizeof(uint64_t), print = sheaf_prints_are_kept(plan) ? sizeof(struct print) : 0;
    double row = (double)outputs + print + (plan->attempts ? 1 : 0) + (plan->origins ? 1 : 0) +
                 (double)sizeof(float) / (double)plan->block + /* seconds */
                 (double)sums / (double)sheaf_segment_size(outputs) +
                 (has_texts(plan->outputs, plan->n_outputs) ? text_sum : 0) +
                 (has_texts(items->fields, sheaf_results_copies_inputs(plan) ? items->n_fields : 0) ? text_sum : 0);
    for (int k = 0; k < items->n_fields && sheaf_results_copies_inputs(plan); k++)
        row += items->fields[k].type == SHEAF_TEXT ? 0 : (double)sheaf_field_row_bytes(&items->fields[k]);
    return row * (double)items->n_items;
}

/* To reserve what is not there could take all that others have on the disk for a while, and where nothing can be reserved
   this is all that is known. */
static int check_room(const struct results_plan *plan, const char *path, struct sheaf_error *error) {
    struct statvfs about;
    const double needed = needed_bytes(plan), mb = 1e6;
    if (statvfs(path, &about) || about.f_blocks == 0)
        return 0; /* nobody knows */
    const double room = (double)about.f_bavail * (double)about.f_frsize;
    return needed <= room ? 0
                          : sheaf_fail(error,
                                       "%s: cannot reserve %.0f MB for the results: No space left on device (%.0f MB); "
                                       "make room, or choose another place with -o",
                                       plan->path, needed / mb, room / mb);
}

int sheaf_space_probe(const struct results_plan *plan, const char *path, struct sheaf_error *error) {
    unlink(path); /* what a killed run has left; never the file that a link leads to */
    sheaf_interrupt_remove(path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return sheaf_fail_errno(error, "%s: cannot create the results file; choose another place with -o", path);
    close(fd);
    int rc = check_room(plan, path, error);
    if (rc) {
        unlink(path);
        sheaf_interrupt_forget(path);
    }
    return rc;
}

int sheaf_space_reserve(const char *path, struct sheaf_error *error) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return sheaf_fail_errno(error, "%s: cannot open", path);
    int rc = 0;
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0)
        rc = sheaf_fail_errno(error, "%s: cannot find its size", path);
    else if (fallocate(fd, 0, 0, size) && errno != EOPNOTSUPP && errno != ENOSYS)
        rc = sheaf_fail_errno(error, "%s: cannot reserve %lld MB", path, (long long)(size >> 20));
    else if (fsync(fd))
        rc = sheaf_fail_errno(error, "%s: cannot sync", path);
    if (close(fd) && rc == 0)
        rc = sheaf_fail_errno(error, "%s: cannot close", path);
    return rc;
}
