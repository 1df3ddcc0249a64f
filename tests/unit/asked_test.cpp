// plan/asked: lists of items as they are written, and what is in them.
#include <set>

#include "unit/sheaf.h"

using namespace unit;

namespace {

struct Asked {
    struct asked asked = {};
    Error error;
    int rc;
    explicit Asked(const std::string &text) : rc(sheaf_asked_read(&asked, text.c_str(), error)) {}
    ~Asked() { sheaf_asked_free(&asked); }
    std::vector<std::pair<int64_t, int64_t>> spans() const {
        std::vector<std::pair<int64_t, int64_t>> list;
        for (int i = 0; i < asked.n; i++)
            list.emplace_back(asked.spans[i].first, asked.spans[i].first + asked.spans[i].n);
        return list;
    }
};

using Spans = std::vector<std::pair<int64_t, int64_t>>;

} // namespace

TEST(Asked, ListsAreSortedAndJoined) {
    EXPECT_EQ(Asked("0:10").spans(), (Spans{{0, 10}}));
    EXPECT_EQ(Asked("5").spans(), (Spans{{5, 6}}));
    EXPECT_EQ(Asked("40:50,3,17").spans(), (Spans{{3, 4}, {17, 18}, {40, 50}}));
    EXPECT_EQ(Asked("3,4,5,1").spans(), (Spans{{1, 2}, {3, 6}}));
    EXPECT_EQ(Asked("7,7,7").spans(), (Spans{{7, 8}}));
    EXPECT_EQ(Asked("0:100,20:30,90:110,110").spans(), (Spans{{0, 111}}));
    EXPECT_EQ(Asked(":5").spans(), (Spans{{0, 5}}));
    EXPECT_EQ(Asked("8:,2").spans(), (Spans{{2, 3}, {8, INT64_MAX}}));
    EXPECT_EQ(Asked(":").spans(), (Spans{{0, INT64_MAX}}));
    EXPECT_EQ(Asked("9223372036854775806").spans(), (Spans{{INT64_MAX - 1, INT64_MAX}}));
}

TEST(Asked, WhatIsNoListIsRefused) {
    for (const char *text : {"", ",", "3,", ",3", "a", "2:1", "1:1", "-1", "-1:2", "1:2:3", "1.5", "3;4", "3 4", "0x",
                             "9223372036854775807", "9223372036854775808", "1,2,x"}) {
        Asked asked(text);
        EXPECT_EQ(asked.rc, -1) << text;
        EXPECT_HAS(asked.error.text(), "0:10");
        EXPECT_EQ(asked.error.error.exit, SHEAF_EXIT_USAGE);
    }
    EXPECT_STARTS(Asked("1,2,x").error.text(), "'x' should be items") << "the part that is wrong";
}

TEST(Asked, AListIsFittedToTheJob) {
    Asked list("3,8:");
    struct asked fitted = {};
    Error error;
    ASSERT_EQ(sheaf_asked_fit(&fitted, &list.asked, 20, error), 0);
    EXPECT_EQ(sheaf_asked_count(&fitted), 13);
    EXPECT_EQ(sheaf_asked_hull(&fitted).first, 3);
    EXPECT_EQ(sheaf_asked_hull(&fitted).n, 17);
    sheaf_asked_free(&fitted);
    EXPECT_EQ(sheaf_asked_fit(&fitted, &list.asked, 8, error), -1);
    EXPECT_HAS(error.text(), "--items 8:…: the job has 8 items, 0 to 7");
    sheaf_asked_free(&fitted);
    EXPECT_EQ(sheaf_asked_fit(&fitted, &list.asked, 0, error), -1);
    sheaf_asked_free(&fitted);
    const struct asked all = {};
    ASSERT_EQ(sheaf_asked_fit(&fitted, &all, 20, error), 0);
    EXPECT_EQ(sheaf_asked_count(&fitted), 20);
    sheaf_asked_free(&fitted);
    ASSERT_EQ(sheaf_asked_fit(&fitted, &all, 0, error), 0);
    EXPECT_EQ(sheaf_asked_count(&fitted), 0);
    EXPECT_EQ(sheaf_asked_hull(&fitted).n, 0);
    sheaf_asked_free(&fitted);
}

/* Stepping through any part of any list finds exactly its items, in spans that are as long as they can be. */
TEST(Asked, SteppingFindsEachItemOnce) {
    std::mt19937 random(5);
    for (int round = 0; round < 300; round++) {
        std::string text;
        std::set<int64_t> wanted;
        for (unsigned k = 0; k < 1 + random() % 6; k++) {
            const int64_t first = random() % 40, end = first + 1 + random() % 8;
            text += (k ? "," : "") + std::to_string(first) + ":" + std::to_string(end);
            for (int64_t i = first; i < end; i++)
                wanted.insert(i);
        }
        Asked list(text);
        ASSERT_EQ(list.rc, 0) << text;
        const int64_t from = random() % 50, end = from + random() % 30;
        std::set<int64_t> found;
        for (struct span part = {from, 0}; (part = sheaf_asked_next(&list.asked, part.first + part.n, end)).n > 0;) {
            ASSERT_TRUE(!found.contains(part.first - 1)) << text << ": two that touch";
            for (int64_t i = part.first; i < part.first + part.n; i++)
                ASSERT_TRUE(found.insert(i).second) << text;
        }
        std::erase_if(wanted, [&](int64_t i) { return i < from || i >= end; });
        ASSERT_EQ(found, wanted) << text << " from " << from << " to " << end;
    }
    EXPECT_EQ(sheaf_asked_next(nullptr, 3, 7).n, 4) << "no list: all";
    EXPECT_EQ(sheaf_asked_next(nullptr, 7, 7).n, 0);
}
