#include "kernel/program/script.h"

#include <string.h>

/* What may be open: brackets, quotes, and these. */
enum around {
    BASE = 0,
    SINGLE = '\'',
    DOUBLE = '"',
    BACK = '`',
    COMMAND = '(',    /* $( … ) or ( … ) */
    ARITHMETIC = '+', /* $(( … )) */
    GROUP = '*',      /* ( … ) in there */
    VARIABLE = '$',   /* ${ … } outside double quotes */
    QUOTED_VARIABLE = '}' /* ${ … } inside them */,
    DOCUMENT = '<', /* the body of a here-document */
    VERBATIM = '|'  /* of one with a quoted end */
};

static enum around innermost(const struct script *s) {
    return s->depth > 0 ? (enum around)s->around[s->depth - 1] : BASE;
}

static size_t open_one(struct script *s, enum around what, size_t n_bytes) {
    if (s->depth == SCRIPT_DEPTH)
        s->lost = true;
    else
        s->around[s->depth++] = (char)what;
    return n_bytes;
}

/* Closes it, and what is open inside it. */
static size_t close_one(struct script *s, size_t n_bytes) {
    s->depth--;
    return n_bytes;
}

/* --- here-documents ------------------------------------------------------------------------------------------------ */

/* Reads what stands behind <<, a word that ends the document; gives the bytes of it all. */
static size_t announce(struct script *s, const char *at) {
    struct script_document document = {.tabs = at[2] == '-'};
    const char *p = at + 2 + document.tabs;
    size_t n = 0;
    char quote = 0;
    for (p += strspn(p, " \t"); *p && (quote || !strchr(" \t\n;&|<>()", *p)); p++) {
        if (quote ? *p == quote : *p == '\'' || *p == '"') {
            quote = quote ? 0 : *p;
            document.verbatim = true;
            continue;
        }
        if (*p == '\\' && p[1]) {
            document.verbatim = true;
            p++;
        }
        if (n + 1 < SCRIPT_END_BYTES)
            document.end[n++] = *p;
        else
            s->lost = true;
    }
    if (s->n_documents == SCRIPT_DOCUMENTS)
        s->lost = true;
    else
        s->documents[s->n_documents++] = document;
    return (size_t)(p - at);
}

/* The first of those that were announced begins. */
static void begin_document(struct script *s) {
    open_one(s, s->documents[0].verbatim ? VERBATIM : DOCUMENT, 0);
}

/* At the beginning of a line: the bytes of the line that ends the document, or 0. */
static size_t find_end(const struct script *s, const char *at) {
    const char *line = at + (s->documents[0].tabs ? strspn(at, "\t") : 0);
    const size_t length = strcspn(line, "\n");
    if (length != strlen(s->documents[0].end) || strncmp(line, s->documents[0].end, length) != 0)
        return 0;
    return (size_t)(line - at) + length + (line[length] == '\n');
}

static void end_document(struct script *s) {
    close_one(s, 0);
    s->n_documents--;
    memmove(s->documents, s->documents + 1, (size_t)s->n_documents * sizeof *s->documents);
    if (s->n_documents > 0)
        begin_document(s);
}

/* --- steps --------------------------------------------------------------------------------------------------------- */

/* What the shell puts in also inside double quotes; 0: nothing of that begins or ends here. */
static size_t step_substitution(struct script *s, const char *at, bool quoted) {
    if (at[0] == '`') {
        int depth = s->depth;
        while (depth > 0 && s->around[depth - 1] != BACK)
            depth--;
        if (depth == 0)
            return open_one(s, BACK, 1);
        s->depth = depth;
        return close_one(s, 1);
    }
    if (at[0] != '$')
        return 0;
    if (at[1] == '(')
        return at[2] == '(' ? open_one(s, ARITHMETIC, 3) : open_one(s, COMMAND, 2);
    return at[1] == '{' ? open_one(s, quoted ? QUOTED_VARIABLE : VARIABLE, 2) : 0;
}

/* Where words stand: quotes, brackets, comments and here-documents. */
static size_t step_words(struct script *s, const char *at) {
    switch (at[0]) {
    case '\'':
    case '"':
        return open_one(s, (enum around)at[0], 1);
    case '(':
        return open_one(s, COMMAND, 1);
    case ')':
        return innermost(s) == COMMAND ? close_one(s, 1) : 1;
    case '#':
        return at == s->begin || strchr(" \t\n;&|()`", at[-1]) ? 1 + strcspn(at + 1, "\n") : 1;
    case '<':
        if (at[1] != '<')
            return 1;
        return at[2] == '<' ? 3 : announce(s, at);
    case '\n':
        if (s->n_documents > 0)
            begin_document(s);
        return 1;
    default:
        return 1;
    }
}

static size_t step_document(struct script *s, const char *at) {
    size_t end = at[-1] == '\n' ? find_end(s, at) : 0;
    if (end == 0)
        return 1;
    end_document(s);
    return end;
}

static size_t step_arithmetic(struct script *s, const char *at) {
    if (at[0] == '(')
        return open_one(s, GROUP, 1);
    if (at[0] != ')')
        return 1;
    return close_one(s, innermost(s) == ARITHMETIC && at[1] == ')' ? 2 : 1);
}

static size_t step_variable(struct script *s, const char *at) {
    if (at[0] == '}')
        return close_one(s, 1);
    if (at[0] == '"' || (at[0] == '\'' && innermost(s) == VARIABLE))
        return open_one(s, (enum around)at[0], 1);
    return 1;
}

size_t sheaf_script_step(struct script *s, const char *at) {
    const enum around in = innermost(s);
    if (in == SINGLE)
        return at[0] == '\'' ? close_one(s, 1) : 1;
    if (in == VERBATIM)
        return step_document(s, at);
    if (at[0] == '\\' && at[1])
        return 2;
    size_t n = step_substitution(s, at, in == DOUBLE || in == QUOTED_VARIABLE || in == DOCUMENT);
    if (n > 0)
        return n;
    switch (in) {
    case DOUBLE:
        return at[0] == '"' ? close_one(s, 1) : 1;
    case DOCUMENT:
        return step_document(s, at);
    case ARITHMETIC:
    case GROUP:
        return step_arithmetic(s, at);
    case VARIABLE:
    case QUOTED_VARIABLE:
        return step_variable(s, at);
    default:
        return step_words(s, at);
    }
}

enum script_place sheaf_script_place(const struct script *s) {
    if (s->lost)
        return SCRIPT_LOST;
    switch (innermost(s)) {
    case SINGLE:
        return SCRIPT_SINGLE;
    case DOUBLE:
    case DOCUMENT:
    case QUOTED_VARIABLE:
        return SCRIPT_DOUBLE;
    case ARITHMETIC:
    case GROUP:
        return SCRIPT_ARITHMETIC;
    case VERBATIM:
        return SCRIPT_VERBATIM;
    default:
        return SCRIPT_PLAIN;
    }
}
