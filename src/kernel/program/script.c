#include "kernel/program/script.h"

#include <string.h>

/* What may be open: brackets, quotes, and these. */
enum around {
    BASE = 0,
    SINGLE = '\'',
    DOUBLE = '"',
    BACK = '`',
    ANSI = 'a',       /* $'…' */
    COMMAND = '(',    /* $( … ), <( … ) */
    SUBSHELL = ')',   /* ( … ) */
    PAIR = '2',       /* (( … )), a formula for bash, or two subshells */
    ARITHMETIC = '+', /* $(( … )) */
    GROUP = '*',      /* ( … ) in there */
    SQUARE = '[',     /* $[ … ], and [ … ] in there */
    VARIABLE = '$',   /* ${ … } outside double quotes */
    QUOTED_VARIABLE = '}' /* ${ … } inside them */,
    DOCUMENT = '<', /* the body of a here-document */
    VERBATIM = '|'  /* of one with a quoted end */
};

static enum around innermost(const struct script *s) {
    return s->depth > 0 ? (enum around)s->around[s->depth - 1] : BASE;
}

static size_t open_one(struct script *s, enum around what, const char *at, size_t n_bytes) {
    if (s->depth == SCRIPT_DEPTH) {
        s->lost = true;
        return n_bytes;
    }
    s->around[s->depth++] = (char)what;
    s->from[s->depth] = at + n_bytes;
    return n_bytes;
}

static size_t close_one(struct script *s, size_t n_bytes) {
    s->depth--;
    return n_bytes;
}

/* Another command begins behind n_bytes. */
static size_t begin_command(struct script *s, const char *at, size_t n_bytes) {
    s->from[s->depth] = at + n_bytes;
    return n_bytes;
}

static const char *command_at(const struct script *s, int depth) {
    return s->from[depth] ? s->from[depth] : s->begin;
}

/* --- here-documents ------------------------------------------------------------------------------------------------ */

/* Reads what stands behind <<, a word that ends the document; gives the bytes of it all. */
static size_t announce(struct script *s, const char *at) {
    struct script_document document = {.tabs = at[2] == '-', .command = command_at(s, s->depth), .at = at};
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
static void begin_document(struct script *s, const char *at) {
    open_one(s, s->documents[0].verbatim ? VERBATIM : DOCUMENT, at, 0);
}

/* At the beginning of a line: the bytes of the line that ends the document, or 0. */
static size_t find_end(const struct script *s, const char *at) {
    const char *line = at + (s->documents[0].tabs ? strspn(at, "\t") : 0);
    const size_t length = strcspn(line, "\n");
    if (length != strlen(s->documents[0].end) || strncmp(line, s->documents[0].end, length) != 0)
        return 0;
    return (size_t)(line - at) + length + (line[length] == '\n');
}

static void end_document(struct script *s, const char *at) {
    close_one(s, 0);
    s->n_documents--;
    memmove(s->documents, s->documents + 1, (size_t)s->n_documents * sizeof *s->documents);
    if (s->n_documents > 0)
        begin_document(s, at);
}

/* --- steps --------------------------------------------------------------------------------------------------------- */

/* What the shell puts in also inside double quotes; 0: nothing of that begins or ends here. */
static size_t step_substitution(struct script *s, const char *at, bool quoted) {
    if (at[0] == '`') {
        int depth = s->depth;
        while (depth > 0 && s->around[depth - 1] != BACK)
            depth--;
        if (depth == 0)
            return open_one(s, BACK, at, 1);
        s->depth = depth;
        return close_one(s, 1);
    }
    if (at[0] != '$')
        return 0;
    if (at[1] == '(')
        return at[2] == '(' ? open_one(s, ARITHMETIC, at, 3) : open_one(s, COMMAND, at, 2);
    if (at[1] == '[')
        return open_one(s, SQUARE, at, 2);
    if (at[1] == '\'' && !quoted)
        return open_one(s, ANSI, at, 2);
    return at[1] == '{' ? open_one(s, quoted ? QUOTED_VARIABLE : VARIABLE, at, 2) : 0;
}

/* ( … ), (( … )) and what an array or a file is made of, a=( … ) and <( … ). */
static size_t step_bracket(struct script *s, const char *at) {
    if (at[0] == '(' && at[1] == '(')
        return open_one(s, PAIR, at, 2);
    if (at[0] == '(')
        return open_one(s, at > s->begin && strchr("<>=", at[-1]) ? COMMAND : SUBSHELL, at, 1);
    if (innermost(s) == PAIR && at[1] != ')') { /* it was two subshells: one is left */
        s->around[s->depth - 1] = SUBSHELL;
        return begin_command(s, at, 1);
    }
    if (innermost(s) == PAIR || innermost(s) == COMMAND)
        return close_one(s, innermost(s) == PAIR ? 2 : 1);
    if (innermost(s) == SUBSHELL)
        close_one(s, 0);
    return begin_command(s, at, 1); /* also behind a pattern of case */
}

/* What ends a command, unless it is a part of >& or the like. */
static size_t step_separator(struct script *s, const char *at) {
    const bool redirects = (at > s->begin && strchr("<>", at[-1])) || (at[0] == '&' && at[1] == '>');
    return redirects && at[0] != ';' ? 1 : begin_command(s, at, 1);
}

/* Where words stand: quotes, brackets, comments and here-documents. */
static size_t step_words(struct script *s, const char *at) {
    switch (at[0]) {
    case '\'':
    case '"':
        return open_one(s, (enum around)at[0], at, 1);
    case '(':
    case ')':
        return step_bracket(s, at);
    case '#':
        return at == s->begin || strchr(" \t\n;&|()`", at[-1]) ? 1 + strcspn(at + 1, "\n") : 1;
    case '<':
        if (at[1] != '<' || innermost(s) == PAIR)
            return 1;
        return at[2] == '<' ? 3 : announce(s, at);
    case ';':
    case '&':
    case '|':
        return step_separator(s, at);
    case '\n':
        begin_command(s, at, 1);
        if (s->n_documents > 0)
            begin_document(s, at + 1);
        return 1;
    default:
        return 1;
    }
}

static size_t step_document(struct script *s, const char *at) {
    size_t end = at[-1] == '\n' ? find_end(s, at) : 0;
    if (end == 0)
        return 1;
    end_document(s, at + end);
    return begin_command(s, at, end);
}

static size_t step_arithmetic(struct script *s, const char *at) {
    if (at[0] == '(')
        return open_one(s, GROUP, at, 1);
    if (at[0] != ')')
        return 1;
    return close_one(s, innermost(s) == ARITHMETIC && at[1] == ')' ? 2 : 1);
}

static size_t step_square(struct script *s, const char *at) {
    if (at[0] == '[')
        return open_one(s, SQUARE, at, 1);
    return at[0] == ']' ? close_one(s, 1) : 1;
}

static size_t step_variable(struct script *s, const char *at) {
    if (at[0] == '}')
        return close_one(s, 1);
    if (at[0] == '"' || (at[0] == '\'' && innermost(s) == VARIABLE))
        return open_one(s, (enum around)at[0], at, 1);
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
    if (in == ANSI)
        return at[0] == '\'' ? close_one(s, 1) : 1;
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
    case SQUARE:
        return step_square(s, at);
    case VARIABLE:
    case QUOTED_VARIABLE:
        return step_variable(s, at);
    default:
        return step_words(s, at);
    }
}

/* --- places -------------------------------------------------------------------------------------------------------- */

/* Whether bash takes what stands in ${NAME[ … ]} or ${NAME: … } for a formula; ${NAME:-TEXT} has a text. */
static bool is_formula(const char *from, const char *at) {
    const char *name = from + strspn(from, "#!");
    name += strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@*");
    const char *open = memchr(from, '[', (size_t)(at - from));
    if (open && !memchr(open, ']', (size_t)(at - open)))
        return true;
    return name < at && name[0] == ':' && !(name + 1 < at && strchr("-=?+", name[1]));
}

/* Whether the place is in the subscript that an assignment begins with: a[{x}]=1, a formula too. */
static bool is_subscript(const char *from, const char *at) {
    const char *name = from + strspn(from, " \t\n");
    const char *open = name + strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    return open > name && open < at && *open == '[' && !memchr(open, ']', (size_t)(at - open));
}

enum script_place sheaf_script_place(const struct script *s, const char *at) {
    const enum around in = innermost(s);
    if (s->lost)
        return SCRIPT_LOST;
    switch (in) {
    case SINGLE:
        return SCRIPT_SINGLE;
    case ANSI:
        return SCRIPT_ANSI;
    case VARIABLE:
    case QUOTED_VARIABLE:
        if (is_formula(command_at(s, s->depth), at))
            return SCRIPT_ARITHMETIC;
        return in == VARIABLE ? SCRIPT_PLAIN : SCRIPT_DOUBLE;
    case DOUBLE:
    case DOCUMENT:
        return SCRIPT_DOUBLE;
    case PAIR:
    case ARITHMETIC:
    case GROUP:
    case SQUARE:
        return SCRIPT_ARITHMETIC;
    case VERBATIM:
        return SCRIPT_VERBATIM;
    default:
        return is_subscript(command_at(s, s->depth), at) ? SCRIPT_ARITHMETIC : SCRIPT_PLAIN;
    }
}

const char *sheaf_script_command(const struct script *s, int *level, const char *at, const char **end) {
    for (int depth = *level; depth >= 0; depth--) {
        const enum around in = depth > 0 ? (enum around)s->around[depth - 1] : BASE;
        *level = depth - 1;
        *end = at;
        if (in == DOCUMENT) {
            *level = depth - 2; /* the command around it is the one that reads it */
            *end = s->documents[0].at;
            return s->documents[0].command;
        }
        if (in == BASE || in == COMMAND || in == SUBSHELL || in == PAIR || in == BACK)
            return command_at(s, depth);
    }
    return NULL;
}
