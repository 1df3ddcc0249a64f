#include "kernel/program/reading.h"

#include <stdlib.h>
#include <string.h>

/* A command's words, as far as they are read. */
struct words {
    struct script script; /* that begins with the command */
    struct code_words *code;
    char *word; /* the one at work, without its quotes */
    size_t n;
    bool begun;
};

/* Adds what a step of n bytes went over; quotes are no part of the word. */
static void add(struct words *w, const char *at, size_t n, int depth) {
    const bool quotes = w->script.depth != depth;
    if (n == 2 && at[0] == '\\' && at[1] == '\n') /* the line goes on */
        return;
    w->begun = true;
    if (n == 1 && quotes && (*at == '"' || *at == '\''))
        return;
    if (n == 2 && quotes && at[0] == '$' && at[1] == '\'')
        return;
    const size_t escaped = n == 2 && *at == '\\';
    memcpy(w->word + w->n, at + escaped, n - escaped);
    w->n += n - escaped;
}

static enum code_role end_word(struct words *w) {
    w->word[w->n] = '\0';
    w->n = 0;
    w->begun = false;
    return sheaf_code_step(w->code, w->word);
}

/* Reads the words of the command between from and end. Where it goes on there, *role is that of the word at work, of which
   nothing may be there yet (*empty); role is NULL for all of a command. -1: no memory. */
static int read_words(const char *from, const char *end, struct code_words *code, enum code_role *role, bool *empty) {
    struct words w = {.script = {.begin = from}, .code = code, .word = malloc((size_t)(end - from) + 1)};
    *code = (struct code_words){0};
    if (!w.word)
        return -1;
    for (const char *at = from; at < end;) {
        const int depth = w.script.depth;
        size_t n = sheaf_script_step(&w.script, at);
        n = n < (size_t)(end - at) ? n : (size_t)(end - at);
        if (depth > 0 || !strchr(" \t\n", *at))
            add(&w, at, n, depth);
        else if (w.begun)
            end_word(&w);
        at += n;
    }
    if (role) {
        *empty = w.n == 0;
        *role = end_word(&w);
    } else if (w.begun) {
        end_word(&w);
    }
    free(w.word);
    return 0;
}

/* --- the word that has the place ----------------------------------------------------------------------------------- */

/* What stands behind the place and the quote around it; NULL: something else stands in the quotes, too. */
static const char *behind(const struct script *script, const char *at, size_t length) {
    const char *p = at + length + 2;
    if (sheaf_script_place(script, at) == SCRIPT_PLAIN)
        return p;
    return *p == '"' || *p == '\'' ? p + 1 : NULL;
}

/* Whether the next word makes a formula of the one with the place: [[ {x} -eq 1 ]]. */
static bool is_compared(const struct code_words *code, const char *after) {
    char word[4] = "";
    if (!after || !code->reader)
        return false;
    after += strspn(after, " \t");
    memcpy(word, after, strnlen(after, 3));
    return strcmp(sheaf_code_name(code), "[[") == 0 && sheaf_code_compares(word);
}

/* The command between from and end has the place in its words. */
static bool is_code(const struct script *script, const char *from, const char *at, size_t length, bool inner,
                    struct code_words *code) {
    enum code_role role;
    bool empty;
    const char *after = inner ? behind(script, at, length) : NULL;
    if (read_words(from, at, code, &role, &empty))
        return true;
    if (is_compared(code, after))
        return true;
    const bool whole = after && empty && (!*after || strchr(" \t\n;&|)", *after));
    return role != CODE_NONE && !(whole && sheaf_code_begins(code));
}

/* --- what is piped ------------------------------------------------------------------------------------------------- */

/* Whether what the command at p writes is read as code by one behind it. `depth` is that of its words in the script. */
static bool is_piped(struct script ahead, const char *p, int depth, struct code_words *code) {
    const char *from = NULL;
    while (true) {
        const char *begins = ahead.from[depth];
        const size_t n = *p ? sheaf_script_step(&ahead, p) : 0;
        const bool ends = !*p || ahead.depth < depth || ahead.from[depth] != begins;
        if (ends && from && (read_words(from, p, code, NULL, NULL) || sheaf_code_reads_input(code)))
            return true;
        if (ends && (*p != '|' || p[1] == '|'))
            return false;
        if (ends)
            from = p + 1 + (p[1] == '&');
        p += n;
    }
}

bool sheaf_reading_find(const struct script *script, const char *at, size_t length, struct code_words *code) {
    const char *end, *from, *innermost = NULL;
    for (int level = script->depth; (from = sheaf_script_command(script, &level, at, &end));) {
        if (end < at) { /* a here-document */
            if (read_words(from, end, code, NULL, NULL) || sheaf_code_reads_input(code) ||
                is_piped((struct script){.begin = from}, from, 0, code))
                return true;
            innermost = innermost ? innermost : at;
            continue;
        }
        const bool quoted = innermost && memmem(innermost, (size_t)(at - innermost), "%q", 2);
        if (!quoted && (is_code(script, from, at, length, !innermost, code) ||
                        (!innermost && is_piped(*script, at + length + 2, level + 1, code))))
            return true;
        innermost = innermost ? innermost : from;
    }
    return false;
}

bool sheaf_reading_takes_input(const char *text, struct code_words *code) {
    struct script script = {.begin = text};
    const char *from = text, *p = text;
    bool piped = false;
    while (true) {
        const char *begins = script.from[0];
        const size_t n = *p ? sheaf_script_step(&script, p) : 0;
        const bool ends = !*p || script.from[0] != begins;
        if (ends && !piped && (read_words(from, p, code, NULL, NULL) || sheaf_code_reads_input(code)))
            return true;
        if (!*p)
            return false;
        if (ends) {
            piped = *p == '|' && p[1] != '|' && (p == text || p[-1] != '|');
            from = p + 1;
        }
        p += n;
    }
}
