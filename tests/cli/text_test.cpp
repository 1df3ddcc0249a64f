/* Outputs that are texts, through the whole program: the same on every layout, after a kill, and after retries. */
#include "cli/program.h"

#include "unit/sheaf.h"
#include "unit/texts.h"

namespace {

class Text : public Program {
  protected:
    static constexpr int64_t n_items = 200;

    void write_says(int ms) const {
        write_job("job.yaml", "count: " + std::to_string(n_items), SHEAF_PLUGIN_DIR "/texts.so:says",
                  "params: {ms: " + std::to_string(ms) + "}\n");
    }

    /* What the kernel says of an item. */
    static std::string said(int64_t item) {
        std::string text = "item " + std::to_string(item) + " said\n";
        for (int64_t line = 0; line < item % 50; line++)
            text += "line " + std::to_string(line) + "\n";
        if (item % 11 == 5)
            text += "a byte \xef\xbf\xbd, größe";
        return text + std::string(item % 97 == 42 ? 300000 : 0, 'x');
    }
    static std::string log(int64_t item) { return item % 3 ? "" : "item "; }

    /* All texts of a complete file, which stands alone. */
    void expect_packed(const std::string &name) const {
        const std::vector<std::string> all_said = unit::read_texts(path(name), "said"),
                                       all_log = unit::read_texts(path(name), "log");
        ASSERT_EQ(all_said.size(), static_cast<size_t>(n_items));
        for (int64_t i = 0; i < n_items; i++) {
            ASSERT_EQ(all_said[static_cast<size_t>(i)], said(i)) << "item " << i;
            ASSERT_EQ(all_log[static_cast<size_t>(i)], log(i)) << "item " << i;
        }
        is_as_written(name);
    }

    /* verify accuses nothing. */
    void is_as_written(const std::string &name) const {
        Result result = sheaf({"verify", name});
        EXPECT_EQ(result.exit, 0) << result;
        EXPECT_EQ(count_of(result.out, "text"), 0) << result;
    }

    /* The texts of items that are not pending, wherever they are; how many are pending. */
    int64_t expect_settled(const std::string &name) const {
        struct reader *reader = nullptr;
        unit::Error error;
        std::string file = path(name);
        int64_t n_pending = 0;
        EXPECT_EQ(sheaf_reader_open(&reader, file.c_str(), error), 0) << error.text();
        std::vector<uint8_t> status(n_items);
        std::vector<const char *> texts(n_items);
        struct sheaf_arena arena = {};
        int n = 0;
        const struct reader_field *fields = sheaf_reader_fields(reader, &n);
        EXPECT_EQ(sheaf_reader_status(reader, 0, n_items, status.data(), error), 0) << error.text();
        for (int k = 0; k < n; k++) {
            if (fields[k].field.type != SHEAF_TEXT)
                continue;
            EXPECT_EQ(sheaf_reader_range(reader, k, 0, n_items, texts.data(), &arena, error), 0) << error.text();
            for (int64_t i = 0; i < n_items; i++) {
                const std::string wanted = std::string(fields[k].field.name) == "said" ? said(i) : log(i);
                if (status[static_cast<size_t>(i)] == ITEM_PENDING)
                    n_pending++;
                else
                    EXPECT_EQ(texts[static_cast<size_t>(i)], wanted) << fields[k].field.name << " of item " << i;
            }
        }
        sheaf_arena_free(&arena);
        sheaf_reader_close(reader);
        is_as_written(name);
        return n_pending / 2;
    }
};

TEST_F(Text, IsTheSameOnEveryLayout) {
    write_says(0);
    const std::pair<Layout, const char *> ways[] = {
        {{0, 1}, "auto"}, {{0, 3}, "auto"}, {{3, 1}, "gather"}, {{2, 2, true}, "auto"}, {{2, 2, true}, "gather"}};
    int k = 0;
    for (const auto &[layout, transport] : ways) {
        SCOPED_TRACE(layout.name() + ", " + transport);
        std::string name = "out" + std::to_string(k++) + ".h5";
        run_job({"job.yaml", "-q", "-o", name, "--set", std::string("transport=") + transport}, layout, 1);
        expect_packed(name);
        run_job({"job.yaml", "-q", "-o", name, "--recompute", "--items", "1:4,42,139:"}, layout, 1);
        expect_packed(name);
        if (HasFailure())
            return;
    }
    for (const std::string &name : list_folder(folder_))
        EXPECT_FALSE(name.ends_with(".d")) << name;
}

TEST_F(Text, OfWhatIsDoneOutlivesAKill) {
    write_says(8);
    for (const Layout &layout : {Layout{0, 2}, Layout{2, 1, true}}) {
        SCOPED_TRACE(layout.name());
        int64_t before = n_items;
        for (long wanted : {20, 100}) {
            Child child(command({"run", "job.yaml", "-q"}, layout), start());
            ASSERT_TRUE(wait_for_done(child, path("job.h5"), wanted));
            EXPECT_LT(expect_settled("job.h5"), before) << "while it runs";
            child.kill_all(SIGKILL);
            child.wait();
            ASSERT_TRUE(wait_until([&] { return child.processes().empty(); }));
            int64_t pending = expect_settled("job.h5");
            EXPECT_GT(pending, 0) << "it was not killed early enough to test anything";
            EXPECT_LT(pending, before);
            before = pending;
            if (wanted == 20)
                EXPECT_EQ(sheaf({"pack", "job.h5"}).exit, 0);
            EXPECT_EQ(expect_settled("job.h5"), pending);
        }
        run_job({"job.yaml", "-q"}, layout, 1);
        expect_packed("job.h5");
        EXPECT_EQ(list_folder(folder_), (Words{"job.h5", "job.yaml"}));
        unlink(path("job.h5").c_str());
    }
}

TEST_F(Text, OfTheLastAttemptCounts) {
    write_job("job.yaml", "count: 9", SHEAF_PLUGIN_DIR "/texts.so:retries", "retries: 1\n");
    auto logs = [&](const char *fails, const std::string &more, int exit) {
        Result result = shell(std::string("SHEAF_TEST_FAIL=") + fails + " " SHEAF_PROGRAM " run job.yaml -q " + more);
        EXPECT_EQ(result.exit, exit) << result;
        is_as_written("job.h5");
        return unit::read_texts(path("job.h5"), "log");
    };
    const std::string first = "a first attempt";
    /* Each block of three has an odd item, and is tried again as a whole; it says nothing then. */
    const std::vector<std::string> wanted(9, "");
    EXPECT_EQ(logs("once", "", 0), wanted);
    EXPECT_EQ(logs("always", "--overwrite", 1), wanted);
    EXPECT_EQ(logs("never", "--retry-failed", 0), wanted);

    write_job("job.yaml", "count: 9", SHEAF_PLUGIN_DIR "/texts.so:retries");
    EXPECT_EQ(logs("once", "--overwrite", 1), std::vector<std::string>(9, first));
    /* What was packed of an earlier attempt is gone; items that were done beside those that failed keep theirs. */
    std::vector<std::string> again(9, first);
    for (size_t i = 1; i < 9; i += 2)
        again[i] = "";
    EXPECT_EQ(logs("never", "--retry-failed", 0), again);
}

} // namespace
