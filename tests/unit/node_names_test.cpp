/* Memory and folders in /dev/shm: nothing is left for ever, what is in use stays, and what is reserved has its room. */
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "comm/shared.h"
#include "core/node_folder.h"
#include "core/node_name.h"
}

namespace {

namespace fs = std::filesystem;

constexpr int NOT_ALLOWED = 99;
constexpr size_t MB = 1 << 20;

/* Runs `look` in a process with a /dev/shm of its own of 4 MB, which it need not share with whoever else is at work here; it
   gives 0 if all holds. */
void look_alone(const std::function<int()> &look) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(unshare(CLONE_NEWNS) || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) ||
                      mount("none", "/dev/shm", "tmpfs", 0, "size=4m")
                  ? NOT_ALLOWED
                  : look());
    int status = 0;
    waitpid(pid, &status, 0);
    const int found = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (found == NOT_ALLOWED)
        GTEST_SKIP() << "needs root that may mount in a namespace of its own";
    EXPECT_EQ(found, 0);
}

int names() {
    int n = 0;
    for (const auto &entry : fs::directory_iterator("/dev/shm"))
        n += entry.exists();
    return n;
}

/* Both of two runs see 4 MB that are free; each wants 3. */
TEST(NodeNames, OnlyOneOfTwoHasTheRoom) {
    look_alone([] {
        sheaf_error error{};
        shared one{}, two{}, three{};
        if (sheaf_shared_make(&one, 3 * MB, true, &error))
            return 1;
        if (sheaf_shared_make(&two, 3 * MB, true, &error) == 0)
            return 2;
        if (!strstr(error.text, "/dev/shm has no room for the 4 MB that the ranks of a node share; make it larger"))
            return 3;
        sheaf_shared_close(&two);
        memset(one.pages, 1, 3 * MB); /* no SIGBUS */
        sheaf_shared_close(&one);
        if (sheaf_shared_make(&three, 3 * MB, true, &error))
            return 4; /* the refused one has kept nothing */
        memset(three.pages, 1, 3 * MB);
        sheaf_shared_close(&three);
        return names() == 0 ? 0 : 5;
    });
}

TEST(NodeNames, WhatIsNotReservedTakesNoRoom) {
    look_alone([] {
        sheaf_error error{};
        shared one{}, two{};
        if (sheaf_shared_make(&one, 3 * MB, false, &error) || sheaf_shared_make(&two, 3 * MB, true, &error))
            return 1;
        memset(two.pages, 1, 3 * MB);
        return 0;
    });
}

/* A process that ends without a word, in whatever instant, leaves names that nobody holds. */
TEST(NodeNames, WhatTheDeadHaveLeftGoesAndTheLivingKeepTheirs) {
    look_alone([] {
        sheaf_error error{};
        shared own{};
        char mine[NODE_FOLDER_BYTES], path[NODE_FOLDER_BYTES];
        int fd = sheaf_node_folder_make(mine, &error);
        if (fd < 0 || sheaf_shared_make(&own, MB, true, &error))
            return 1;
        const std::string name = own.name;
        fs::create_directory("/dev/shm/sheaf-node-just-made");
        fs::create_directory("/dev/shm/sheaf-cli-of-others");
        if (fork() == 0) {
            shared left{};
            if (sheaf_node_folder_make(path, &error) >= 0 && sheaf_shared_make(&left, MB, true, &error) == 0)
                std::ofstream(std::string(path) + "/a.npy") << "x";
            _exit(0);
        }
        wait(nullptr);
        if (fs::exists("/dev/shm/sheaf-node-just-made") || names() != 5) /* who has died has swept too */
            return 2;
        sheaf_shared_sweep();
        int next = sheaf_node_folder_make(path, &error);
        if (next < 0 || names() != 4) /* own and mine, the new one, and what is none of Sheaf's */
            return 3;
        if (!fs::exists(mine) || !fs::exists("/dev/shm" + name) || !fs::exists("/dev/shm/sheaf-cli-of-others"))
            return 4;
        return 0;
    });
}

/* Who makes a name may be taken for dead before it holds it. */
TEST(NodeNames, ANameThatWasTakenAwayIsNotHeld) {
    std::string path = fs::temp_directory_path() / ("sheaf-name-" + std::to_string(getpid()));
    int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    int other = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_TRUE(sheaf_node_name_hold(other));
    EXPECT_FALSE(sheaf_node_name_hold(fd)) << "somebody else has it";
    unlink(path.c_str());
    close(other);
    EXPECT_FALSE(sheaf_node_name_hold(fd)) << "and has removed it";
    close(fd);
}

} // namespace
