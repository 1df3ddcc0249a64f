// core/warnings: distinct lines, few of them, each taken once.
#include "unit/sheaf.h"

#include "core/warnings.h"

namespace {

void add(struct warnings *warnings, const std::string &text) {
    sheaf_warnings_add(warnings, text.data(), text.size());
}

std::vector<std::string> take_all(struct warnings *warnings) {
    std::vector<std::string> all;
    for (char text[WARNING_BYTES]; sheaf_warnings_take(warnings, text);)
        all.emplace_back(text);
    return all;
}

} // namespace

TEST(Warnings, AreSaidOnce) {
    struct warnings w = {};
    pthread_mutex_init(&w.lock, nullptr);
    EXPECT_TRUE(take_all(&w).empty());
    add(&w, "a");
    add(&w, "b");
    add(&w, "a");
    EXPECT_EQ(take_all(&w), (std::vector<std::string>{"a", "b"}));
    add(&w, "b");
    add(&w, "c");
    EXPECT_EQ(take_all(&w), (std::vector<std::string>{"c"}));
    char text[WARNING_BYTES];
    EXPECT_FALSE(sheaf_warnings_look(&w, text));
    add(&w, "d");
    EXPECT_TRUE(sheaf_warnings_look(&w, text));
    EXPECT_EQ(take_all(&w), (std::vector<std::string>{"d"})) << "looking takes nothing";
}

TEST(Warnings, AreFewAndShort) {
    struct warnings w = {};
    pthread_mutex_init(&w.lock, nullptr);
    add(&w, std::string(1000, 'x') + "\n");
    add(&w, "two\nlines");
    for (int i = 0; i < 100; i++)
        add(&w, std::to_string(i));
    std::vector<std::string> all = take_all(&w);
    ASSERT_EQ(all.size(), 17u) << "16, and one for the rest";
    EXPECT_EQ(all[0], std::string(239, 'x'));
    EXPECT_EQ(all[1], "two lines");
    EXPECT_EQ(all[15], "13");
    EXPECT_EQ(all[16], "there were more warnings, which are not shown");
    add(&w, "late");
    EXPECT_TRUE(take_all(&w).empty());
}
