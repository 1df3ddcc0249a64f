/* Results files that a bad disk or a bad copy has damaged: every subcommand answers, and none dies of a signal or stays. */
#include "cli/program.h"

#include <cstring>
#include <random>

#include <sys/stat.h>

namespace {

class Damage : public Program {
  protected:
    Damage() {
        write("in.csv", "x,name\n1.5,first\n2.5,second\n3.5,third\n");
        write("job.yaml", "items: {csv: in.csv}\n"
                          "command: 'echo \"{name} item\"; echo n={x}'\n"
                          "outputs: {n: {type: float64, regex: 'n=(\\S+)', unit: m}}\n"
                          "output: good.h5\n");
        run_job({"job.yaml"});
        bytes_ = read("good.h5");
    }

    /* Of a damaged file one of: what is there, that it is no results file, what is damaged. */
    void answers(const Words &words) {
        const Result result = sheaf(words);
        EXPECT_FALSE(result.timed_out) << result;
        EXPECT_TRUE(result.exit == 0 || result.exit == 2 || result.exit == 3) << result;
        if (result.exit != 0) {
            EXPECT_NE(result.err.find("sheaf: "), std::string::npos) << result;
            EXPECT_NE(result.err.find("bad.h5"), std::string::npos) << result;
        }
        n_refused_ += result.exit != 0;
    }

    /* Or it says which items changed. */
    void verify_answers() {
        const Result result = sheaf({"verify", "bad.h5"});
        EXPECT_FALSE(result.timed_out) << result;
        EXPECT_TRUE(result.exit >= 0 && result.exit <= 3) << result;
        EXPECT_NE((result.exit <= 1 ? result.out : result.err).find("bad.h5: "), std::string::npos) << result;
        n_found_ += result.exit == 1;
    }

    /* All collections of HDF5's heap of texts, from the first object on, are filled with `value`. */
    std::string with_heap(char value) const {
        enum { HEAD = 16, COLLECTION = 4096 };
        std::string bytes = bytes_;
        for (size_t at = bytes.find("GCOL"); at != std::string::npos; at = bytes.find("GCOL", at + 4))
            memset(&bytes[at + HEAD], value, std::min<size_t>(COLLECTION, bytes.size() - at) - HEAD);
        return bytes;
    }

    std::string bytes_;
    int n_refused_ = 0, n_found_ = 0;
};

TEST_F(Damage, ManyFiles) {
    std::vector<size_t> used; /* where the file is not empty: there most of the damage hurts */
    for (size_t i = 0; i < bytes_.size(); i++)
        if (bytes_[i])
            used.push_back(i);
    for (unsigned seed = 0; seed < (slow_tests() ? 500 : 150) && !HasFailure(); seed++) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937 random(seed);
        std::string bytes = bytes_;
        for (unsigned n = 1 + random() % 16; n > 0; n--)
            bytes[random() % 4 ? used[random() % used.size()] : random() % bytes.size()] = static_cast<char>(random());
        write("bad.h5", bytes);
        answers({"status", "bad.h5"});
        answers({"show", "bad.h5", "--csv"});
        verify_answers();
        if (seed % 5 == 0) {
            answers({"pack", "bad.h5"});
            answers({"run", "job.yaml", "-o", "bad.h5"});
        }
    }
    EXPECT_GT(n_refused_, 30) << "some of it was noticed";
    EXPECT_GT(n_found_, 1) << "and some is known";
}

/* What status and run need does not lie in the heap, on which HDF5 crashes or runs in circles. */
TEST_F(Damage, OfTheHeapOfTexts) {
    for (char value : {'\0', '\xff', 'G'}) {
        SCOPED_TRACE(static_cast<int>(value));
        write("bad.h5", with_heap(value));
        Result status = sheaf({"status", "bad.h5", "--exit-code"}), show = sheaf({"show", "bad.h5"});
        EXPECT_EQ(status.exit, 0) << status;
        EXPECT_NE(status.out.find("3 items, 3 done"), std::string::npos) << status;
        EXPECT_EQ(sheaf({"run", "job.yaml", "-o", "bad.h5"}).exit, 0);
        EXPECT_EQ(show.exit, 3) << show;
        Result verify = sheaf({"verify", "bad.h5"});
        EXPECT_EQ(verify.exit, 1) << verify;
        EXPECT_EQ(count_of(verify.out, "  texts changed among 3 items: 0:3\n"), 1) << verify;
        EXPECT_EQ(count_of(verify.out, "  copied inputs that are texts changed among 3 items: 0:3\n"), 1) << verify;
        EXPECT_NE(show.err.find("bad.h5: "), std::string::npos) << show;
        EXPECT_NE(show.err.find("the dataset '"), std::string::npos) << show;
    }
}

/* The other items are not thrown away for one whose status means nothing. */
TEST_F(Damage, OfOneStatus) {
    std::string bytes = bytes_;
    const StatusPlace place = find_status(path("good.h5"));
    ASSERT_GT(place.offset, 0);
    bytes[static_cast<size_t>(place.offset) + 1] = 77;
    write("good.h5", bytes);
    Result result = run_job({"job.yaml"}, {}, 3);
    EXPECT_EQ(count_of(result.err, "item 1 has status 77"), 1) << result;
    EXPECT_EQ(count_of(result.err, "--recompute --items 1 "), 1) << result;
    EXPECT_EQ(count_of(sheaf({"status", "good.h5"}).out, "3 items, 1 pending, 2 done\n"), 1);
    run_job({"job.yaml", "--recompute", "--items", "1"});
    EXPECT_EQ(sheaf({"show", "good.h5", "--csv", "--fields", "n"}).out,
              "item,status,n\n0,done,1.5\n1,done,2.5\n2,done,3.5\n");
}

TEST_F(Damage, WhatIsNoFileIsRefused) {
    ASSERT_EQ(mkfifo(path("bad.h5").c_str(), 0666), 0);
    for (const Words &words :
         {Words{"show", "bad.h5"}, Words{"status", "bad.h5"}, Words{"pack", "bad.h5"},
          Words{"run", "job.yaml", "-o", "bad.h5"}, Words{"show", "/dev/null"}, Words{"show", "."}}) {
        const Result result = sheaf(words);
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_NE(result.err.find(words[0] == "run" ? "is a pipe" : "not a regular file"), std::string::npos) << result;
    }
    write("fifo.yaml", "items: {hdf5: {file: bad.h5, fields: {x: /x}}}\nkernel: square_plus\n");
    EXPECT_EQ(sheaf({"run", "fifo.yaml", "-o", "out.h5"}).exit, 2);
}

/* A script may have lines that look like what the identity has of outputs. */
TEST_F(Damage, NoneIsSeenInAScript) {
    write("job.yaml", "items: {csv: in.csv}\n"
                      "command: |\n"
                      "  echo n={x}\n"
                      "  cat <<END\n"
                      "  output other: 1\n"
                      "  END\n"
                      "outputs: {n: {type: float64, regex: 'n=(\\S+)'}}\n"
                      "output: good.h5\n");
    run_job({"job.yaml", "--overwrite"});
    Result show = sheaf({"show", "good.h5", "--item", "2", "--field", "stdout"});
    EXPECT_EQ(show.exit, 0) << show;
    EXPECT_EQ(show.out, "n=3.5\noutput other: 1\n");
}

} // namespace
