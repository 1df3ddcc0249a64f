// report: the bar, the summary and tables, as text.
#include "unit/sheaf.h"

#include <sys/ioctl.h>

#include <cmath>

using namespace unit;

namespace {

struct progress on_terminal(const char *name, int64_t n_items, int64_t n_before, int n_columns) {
    struct progress p = {};
    p.name = name;
    p.bar = true;
    p.n_columns = n_columns;
    p.n_items = n_items;
    p.n_before = n_before;
    return p;
}

std::string bar(const struct progress &p, int64_t n_done, int64_t n_failed, double elapsed_s) {
    char text[512];
    return sheaf_progress_bar(&p, n_done, n_failed, elapsed_s, text, sizeof text);
}

size_t count(const std::string &text, const std::string &part) {
    size_t n = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
        n++;
    return n;
}

} // namespace

// -------------------------------------------------------------------------------------------------------- progress

TEST(ProgressBar, TellsShareCountRateAndRest) {
    std::string text = bar(on_terminal("moid", 7099, 0, 120), 3500, 0, 7.0);
    EXPECT_STARTS(text, "moid ");
    EXPECT_HAS(text, " 49 % 3,500/7,099"); /* 49.3 */
    EXPECT_HAS(text, "500 items/s");
    EXPECT_HAS(text, "ETA 7 s"); /* 3599 / 500 = 7.198 */
    EXPECT_EQ(text.find("failed"), std::string::npos);
}

TEST(ProgressBar, WhatWasDoneBeforeCountsForTheShareNotTheRate) {
    std::string text = bar(on_terminal("moid", 1000, 500, 120), 100, 0, 10.0);
    EXPECT_HAS(text, " 60 % 600/1,000");
    EXPECT_HAS(text, "10.0 items/s");
    EXPECT_HAS(text, "ETA 40 s");
}

TEST(ProgressBar, FailedItemsCountAsHandled) {
    std::string text = bar(on_terminal("moid", 100, 0, 120), 40, 10, 10.0);
    EXPECT_HAS(text, " 50 % 50/100");
    EXPECT_HAS(text, "5.00 items/s");
    EXPECT_HAS(text, "10 failed");
}

TEST(ProgressBar, SlowItemsAreTimedOneByOne) {
    std::string text = bar(on_terminal("slow", 10, 0, 120), 2, 0, 240.0);
    EXPECT_HAS(text, "2:00 an item");
    EXPECT_HAS(text, "ETA 16:00");
}

TEST(ProgressBar, IsFullOnlyAtTheEnd) {
    EXPECT_HAS(bar(on_terminal("m", 100000, 0, 120), 99999, 0, 1), " 99 %");
    EXPECT_HAS(bar(on_terminal("m", 100000, 0, 120), 100000, 0, 1), "100 % 100,000/100,000");
    EXPECT_EQ(count(bar(on_terminal("m", 100000, 0, 120), 99999, 0, 1), "█"), 39u);
    EXPECT_EQ(count(bar(on_terminal("m", 100000, 0, 120), 100000, 0, 1), "█"), 40u);
    EXPECT_EQ(count(bar(on_terminal("m", 100000, 0, 120), 0, 0, 1), "█"), 0u);
    EXPECT_EQ(count(bar(on_terminal("m", 100, 0, 120), 50, 0, 1), "█"), 20u);
}

TEST(ProgressBar, StrangeNumbersDoNoHarm) {
    EXPECT_HAS(bar(on_terminal("m", 0, 0, 80), 0, 0, 0), "100 % 0/0");
    EXPECT_HAS(bar(on_terminal("m", 10, 0, 80), 0, 0, 0), "  0 % 0/10");
    EXPECT_HAS(bar(on_terminal("m", 10, 0, 80), 5, 0, 0), " 50 % 5/10") << "no time has passed";
    EXPECT_HAS(bar(on_terminal("m", 10, 5, 80), 20, 0, 1), "100 % 10/10") << "more than there are";
    char tiny[8];
    struct progress p = on_terminal("moid", 100, 0, 80);
    EXPECT_LT(strlen(sheaf_progress_bar(&p, 1, 0, 1, tiny, sizeof tiny)), sizeof tiny);
}

TEST(ProgressBar, FitsTheTerminal) {
    for (int n_columns = 70; n_columns <= 300; n_columns++)
        for (int64_t n_done : {int64_t{0}, int64_t{1}, int64_t{1234567}, int64_t{99999999}}) {
            std::string text = bar(on_terminal("survey", 100000000, 0, n_columns), n_done, 0, 100);
            ASSERT_TRUE(is_utf8(text));
            ASSERT_LE(n_characters(text), static_cast<size_t>(n_columns)) << text;
        }
}

// A line that is too long for the terminal is broken by it, and every redraw leaves a piece behind.
TEST(ProgressBar, FitsANarrowTerminal) {
    for (int n_columns = 10; n_columns < 70; n_columns++) {
        std::string text = bar(on_terminal("a long name of a job", 100000000, 0, n_columns), 1234567, 12345, 1000);
        ASSERT_LE(n_characters(text), static_cast<size_t>(n_columns)) << text;
    }
}

TEST(ProgressBar, ALongNameIsCutBetweenCharacters) {
    for (const char *name : {"€€€€€€€€€€€€", "x€€€€€€€€€€€€", "xx€€€€€€€€€€€€"})
        EXPECT_TRUE(is_utf8(bar(on_terminal(name, 100, 0, 120), 50, 0, 1))) << name;
}

TEST(Progress, SaysNothingWhereNobodyListensOrItIsTooEarly) {
    struct progress p;
    sheaf_progress_begin(&p, nullptr, "moid", 100, 0);
    sheaf_progress_show(&p, 50, 0);
    sheaf_progress_end(&p);
    EXPECT_EQ(written([](FILE *out) {
                  struct progress q;
                  sheaf_progress_begin(&q, out, "moid", 100, 0);
                  sheaf_progress_show(&q, 50, 0);
                  sheaf_progress_end(&q);
              }),
              "");
}

TEST(Progress, WritesALineNowAndThenWhereThereIsNoTerminal) {
    std::string text = written([](FILE *out) {
        struct progress p;
        sheaf_progress_begin(&p, out, "moid", 100, 0);
        EXPECT_FALSE(p.bar);
        p.next_s = p.began_s - 1; /* it is time */
        sheaf_progress_show(&p, 50, 2);
        double pause_s = p.next_s - p.began_s;
        EXPECT_GT(pause_s, 5) << "now and then";
        sheaf_progress_show(&p, 51, 2); /* too early */
        sheaf_progress_end(&p);
    });
    EXPECT_STARTS(text, "moid:  52 % 52/100");
    EXPECT_HAS(text, "2 failed");
    EXPECT_EQ(count(text, "\n"), 1u);
    EXPECT_EQ(text.find('\r'), std::string::npos);
    EXPECT_EQ(text.find('\033'), std::string::npos);
}

TEST(Progress, RedrawsOneLineOnATerminalAndRemovesIt) {
    std::string text = written([](FILE *out) {
        struct progress p;
        sheaf_progress_begin(&p, out, "moid", 100, 0);
        p.bar = true;
        p.n_columns = 80;
        p.next_s = p.began_s - 1;
        sheaf_progress_show(&p, 50, 0);
        sheaf_progress_end(&p);
        sheaf_progress_end(&p); /* again: nothing stands there */
    });
    EXPECT_STARTS(text, "\rmoid ");
    EXPECT_EQ(count(text, "\n"), 0u);
    EXPECT_TRUE(text.ends_with("\r\033[K")) << "the line is free again";
}

TEST(Progress, ATerminalGetsABarOfItsWidth) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) || unlockpt(master))
        GTEST_SKIP() << "no pseudo terminals here";
    struct winsize size = {24, 97, 0, 0};
    ASSERT_EQ(ioctl(master, TIOCSWINSZ, &size), 0);
    FILE *out = fopen(ptsname(master), "w");
    ASSERT_NE(out, nullptr);
    struct progress p;
    sheaf_progress_begin(&p, out, "moid", 100, 0);
    EXPECT_TRUE(p.bar);
    EXPECT_EQ(p.n_columns, 97);
    fclose(out);
    close(master);
}

// --------------------------------------------------------------------------------------------------------- summary

namespace {

struct run_summary finished() {
    static const double busy[] = {0.98, 0.965};
    struct run_summary s = {};
    s.job_name = "moid";
    s.output = "moid.h5";
    s.n_items = s.n_done = 7099;
    s.wall_s = 2.04;
    s.compute_s = 2.0;
    s.n_ranks = 2;
    s.n_threads = 1;
    s.n_nodes = 1;
    s.busy = busy;
    s.policy = "dynamic";
    s.policy_why = "whoever is free takes the next items";
    s.transport = "direct";
    s.transport_why = "one node";
    s.again = "the same command";
    return s;
}

std::string summary(const struct run_summary &s) {
    return written([&](FILE *out) { sheaf_summary_write(out, &s); });
}

} // namespace

TEST(Summary, TellsWhatWasDoneHowFastAndWhere) {
    std::string text = summary(finished());
    EXPECT_STARTS(text, "moid: 7,099 of 7,099 items done\n");
    EXPECT_HAS(text, "2.04 s");
    EXPECT_HAS(text, "3.55 k items/s");
    EXPECT_HAS(text, "2 ranks x 1 thread");
    EXPECT_HAS(text, "schedule dynamic (whoever is free takes the next items); transport direct (one node)\n");
    EXPECT_HAS(text, "98 % 96 %");
    EXPECT_HAS(text, "results: moid.h5\n");
    EXPECT_EQ(text.find("nodes"), std::string::npos);
    EXPECT_EQ(text.find("run the same"), std::string::npos);
    EXPECT_TRUE(text.ends_with("\n"));
}

TEST(Summary, FailedItemsAreCountedWithWhatToTypeNext) {
    struct run_summary s = finished();
    s.n_done = 7000;
    s.n_failed = 99;
    std::string text = summary(s);
    EXPECT_HAS(text, "7,000 of 7,099 items done, 99 failed");
    EXPECT_HAS(text, "sheaf show moid.h5 --where-failed");
    EXPECT_EQ(text.find("run the same"), std::string::npos) << "nothing is left to compute";
    EXPECT_HAS(text, "99 failed\n");
    EXPECT_EQ(text.find("first failure"), std::string::npos);
    s.failed_item = 4711;
    s.failed_message = "not a number";
    EXPECT_HAS(summary(s), "  first failure: item 4,711: not a number\n");
    s.n_timed_out = 40;
    EXPECT_HAS(summary(s), "99 failed (40 timed out)\n");
    s.n_crashed = 59;
    EXPECT_HAS(summary(s), "99 failed (40 timed out, 59 crashed)\n");
    s.n_timed_out = 0;
    EXPECT_HAS(summary(s), "99 failed (59 crashed)\n");
}

TEST(Summary, WhatIsLeftIsSaid) {
    struct run_summary s = finished();
    s.n_done = 7000;
    EXPECT_HAS(summary(s), "run the same command again to compute the other 99");
    s.n_failed = 9;
    EXPECT_HAS(summary(s), "the other 90");
}

TEST(Summary, WhatWasThereBeforeIsSaidAndNotRated) {
    struct run_summary s = finished();
    s.n_before = 6899;
    std::string text = summary(s);
    EXPECT_HAS(text, "6,899 of them");
    EXPECT_HAS(text, "100 items/s"); /* 200 in 2 s */
    s.n_before = 7099;
    text = summary(s);
    EXPECT_HAS(text, "nothing to do");
    EXPECT_EQ(text.find("items/s"), std::string::npos);
}

TEST(Summary, OneOfEachIsSingular) {
    struct run_summary s = finished();
    s.n_items = s.n_done = 1;
    s.n_ranks = 1;
    std::string text = summary(s);
    EXPECT_STARTS(text, "moid: 1 of 1 item done\n");
    EXPECT_HAS(text, "1 rank x 1 thread");
    s.n_threads = 4;
    EXPECT_HAS(summary(s), "1 rank x 4 threads");
}

TEST(Summary, WhatTheJobChoseIsSaidAsItsChoice) {
    struct run_summary s = finished();
    s.policy = "static";
    s.policy_why = nullptr;
    EXPECT_HAS(summary(s), "schedule static (as the job says)");
    s.n_ranks = 1; /* nothing travels */
    s.transport = s.transport_why = nullptr;
    std::string text = summary(s);
    EXPECT_HAS(text, "schedule static (as the job says)\n");
    EXPECT_EQ(text.find("transport"), std::string::npos);
}

TEST(Summary, ManyRanksAreLeastMedianMost) {
    std::vector<double> busy = {0.9, 0.5, 0.7, 0.99, 0.8, 0.6, 0.95, 0.85, 0.75};
    struct run_summary s = finished();
    s.n_ranks = 9;
    s.n_nodes = 3;
    s.busy = busy.data();
    std::string text = summary(s);
    EXPECT_HAS(text, "50 / 80 / 99 %");
    EXPECT_HAS(text, "on 3 nodes");
    EXPECT_EQ(busy[0], 0.9) << "what was given stays as it is";
}

// ---------------------------------------------------------------------------------------------------------- tables

namespace {

struct Column {
    const char *head;
    bool is_text;
    std::vector<const char *> cells;
    bool may_shrink = false, keeps_end = false, is_result = false;
};

std::string table(std::vector<Column> columns, int n_columns = 0, int *n_shown = nullptr) {
    std::vector<struct table_column> list;
    for (Column &c : columns)
        list.push_back({c.head, c.is_text, false, c.cells.data(), c.may_shrink, c.keeps_end, c.is_result});
    int n = 0;
    std::string text = written([&](FILE *out) {
        n = sheaf_table_write(out, list.data(), static_cast<int>(list.size()),
                              static_cast<int64_t>(columns[0].cells.size()), n_columns);
    });
    if (n_shown)
        *n_shown = n;
    return text;
}

std::string csv(std::vector<const char *> cells) {
    return written([&](FILE *out) { sheaf_table_csv(out, cells.data(), static_cast<int>(cells.size())); });
}

std::vector<std::string> numbers(std::vector<double> values) {
    struct sheaf_arena arena = {};
    const char **cells = sheaf_table_numbers(values.data(), static_cast<int64_t>(values.size()), &arena);
    std::vector<std::string> texts(cells, cells + values.size());
    sheaf_arena_free(&arena);
    return texts;
}

} // namespace

TEST(Table, TextStandsLeftAndNumbersRight) {
    EXPECT_EQ(table({{"name", true, {"a", "Apophis"}}, {"moid", false, {"0.5", "12.25"}}}), "name      moid\n"
                                                                                            "a          0.5\n"
                                                                                            "Apophis  12.25\n");
}

// Paths are shown from their ends, and give way to results; texts too, but not below 16 columns.
TEST(Table, TextsGiveWayToResults) {
    const std::string path = "/home/ada/observations/2026-11/漢字/night-03/m31.fits", note(40, 'n');
    const std::vector<Column> columns = {{"file", true, {path.c_str()}, true, true},
                                         {"note", true, {note.c_str()}, true},
                                         {"flux", false, {"1.25"}, false, false, true},
                                         {"rest", false, {"7"}}};
    EXPECT_HAS(table(columns, 120), path + "  " + note + "  1.25     7\n");
    EXPECT_HAS(table(columns), path + "  " + note + "  1.25     7\n") << "no limit";
    int n = 0;
    EXPECT_EQ(table(columns, 40, &n), "file              note              flux\n"
                                      "…ght-03/m31.fits  nnnnnnnnnnnnnnn…  1.25\n");
    EXPECT_EQ(n, 3);
}

TEST(Table, CharactersCountNotBytes) {
    EXPECT_EQ(table({{"größe", true, {"é", "abcdefg"}}, {"x", false, {"1", "2"}}}), "größe    x\n"
                                                                                    "é        1\n"
                                                                                    "abcdefg  2\n");
}

// Wide characters take two columns of a terminal, marks on a letter none (Unicode's East Asian Width).
TEST(Table, WideCharactersAndMarksAreAligned) {
    EXPECT_EQ(table({{"名前", true, {"漢字", "abc", "e\xcc\x81", "😀"}}, {"x", false, {"1", "2", "3", "4"}}}),
              "名前  x\n"
              "漢字  1\n"
              "abc   2\n"
              "e\xcc\x81     3\n"
              "😀    4\n");
    std::string kanji, latin(60, 'x');
    for (int i = 0; i < 30; i++)
        kanji += "漢";
    std::string text = table({{"t", true, {kanji.c_str(), latin.c_str()}}, {"x", false, {"1", "2"}}});
    EXPECT_EQ(count(text, "漢"), 23u) << "46 columns and the mark; one of 48 stays empty";
    EXPECT_HAS(text, "漢…   1\n");
    EXPECT_HAS(text, std::string(47, 'x') + "…  2\n");
}

TEST(Table, NumbersOfDifferentSizesKeepTheirDigits) {
    using texts = std::vector<std::string>;
    EXPECT_EQ(numbers({1234567.5, 0.0123}), (texts{"1234567.5000", "0.0123"}));
    EXPECT_EQ(numbers({0.001234567, 999}), (texts{"0.00123", "999.00000"}));
    EXPECT_EQ(numbers({1234567.5, 0.000125}), (texts{"1.234568e+06", "1.250000e-04"})) << "13 digits are too many";
    EXPECT_EQ(numbers({1234567.25, 2}), (texts{"1234567.25", "2.00"}));
}

TEST(Table, NoBlanksAtLineEnds) {
    EXPECT_EQ(table({{"x", false, {"1"}}, {"name", true, {"a"}}}), "x  name\n1  a\n");
}

TEST(Table, LongTextsAreCutBetweenCharacters) {
    std::string wide(47, 'x'), euros;
    for (int i = 0; i < 60; i++)
        euros += "€";
    std::string text = table({{"t", true, {(wide + "yz").c_str(), euros.c_str(), (wide + "y").c_str()}}});
    EXPECT_HAS(text, wide + "…\n");
    EXPECT_HAS(text, wide + "y\n") << "48 characters fit";
    EXPECT_TRUE(is_utf8(text));
    EXPECT_EQ(count(text, "€"), 47u);
}

TEST(Table, ControlCharactersDoNotReachTheTerminal) {
    std::string text = table({{"t", true, {"a\nb", "\033[31mred", "tab\t."}}});
    EXPECT_EQ(count(text, "\n"), 4u);
    EXPECT_EQ(text.find('\033'), std::string::npos);
    EXPECT_EQ(text.find('\t'), std::string::npos);
}

TEST(Table, OnlyColumnsThatFitAreShownAndAtLeastOne) {
    std::vector<Column> columns = {
        {"aaaa", false, {"1"}}, {"bbbb", false, {"2"}}, {"cccc", false, {"3"}}}; /* 4, 10, 16 wide */
    int n = 0;
    EXPECT_EQ(table(columns, 16, &n), "aaaa  bbbb  cccc\n   1     2     3\n");
    EXPECT_EQ(n, 3);
    EXPECT_EQ(table(columns, 15, &n), "aaaa  bbbb\n   1     2\n");
    EXPECT_EQ(n, 2);
    table(columns, 1, &n);
    EXPECT_EQ(n, 1);
    table(columns, 0, &n);
    EXPECT_EQ(n, 3) << "0 is no limit";
}

TEST(Table, ManyColumnsAreNotForgottenWhereThereIsNoLimit) {
    std::vector<Column> columns(600, {"h", false, {"1"}});
    int n = 0;
    table(columns, 0, &n);
    EXPECT_LE(n, 600);
    EXPECT_GE(n, 500);
}

TEST(TableCsv, QuotesWhereNeeded) {
    EXPECT_EQ(csv({"a", "b"}), "a,b\n");
    EXPECT_EQ(csv({"a,b", "say \"hi\"", "two\nlines", "cr\r", "", "größe"}),
              "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\"cr\r\",,größe\n");
}

// What it writes can be read as items again.
TEST(TableCsv, ReadsBackAsItWas) {
    std::vector<const char *> cells = {"plain", "a,b", "\"", "x\ny", "", " blanks ", "größe"};
    std::string text = csv({"c0", "c1", "c2", "c3", "c4", "c5", "c6"}) + csv(cells);
    Folder folder;
    Job job = csv_job(folder.write("t.csv", text));
    Items items(job);
    ASSERT_EQ(items.rc, 0) << items.error.text();
    struct sheaf_arena arena = {};
    std::vector<sheaf_text> texts(7);
    std::vector<void *> columns;
    for (int k = 0; k < 7; k++) {
        ASSERT_EQ(sheaf_items_check(&items.items, k, SHEAF_TEXT, items.error), 0);
        columns.push_back(&texts[static_cast<size_t>(k)]);
    }
    const std::vector<sheaf_type> types(7, SHEAF_TEXT);
    ASSERT_EQ(sheaf_items_read_as(&items.items, 0, 1, columns.data(), types.data(), &arena, items.error), 0);
    for (size_t k = 0; k < 7; k++)
        EXPECT_EQ(std::string(texts[k].data, texts[k].length), cells[k]);
    sheaf_arena_free(&arena);
}

// A lone empty cell must not become a blank line, which readers pass over.
TEST(TableCsv, ALoneEmptyCellIsStillARow) {
    EXPECT_EQ(csv({""}), "\"\"\n");
}

TEST(TableNumbers, HaveTheSameDecimalsAndAboutSevenDigits) {
    EXPECT_EQ(numbers({1.0 / 3, 12.25, 100}), (std::vector<std::string>{"0.3333", "12.2500", "100.0000"}));
    EXPECT_EQ(numbers({0.5, 12.25, 100}), (std::vector<std::string>{"0.50", "12.25", "100.00"})) << "no idle zeros";
    EXPECT_EQ(numbers({1, 2, 300}), (std::vector<std::string>{"1", "2", "300"})) << "whole numbers";
    EXPECT_EQ(numbers({0, NAN, -1.5}), (std::vector<std::string>{"0.0", "nan", "-1.5"}));
    std::vector<std::string> small = numbers({1.5e-9, 2.5});
    EXPECT_EQ(strtod(small[0].c_str(), nullptr), 1.5e-9) << "a small one keeps its digits: " << small[0];
    std::vector<std::string> large = numbers({1.25e12, 2.5});
    EXPECT_EQ(strtod(large[0].c_str(), nullptr), 1.25e12);
    EXPECT_EQ(numbers({HUGE_VAL, -HUGE_VAL})[0], "inf");
    EXPECT_EQ(numbers({}), std::vector<std::string>{});
}
