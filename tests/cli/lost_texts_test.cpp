/* Texts lie in a folder beside the results file until nothing is pending. Who removes it, or moves the file without it,
   has lost them, and is told by whatever looks at the file; an empty text, or one that was packed, is none that is lost. */
#include "cli/program.h"

namespace {

class LostTexts : public Program {
  protected:
    void SetUp() override {
        write("job.yaml", "items: {count: 6}\ncommand: 'echo said {item}'\noutputs: {o: {column: 2}}\n");
    }

    Result run(const Words &more = {}) const {
        Words words = {"job.yaml"};
        words.insert(words.end(), more.begin(), more.end());
        return run_job(words);
    }

    static int times(const Result &result) { return count_of(result.err, "are lost"); }

    /* What each reader says, and the JSON for scripts. */
    void expect_lost(bool lost) {
        for (const Words &words : {Words{"status", "job.h5"}, Words{"show", "job.h5"}}) {
            Result result = sheaf(words);
            EXPECT_EQ(result.exit, 0) << result;
            EXPECT_EQ(times(result), lost) << result;
            EXPECT_EQ(count_of(result.err, "--recompute --items 0:"), lost) << result;
        }
        Result json = sheaf({"status", "job.h5", "--json"});
        EXPECT_EQ(count_of(json.out, lost ? "\"lost_texts\": true" : "\"lost_texts\": false"), 1) << json;
    }

    void remove_folder() { ASSERT_EQ(shell("rm -r job.d").exit, 0); }
};

TEST_F(LostTexts, AreSaidUntilAllIsComputedAgain) {
    run({"--items", "0:3"});
    expect_lost(false);
    remove_folder();
    expect_lost(true);
    EXPECT_EQ(times(sheaf({"pack", "job.h5"})), 1);
    /* Others have texts now, which does not hide it; it is said when the run begins, and in the end. */
    EXPECT_EQ(times(run({"--items", "3:5"})), 2);
    expect_lost(true);
    EXPECT_EQ(times(run()), 2) << "these are packed";
    EXPECT_FALSE(exists(path("job.d")));
    expect_lost(true);
    EXPECT_EQ(times(run({"--recompute", "--items", "0:6"})), 0);
    expect_lost(false);
    Result all = sheaf({"show", "job.h5", "--csv", "--fields", "stdout"});
    for (int i = 0; i < 6; i++)
        EXPECT_EQ(count_of(all.out, "said " + std::to_string(i)), 1) << all;
}

/* A record that was damaged beside the file: whoever packs says that something is missing. */
TEST_F(LostTexts, ADamagedRecord) {
    for (const Words &packs : {Words{"run", "job.yaml", "-q"}, Words{"pack", "job.h5"}}) {
        run({"--overwrite", "--items", "0:4"});
        if (packs[0] == "pack") /* all is done, but the folder is as before packing */
            run({"--items", "4:5"});
        write("spoil.py",
              "import glob\nname = sorted(glob.glob('job.d/*.texts'))[0]\nb = bytearray(open(name, 'rb').read())\n"
              "b[b.index(b'said 1')] ^= 1\nopen(name, 'wb').write(b)\n");
        ASSERT_EQ(Program::run({SHEAF_PYTHON, "spoil.py"}).exit, 0);
        Result packed = sheaf(packs);
        EXPECT_EQ(count_of(packed.err, "1 damaged record of texts could not be read and was left out"), 1) << packed;
        EXPECT_EQ(count_of(packed.err, "--recompute --items"), 1) << packed;
    }
    run({"--overwrite"}); /* nothing was damaged */
    EXPECT_EQ(count_of(run({"--overwrite"}).err, "damaged"), 0);
}

/* What a run has written is in its open files, and put in place again; what was there before it is lost, and said. */
TEST_F(LostTexts, GoneWhileTheRunGoesOn) {
    for (const std::string act :
         {"(mv {job_dir}/job.d {job_dir}/moved && rm -r {job_dir}/moved)", "mv {job_dir}/job.d {job_dir}/moved"})
        for (const std::string checkpoint : {"0.001s", "never"})
            for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
                SCOPED_TRACE(act + ", " + checkpoint + ", " + layout.name());
                write("job.yaml", "items: {count: 20}\ncheckpoint: " + checkpoint +
                                      "\ncommand: 'echo said {item}; [ {item} "
                                      "-ne 14 ] || " +
                                      act + "'\noutputs: {o: {column: 2}}\n");
                Result part = run_job({"job.yaml", "--items", "10:18"}, layout);
                EXPECT_EQ(times(part), 0) << part;
                EXPECT_GE(count_of(part.err, "was removed or moved while the run used it"), 1) << part;
                expect_lost(false);
                Result shown = sheaf({"show", "job.h5", "--csv", "--fields", "stdout"});
                for (int i = 10; i < 18; i++)
                    EXPECT_EQ(count_of(shown.out, "said " + std::to_string(i)), 1) << shown;
                ASSERT_EQ(shell("rm -rf moved").exit, 0);
                part = run_job({"job.yaml", "--recompute", "--items", "13:16"}, layout);
                EXPECT_EQ(times(part), 1) << part;
                expect_lost(true);
                shown = sheaf({"show", "job.h5", "--csv", "--fields", "stdout"});
                for (int i = 13; i < 16; i++)
                    EXPECT_EQ(count_of(shown.out, "said " + std::to_string(i)), 1) << shown;
                ASSERT_EQ(shell("rm -rf moved job.d job.h5").exit, 0);
            }
}

TEST_F(LostTexts, FolderThatComesBack) {
    run({"--items", "0:3"});
    ASSERT_EQ(shell("mv job.d elsewhere").exit, 0);
    expect_lost(true);
    ASSERT_EQ(shell("mv elsewhere job.d").exit, 0);
    expect_lost(false);
    EXPECT_EQ(times(run()), 0);
    expect_lost(false);
}

TEST_F(LostTexts, NothingToLose) {
    run();
    EXPECT_FALSE(exists(path("job.d"))) << "packed";
    expect_lost(false);
    EXPECT_EQ(times(run({"--recompute", "--items", "2"})), 0);
    expect_lost(false);
    write("job.yaml", "items: {count: 6}\nexpression: {y: 2*item}\n");
    run({"--overwrite", "--items", "0:3"});
    expect_lost(false);
}

/* Packed in part, the file may be moved. */
TEST_F(LostTexts, PackedBefore) {
    run({"--items", "0:3"});
    EXPECT_EQ(times(sheaf({"pack", "job.h5"})), 0);
    EXPECT_FALSE(exists(path("job.d")));
    expect_lost(false);
    run({"--items", "3:5"});
    remove_folder();
    expect_lost(true);
}

/* Its texts are not another file's to remove: they follow when somebody thinks of them. */
TEST_F(LostTexts, OfAFileThatWasMovedAway) {
    run({"--items", "0:3"});
    ASSERT_EQ(shell("mv job.h5 old.h5").exit, 0);
    EXPECT_EQ(times(run()), 0) << "a new file, which has all of its own";
    Result old = sheaf({"show", "old.h5"});
    EXPECT_EQ(times(old), 1) << old;
    ASSERT_EQ(shell("mv job.d old.d").exit, 0);
    old = sheaf({"show", "old.h5", "--csv", "--fields", "stdout"});
    EXPECT_EQ(times(old), 0) << old;
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(count_of(old.out, "said " + std::to_string(i)), 1) << old;
}

/* Not even where a copy of it was left under a name that runs use. */
TEST_F(LostTexts, OfAFileThatWasMovedAwayAfterACopy) {
    run({"--items", "0:3"});
    ASSERT_EQ(shell("cp job.h5 job.h5.new; mv job.h5 old.h5").exit, 0);
    run();
    ASSERT_EQ(shell("mv job.d old.d").exit, 0);
    const Result old = sheaf({"show", "old.h5", "--csv", "--fields", "stdout"});
    EXPECT_EQ(times(old), 0) << old;
    EXPECT_EQ(count_of(old.out, "said 2"), 1) << old;
}

/* Nor are the pieces of a run that was killed left for ever. */
TEST_F(LostTexts, WhatAKilledRunWasMakingGoes) {
    run({"--items", "0:3"});
    ASSERT_EQ(shell("cp job.h5 job.h5.new").exit, 0);
    run({"--items", "3:4"});
    EXPECT_EQ(list_folder(folder_), (Words{"job.d", "job.h5", "job.yaml"}));
}

/* An item that failed has no outputs, in whatever order they stand; what it wrote is there. */
TEST_F(LostTexts, AFailedItemHasNoOutputs) {
    for (const std::string outputs : {"s: {regex: 'a=(.*)', type: text}, e: {regex: 'nowhere'}",
                                      "e: {regex: 'nowhere'}, s: {regex: 'a=(.*)', type: text}"}) {
        write("job.yaml", "items: {count: 2}\ncommand: [echo, 'a=x{item}']\noutputs: {" + outputs + "}\n");
        run_job({"job.yaml", "--overwrite", "-q"}, {}, 1);
        EXPECT_EQ(sheaf({"show", "job.h5", "--csv", "--fields", "s,e,stdout"}).out,
                  "item,status,s,e,stdout\n0,failed,,nan,\"a=x0\n\"\n1,failed,,nan,\"a=x1\n\"\n")
            << outputs;
    }
}

} // namespace
