#include "core/warnings.h"

#include <string.h>

#include "core/text.h"

static bool is_known(const struct warnings *w, const char *line) {
    for (int i = 0; i < w->n; i++)
        if (strcmp(w->text[i], line) == 0)
            return true;
    return false;
}

void sheaf_warnings_add(struct warnings *w, const char *text, size_t length) {
    static const char more[] = "there were more warnings, which are not shown";
    char line[WARNING_BYTES];
    if (atomic_load_explicit(&w->full, memory_order_relaxed))
        return;
    const size_t n = length < sizeof line ? length : sizeof line - 1;
    memcpy(line, text, n);
    line[n] = '\0';
    sheaf_text_one_line(line);
    pthread_mutex_lock(&w->lock);
    if (w->n <= WARNINGS_MOST && !is_known(w, line)) {
        atomic_store(&w->full, w->n == WARNINGS_MOST);
        memcpy(w->text[w->n++], atomic_load(&w->full) ? more : line, atomic_load(&w->full) ? sizeof more : sizeof line);
        atomic_store(&w->news, true);
    }
    pthread_mutex_unlock(&w->lock);
}

static bool look(struct warnings *w, char text[WARNING_BYTES], int taken) {
    if (!atomic_load_explicit(&w->news, memory_order_relaxed))
        return false;
    pthread_mutex_lock(&w->lock);
    const bool there = w->n_taken < w->n;
    if (there)
        memcpy(text, w->text[w->n_taken], WARNING_BYTES);
    w->n_taken += there ? taken : 0;
    atomic_store(&w->news, w->n_taken < w->n);
    pthread_mutex_unlock(&w->lock);
    return there;
}

bool sheaf_warnings_look(struct warnings *w, char text[WARNING_BYTES]) {
    return look(w, text, 0);
}

bool sheaf_warnings_take(struct warnings *w, char text[WARNING_BYTES]) {
    return look(w, text, 1);
}
