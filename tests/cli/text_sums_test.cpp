/* Texts and sheaf verify: whatever bit changes of a text, or of what leads to it, in the file or in a journal beside it, the
   item is named, and no other; the command that is printed mends it; and no run, kill or packing leaves anything that
   accuses what is right, or hides what is not. Damage is done by hand, at places that HDF5 tells, or that the text tells. */
#include "cli/program.h"

#include <fcntl.h>
#include <hdf5.h>
#include <unistd.h>

#include <algorithm>

namespace {

constexpr int n_items = 40;

/* What an item's program says: item 7 says nothing, others more than fits a usual piece of HDF5's heap. */
std::string said(int item) {
    if (item == 7)
        return "";
    const std::string line = "item " + std::to_string(item) + " says so\n";
    std::string text = line;
    for (int i = 0; item % 10 == 3 && i < 1000; i++)
        text += line;
    return text;
}

class TextSums : public Program {
  protected:
    TextSums() { write_command("5s"); }

    void write_command(const std::string &timeout, const std::string &before = "") const {
        write("job.yaml", "items: {count: " + std::to_string(n_items) +
                              "}\n"
                              "command: |\n  " +
                              before +
                              "[ {item} = 7 ] && exit 0\n"
                              "  n=0; [ $(({item} % 10)) = 3 ] && n=1000\n"
                              "  for i in $(seq 0 $n); do echo \"item {item} says so\"; done\n"
                              "  echo \"error {item}\" >&2\n"
                              "halt: never\ntimeout: " +
                              timeout + "\n");
    }

    /* One bit of a file. */
    void flip(const std::string &name, off_t at, int bit) const {
        unsigned char byte;
        int fd = open(path(name).c_str(), O_RDWR);
        ASSERT_EQ(pread(fd, &byte, 1, at), 1);
        byte = static_cast<unsigned char>(byte ^ 1U << bit);
        ASSERT_EQ(pwrite(fd, &byte, 1, at), 1);
        close(fd);
    }

    /* Where the references of a field of texts lie. */
    off_t references(const std::string &name, const std::string &field) const {
        hid_t file = H5Fopen(path(name).c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
        hid_t dataset = H5Dopen2(file, field.c_str(), H5P_DEFAULT);
        const off_t at = static_cast<off_t>(H5Dget_offset(dataset));
        H5Dclose(dataset);
        H5Fclose(file);
        return at;
    }

    /* Where a text lies in a file: that of an item's output, which is in it once. */
    off_t place_of(const std::string &name, const std::string &text) const {
        const std::string bytes = read(name);
        const size_t at = bytes.find(text);
        EXPECT_NE(at, std::string::npos) << text;
        EXPECT_EQ(bytes.find(text, at + 1), std::string::npos) << text;
        return static_cast<off_t>(at);
    }

    Words journals() const {
        Words names;
        for (const std::string &name : exists(path("job.d")) ? list_folder(path("job.d")) : Words{})
            names.push_back("job.d/" + name);
        return names;
    }

    void is_as_written() const {
        Result result = sheaf({"verify", "job.h5"});
        EXPECT_EQ(result.exit, 0) << result;
        EXPECT_EQ(count_of(result.out, "as they were written\n"), 1) << result;
        EXPECT_EQ(count_of(result.out, "text"), 0) << result;
    }

    /* Where items are pending, of the others. */
    void is_as_written_so_far() const {
        Result result = sheaf({"verify", "job.h5"});
        EXPECT_EQ(result.exit, 0) << result;
        EXPECT_EQ(count_of(result.out, "text"), 0) << result;
    }

    /* The texts of items that are done, as the job makes them. */
    void expect_texts() const {
        std::string wanted = "item,status,stdout\n";
        for (int i = 0; i < n_items; i++)
            wanted += std::to_string(i) + ",done," + (said(i).empty() ? "" : "\"" + said(i) + "\"") + "\n";
        EXPECT_EQ(sheaf({"show", "job.h5", "--csv", "--fields", "stdout"}).out == wanted, true);
    }

    /* verify names these items for their texts, and nothing else. */
    Result expect_named(const std::string &items, int n) const {
        Result found = sheaf({"verify", "job.h5"});
        EXPECT_EQ(found.exit, 1) << found;
        EXPECT_EQ(count_of(found.out, "  texts changed among " + std::to_string(n) + " item" + (n == 1 ? "" : "s") +
                                          ": " + items + "\n"),
                  1)
            << "wanted " << items << "\n"
            << found;
        EXPECT_EQ(count_of(found.out, "changed"), 1) << found;
        EXPECT_EQ(found.err, "") << found;
        return found;
    }

    /* The command that verify prints. */
    void mend(const Result &found) const {
        const size_t from = found.out.find("sheaf run "), end = found.out.find('\n', from);
        ASSERT_NE(from, std::string::npos) << found;
        Result mended = shell(SHEAF_PROGRAM " " + found.out.substr(from + 6, end - from - 6));
        EXPECT_EQ(mended.exit, 0) << mended;
        is_as_written();
    }
};

/* --- packed -------------------------------------------------------------------------------------------------------- */

TEST_F(TextSums, AFlippedBitOfAPackedText) {
    for (const Layout &layout : {Layout{0, 2}, Layout{2, 2, true}}) {
        run_job({"job.yaml", "-q", "--overwrite"}, layout);
        is_as_written();
        const std::string good = read("job.h5");
        for (int item : {0, 3, 19, n_items - 1})
            for (const std::string &text : {said(item), "error " + std::to_string(item) + "\n"}) {
                write("job.h5", good);
                const off_t at = place_of("job.h5", text);
                for (size_t byte : {size_t{0}, text.size() / 2, text.size() - 1}) {
                    flip("job.h5", at + static_cast<off_t>(byte), 5);
                    Result found = expect_named(std::to_string(item), 1);
                    if (byte == 0 && text[0] == 'i') {
                        mend(found);
                        expect_texts();
                        write("job.h5", good);
                    } else {
                        flip("job.h5", at + static_cast<off_t>(byte), 5);
                    }
                }
            }
        is_as_written();
    }
}

/* Length, address and number of what is referred to, and the place of an empty text. */
TEST_F(TextSums, AFlippedBitOfWhatLeadsToAText) {
    run_job({"job.yaml", "-q"});
    const off_t at = references("job.h5", "stdout");
    const std::string good = read("job.h5");
    for (int item : {0, 7, 13, 20})
        for (int byte = 0; byte < 16; byte++)
            for (int bit : {0, 7}) {
                SCOPED_TRACE("item " + std::to_string(item) + ", byte " + std::to_string(byte));
                flip("job.h5", at + 16 * item + byte, bit);
                Result found = expect_named(std::to_string(item), 1);
                if (bit == 0 && byte % 4 == 0 && item != 20) {
                    mend(found); /* and nothing of another item went with it */
                    expect_texts();
                    write("job.h5", good);
                } else {
                    flip("job.h5", at + 16 * item + byte, bit);
                }
                if (HasFailure())
                    return;
            }
    is_as_written();
}

/* One that refers to another's text of the same length: that is not given away when this is mended. */
TEST_F(TextSums, AReferenceToAnothersText) {
    run_job({"job.yaml", "-q"});
    const off_t at = references("job.h5", "stdout");
    std::string bytes = read("job.h5");
    std::copy_n(bytes.begin() + at + 16 * 21, 16, bytes.begin() + at + 16 * 20);
    write("job.h5", bytes);
    mend(expect_named("20", 1));
    expect_texts();
    run_job({"job.yaml", "-q", "--recompute", "--items", "30"});
    is_as_written();
    expect_texts();
}

/* Whatever else changes in the heap: verify answers, and accuses no item whose text can be read. */
TEST_F(TextSums, AnythingInTheHeap) {
    run_job({"job.yaml", "-q"});
    const std::string good = read("job.h5");
    std::vector<size_t> heads;
    for (size_t at = good.find("GCOL"); at != std::string::npos; at = good.find("GCOL", at + 1))
        heads.push_back(at);
    ASSERT_GT(heads.size(), 1u);
    for (size_t head : heads)
        for (size_t byte = 0; byte < 100; byte += head == heads[0] ? 1 : 13)
            for (int value : {0x00, 0xff, 0x47}) {
                std::string bytes = good;
                bytes[head + byte] = static_cast<char>(value);
                write("job.h5", bytes);
                Result found = sheaf({"verify", "job.h5"});
                EXPECT_TRUE(found.exit == 0 || found.exit == 1) << found;
                EXPECT_EQ(found.err, "") << found;
                if (HasFailure())
                    return;
            }
}

/* A later packing neither hides what had changed before nor minds it. */
TEST_F(TextSums, ALaterPackDoesNotHideIt) {
    run_job({"job.yaml", "-q"});
    flip("job.h5", place_of("job.h5", said(22)) + 3, 1);
    flip("job.h5", references("job.h5", "stderr") + 16 * 31 + 5, 1);
    run_job({"job.yaml", "-q", "--recompute", "--items", "2,23,30"});
    Result found = expect_named("22, 31", 2);
    EXPECT_EQ(count_of(found.out, "--recompute --items 22,31\n"), 1) << found;
    mend(found);
    expect_texts();
}

/* --- beside the file ----------------------------------------------------------------------------------------------- */

TEST_F(TextSums, ADamagedRecord) {
    for (const Words &packs : {Words{"run", "job.yaml", "-q"}, Words{"pack", "job.h5"}, Words{}})
        for (int item : {0, 11, 29}) {
            SCOPED_TRACE(item);
            run_job({"job.yaml", "-q", "--overwrite", "-t", "1", "--items", "0:30"});
            ASSERT_EQ(journals().size(), 1u);
            flip(journals()[0], place_of(journals()[0], "error " + std::to_string(item) + "\n"), 2);
            expect_named(std::to_string(item), 1); /* of item 29 it is the last record */
            if (!packs.empty()) {
                Result packed = sheaf(packs);
                EXPECT_EQ(packed.exit, 0) << packed;
                EXPECT_EQ(count_of(packed.err, "texts of 1 item are missing"), 1) << packed;
                EXPECT_EQ(count_of(packed.err, "--recompute --items " + std::to_string(item) + " "), 1) << packed;
                EXPECT_FALSE(exists(path("job.d")));
            }
            mend(expect_named(std::to_string(item), 1));
            Result last = run_job({"job.yaml", "-q"});
            EXPECT_EQ(last.err, "") << "what was damaged is mended";
            is_as_written();
            expect_texts();
        }
}

/* The end of a journal is gone, as where somebody copied it while it was written. */
TEST_F(TextSums, AJournalWithoutItsEnd) {
    run_job({"job.yaml", "-q", "-t", "1", "--items", "0:30"});
    const off_t end = place_of(journals()[0], "error 28\n");
    ASSERT_EQ(truncate(path(journals()[0]).c_str(), end + 4), 0);
    mend(expect_named("28:30", 2));
    run_job({"job.yaml", "-q"});
    is_as_written();
    expect_texts();
}

TEST_F(TextSums, ARemovedJournal) {
    for (const bool whole_folder : {false, true}) {
        run_job({"job.yaml", "-q", "--overwrite", "-t", "1", "--items", "5:10"});
        const std::string first = journals()[0];
        if (!whole_folder)
            run_job({"job.yaml", "-q", "-t", "1", "--items", "10:30"});
        ASSERT_EQ(shell("rm -r " + (whole_folder ? "job.d" : first)).exit, 0);
        Result found = sheaf({"verify", "job.h5"});
        EXPECT_EQ(count_of(found.out, "texts changed among 5 items: 5:10\n"), 1) << found;
        mend(found);
        Result last = run_job({"job.yaml", "-q"});
        is_as_written();
        expect_texts();
        EXPECT_EQ(count_of(sheaf({"status", "job.h5", "--json"}).out, "\"lost_texts\": false"), 1)
            << "all are there again";
    }
}

/* Outputs that are found otherwise are not taken from a text that has changed. */
TEST_F(TextSums, WhatHasChangedIsNotTakenAgain) {
    const std::string items = "items: {count: 10}\ncommand: 'echo a = {item}.5'\noutputs:\n  e: {regex: 'a = ";
    write("job.yaml", items + "(\\d)'}\n");
    run_job({"job.yaml", "-q"});
    flip("job.h5", place_of("job.h5", "a = 4.5\n") + 4, 0);
    const std::string before = read("job.h5");
    write("job.yaml", items + "(\\S+)'}\n");
    Result refused = run_job({"job.yaml", "-q"}, {}, 2);
    EXPECT_EQ(count_of(refused.err, "--recompute --items 4,"), 1) << refused;
    EXPECT_EQ(read("job.h5") == before, true) << "nothing was changed";
    run_job({"job.yaml", "-q", "--recompute", "--items", "4"});
    is_as_written();
    std::string wanted = "item,status,e\n";
    for (int i = 0; i < 10; i++)
        wanted += std::to_string(i) + ",done," + std::to_string(i) + ".5\n";
    EXPECT_EQ(sheaf({"show", "job.h5", "--csv", "--fields", "e"}).out, wanted);
}

/* --- nothing is accused -------------------------------------------------------------------------------------------- */

/* Kills, runs that go on in other layouts, items that fail and are tried again, second packs. */
TEST_F(TextSums, WhateverRunsDo) {
    write_command("20s", "sleep 0.05; [ -e there ] || [ $(({item} % 9)) != 4 ] || exit 1\n  ");
    const std::vector<Layout> layouts = {{0, 2}, {2, 1}, {2, 2, true}};
    for (const Layout &layout : layouts) {
        Child child(command({"run", "job.yaml", "-q"}, layout), start());
        const long before = exists(path("job.h5")) ? count_done(path("job.h5"), find_status(path("job.h5"))) : 0;
        EXPECT_TRUE(wait_for_done(child, path("job.h5"), before + 5));
        is_as_written_so_far();
        child.kill_all(SIGKILL);
        child.wait();
        is_as_written_so_far();
    }
    run_job({"job.yaml", "-q"}, {0, 2}, 1);
    is_as_written();
    write("there", "");
    run_job({"job.yaml", "-q", "--retry-failed"}, {2, 1});
    is_as_written();
    for (const std::string items : {"0:5", "3,13,39", "0:40"}) {
        run_job({"job.yaml", "-q", "--recompute", "--items", items}, {0, 2});
        is_as_written();
    }
    expect_texts();
    Child child(command({"run", "job.yaml", "-q", "--recompute", "--items", "0:40"}, {0, 2}), start());
    EXPECT_TRUE(wait_until([&] { return !journals().empty() || !child.running(); }));
    child.kill_all(SIGKILL);
    child.wait();
    is_as_written_so_far();
    ASSERT_EQ(sheaf({"pack", "job.h5"}).exit, 0);
    is_as_written_so_far();
    run_job({"job.yaml", "-q"});
    is_as_written();
    expect_texts();
}

/* --- inputs, and files of other versions --------------------------------------------------------------------------- */

TEST_F(TextSums, CopiedInputs) {
    write("in.csv", "name,x\nAda,1\nGrace,2\n,3\n\"Emmy\nNoether\",4\n");
    write("job.yaml", "items: {csv: in.csv}\nexpression: {y: 2 * x}\n");
    run_job({"job.yaml", "-q"});
    is_as_written();
    flip("job.h5", place_of("job.h5", "Grace") + 1, 0);
    flip("job.h5", references("job.h5", "name") + 16 * 3 + 12, 1);
    Result found = sheaf({"verify", "job.h5"});
    EXPECT_EQ(found.exit, 1) << found;
    EXPECT_EQ(count_of(found.out, "copied inputs that are texts changed among 2 items: 1, 3\n"), 1) << found;
    EXPECT_EQ(count_of(found.out, "--recompute"), 0) << found;
    EXPECT_EQ(count_of(found.out, " --overwrite\n"), 1) << found;
    run_job({"job.yaml", "-q", "--overwrite"});
    is_as_written();
}

TEST_F(TextSums, FilesWithoutThem) {
    run_job({"job.yaml", "-q", "--items", "0:20"});
    hid_t file = H5Fopen(path("job.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    H5Ldelete(file, "/sheaf/text_sums", H5P_DEFAULT);
    H5Fclose(file);
    for (const std::string items : {"0:30", "0:40"}) {
        run_job({"job.yaml", "-q", "--items", items});
        Result older = sheaf({"verify", "job.h5"});
        EXPECT_EQ(older.exit, 0) << older;
        EXPECT_EQ(count_of(older.out, "texts were not checked"), 1) << older;
    }
    expect_texts();
}

} // namespace
