/*
 * boot - which start of which machine this is: what was written before a power cut and not synced is not to be trusted
 * after it.
 */
#ifndef SHEAF_CORE_BOOT_H
#define SHEAF_CORE_BOOT_H

#include <stdbool.h>

enum { BOOT_BYTES = 104 };

/* A text that is the same until the machine is started anew, and on no other machine, and behind it the machine's name;
   filled up with NUL. All NUL: nothing is known. */
void sheaf_boot_id(char id[BOOT_BYTES]);

/* Whether the machine of the one has been started anew since, as the other. */
bool sheaf_boot_is_later(const char before[BOOT_BYTES], const char now[BOOT_BYTES]);

#endif
