// job/csv: any range read in any order gives the values of the whole; lines; count.
#include "unit/sheaf.h"

#include <algorithm>
#include <cmath>

using namespace unit;

namespace {

// A table of known values, written as a program of another kind would: with quotes, blank lines and long texts here
// and there, so that rows have very different lengths.
struct Known {
    std::vector<double> number;
    std::vector<int64_t> whole;
    std::vector<std::string> text;
    std::string file;

    explicit Known(size_t n) {
        std::mt19937_64 random(5);
        file = "number,whole,text\n";
        for (size_t i = 0; i < n; i++) {
            number.push_back(static_cast<double>(static_cast<int64_t>(random() % 2000000) - 1000000) / 1024);
            whole.push_back(static_cast<int64_t>(random()) >> 4);
            std::string word = "row " + std::to_string(i);
            switch (random() % 5) {
            case 0:
                word += ", \"quoted\"\nand on";
                break;
            case 1:
                word = "";
                break;
            case 2:
                word += std::string(random() % 300, 'x');
                break;
            }
            text.push_back(word);
            write_row(i, random() % 7 == 0);
        }
    }

    void write_row(size_t i, bool blank_line) {
        char line[100];
        snprintf(line, sizeof line, "%.17g,%lld,\"", number[i], static_cast<long long>(whole[i]));
        file += line;
        for (char c : text[i])
            file += c == '"' ? std::string("\"\"") : std::string(1, c);
        file += "\"\n";
        file += blank_line ? "\r\n\n" : "";
    }
};

// Reads rows and compares them with what is known.
void expect_rows(Items &items, const Known &known, int64_t first, int64_t n) {
    struct sheaf_arena arena = {};
    size_t count = static_cast<size_t>(n);
    std::vector<double> number(count + 1, -1);
    std::vector<int64_t> whole(count + 1, -1);
    std::vector<sheaf_text> text(count + 1);
    void *columns[] = {number.data(), whole.data(), text.data()};
    ASSERT_EQ(sheaf_items_read(&items.items, first, n, columns, &arena, items.error), 0) << items.error.text();
    for (size_t i = 0; i < count; i++) {
        size_t row = static_cast<size_t>(first) + i;
        ASSERT_EQ(number[i], known.number[row]) << "row " << row;
        ASSERT_EQ(whole[i], known.whole[row]) << "row " << row;
        ASSERT_EQ(std::string(text[i].data ? text[i].data : "", text[i].length), known.text[row]) << "row " << row;
    }
    EXPECT_EQ(number[count], -1) << "one row too many";
    sheaf_arena_free(&arena);
}

} // namespace

class CsvRanges : public testing::TestWithParam<size_t> {};

TEST_P(CsvRanges, InAnyOrderGiveTheValuesOfTheWhole) {
    Known known(GetParam());
    Folder folder;
    Job job = csv_job(folder.write("t.csv", known.file));
    Items items(job);
    ASSERT_EQ(items.rc, 0) << items.error.text();
    int64_t n = static_cast<int64_t>(GetParam());
    ASSERT_EQ(items.items.n_items, n);
    expect_rows(items, known, 0, n);
    expect_rows(items, known, 0, n);                     /* again, from the end */
    for (int64_t first = n - 1; first >= 0; first -= 97) /* backwards, one by one */
        expect_rows(items, known, first, 1);
    for (int64_t first = 0; first < n; first += 100) /* forwards, piece by piece */
        expect_rows(items, known, first, first + 100 < n ? 100 : n - first);
    std::mt19937 random(6);
    for (int i = 0; i < 200 && n > 0; i++) {
        int64_t first = static_cast<int64_t>(random()) % n;
        expect_rows(items, known, first, static_cast<int64_t>(random()) % (n - first) + 1);
    }
    for (int64_t at : {int64_t{0}, n / 2, n})
        expect_rows(items, known, at, 0);
}

// Around the places where a reader keeps an index of rows, and so many that they are read side by side.
INSTANTIATE_TEST_SUITE_P(Rows, CsvRanges, testing::Values(0, 1, 2, 511, 512, 513, 1024, 1025, 5000, 8192, 20000));

TEST(CsvRanges, OnlyTheColumnsAskedForAreRead) {
    Known known(2000);
    Folder folder;
    Job job = csv_job(folder.write("t.csv", known.file));
    Items items(job);
    std::vector<int64_t> whole(2000);
    void *columns[] = {nullptr, whole.data(), nullptr};
    ASSERT_EQ(sheaf_items_read(&items.items, 0, 2000, columns, nullptr, items.error), 0) << items.error.text();
    EXPECT_EQ(whole, known.whole);
}

// Many rows of numbers are read side by side; the same rows, and the same words for one that does not fit.
TEST(CsvRanges, ManyNumbersAreThoseOfTheFile) {
    const size_t n = 30000;
    Known known(n);
    Folder folder;
    Job job = csv_job(folder.write("t.csv", known.file));
    Items items(job);
    std::mt19937 random(8);
    for (int round = 0; round < 40; round++) {
        const size_t first = round ? random() % n : 0, count = round ? random() % (n - first) + 1 : n;
        std::vector<double> number(count + 1, -1);
        std::vector<int64_t> whole(count + 1, -1);
        void *columns[] = {number.data(), whole.data(), nullptr};
        ASSERT_EQ(sheaf_items_read(&items.items, static_cast<int64_t>(first), static_cast<int64_t>(count), columns,
                                   nullptr, items.error),
                  0)
            << items.error.text();
        for (size_t i = 0; i < count; i++)
            ASSERT_TRUE(number[i] == known.number[first + i] && whole[i] == known.whole[first + i]) << first + i;
        EXPECT_EQ(number[count], -1) << "one row too many";
    }
    std::string file = "x\n";
    for (int i = 0; i < 20000; i++)
        file += i == 15000 ? "300\n" : i == 17000 ? "-1\n" : "7\n";
    Job small = csv_job(folder.write("u.csv", file));
    Items bytes(small);
    std::vector<uint8_t> values(20000);
    void *columns[] = {values.data()};
    const sheaf_type types[] = {SHEAF_UINT8};
    EXPECT_EQ(sheaf_items_read_as(&bytes.items, 0, 20000, columns, types, nullptr, bytes.error), -1);
    EXPECT_HAS(bytes.error.text(),
               "u.csv:15002: row 15001 (item 15000), column 'x': '300' is not a whole number from 0");
}

TEST(CsvRanges, TextsStayValidWhileTheArenaLives) {
    Folder folder;
    Job job = csv_job(folder.write("t.csv", "t\n\"a \"\"b\"\"\"\n\"c \"\"d\"\"\"\n"));
    Items items(job);
    struct sheaf_arena arena = {};
    sheaf_text first, second;
    void *columns[] = {&first};
    ASSERT_EQ(sheaf_items_read(&items.items, 0, 1, columns, &arena, items.error), 0);
    columns[0] = &second;
    ASSERT_EQ(sheaf_items_read(&items.items, 1, 1, columns, &arena, items.error), 0);
    EXPECT_EQ(std::string(first.data, first.length), "a \"b\"");
    EXPECT_EQ(std::string(second.data, second.length), "c \"d\"");
    sheaf_arena_free(&arena);
}

TEST(Csv, TheAsteroidsOfTheRepositoryAreWhatTheirFileSays) {
    std::string path = SHEAF_SOURCE_DIR "/data/asteroids.csv", bytes = read_bytes(path);
    Job job = csv_job(path);
    Items items(job);
    ASSERT_EQ(items.rc, 0) << items.error.text();
    EXPECT_EQ(items.items.n_items + 1, std::count(bytes.begin(), bytes.end(), '\n'));
    EXPECT_EQ(items.items.n_items, 7099);
}

// ----------------------------------------------------------------------------------------------------------- lines

namespace {

std::vector<std::string> lines_of(const std::string &bytes) {
    Folder folder;
    Job job("items: {lines: " + folder.write("l.txt", bytes) + "}\nkernel: moid\n");
    Items items(job);
    std::vector<std::string> lines;
    EXPECT_EQ(items.rc, 0) << items.error.text();
    EXPECT_EQ(items.items.n_fields, 1);
    EXPECT_STREQ(items.items.fields[0].name, "line");
    EXPECT_EQ(items.items.fields[0].type, SHEAF_TEXT);
    EXPECT_EQ(items.items.fields[0].width, 1);
    std::vector<sheaf_text> texts(static_cast<size_t>(items.items.n_items) + 1);
    void *columns[] = {texts.data()};
    struct sheaf_arena arena = {};
    EXPECT_EQ(sheaf_items_read(&items.items, 0, items.items.n_items, columns, &arena, items.error), 0);
    for (int64_t i = 0; i < items.items.n_items; i++)
        lines.emplace_back(texts[static_cast<size_t>(i)].data, texts[static_cast<size_t>(i)].length);
    sheaf_arena_free(&arena);
    return lines;
}

using Lines = std::vector<std::string>;

} // namespace

TEST(Lines, AreTheItemsAsTheyStand) {
    EXPECT_EQ(lines_of("run a --x 1\nrun b, \"c\"\n"), (Lines{"run a --x 1", "run b, \"c\""}));
    EXPECT_EQ(lines_of(""), Lines{});
    EXPECT_EQ(lines_of("\n"), Lines{""});
    EXPECT_EQ(lines_of("a\n\nb\n"), (Lines{"a", "", "b"})) << "an empty line is an item";
    EXPECT_EQ(lines_of("a\nb"), (Lines{"a", "b"})) << "no final newline";
    EXPECT_EQ(lines_of("a\r\nb\r\n\r\n"), (Lines{"a", "b", ""}));
    EXPECT_EQ(lines_of("\xef\xbb\xbf"
                       "a\n"),
              Lines{"a"})
        << "byte order mark";
    EXPECT_EQ(lines_of("\"never closed\n"), Lines{"\"never closed"});
    EXPECT_EQ(lines_of(" a \n"), Lines{" a "});
}

TEST(Lines, ManyCanBeReadInAnyOrder) {
    std::string bytes;
    for (int i = 0; i < 3000; i++)
        bytes += i % 3 ? "line " + std::to_string(i) + "\n" : "\n";
    Folder folder;
    Job job("items: {lines: " + folder.write("l.txt", bytes) + "}\nkernel: moid\n");
    Items items(job);
    ASSERT_EQ(items.items.n_items, 3000);
    for (int i = 2999; i >= 0; i -= 7) {
        sheaf_text text;
        void *columns[] = {&text};
        ASSERT_EQ(sheaf_items_read(&items.items, i, 1, columns, nullptr, items.error), 0);
        EXPECT_EQ(std::string(text.data, text.length), i % 3 ? "line " + std::to_string(i) : "");
    }
}

TEST(Lines, AreNoNumbers) {
    Folder folder;
    Job job("items: {lines: " + folder.write("l.txt", "1\n2\n") + "}\nkernel: moid\n");
    Items items(job);
    EXPECT_EQ(sheaf_items_check(&items.items, 0, SHEAF_FLOAT64, items.error), -1);
    EXPECT_HAS(items.error.text(), "a line is text");
}

// ----------------------------------------------------------------------------------------------------------- count

TEST(Count, HasItemsWithoutFields) {
    Job job("items: {count: 12}\nkernel: square_plus\n"), other("items: {count: 13}\nkernel: square_plus\n");
    Items items(job), more(other);
    ASSERT_EQ(items.rc, 0);
    EXPECT_EQ(items.items.n_items, 12);
    EXPECT_EQ(items.items.n_fields, 0);
    EXPECT_EQ(sheaf_items_read(&items.items, 0, 12, nullptr, nullptr, items.error), 0);
    EXPECT_STRNE(items.items.identity.data, more.items.identity.data);
}

TEST(ItemNames, MustSuitHdf5AndTheResultsFile) {
    Error error;
    for (const char *name : {"x", "größe", "a b", "x.y", "_", "Status", "."})
        if (strcmp(name, ".") != 0)
            EXPECT_EQ(sheaf_items_check_name(name, "a.csv: column 3", error), 0) << name;
    for (const char *name : {"", "a/b", "/", ".", "status", "sheaf", "tab\t", "a\x7f"}) {
        EXPECT_EQ(sheaf_items_check_name(name, "a.csv: column 3", error), -1) << name;
        EXPECT_STARTS(error.text(), "a.csv: column 3 ");
    }
    EXPECT_EQ(sheaf_items_check_name(nullptr, "a.csv: column 3", error), -1);
}
