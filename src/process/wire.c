#include "process/wire.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    char bytes[CMSG_SPACE(WIRE_FDS * sizeof(int))];
    struct cmsghdr align;
};

int sheaf_wire_write(int socket, const void *data, size_t n_bytes, const int *fds, int n_fds) {
    for (size_t done = 0; done < n_bytes;) {
        struct iovec piece = {(char *)(uintptr_t)data + done, n_bytes - done};
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
        union control control = {{0}};
        if (n_fds > 0) {
            message.msg_control = control.bytes;
            message.msg_controllen = CMSG_SPACE((size_t)n_fds * sizeof(int));
            struct cmsghdr *head = CMSG_FIRSTHDR(&message);
            head->cmsg_level = SOL_SOCKET;
            head->cmsg_type = SCM_RIGHTS;
            head->cmsg_len = CMSG_LEN((size_t)n_fds * sizeof(int));
            memcpy(CMSG_DATA(head), fds, (size_t)n_fds * sizeof(int));
        }
        ssize_t n = sendmsg(socket, &message, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        done += (size_t)n;
        n_fds = 0; /* they went with the first piece */
    }
    return 0;
}

/* Takes the descriptors of a message; those there is no room for are closed. */
static void take_fds(struct msghdr *message, int *fds, int room, int *n_fds) {
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
            if (*n_fds < room)
                fds[(*n_fds)++] = fd;
            else
                close(fd);
        }
    }
}

int sheaf_wire_read(int socket, void *data, size_t n_bytes, int *fds, int *n_fds) {
    const int room = n_fds ? *n_fds : 0;
    int n_taken = 0;
    for (size_t done = 0; done < n_bytes;) {
        struct iovec piece = {(char *)data + done, n_bytes - done};
        union control control;
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? 0 : errno;
            while (n_taken > 0)
                close(fds[--n_taken]);
            return -1;
        }
        take_fds(&message, fds, room, &n_taken);
        done += (size_t)n;
    }
    if (n_fds)
        *n_fds = n_taken;
    return 0;
}
