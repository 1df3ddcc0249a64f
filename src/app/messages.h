/*
 * messages - the rows of the table of errors, which the ranks of a node take by one counter.
 *
 * On rank 0's node all ranks that write take rows themselves. On another node the counter starts at the rows that are used
 * as well, and goes up with each message that is sent to rank 0: when it has come to the end of the table, the table is
 * full, whatever other nodes have sent, and nothing need be sent any more.
 */
#ifndef SHEAF_APP_MESSAGES_H
#define SHEAF_APP_MESSAGES_H

#include <stdbool.h>

#include "comm/comm.h"
#include "core/error.h"
#include "exec/team.h"
#include "plan/row_sink.h"

/* Has `sink` count with those of the other ranks of its node until the stage ends; NULL on a rank that does not write.
   On rank 0 it is the one that knows which rows are used. is_whole: all items of the stage are asked for. *way is what this
   rank does with messages. Collective; agrees on the outcome. */
int sheaf_messages_share(struct comm *comm, struct row_sink *sink, bool is_whole, enum messages_way *way,
                         struct sheaf_error *error);

/* Has it count for itself again: the memory goes away. Takes NULL. */
void sheaf_messages_unshare(struct row_sink *sink);

#endif
