// core/file: whole reads and writes at offsets, mappings, paths.
#include "unit/sheaf.h"

using namespace unit;

namespace {

std::string taken(char *text) {
    std::string copy = text ? text : "(null)";
    free(text);
    return copy;
}

} // namespace

TEST(FileRead, GivesTheWholeTerminatedText) {
    Folder folder;
    for (const std::string &bytes : {std::string(), std::string("abc"), std::string("a\0b", 3)}) {
        char *text = nullptr;
        size_t n_bytes = 99;
        Error error;
        ASSERT_EQ(sheaf_file_read(folder.write("f", bytes).c_str(), 100, &text, &n_bytes, error), 0) << error.text();
        EXPECT_EQ(std::string(text, n_bytes), bytes);
        EXPECT_EQ(text[n_bytes], '\0');
        free(text);
    }
}

TEST(FileRead, RefusesWhatItCannotTake) {
    Folder folder;
    char *text = nullptr;
    size_t n_bytes;
    Error error;
    EXPECT_EQ(sheaf_file_read((folder / "none.yaml").c_str(), 100, &text, &n_bytes, error), -1);
    EXPECT_HAS(error.text(), folder / "none.yaml: cannot open");
    EXPECT_HAS(error.text(), "No such file");
    EXPECT_EQ(error.error.exit, SHEAF_EXIT_USAGE);
    EXPECT_EQ(sheaf_file_read(folder.path().c_str(), 100, &text, &n_bytes, error), -1);
    EXPECT_HAS(error.text(), folder.path() + ": is not a regular file");
    std::string big = folder.write("big", std::string(101, 'x'));
    EXPECT_EQ(sheaf_file_read(big.c_str(), 100, &text, &n_bytes, error), -1);
    EXPECT_HAS(error.text(), big);
    EXPECT_HAS(error.text(), "100 bytes");
    EXPECT_EQ(sheaf_file_read(folder.write("f", std::string(100, 'x')).c_str(), 100, &text, &n_bytes, error), 0);
    free(text);
}

TEST(FilePread, ReadsExactlyAndNoFurtherThanTheEnd) {
    Folder folder;
    std::string path = folder.write("f", "0123456789");
    int fd = open(path.c_str(), O_RDONLY);
    char data[8] = {};
    Error error;
    EXPECT_EQ(sheaf_file_pread(fd, data, 4, 3, "f", error), 0);
    EXPECT_STREQ(data, "3456");
    EXPECT_EQ(sheaf_file_pread(fd, data, 0, 1000, "f", error), 0) << "nothing can be read anywhere";
    EXPECT_EQ(sheaf_file_pread(fd, data, 4, 7, "out.h5", error), -1);
    EXPECT_STARTS(error.text(), "out.h5: ");
    EXPECT_EQ(error.error.exit, SHEAF_EXIT_ENVIRONMENT);
    close(fd);
    EXPECT_EQ(sheaf_file_pread(fd, data, 1, 0, "out.h5", error), -1);
    EXPECT_STARTS(error.text(), "out.h5: cannot read");
}

TEST(FilePwrite, WritesAtTheOffset) {
    Folder folder;
    std::string path = folder.write("f", "0123456789");
    int fd = open(path.c_str(), O_RDWR);
    Error error;
    EXPECT_EQ(sheaf_file_pwrite(fd, "ab", 2, 4, "f", error), 0);
    EXPECT_EQ(sheaf_file_pwrite(fd, "xy", 2, 12, "f", error), 0) << "behind the end";
    close(fd);
    EXPECT_EQ(read_bytes(path), std::string("0123ab6789\0\0xy", 14));
}

TEST(FilePwrite, AReadOnlyDescriptorIsAnErrorThatNamesTheFile) {
    Folder folder;
    int fd = open(folder.write("f", "0123456789").c_str(), O_RDONLY);
    Error error;
    EXPECT_EQ(sheaf_file_pwrite(fd, "ab", 2, 4, "out.h5", error), -1);
    EXPECT_STARTS(error.text(), "out.h5: cannot write");
    EXPECT_HAS(error.text(), "run again");
    EXPECT_EQ(error.error.exit, SHEAF_EXIT_ENVIRONMENT);
    close(fd);
}

TEST(FilePwrite, AShortWriteIsFollowedByTheReason) {
    Folder folder;
    std::string path = folder.write("f", std::string(1 << 20, 'x'));
    int fd = open(path.c_str(), O_RDWR), rc;
    Error error;
    {
        FullDisk full((1 << 20) + 10);
        rc = sheaf_file_pwrite(fd, std::string(100, 'y').data(), 100, (1 << 20) - 50, "out.h5", error);
    }
    close(fd);
    EXPECT_EQ(rc, -1);
    EXPECT_HAS(error.text(), "out.h5: cannot write");
    EXPECT_HAS(error.text(), "too large");
    EXPECT_EQ(read_bytes(path).size(), size_t{(1 << 20) + 10}) << "what fits is written";
}

TEST(FilePwrite, AFullDiskSaysSo) {
    int fd = open("/dev/full", O_RDWR);
    if (fd < 0)
        GTEST_SKIP() << "no /dev/full here";
    Error error;
    EXPECT_EQ(sheaf_file_pwrite(fd, "ab", 2, 0, "out.h5", error), -1);
    EXPECT_HAS(error.text(), "No space left");
    close(fd);
}

TEST(Mapping, HoldsTheFilesBytes) {
    Folder folder;
    struct sheaf_mapping mapping;
    Error error;
    ASSERT_EQ(sheaf_mapping_open(&mapping, folder.write("f", "some bytes").c_str(), error), 0);
    EXPECT_EQ(std::string(mapping.data, mapping.n_bytes), "some bytes");
    sheaf_mapping_close(&mapping);
    EXPECT_EQ(mapping.data, nullptr);
    ASSERT_EQ(sheaf_mapping_open(&mapping, folder.write("empty", "").c_str(), error), 0) << "an empty file is fine";
    EXPECT_EQ(mapping.data, nullptr);
    EXPECT_EQ(mapping.n_bytes, 0u);
    sheaf_mapping_close(&mapping);
    EXPECT_EQ(sheaf_mapping_open(&mapping, (folder / "none").c_str(), error), -1);
    EXPECT_HAS(error.text(), folder / "none");
    sheaf_mapping_close(&mapping);
}

TEST(Path, IsSeenFromAFolder) {
    EXPECT_EQ(taken(sheaf_path_join("jobs", "a.csv")), "jobs/a.csv");
    EXPECT_EQ(taken(sheaf_path_join("jobs/", "a.csv")), "jobs/a.csv");
    EXPECT_EQ(taken(sheaf_path_join("jobs", "../data/a.csv")), "jobs/../data/a.csv");
    EXPECT_EQ(taken(sheaf_path_join("jobs", "/data/a.csv")), "/data/a.csv");
    EXPECT_EQ(taken(sheaf_path_join(".", "a.csv")), "a.csv");
    EXPECT_EQ(taken(sheaf_path_join("/", "a.csv")), "/a.csv");
}

TEST(Path, HasAFolder) {
    EXPECT_EQ(taken(sheaf_path_folder("jobs/moid.yaml")), "jobs");
    EXPECT_EQ(taken(sheaf_path_folder("a/b/c")), "a/b");
    EXPECT_EQ(taken(sheaf_path_folder("moid.yaml")), ".");
    EXPECT_EQ(taken(sheaf_path_folder("/moid.yaml")), "/");
    EXPECT_EQ(taken(sheaf_path_with("out.h5", ".lock")), "out.h5.lock");
}

TEST(Path, AFolderCanBeSynced) {
    Folder folder;
    Error error;
    EXPECT_EQ(sheaf_file_sync_folder((folder / "f").c_str(), error), 0) << error.text();
    EXPECT_EQ(sheaf_file_sync_folder("/nowhere/at/all/f", error), -1);
    EXPECT_HAS(error.text(), "/nowhere/at/all");
}

// ----------------------------------------------------------------------------------------------------------- stamps

namespace {

struct sheaf_stamp stamp_of(const std::string &path) {
    struct sheaf_stamp stamp = {};
    Error error;
    EXPECT_EQ(sheaf_stamp_take(&stamp, path.c_str(), error), 0) << error.text();
    return stamp;
}

} // namespace

TEST(Stamp, IsTheSameAsLongAsTheFileIs) {
    Folder folder;
    std::string path = folder.write("f", "0123456789");
    struct sheaf_stamp before = stamp_of(path), again = stamp_of(path);
    Error error;
    EXPECT_TRUE(sheaf_stamp_same(&before, &again));
    EXPECT_EQ(sheaf_stamp_check(&before, path.c_str(), error), 0);
    EXPECT_EQ(before.n_bytes, 10);
}

TEST(Stamp, TellsEveryWayAFileCanChange) {
    Folder folder;
    std::string path = folder.write("f", "0123456789");
    const struct timespec then[2] = {{1000000, 5}, {1000000, 5}}, one_ns_later[2] = {{1000000, 6}, {1000000, 6}};
    const struct timespec one_s_later[2] = {{1000001, 5}, {1000001, 5}};
    const std::pair<const char *, std::function<void()>> changes[] = {
        {"longer", [&] { folder.write("f", "0123456789a"); }},
        {"touched by a nanosecond", [&] { utimensat(AT_FDCWD, path.c_str(), one_ns_later, 0); }},
        {"touched by a second", [&] { utimensat(AT_FDCWD, path.c_str(), one_s_later, 0); }},
        {"another file of the same size and time",
         [&] {
             std::string other = folder.write("g", "0123456789");
             utimensat(AT_FDCWD, other.c_str(), then, 0);
             std::filesystem::rename(other, path);
         }},
    };
    for (const auto &[what, change] : changes) {
        folder.write("f", "0123456789");
        utimensat(AT_FDCWD, path.c_str(), then, 0);
        struct sheaf_stamp before = stamp_of(path);
        change();
        struct sheaf_stamp after = stamp_of(path);
        Error error;
        EXPECT_FALSE(sheaf_stamp_same(&before, &after)) << what;
        EXPECT_EQ(sheaf_stamp_check(&before, path.c_str(), error), -1) << what;
        EXPECT_STARTS(error.text(), path + ": was changed while the run used it");
        EXPECT_EQ(error.error.exit, SHEAF_EXIT_ENVIRONMENT);
    }
}

TEST(Stamp, OfAFileThatIsGoneIsAnError) {
    Folder folder;
    std::string path = folder.write("f", "0123456789");
    struct sheaf_stamp before = stamp_of(path), now;
    std::filesystem::remove(path);
    Error error;
    EXPECT_EQ(sheaf_stamp_check(&before, path.c_str(), error), -1);
    EXPECT_STARTS(error.text(), path + ": was changed");
    EXPECT_EQ(sheaf_stamp_take(&now, path.c_str(), error), -1);
    EXPECT_STARTS(error.text(), path + ": cannot open");
}

// Two nodes give one file another device number.
TEST(Stamp, TheDevicesNumberDoesNotMatterBetweenNodesButOnOne) {
    Folder folder;
    std::string path = folder.write("f", "0123456789");
    struct sheaf_stamp here = stamp_of(path), there = here;
    there.device++;
    Error error;
    EXPECT_TRUE(sheaf_stamp_same(&here, &there));
    EXPECT_EQ(sheaf_stamp_check(&there, path.c_str(), error), -1);
}

TEST(Disk, WhatIsThisNodesAloneIsLocal) {
    EXPECT_EQ(sheaf_disk_of("/proc"), DISK_LOCAL);
    EXPECT_EQ(sheaf_disk_of("/proc/self/status"), DISK_LOCAL);
    if (std::filesystem::exists("/dev/shm"))
        EXPECT_EQ(sheaf_disk_of("/dev/shm"), DISK_LOCAL);
}
