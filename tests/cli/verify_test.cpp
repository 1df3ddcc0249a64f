/* sheaf verify: each bit that changes in a row is found, and its item named; no run leaves a sum that accuses what is
   right. The flips are made by hand, at the places that HDF5 tells. */
#include "cli/program.h"

#include <fcntl.h>
#include <hdf5.h>
#include <unistd.h>

#include <random>

namespace {

/* Where a column lies in a file. */
struct Column {
    off_t offset;
    long row_bytes;
};

Column find_column(const std::string &path, const std::string &name) {
    hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t dataset = H5Dopen2(file, name.c_str(), H5P_DEFAULT), space = H5Dget_space(dataset);
    hsize_t dims[2] = {1, 1};
    H5Sget_simple_extent_dims(space, dims, nullptr);
    const Column column = {static_cast<off_t>(H5Dget_offset(dataset)),
                           static_cast<long>(H5Dget_storage_size(dataset) / dims[0])};
    H5Sclose(space);
    H5Dclose(dataset);
    H5Fclose(file);
    return column;
}

/* A segment has the least power of two of items that are 16 KB of outputs and statuses. */
long segment_of(long row_bytes) {
    long size = 1;
    while (size * row_bytes < 16384)
        size *= 2;
    return size;
}

class Verify : public Program {
  protected:
    Verify() { random_.seed(std::random_device{}()); }

    long random(long below) { return static_cast<long>(random_() % static_cast<unsigned long>(below)); }

    void flip(const std::string &name, off_t at, int bit) const {
        unsigned char byte;
        int fd = open(path(name).c_str(), O_RDWR);
        ASSERT_EQ(pread(fd, &byte, 1, at), 1);
        byte = static_cast<unsigned char>(byte ^ 1U << bit);
        ASSERT_EQ(pwrite(fd, &byte, 1, at), 1);
        close(fd);
    }

    Result is_as_written(const std::string &name) const {
        Result result = sheaf({"verify", name});
        EXPECT_EQ(result.exit, 0) << result;
        return result;
    }

    /* One bit of an item's row is flipped: verify names the items of its segment, and of no other. */
    void expect_found(const std::string &name, const std::string &column, long item, long n_items, long size, int byte,
                      int bit) const {
        const Column place = find_column(path(name), column);
        const off_t at = place.offset + item * place.row_bytes + byte % place.row_bytes;
        const long first = item / size * size, end = first + size < n_items ? first + size : n_items;
        flip(name, at, bit);
        Result found = sheaf({"verify", name});
        flip(name, at, bit);
        const std::string items =
            end - first > 1 ? std::to_string(first) + ":" + std::to_string(end) : std::to_string(first);
        EXPECT_EQ(found.exit, 1) << found;
        EXPECT_EQ(count_of(found.out, "item" + std::string(end - first > 1 ? "s: " : ": ") + items + "\n"), 1)
            << column << " of item " << item << ", bit " << bit << "\n"
            << found;
    }

    std::mt19937 random_;
};

/* All types, several values an item, a block of 20: hostile:poke has 8 + 2·4 + 3·8 + 4·4 + 5 bytes of outputs. */
constexpr long poke_bytes = 61 + 1;

class VerifyPoke : public Verify {
  protected:
    static constexpr long n_items = 2000;
    const long size = segment_of(poke_bytes); /* 512 */

    VerifyPoke() {
        std::vector<double> x;
        for (long i = 0; i < n_items; i++)
            x.push_back(static_cast<double>(i) + 0.25);
        write_x("in.csv", x);
        write_job("job.yaml", "csv: in.csv", "hostile:poke");
    }

    void flip_everywhere(const std::string &name) {
        for (const char *column : {"f64", "f32", "i64", "i32", "u8", "status", "x"})
            for (long item : {0L, n_items - 1, random(n_items)})
                expect_found(name, column, item, n_items, size, static_cast<int>(random(24)),
                             static_cast<int>(random(8)));
        is_as_written(name); /* when all is back */
    }
};

TEST_F(VerifyPoke, EachFlippedBitIsFound) {
    const std::vector<Layout> layouts = {{0, 1}, {0, 2}, {3, 1}, {2, 2, true}};
    for (const Layout &layout : layouts)
        for (std::string transport : {"gather", "direct"}) {
            SCOPED_TRACE(layout.name() + ", " + transport);
            if (layout.apart && transport == "direct")
                continue;
            run_job({"job.yaml", "-q", "--overwrite", "--set", "transport=" + transport}, layout);
            Result whole = is_as_written("job.h5");
            EXPECT_EQ(count_of(whole.out, "2,000 items"), 1) << whole;
            flip_everywhere("job.h5");
            if (HasFailure())
                return;
        }
}

TEST_F(VerifyPoke, StatusesAreSafeLast) {
    run_job({"job.yaml", "-q", "--durable"}, {0, 2});
    is_as_written("job.h5");
    flip_everywhere("job.h5");
}

/* Parts, one after the other, that begin and end within segments and blocks. */
TEST_F(VerifyPoke, InParts) {
    for (const char *items : {"3", "100:700", "690:1400,1990:", "511:513"}) {
        SCOPED_TRACE(items);
        run_job({"job.yaml", "-q", "--items", items}, {0, 2});
        is_as_written("job.h5");
    }
    expect_found("job.h5", "i32", 695, n_items, size, 3, 3);
    expect_found("job.h5", "u8", 1999, n_items, size, 1, 0);
    run_job({"job.yaml", "-q"}, {2, 1});
    Result whole = is_as_written("job.h5");
    EXPECT_EQ(count_of(whole.out, "2,000 items"), 1) << whole;
    flip_everywhere("job.h5");
}

/* The command that verify prints makes the file what it was. */
TEST_F(VerifyPoke, WhatIsComputedAgainIsMended) {
    sheaf({"run", "job.yaml", "-t", "2", "-q"});
    ASSERT_EQ(shell("cp job.h5 good.h5").exit, 0);
    const Column f64 = find_column(path("job.h5"), "f64"), u8 = find_column(path("job.h5"), "u8");
    const Column status = find_column(path("job.h5"), "status");
    flip("job.h5", f64.offset + 600 * 8 + 7, 6);
    flip("job.h5", u8.offset + 1500 * 5, 0);
    for (int bit = 0; bit < 8; bit++)
        flip("job.h5", status.offset + 1600 + bit, bit);
    Result found = sheaf({"verify", "job.h5"});
    EXPECT_EQ(found.exit, 1) << found;
    EXPECT_EQ(count_of(found.out, "sheaf run job.yaml -t 2 -o " + path("job.h5") + " --recompute --items 512:2000\n"),
              1)
        << found;
    run_job({"job.yaml", "-q", "-t", "2", "--recompute", "--items", "512:2000"});
    is_as_written("job.h5");
    check({"same", "x,f64,f32,i64,i32,u8,status", path("good.h5"), path("job.h5")});
}

/* A run that goes on writes into a segment of which another row has changed: that is not forgotten by it. */
TEST_F(VerifyPoke, ALaterRunDoesNotHideIt) {
    run_job({"job.yaml", "-q", "--items", "0:700"}, {0, 2});
    flip("job.h5", find_column(path("job.h5"), "f64").offset + 600 * 8, 1);
    Result later = run_job({"job.yaml"}, {0, 2});
    EXPECT_EQ(count_of(later.err, "sheaf: items 512:1024 of job.h5 have changed since they were written"), 1) << later;
    Result found = sheaf({"verify", "job.h5"});
    EXPECT_EQ(found.exit, 1) << found;
    EXPECT_EQ(count_of(found.out, "512:1024\n"), 2) << found;
    run_job({"job.yaml", "-q", "--recompute", "--items", "512:1024"}, {0, 2});
    is_as_written("job.h5");
}

/* An input that is copied is not made anew by computing again. */
TEST_F(VerifyPoke, Inputs) {
    run_job({"job.yaml", "-q"});
    flip("job.h5", find_column(path("job.h5"), "x").offset + 8 * 1024, 1);
    Result found = sheaf({"verify", "job.h5"});
    EXPECT_EQ(found.exit, 1) << found;
    EXPECT_EQ(count_of(found.out, "--recompute"), 0) << found;
    EXPECT_EQ(count_of(found.out, "sheaf run job.yaml -o " + path("job.h5") + " --overwrite\n"), 1) << found;
    run_job({"job.yaml", "-q", "--overwrite"});
    is_as_written("job.h5");
}

/* A copy of an input that has changed is read by no run: neither for items that are pending nor for some that are computed
   again. */
TEST_F(VerifyPoke, AChangedInputIsNotComputedFrom) {
    run_job({"job.yaml", "-q", "-o", "good.h5"});
    for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
        run_job({"job.yaml", "-q", "--overwrite", "--items", "0:700"}, layout);
        for (long item : {3, 650, 1000, 1999})
            flip("job.h5", find_column(path("job.h5"), "x").offset + 8 * item + 6, 3);
        Result later = run_job({"job.yaml", "-q"}, layout);
        EXPECT_EQ(count_of(later.err, "sheaf: the copies of inputs in job.h5 have changed since they were written"), 1)
            << later;
        run_job({"job.yaml", "-q", "--recompute", "--items", "0:10"}, layout);
        check({"same", "f64,f32,i64,i32,u8,status", path("good.h5"), path("job.h5")});
    }
}

/* The command is for the file that was looked at, wherever it came from, and its words can be typed as they stand. */
TEST_F(VerifyPoke, TheCommandIsForThatFile) {
    run_job({"job.yaml", "-q", "-o", "a b.h5", "--set", "seed=7", "--set", "name=it's 1"});
    ASSERT_EQ(shell("cp 'a b.h5' monday.h5").exit, 0);
    flip("monday.h5", find_column(path("monday.h5"), "f64").offset + 8, 3);
    Result found = sheaf({"verify", "monday.h5"});
    const size_t from = found.out.find("sheaf run "), end = found.out.find('\n', from);
    ASSERT_NE(from, std::string::npos) << found;
    const std::string call = found.out.substr(from + 6, end - from - 6);
    EXPECT_EQ(call, "run job.yaml --set seed=7 --set 'name=it'\\''s 1' -o " + path("monday.h5") +
                        " --recompute --items 0:512");
    ASSERT_EQ(shell(SHEAF_PROGRAM " " + call).exit, 0);
    is_as_written("monday.h5");
    check({"same", "x,f64,f32,i64,i32,u8,status", path("a b.h5"), path("monday.h5")});
}

/* Sums that are lost are made again by a run that has nothing else to do. */
TEST_F(VerifyPoke, LostSums) {
    run_job({"job.yaml", "-q"});
    write("lose.py", "import h5py\nwith h5py.File('job.h5', 'r+') as f: f['sheaf/sums'][...] = 0\n");
    ASSERT_EQ(run({SHEAF_PYTHON, "lose.py"}).exit, 0);
    EXPECT_EQ(count_of(sheaf({"verify", "job.h5"}).out, "2,000 items could not be checked: their sums are lost"), 1);
    run_job({"job.yaml", "-q"});
    is_as_written("job.h5");
    flip_everywhere("job.h5");
}

/* A run that has nothing to do changes nothing. */
TEST_F(VerifyPoke, NothingToDo) {
    run_job({"job.yaml", "-q"});
    const std::string before = read("job.h5");
    run_job({"job.yaml", "-q"});
    EXPECT_EQ(before == read("job.h5"), true);
    run_job({"job.yaml", "-q", "--retry-failed"});
    EXPECT_EQ(before == read("job.h5"), true);
}

/* A changed status may say that an item is skipped that is not, or the other way round. */
TEST_F(Verify, SkippedItems) {
    write_x("x.csv", {0, 1, 2, 3, 4, 5, 6, 7});
    write("first.yaml", "items: {csv: x.csv}\ncommand: '[ {x} != 3 ] && echo $(({x} * 10))'\n"
                        "outputs:\n  n: {regex: '(\\d+)', type: int64}\n");
    run_job({"first.yaml", "-q"}, {}, 1);
    write("job.yaml", "items: {hdf5: {file: first.h5, fields: {x: n}}}\nexpression: {y: x + 1}\n");
    write("next.yaml", "items: {hdf5: {file: first.h5, fields: {x: n}}}\ncommand: 'echo $((2 * {x} + 1))'\n"
                       "outputs:\n  y: {regex: '(\\S+)'}\n");
    for (const char *job : {"next", "job"}) {
        SCOPED_TRACE(job);
        const std::string file = std::string(job) + ".h5", yaml = std::string(job) + ".yaml";
        run_job({yaml, "-q"});
        const std::string before = sheaf({"show", file, "--csv", "--fields", "x,y"}).out;
        const off_t status = find_column(path(file), "status").offset;
        flip(file, status + 2, 2); /* done: 1, skipped: 5 */
        flip(file, status + 3, 2);
        Result found = sheaf({"verify", file});
        EXPECT_EQ(found.exit, 1) << found;
        EXPECT_EQ(count_of(found.out, "--recompute --items 0:8\n"), 1) << found;
        run_job({yaml, "-q", "--recompute", "--items", "0:8"});
        is_as_written(file);
        EXPECT_EQ(sheaf({"show", file, "--csv", "--fields", "x,y"}).out, before);
    }
}

/* Around the size of a segment. */
TEST_F(Verify, FewItems) {
    const long size = segment_of(8 + 1); /* 2048 */
    for (long n : {0L, 1L, size - 1, size, size + 1}) {
        SCOPED_TRACE(n);
        std::vector<double> x(static_cast<size_t>(n), 1.5);
        write_x("in.csv", x);
        write("job.yaml", "items: {csv: in.csv}\nexpression: {y: x * x}\n");
        run_job({"job.yaml", "-q", "--overwrite"}, {0, 2});
        is_as_written("job.h5");
        if (n > 0)
            for (const char *column : {"y", "status", "x"})
                expect_found("job.h5", column, n - 1, n, size, 2, 4);
    }
}

/* Items that failed, and are tried again. */
TEST_F(Verify, TriedAgain) {
    std::vector<double> x;
    for (int i = 0; i < 300; i++)
        x.push_back(i);
    write_x("in.csv", x);
    write("job.yaml", "items: {csv: in.csv}\ncommand: 'test -e there || test $((${x} % 7)) != 3'\nhalt: never\n");
    run_job({"job.yaml", "-q"}, {0, 2}, 1);
    is_as_written("job.h5");
    expect_found("job.h5", "status", 3, 300, segment_of(4 + 1), 0, 0);
    write("there", "");
    run_job({"job.yaml", "-q", "--retry-failed"}, {2, 1});
    is_as_written("job.h5");
    expect_found("job.h5", "exit_code", 3, 300, segment_of(4 + 1), 0, 0);
}

/* While a run writes the file, and when it was killed, nothing is accused, and what was damaged before is. */
TEST_F(Verify, WhileARunIsAtWork) {
    std::vector<double> x;
    for (int i = 0; i < 6000; i++)
        x.push_back(i);
    write_x("in.csv", x);
    write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 20}\n");
    for (int round = 0; round < 3; round++) {
        Child child(command({"run", "job.yaml", "-q"}, {0, 2}), start());
        EXPECT_TRUE(wait_for_done(child, path("job.h5"), 50 * (round + 1)));
        Result alive = is_as_written("job.h5");
        EXPECT_EQ(count_of(alive.out, "a run is at work on it"), 1) << alive;
        child.kill_all(SIGKILL);
        child.wait();
        Result killed = is_as_written("job.h5");
        EXPECT_EQ(count_of(killed.out, "a run is at work on it"), 0) << killed;
    }
    Result stopped = sheaf({"run", "job.yaml", "-q", "--stop-after", "1s"}, {0, 2});
    EXPECT_EQ(stopped.exit, 75) << stopped;
    is_as_written("job.h5");
    const Column y = find_column(path("job.h5"), "y");
    flip("job.h5", y.offset + 8 * 2, 5);
    EXPECT_EQ(sheaf({"verify", "job.h5"}).exit, 1);
    Child child(command({"run", "job.yaml", "-q"}, {0, 2}), start());
    const StatusPlace place = find_status(path("job.h5"));
    const long before = count_done(path("job.h5"), place);
    EXPECT_TRUE(wait_for_done(child, path("job.h5"), before + 20));
    EXPECT_EQ(sheaf({"verify", "job.h5"}).exit, 1) << "the run hides what it found changed";
    child.kill_all(SIGKILL);
}

/* Files that are none, or cannot be read; and of a version without sums. */
TEST_F(Verify, OtherFiles) {
    write_x("in.csv", {1, 2, 3});
    write("job.yaml", "items: {csv: in.csv}\nexpression: {y: x * x}\n");
    EXPECT_EQ(sheaf({"verify", "nothing.h5"}).exit, 2);
    EXPECT_EQ(sheaf({"verify", "job.yaml"}).exit, 2);
    EXPECT_EQ(sheaf({"verify"}).exit, 2);
    run_job({"job.yaml", "-q", "--items", "0:2"});
    hid_t file = H5Fopen(path("job.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    H5Ldelete(file, "/sheaf/sums", H5P_DEFAULT);
    H5Ldelete(file, "/sheaf/sums_turn", H5P_DEFAULT);
    H5Fclose(file);
    Result older = is_as_written("job.h5");
    EXPECT_EQ(count_of(older.out, "has no sums"), 1) << older;
    run_job({"job.yaml", "-q"});
    older = is_as_written("job.h5");
    EXPECT_EQ(count_of(older.out, "has no sums"), 1) << older;
}

} // namespace
