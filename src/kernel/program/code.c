#include "kernel/program/code.h"

#include <ctype.h>
#include <string.h>

/* How a program takes code. */
enum how {
    SHELL,    /* behind options, the one with c among them */
    OPTION,   /* behind an option */
    ANYWHERE, /* so, and the option may stand behind other words */
    FIRST,    /* the first word that is no option */
    ALL,      /* all words */
    REMOTE,   /* all words behind the first that is no option */
    QUEUE,    /* standard input */
    NAMES,    /* names of variables, whose [ … ] is a formula */
    TEST,     /* words beside -eq and the like, and behind -v */
    LAUNCHER, /* none: it starts another program, with the same environment */
    AWAY,     /* so, but perhaps with another one */
    FINDER    /* so, behind -exec */
};

struct code_reader {
    const char *name;
    enum how how;
    const char *letters; /* options whose argument is code */
    const char *takes;   /* options whose argument is something else */
    const char *longs;   /* options with long names whose argument is code, a blank around each */
    const char *way;
};

enum state {
    PROGRAM = 0, /* the program comes */
    LOOSE,       /* words of a launcher, and then a program */
    UNKNOWN,     /* words of a program that is not known, and perhaps another one */
    EXEC,        /* words of find */
    OPTIONS,     /* options of the reader */
    INPUT,       /* it reads its input */
    REST,        /* all is code */
    OVER         /* no more code comes */
};

static const char AS_ARGUMENT[] = "give it as an argument: sh -c '… \"$1\" …' sh @";
static const char IN_VARIABLE[] = "put it into a variable before, x=@, and write \"$x\" within single quotes";
static const char IN_ENVIRONMENT[] = "put it into the environment, x=@ before the program (in a list behind env), "
                                     "and let the code read it there";
static const char TO_PYTHON[] = "give it as an argument: python3 -c '… sys.argv[1] …' @";
static const char TO_PERL[] = "give it as an argument: perl -e '… $ARGV[0] …' -- @";
static const char TO_AWK[] = "put it into the environment: x=@ awk '… ENVIRON[\"x\"] …'";
static const char TO_SED[] = "write the text with a here-document, cat <<EOF, which takes values as they are";
static const char TO_SSH[] = "give it through standard input, or in a script as \"$(env printf %q @)\"";
static const char AS_NUMBER[] = "only numbers can stand here";

#define SHELL_OF(name)                                                                                                 \
    { name, SHELL, "c", "oO", " ", AS_ARGUMENT }
#define LAUNCHER_OF(name)                                                                                              \
    { name, LAUNCHER, "", "", " ", NULL }
#define AWAY_OF(name)                                                                                                  \
    { name, AWAY, "", "", " ", NULL }
#define NAMES_OF(name)                                                                                                 \
    { name, NAMES, "", "", " ", AS_NUMBER }

static const struct code_reader readers[] = {
    SHELL_OF("sh"),
    SHELL_OF("bash"),
    SHELL_OF("dash"),
    SHELL_OF("ash"),
    SHELL_OF("zsh"),
    SHELL_OF("ksh"),
    SHELL_OF("mksh"),
    SHELL_OF("yash"),
    SHELL_OF("rbash"),
    SHELL_OF("$SHELL"),
    SHELL_OF("${SHELL}"),
    SHELL_OF("$BASH"),
    {"csh", OPTION, "c", "", " ", IN_ENVIRONMENT},
    {"tcsh", OPTION, "c", "", " ", IN_ENVIRONMENT},
    {"fish", OPTION, "cC", "", " --command --init-command ", IN_ENVIRONMENT},
    {"python", OPTION, "c", "WXm", " ", TO_PYTHON},
    {"pypy", OPTION, "c", "WXm", " ", TO_PYTHON},
    {"perl", OPTION, "eE", "IMmFx", " ", TO_PERL},
    {"ruby", OPTION, "e", "rICE", " ", IN_ENVIRONMENT},
    {"node", OPTION, "ep", "rC", " --eval --print ", IN_ENVIRONMENT},
    {"php", OPTION, "rBRE", "cdfFSt", " --run ", IN_ENVIRONMENT},
    {"lua", OPTION, "e", "l", " ", IN_ENVIRONMENT},
    {"Rscript", OPTION, "e", "", " ", IN_ENVIRONMENT},
    {"R", OPTION, "e", "fg", " ", IN_ENVIRONMENT},
    {"julia", OPTION, "eE", "JCtpLHmO", " --eval --print ", IN_ENVIRONMENT},
    {"octave", OPTION, "", "p", " --eval ", IN_ENVIRONMENT},
    {"octave-cli", OPTION, "", "p", " --eval ", IN_ENVIRONMENT},
    {"matlab", ANYWHERE, "", "", " -batch -r ", IN_ENVIRONMENT},
    {"gnuplot", ANYWHERE, "e", "", " ", IN_ENVIRONMENT},
    {"su", ANYWHERE, "c", "sgGw", " --command --session-command ", IN_ENVIRONMENT},
    {"runuser", ANYWHERE, "c", "sgGuw", " --command --session-command ", IN_ENVIRONMENT},
    {"sg", ANYWHERE, "c", "", " ", IN_ENVIRONMENT},
    {"script", ANYWHERE, "c", "", " --command ", IN_ENVIRONMENT},
    {"flock", ANYWHERE, "c", "wE", " --command ", IN_ENVIRONMENT},
    {"sbatch", QUEUE, "", "", " --wrap ", IN_ENVIRONMENT},
    {"qsub", QUEUE, "", "", " ", IN_ENVIRONMENT},
    {"bsub", QUEUE, "", "", " ", IN_ENVIRONMENT},
    {"at", QUEUE, "", "", " ", IN_ENVIRONMENT},
    {"batch", QUEUE, "", "", " ", IN_ENVIRONMENT},
    {"awk", FIRST, "e", "fFvi", " --source ", TO_AWK},
    {"gawk", FIRST, "e", "fFvi", " --source ", TO_AWK},
    {"mawk", FIRST, "", "fFvW", " ", TO_AWK},
    {"nawk", FIRST, "", "fFv", " ", TO_AWK},
    {"sed", FIRST, "e", "fl", " --expression ", TO_SED},
    {"gsed", FIRST, "e", "fl", " --expression ", TO_SED},
    {"trap", FIRST, "", "", " ", IN_VARIABLE},
    {"eval", ALL, "", "", " ", IN_VARIABLE},
    {"alias", ALL, "", "", " ", IN_VARIABLE},
    {"parallel", ALL, "", "", " ", "give it behind :::"},
    {"sem", ALL, "", "", " ", IN_ENVIRONMENT},
    {"watch", ALL, "", "", " ", IN_ENVIRONMENT},
    {"ssh", REMOTE, "", "BbcDEeFIiJLlmOopQRSWw", " ", TO_SSH},
    {"rsh", REMOTE, "", "l", " ", TO_SSH},
    {"let", ALL, "", "", " ", AS_NUMBER},
    NAMES_OF("declare"),
    NAMES_OF("typeset"),
    NAMES_OF("local"),
    NAMES_OF("readonly"),
    NAMES_OF("export"),
    NAMES_OF("unset"),
    NAMES_OF("read"),
    {"[[", TEST, "", "", " ", AS_NUMBER},
    {"[", TEST, "", "", " ", AS_NUMBER},
    {"test", TEST, "", "", " ", AS_NUMBER},
    LAUNCHER_OF("env"),
    LAUNCHER_OF("exec"),
    LAUNCHER_OF("command"),
    LAUNCHER_OF("builtin"),
    LAUNCHER_OF("time"),
    LAUNCHER_OF("timeout"),
    LAUNCHER_OF("nice"),
    LAUNCHER_OF("ionice"),
    LAUNCHER_OF("chrt"),
    LAUNCHER_OF("nohup"),
    LAUNCHER_OF("setsid"),
    LAUNCHER_OF("stdbuf"),
    LAUNCHER_OF("taskset"),
    LAUNCHER_OF("numactl"),
    LAUNCHER_OF("busybox"),
    LAUNCHER_OF("xargs"),
    LAUNCHER_OF("strace"),
    LAUNCHER_OF("valgrind"),
    AWAY_OF("sudo"),
    AWAY_OF("doas"),
    AWAY_OF("chroot"),
    AWAY_OF("unshare"),
    AWAY_OF("srun"),
    AWAY_OF("mpirun"),
    AWAY_OF("mpiexec"),
    AWAY_OF("docker"),
    AWAY_OF("podman"),
    AWAY_OF("singularity"),
    AWAY_OF("apptainer"),
    {"find", FINDER, "", "", " ", NULL},
};

/* --- names --------------------------------------------------------------------------------------------------------- */

/* Whether a word is the program's name, which may have a version behind it: python3.11. */
static bool is_name(const char *word, const char *name) {
    const size_t length = strlen(name);
    return strncmp(word, name, length) == 0 && word[length + strspn(word + length, "0123456789.-")] == '\0';
}

static bool is_interpreter(const struct code_reader *reader) {
    return reader && (reader->how == SHELL || reader->how == OPTION);
}

/* Programs whose code comes with an option of their own are looked for everywhere, and with any path, as of an
   environment of conda; the others have to be in their place, and ./watch is a program of the user. */
static const struct code_reader *find_reader(const char *word, bool in_place) {
    const char *slash = strrchr(word, '/');
    const char *base = slash ? slash + 1 : word;
    for (size_t r = 0; r < sizeof readers / sizeof *readers; r++) {
        if (is_interpreter(&readers[r]) || (in_place && (!slash || *word == '/')))
            if (is_name(base, readers[r].name))
                return &readers[r];
    }
    return NULL;
}

/* Words of the shell that stand before a command: if, x=5. */
static bool stands_before(const char *word) {
    static const char words[] = " { } ! if then elif else while until do coproc ";
    const size_t length = strlen(word), name = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                                                            "0123456789+");
    for (const char *at = strstr(words, word); at && length; at = strstr(at + 1, word))
        if (at[-1] == ' ' && at[length] == ' ')
            return true;
    return name > 0 && word[name] == '=';
}

static enum code_role find_program(struct code_words *c, const char *word) {
    static const enum state begins[] = {[SHELL] = OPTIONS, [OPTION] = OPTIONS, [ANYWHERE] = OPTIONS, [FIRST] = OPTIONS,
                                        [ALL] = REST,      [REMOTE] = OPTIONS, [QUEUE] = OPTIONS,    [NAMES] = OPTIONS,
                                        [TEST] = OPTIONS,  [LAUNCHER] = LOOSE, [AWAY] = LOOSE,       [FINDER] = EXEC};
    const struct code_reader *reader = find_reader(word, c->state != UNKNOWN);
    if (reader) {
        c->reader = reader;
        c->state = (int)begins[reader->how];
        c->elsewhere = c->elsewhere || reader->how == AWAY;
    } else if (c->state == PROGRAM && !stands_before(word)) {
        c->state = UNKNOWN;
        c->elsewhere = true;
    } else if (c->state == LOOSE) { /* env -i and the like */
        c->elsewhere = c->elsewhere || strncmp(word, "-i", 2) == 0 || strncmp(word, "-u", 2) == 0 ||
                       strcmp(word, "-") == 0 || strncmp(word, "--ignore", 8) == 0 || strncmp(word, "--unset", 7) == 0;
    }
    return CODE_NONE;
}

/* --- options ------------------------------------------------------------------------------------------------------- */

static bool is_option(const struct code_words *c, const char *word) {
    return (word[0] == '-' && word[1]) || (word[0] == '+' && c->reader->how == SHELL);
}

/* An option of a shell: -euc, -o pipefail. */
static enum code_role take_shell_option(struct code_words *c, const char *word) {
    if (word[1] == '-') {
        c->n_skipped += strcmp(word, "--rcfile") == 0 || strcmp(word, "--init-file") == 0;
        return CODE_NONE;
    }
    for (const char *letter = word + 1; *letter; letter++) {
        c->wants_code = c->wants_code || (*letter == 'c' && *word == '-');
        c->n_skipped += *letter == 'o' || *letter == 'O';
    }
    if (!c->wants_code && strchr(word, 's'))
        c->state = INPUT;
    return CODE_NONE;
}

/* An option with a long name whose argument is code: --eval CODE, --eval=CODE, -batch CODE. */
static bool take_long(struct code_words *c, const char *word, enum code_role *role) {
    const size_t length = strcspn(word, "=");
    for (const char *at = c->reader->longs; at && length > 1; at = strchr(at + 1, ' ')) {
        if (strncmp(at + 1, word, length) != 0 || at[1 + length] != ' ')
            continue;
        c->wants_code = word[length] == '\0';
        c->has_code = true;
        *role = c->wants_code ? CODE_NONE : CODE_OTHER;
        return true;
    }
    return word[1] == '-';
}

/* Options of one letter, which may stand together, and before an argument: -ne, -W ignore, -cCODE. */
static enum code_role take_option(struct code_words *c, const char *word) {
    enum code_role role = CODE_NONE;
    if (c->reader->how == SHELL)
        return take_shell_option(c, word);
    if (take_long(c, word, &role))
        return role;
    for (const char *letter = word + 1; isalnum((unsigned char)*letter); letter++) {
        if (strchr(c->reader->letters, *letter)) {
            c->wants_code = letter[1] == '\0';
            c->has_code = true;
            return c->wants_code ? CODE_NONE : CODE_OTHER;
        }
        if (strchr(c->reader->takes, *letter)) {
            const bool in_file = *letter == 'f' || *letter == 'm';
            c->n_skipped += letter[1] == '\0';
            c->has_code = c->has_code || in_file;
            if (in_file && letter[1] == '\0' && c->reader->how == OPTION)
                c->state = OVER; /* python -m MODULE */
            break;
        }
    }
    return CODE_NONE;
}

/* A word that is no option. */
static enum code_role take_word(struct code_words *c, const char *word) {
    switch (c->reader->how) {
    case SHELL:
        c->state = c->wants_code || *word != '-' ? OVER : INPUT;
        return !c->wants_code ? CODE_NONE : c->elsewhere ? CODE_OTHER : CODE_SCRIPT;
    case FIRST:
        c->state = OVER;
        return c->has_code ? CODE_NONE : CODE_OTHER;
    case REMOTE:
        c->state = REST;
        return CODE_NONE;
    case OPTION:
        c->state = *word == '-' ? INPUT : OVER;
        return CODE_NONE;
    default:
        return CODE_NONE;
    }
}

static enum code_role take_name(struct code_words *c, const char *word) {
    if (*word == '-') {
        c->wants_code = c->wants_code || strchr(word, 'i'); /* declare -i */
        return CODE_NONE;
    }
    return c->wants_code || !strchr(word, '=') ? CODE_OTHER : CODE_NONE;
}

static enum code_role take_test(struct code_words *c, const char *word) {
    const enum code_role role = c->after_sign ? CODE_OTHER : CODE_NONE;
    c->after_sign = strcmp(word, "-v") == 0;
    if (strcmp(c->reader->name, "[[") == 0)
        c->after_sign = c->after_sign || sheaf_code_compares(word);
    return role;
}

static enum code_role take_argument(struct code_words *c, const char *word) {
    if (c->reader->how == NAMES)
        return take_name(c, word);
    if (c->reader->how == TEST)
        return take_test(c, word);
    if (c->wants_code && c->reader->how != SHELL) {
        c->wants_code = false;
        return CODE_OTHER;
    }
    if (strcmp(word, "--") == 0)
        return CODE_NONE;
    return is_option(c, word) ? take_option(c, word) : take_word(c, word);
}

/* --- words --------------------------------------------------------------------------------------------------------- */

/* >file, 2>&1, and <<<TEXT, which is input; what they name may be the next word. */
static enum code_role take_redirection(struct code_words *c, const char *sign) {
    const char *rest = sign + strspn(sign, "<>&|-");
    const bool is_text = strncmp(sign, "<<<", 3) == 0;
    if (strncmp(sign, "<(", 2) == 0)
        return sheaf_code_reads_input(c) ? CODE_OTHER : CODE_NONE; /* a file of code */
    if (is_text && sheaf_code_reads_input(c)) {
        c->input_next = *rest == '\0';
        return c->input_next ? CODE_NONE : CODE_OTHER;
    }
    c->n_skipped += *rest == '\0';
    return CODE_NONE;
}

enum code_role sheaf_code_step(struct code_words *c, const char *word) {
    const char *sign = word + strspn(word, "0123456789&");
    if (c->input_next) {
        c->input_next = false;
        return CODE_OTHER;
    }
    if (c->n_skipped == 0 && (*sign == '<' || *sign == '>'))
        return take_redirection(c, sign);
    if (c->n_skipped > 0) {
        c->n_skipped--;
        return CODE_NONE;
    }
    switch ((enum state)c->state) {
    case PROGRAM:
    case LOOSE:
    case UNKNOWN:
        return find_program(c, word);
    case EXEC:
        if (strncmp(word, "-exec", 5) == 0 || strncmp(word, "-ok", 3) == 0)
            c->state = PROGRAM;
        return CODE_NONE;
    case OPTIONS:
        return take_argument(c, word);
    case REST:
        if (strncmp(word, ":::", 3) == 0)
            c->state = OVER;
        else if (c->n_rest++ == 0)
            c->rest_reads = is_interpreter(find_reader(word, true));
        else
            c->rest_reads = c->rest_reads && *word == '-';
        return c->state == REST ? CODE_OTHER : CODE_NONE;
    case INPUT:
    case OVER:
        break;
    }
    return CODE_NONE;
}

bool sheaf_code_compares(const char *word) {
    static const char *const signs[] = {"-eq", "-ne", "-lt", "-le", "-gt", "-ge"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strcmp(word, signs[i]) == 0)
            return true;
    return false;
}

bool sheaf_code_reads_input(const struct code_words *c) {
    if (!c->reader)
        return false;
    switch (c->reader->how) {
    case SHELL:
    case OPTION:
        return c->state == INPUT || (c->state == OPTIONS && !c->wants_code && !c->has_code);
    case REMOTE:
        return c->state == REST && (c->n_rest == 0 || c->rest_reads);
    case QUEUE:
        return true;
    default:
        return false;
    }
}

bool sheaf_code_begins(const struct code_words *c) {
    return c->reader->way != AS_NUMBER && (c->state != REST || c->n_rest == 1);
}

const char *sheaf_code_name(const struct code_words *c) {
    return c->reader->name;
}

const char *sheaf_code_way(const struct code_words *c) {
    return c->reader->way;
}
