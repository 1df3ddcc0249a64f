/*
 * futex - sleep until a word changes (Linux futex(2)); what every idle thread of Sheaf sleeps on. The word may lie in
 * memory that several processes share.
 */
#ifndef SHEAF_CORE_FUTEX_H
#define SHEAF_CORE_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

/* Sleeps while *word == seen, for at most timeout_s seconds (negative: for as long as it takes). May wake early. */
void sheaf_futex_wait(_Atomic(uint32_t) *word, uint32_t seen, double timeout_s);

/* Wakes every thread that sleeps on the word. */
void sheaf_futex_wake(_Atomic(uint32_t) *word);

#endif
