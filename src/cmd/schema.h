/*
 * schema - what may stand in a job file as a JSON schema (draft 7), from the table in job/keys.
 */
#ifndef SHEAF_CMD_SCHEMA_H
#define SHEAF_CMD_SCHEMA_H

/* On stdout. */
void sheaf_schema_print(void);

#endif
