#include "process/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/message.h"
#include "process/wire.h"

int sheaf_keeper_open(struct keeper *keeper, struct server *server, struct sheaf_error *error) {
    return keeper->fd >= 0 ? 0 : sheaf_server_fork(server, sheaf_keep, &keeper->fd, error);
}

void sheaf_keeper_close(struct keeper *keeper) {
    if (keeper->fd >= 0)
        close(keeper->fd);
    sheaf_buffer_free(&keeper->message);
    *keeper = (struct keeper){.fd = -1};
}

static int add_text(struct sheaf_buffer *message, const char *text, struct sheaf_error *error) {
    size_t at = message->n_bytes, n_bytes = strlen(text) + 1;
    if (sheaf_buffer_resize(message, at + n_bytes, error))
        return -1;
    memcpy(message->data + at, text, n_bytes);
    return 0;
}

/* The head, and behind it all texts: folder, words, settings. */
static int write_message(struct sheaf_buffer *message, const struct program *program, struct sheaf_error *error) {
    struct start_head head = {.run = program->run,
                              .n_words = program->n_words,
                              .n_settings = program->n_settings,
                              .time_s = program->timeout_s,
                              .stays = program->folder == NULL};
    message->n_bytes = 0;
    if (sheaf_buffer_resize(message, sizeof head, error) ||
        add_text(message, program->folder ? program->folder : "", error))
        return -1;
    for (int i = 0; i < program->n_words; i++)
        if (add_text(message, program->words[i], error))
            return -1;
    for (int i = 0; i < program->n_settings; i++)
        if (add_text(message, program->settings[i], error))
            return -1;
    head.n_bytes = message->n_bytes - sizeof head;
    memcpy(message->data, &head, sizeof head);
    return 0;
}

int sheaf_keeper_start(struct keeper *keeper, const struct program *program, struct sheaf_error *error) {
    if (write_message(&keeper->message, program, error))
        return -1;
    /* If the keeper has died, sheaf_keeper_end will tell. */
    sheaf_wire_write(keeper->fd, keeper->message.data, keeper->message.n_bytes, program->fds, WIRE_FDS);
    return 0;
}

void sheaf_keeper_stop(struct keeper *keeper, double grace_s) {
    const struct start_head stop = {.time_s = grace_s};
    sheaf_wire_write(keeper->fd, &stop, sizeof stop, NULL, 0);
}

void sheaf_keeper_end(struct keeper *keeper, struct program_end *end) {
    if (sheaf_wire_read(keeper->fd, end, sizeof *end, NULL, NULL) == 0)
        return;
    *end = (struct program_end){.step = START_LOST};
    close(keeper->fd);
    keeper->fd = -1;
}
