// core/range_lock: whoever leaves last takes the file with it, also when several leave at once.
#include "unit/sheaf.h"

#include <thread>

using namespace unit;

namespace {

int open_locked(const std::string &path, off_t at) {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT, 0600);
    EXPECT_EQ(sheaf_range_lock(fd, at, 1), 0) << path;
    return fd;
}

} // namespace

// The one with the first byte leaves while the other, who holds all behind it, looks whether it is there.
TEST(RangeLock, OfTwoThatLeaveAtOnceOneRemovesTheFile) {
    enum { ROUNDS = 100, LOOKS = 20000, ELSEWHERE = 40 };
    Folder folder;
    const std::string path = folder / "lock";
    for (int round = 0; round < ROUNDS; round++) {
        const int first = open_locked(path, 0), second = open_locked(path, 1);
        std::thread other([&] { sheaf_range_leave(second, path.c_str()); });
        for (int k = 0; k < LOOKS && !sheaf_range_is_locked(first, ELSEWHERE, 1); k++) {
        }
        sheaf_range_leave(first, path.c_str());
        other.join();
        ASSERT_NE(access(path.c_str(), F_OK), 0) << "in round " << round;
    }
}

TEST(RangeLock, FileStaysForTheLast) {
    Folder folder;
    const std::string path = folder / "lock";
    const int first = open_locked(path, 0), second = open_locked(path, 1), third = open_locked(path, 2);
    for (int fd : {second, first}) {
        sheaf_range_leave(fd, path.c_str());
        EXPECT_EQ(access(path.c_str(), F_OK), 0);
    }
    sheaf_range_leave(third, path.c_str());
    EXPECT_NE(access(path.c_str(), F_OK), 0);
}
