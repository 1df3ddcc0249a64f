/* show and pack of outputs that are texts, on a file made without a run. */
#include "cli/program.h"

#include "unit/sheaf.h"
#include "unit/texts.h"

#include <sys/file.h>

namespace {

using unit::LOG;
using unit::SAID;

/* Items 0 … 6 are done, 7 failed, 8 and 9 are pending. */
class ShowTexts : public Program {
  protected:
    ShowTexts()
        : store_("{csv: FOLDER/t.csv}", unit::OUTPUTS, 1, [](const unit::Folder &folder) {
              folder.write("t.csv", "name,x\nAda,0.5\nBob,1\nC,2\nD,3\nE,4\nF,5\nG,6\nH,7\nI,8\nJ,9\n");
          }) {
        store_.make();
        EXPECT_EQ(store_.write(0, 8, [](int64_t i) { return i == 7; }), 0);
        store_.close();
        texts_ = {{{0, SAID}, "one line"},
                  {{1, SAID}, "first\n\n  third, \"quoted\"\n"},
                  {{2, SAID}, "\n\nbehind blank lines"},
                  {{3, SAID}, "größe €\n"},
                  {{4, SAID}, std::string(1000000, 'x') + "end"},
                  {{7, SAID}, "died of it\n"},
                  {{8, SAID}, "nobody may see this"}};
        unit::append(store_.path, texts_);
        /* They were put there by hand, so that no sum of theirs is known. */
        hid_t file = H5Fopen(store_.path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
        EXPECT_GE(H5Ldelete(file, "/sheaf/text_sums", H5P_DEFAULT), 0);
        H5Fclose(file);
    }

    Result show(Words arguments) const {
        arguments.insert(arguments.begin(), {"show", store_.path});
        return sheaf(arguments);
    }
    std::string shown(const Words &arguments) const {
        Result result = show(arguments);
        EXPECT_EQ(result.exit, 0) << result;
        EXPECT_EQ(result.err, "") << result;
        return result.out;
    }
    std::string refused(const Words &arguments) const {
        Result result = show(arguments);
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_EQ(result.out, "") << result;
        return result.err;
    }

    unit::Store store_;
    unit::Texts texts_;
};

TEST_F(ShowTexts, OneTextJustAsItIsBeforeAndAfterPacking) {
    for (const char *told : {"packed 6 texts, 1.00 MB, into ", ": no texts to pack"}) {
        EXPECT_EQ(shown({"--item", "0", "--field", "said"}), "one line");
        EXPECT_EQ(shown({"--item", "1", "--field", "said"}), "first\n\n  third, \"quoted\"\n");
        EXPECT_EQ(shown({"-i", "4", "-f", "said"}), std::string(1000000, 'x') + "end");
        EXPECT_EQ(shown({"--item", "5", "--field", "said"}), "");
        Result packed = sheaf({"pack", store_.path});
        EXPECT_EQ(packed.exit, 0) << packed;
        EXPECT_HAS(packed.out, told);
        EXPECT_EQ(packed.err, "");
    }
    EXPECT_EQ(shown({"--item", "1", "--field", "said"}), "first\n\n  third, \"quoted\"\n");
    EXPECT_FALSE(exists(store_.folder / "out.h5.lock"));
    EXPECT_FALSE(exists(store_.folder / "out.d"));
}

TEST_F(ShowTexts, NumbersOfAnItem) {
    EXPECT_EQ(shown({"--item", "0", "--field", "x"}), "0.5\n");
    EXPECT_EQ(shown({"--item", "2", "--field", "y"}), std::to_string(unit::Store::value(0, 2, 0)) + "\n");
    std::string wanted;
    for (int64_t j = 0; j < 3; j++)
        wanted += (j ? " " : "") + std::to_string(unit::Store::value(2, 6, j));
    EXPECT_EQ(shown({"--item", "6", "--field", "v"}), wanted + "\n");
}

TEST_F(ShowTexts, AllFieldsOfAnItem) {
    EXPECT_EQ(shown({"--item", "1"}), "item: 1\n"
                                      "status: done\n"
                                      "name: Bob\n"
                                      "x: 1\n"
                                      "y: 17\n"
                                      "said:\n"
                                      "    first\n"
                                      "\n"
                                      "      third, \"quoted\"\n"
                                      "v: 27 28 29\n"
                                      "log:\n"
                                      "seconds: 0.5 s\n");
    EXPECT_EQ(shown({"--item", "3", "--field", "said", "--field", "name"}), "item: 3\n"
                                                                            "status: done\n"
                                                                            "said: größe €\n"
                                                                            "name: D\n");
    EXPECT_EQ(shown({"--item", "8"}), "item: 8\nstatus: pending\nname: I\nx: 8\n");
}

TEST_F(ShowTexts, AnItemThatFailed) {
    Result result = show({"--item", "7", "--field", "said"});
    EXPECT_EQ(result.exit, 0) << result;
    EXPECT_EQ(result.out, "died of it\n") << "what it said is what is asked for";
    EXPECT_EQ(result.err, "sheaf show: item 7: failed: item 7 failed\n");
    EXPECT_STARTS(shown({"--item", "7"}), "item: 7\nstatus: failed\nmessage: item 7 failed\nname: H\n");
}

TEST_F(ShowTexts, WhatCannotBeShown) {
    EXPECT_HAS(refused({"--item", "8", "--field", "said"}), "out.h5: item 8 is pending: it has no 'said' yet");
    EXPECT_HAS(refused({"--item", "10"}), "out.h5: no item 10; they are 0 to 9");
    EXPECT_HAS(refused({"--item", "-1"}), "an item's index is 0 or more");
    EXPECT_HAS(refused({"--item", "x"}), "an item's index is 0 or more");
    EXPECT_HAS(refused({"--item", "1", "--field", "siad"}), "no field 'siad'; did you mean 'said'?");
    EXPECT_HAS(refused({"--item", "1", "--csv"}), "--item shows one item");
    EXPECT_HAS(refused({"--sort", "said"}), "cannot sort by 'said'");
}

TEST_F(ShowTexts, ATableHasFirstLines) {
    std::string table = shown({"--field", "said", "--head", "9"});
    const char *wanted[] = {"   0  done     one line",   "   1  done     first…", "   2  done     behind blank lines",
                            "   3  done     größe €",    "   4  done     xxxx",   "   5  done",
                            "   7  failed   died of it", "   8  pending"};
    for (const char *line : wanted)
        EXPECT_HAS(table, std::string("\n") + line);
    EXPECT_EQ(table.find("nobody may see"), std::string::npos);
    EXPECT_EQ(count_of(table, "\n"), 10);
    EXPECT_LT(table.size(), 1500u);
}

TEST_F(ShowTexts, ACsvHasThemWhole) {
    std::string csv = shown({"--csv", "--fields", "name,said"});
    EXPECT_HAS(csv, "item,status,name,said\n0,done,Ada,one line\n1,done,Bob,\"first\n\n  third, \"\"quoted\"\"\n\"\n");
    EXPECT_HAS(csv, "4,done,E," + std::string(1000000, 'x') + "end\n");
    EXPECT_HAS(csv, "7,failed,H,\"died of it\n\"\n8,pending,I,\n");
}

TEST_F(ShowTexts, PackWaitsForNoRun) {
    std::string lock = store_.folder / "out.h5.lock";
    write_file(lock, "process 12 on node7");
    int fd = ::open(lock.c_str(), O_RDWR);
    struct flock whole = {};
    whole.l_type = F_WRLCK;
    ASSERT_EQ(fcntl(fd, F_OFD_SETLK, &whole), 0);
    Result result = sheaf({"pack", store_.path});
    EXPECT_EQ(result.exit, 2) << result;
    EXPECT_HAS(result.err, "out.h5: another run is writing it (process 12 on node7); it packs its texts itself");
    ::close(fd);
    EXPECT_EQ(sheaf({"pack", store_.path}).exit, 0) << "what a killed run left is no lock";
    result = sheaf({"pack", store_.folder / "none.h5"});
    EXPECT_EQ(result.exit, 2) << result;
    EXPECT_HAS(result.err, "none.h5: cannot open");
    EXPECT_FALSE(exists(store_.folder / "none.h5.lock"));
}

/* SIGKILL at every call of `sheaf pack` that changes a file: no text is lost or changed, and packing again ends well. */
TEST_F(ShowTexts, PackMayBeKilledAnywhere) {
    if (shell("LD_PRELOAD=" SHEAF_PLUGIN_DIR "/crash_points.so " SHEAF_PROGRAM " --version").exit != 0)
        GTEST_SKIP() << "LD_PRELOAD does not work here (sanitizers?)";
    unit::append(store_.path, {{{0, SAID}, "newer"}, {{5, LOG}, "in a second journal"}});
    const std::string wanted = shown({"--csv"}), folder = store_.folder.path(), saved = path("saved");
    EXPECT_HAS(wanted, ",newer,");
    std::vector<std::string> said(10);
    for (const auto &[where, text] : texts_)
        if (where.first != 0 && where.first != 8) /* is pending */
            said[static_cast<size_t>(where.first)] = text;
    said[0] = "newer";
    std::filesystem::copy(folder, saved, std::filesystem::copy_options::recursive);
    for (const std::string &how : slow_tests() ? Words{"half", "after"} : Words{"after"}) {
        int n = 1;
        for (;; n++) {
            std::filesystem::copy(saved, folder,
                                  std::filesystem::copy_options::recursive |
                                      std::filesystem::copy_options::overwrite_existing);
            Start crashing = start();
            crashing.env["LD_PRELOAD"] = SHEAF_PLUGIN_DIR "/crash_points.so";
            crashing.env["SHEAF_CRASH_AT"] = std::to_string(n);
            crashing.env["SHEAF_CRASH_HOW"] = how;
            Result result = Child({SHEAF_PROGRAM, "pack", store_.path}, crashing).wait();
            ASSERT_TRUE(result.exit == 137 || result.exit == 0) << result;
            ASSERT_EQ(shown({"--csv"}), wanted) << how << " call " << n;
            if (result.exit == 0)
                break;
            ASSERT_EQ(sheaf({"pack", store_.path}).exit, 0) << how << " call " << n;
            ASSERT_EQ(unit::read_texts(store_.path, "said"), said) << how << " call " << n;
            ASSERT_EQ(list_folder(folder), (Words{"out.h5", "t.csv"})) << how << " call " << n;
        }
        EXPECT_GT(n, 8) << "too few calls were met";
    }
}

} // namespace
