#include "store/heap.h"

#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"

/* What the dataset has of each text: its length, and where in the heap it lies (address, index); little-endian. */
enum { REFERENCE_BYTES = 16, REFERENCES = 512 };

/* Where the references lie in the file `path`; HADDR_UNDEF if in no one place, or in another file behind a link. */
static haddr_t find_references(hid_t dataset, const char *path) {
    char there[4096] = "";
    hid_t creation = H5Dget_create_plist(dataset), file = H5Iget_file_id(dataset);
    haddr_t at = HADDR_UNDEF;
    if (creation >= 0 && file >= 0 && H5Pget_layout(creation) == H5D_CONTIGUOUS &&
        H5Pget_external_count(creation) == 0 && H5Fget_name(file, there, sizeof there) > 0 && strcmp(there, path) == 0)
        at = H5Dget_offset(dataset);
    H5Eclear2(H5E_DEFAULT); /* a dataset that was never written has no offset */
    if (file >= 0)
        H5Fclose(file);
    if (creation >= 0)
        H5Pclose(creation);
    return at;
}

int sheaf_heap_check(int fd, const char *path, hid_t dataset, int64_t first, int64_t n, char *const *texts) {
    char references[REFERENCES * REFERENCE_BYTES];
    const haddr_t at = find_references(dataset, path);
    if (at == HADDR_UNDEF)
        return 0;
    for (int64_t done = 0; done < n; done += REFERENCES) {
        const int64_t m = n - done < REFERENCES ? n - done : REFERENCES;
        if (sheaf_file_pread(fd, references, (size_t)m * REFERENCE_BYTES,
                             (off_t)at + (off_t)(first + done) * REFERENCE_BYTES, path, NULL))
            return -1;
        for (int64_t i = 0; i < m; i++) {
            uint32_t length;
            memcpy(&length, references + i * REFERENCE_BYTES, sizeof length);
            if (le32toh(length) != (texts[done + i] ? strlen(texts[done + i]) : 0))
                return -1;
        }
    }
    return 0;
}
