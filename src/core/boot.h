/*
 * boot - which start of this machine this is: what was written before a power cut and not synced is not to be trusted
 * after it.
 */
#ifndef SHEAF_CORE_BOOT_H
#define SHEAF_CORE_BOOT_H

enum { BOOT_BYTES = 40 };

/* A text that is the same until the machine is started anew, and on no other machine; filled up with NUL. All NUL: nothing
   is known. */
void sheaf_boot_id(char id[BOOT_BYTES]);

#endif
