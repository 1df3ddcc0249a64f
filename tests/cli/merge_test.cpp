/* sheaf merge: parts of a job become one file that is as if one run had made it. */
#include "cli/program.h"

namespace {

class Merge : public Program {
  protected:
    void run_part(const std::string &items, const std::string &output, int exit = 0) const {
        run_job({"job.yaml", "--items", items, "-o", output}, {0, 2}, exit);
    }

    Result merge(const std::string &output, const Words &parts, int exit = 0) const {
        Words words = {"merge", output};
        words.insert(words.end(), parts.begin(), parts.end());
        Result result = sheaf(words);
        EXPECT_EQ(result.exit, exit) << result;
        if (exit == 0) {
            Words check_words = {"merged", path(output)};
            for (const std::string &part : parts)
                if (part[0] != '-')
                    check_words.push_back(path(part));
            check(check_words);
            Result verified = sheaf({"verify", output});
            EXPECT_EQ(verified.exit, 0) << verified;
        } else {
            EXPECT_FALSE(exists(path(output + ".new")));
        }
        return result;
    }

    void expect_same(const std::string &a, const std::string &b) const {
        Result result = sheaf({"diff", a, b});
        EXPECT_EQ(result.exit, 0) << result;
    }
};

TEST_F(Merge, RowsAndReductions) {
    write("job.yaml", "items: {count: 100000}\nexpression: {y: sin(item), z: item * 2}\nreduce: {total: {sum: y}}\n"
                      "output: all.h5\n");
    run_job({"job.yaml"});
    run_part("0:30000", "a.h5");
    run_part("30000:60000,99990:", "b.h5");
    run_part("20000:30005,59000:99995", "c.h5");
    EXPECT_EQ(shell("chmod 0444 a.h5 && sha256sum ?.h5 > sums").exit, 0);
    Result all = merge("new.h5", {"a.h5", "b.h5", "c.h5"});
    EXPECT_NE(all.out.find("done in several, and the same: 11,010\n"), std::string::npos) << all;
    EXPECT_NE(all.out.find("new.h5: 100,000 items, 100,000 done\n"), std::string::npos) << all;
    run_job({"job.yaml", "-o", "new.h5"}); /* which makes the reductions */
    expect_same("new.h5", "all.h5");
    merge("some.h5", {"c.h5", "a.h5"});
    run_job({"job.yaml", "-o", "some.h5"}, {2, 1});
    expect_same("some.h5", "all.h5");
    EXPECT_EQ(sheaf({"verify", "some.h5"}).exit, 0);
    EXPECT_EQ(shell("sha256sum -c sums").exit, 0); /* no part was touched */
}

TEST_F(Merge, TextsMessagesAndAttempts) {
    write("job.yaml",
          "items: {count: 400}\nparams: {bad: 7}\ncommand: 'echo \"out {item}\" && test -e ok || test $(({item} % 10)) "
          "-ne {bad}'\noutputs: {t: {regex: '(out .+)', type: text}, n: {regex: '([0-9]+)', type: int64}}\noutput: "
          "all.h5\n");
    run_job({"job.yaml", "--items", "0:150", "-o", "a.h5"}, {0, 2}, 1);
    run_job({"job.yaml", "--items", "300:", "-o", "b.h5"}, {0, 2}, 1);
    EXPECT_EQ(sheaf({"pack", "b.h5"}).exit, 0);
    merge("some.h5", {"a.h5", "b.h5"}); /* journals, and packed */
    merge("other.h5", {"b.h5", "a.h5"});
    write("ok", "");
    run_job({"job.yaml", "--items", "100:350", "-o", "c.h5"}, {0, 2}, 0); /* what failed is done here */
    merge("new.h5", {"a.h5", "b.h5", "c.h5"});
    merge("turned.h5", {"c.h5", "b.h5", "a.h5"});
    run_job({"job.yaml", "--items", ":", "--retry-failed", "-o", "some.h5"}, {0, 2}, 0);
    run_job({"job.yaml"}, {0, 2}, 0);
    expect_same("some.h5", "all.h5");
    Result fields = sheaf({"diff", "new.h5", "turned.h5"});
    EXPECT_EQ(fields.exit, 0) << fields;
    EXPECT_FALSE(exists(path("new.d"))); /* nothing is pending: the texts are in the file */
    Result text = sheaf({"show", "new.h5", "--item", "307", "--field", "t"});
    EXPECT_EQ(text.out, "out 307") << text;
    text = sheaf({"show", "other.h5", "--item", "307", "--field", "t"});
    EXPECT_EQ(text.out, sheaf({"show", "b.h5", "--item", "307", "--field", "t"}).out);
    EXPECT_EQ(sheaf({"status", "new.h5", "--exit-code"}).exit, 1); /* 7 … 97 failed in a alone */
}

/* A kernel that takes several items at a time, of which a part has some; a cube; linked and proven inputs. */
TEST_F(Merge, BlocksAndCubes) {
    write("job.yaml", "items: {grid: {a: {range: [0, 200]}, b: {range: [0, 300]}}}\nexpression: {y: a * b + 0.5}\n"
                      "reduce: {m: {mean: y, over: b}}\noutput: all.h5\n");
    run_job({"job.yaml"});
    run_part("0:20001", "a.h5");
    run_part("20001:", "b.h5");
    Result result = sheaf({"merge", "new.h5", "b.h5", "a.h5"});
    EXPECT_EQ(result.exit, 0) << result;
    EXPECT_EQ(sheaf({"verify", "new.h5"}).exit, 0);
    run_job({"job.yaml", "-o", "new.h5"});
    expect_same("new.h5", "all.h5");
}

TEST_F(Merge, LinkedInputs) {
    check({"make_x", path("in.h5"), "300000"});
    write("job.yaml",
          "items: {hdf5: {file: in.h5, fields: {x: /x}}}\ninputs: link\nexpression: {y: x * 2}\noutput: all.h5\n");
    run_job({"job.yaml"});
    run_part("0:100001", "a.h5");
    run_part("100001:", "b.h5");
    EXPECT_EQ(sheaf({"merge", "new.h5", "a.h5", "b.h5"}).exit, 0);
    run_job({"job.yaml", "-o", "new.h5"});
    expect_same("new.h5", "all.h5");
}

TEST_F(Merge, Refuses) {
    write("job.yaml", "items: {count: 1000}\nexpression: {y: item, z: item * 3}\noutput: all.h5\n");
    run_part("0:500", "a.h5");
    run_part("400:900", "b.h5");
    run_job({"job.yaml", "--set", "expression.y=item+1", "-o", "other.h5"});
    Result other = merge("new.h5", {"a.h5", "other.h5"}, 2);
    EXPECT_NE(other.err.find("other.h5 is of another job than a.h5: it has \""), std::string::npos) << other;
    EXPECT_NE(merge("new.h5", {"a.h5", "a.h5"}, 2).err.find("are one file"), std::string::npos);
    EXPECT_NE(merge("a.h5", {"a.h5", "b.h5"}, 2).err.find("is there already"), std::string::npos);
    EXPECT_NE(merge("a.h5", {"a.h5", "b.h5", "--overwrite"}, 2).err.find("one of the parts"), std::string::npos);
    EXPECT_EQ(merge("new.h5", {"a.h5", "no.h5"}, 2).out, "");
    /* other bytes, with sums that say so */
    EXPECT_EQ(shell("cp b.h5 flipped.h5").exit, 0);
    check({"change", path("flipped.h5"), "y", "450", "v + 1"});
    Result flipped = merge("new.h5", {"a.h5", "flipped.h5"}, 2);
    EXPECT_NE(flipped.err.find("flipped.h5: items "), std::string::npos) << flipped;
    /* and others that were computed so */
    check({"change_unseen", path("flipped.h5")});
    Result twice = merge("new.h5", {"a.h5", "flipped.h5"}, 2);
    EXPECT_NE(twice.err.find("item 450 is done in a.h5 and in flipped.h5, with another 'y'"), std::string::npos)
        << twice;
    EXPECT_FALSE(exists(path("new.h5")));
    merge("new.h5", {"a.h5", "flipped.h5", "--first"});
    merge("new.h5", {"b.h5", "a.h5", "--overwrite"});
    run_job({"job.yaml", "-o", "new.h5"});
    run_job({"job.yaml"});
    expect_same("new.h5", "all.h5");
}

} // namespace
