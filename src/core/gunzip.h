/*
 * gunzip - a file that gzip has compressed, as it was before (zlib).
 */
#ifndef SHEAF_CORE_GUNZIP_H
#define SHEAF_CORE_GUNZIP_H

#include <stdbool.h>

#include "core/error.h"
#include "core/file.h"

/* Whether the bytes begin as gzip's do. */
bool sheaf_gunzip_is_due(const struct sheaf_mapping *file);

/* Makes a mapping of what they were, in memory, to be closed by the caller. Several one behind the other, as bgzip and pigz write
   them, are one. `name` is the file's in messages; what is cut or damaged is refused. */
int sheaf_gunzip(struct sheaf_mapping *mapping, const struct sheaf_mapping *file, const char *name,
                 struct sheaf_error *error);

#endif
