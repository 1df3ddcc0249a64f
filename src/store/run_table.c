#include "store/run_table.h"

#include "store/layout.h"

#define AT(member) offsetof(struct run_record, member)

const struct run_column sheaf_run_columns[RUN_COLUMNS] = {
    {GROUP "/runs/start", SHEAF_FLOAT64, 1, AT(start_unix_s), "seconds since 1970-01-01 00:00:00 UTC",
     "when the run began; 0 in unused rows"},
    {GROUP "/runs/end", SHEAF_FLOAT64, 1, AT(end_unix_s), "seconds since 1970-01-01 00:00:00 UTC",
     "when the run ended; 0 if it was broken off"},
    {GROUP "/runs/ranks", SHEAF_INT32, 1, AT(n_ranks), NULL, "MPI ranks"},
    {GROUP "/runs/threads", SHEAF_INT32, 1, AT(n_threads), NULL, "compute threads of a rank"},
    {GROUP "/runs/nodes", SHEAF_INT32, 1, AT(n_nodes), NULL, "nodes"},
    {GROUP "/runs/items", SHEAF_INT64, 1, AT(n_items), NULL, "items computed in the run"},
    {GROUP "/runs/reason", SHEAF_UINT8, 1, AT(reason), NULL,
     "why it ended: 0 broken off (or still running), 1 complete, 2 the items asked for are done, 3 interrupted"},
    {GROUP "/runs/host", SHEAF_UINT8, sizeof(((struct run_record *)NULL)->host), AT(host), NULL,
     "host of rank 0, UTF-8 bytes"},
};
