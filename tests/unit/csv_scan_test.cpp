// job/csv_scan: looked through in pieces, side by side, a table is what it is when it is looked through in one.
#include "unit/sheaf.h"

using namespace unit;

namespace {

struct Scan {
    struct csv_scan scan;
    Error error;
    int rc;

    Scan(const struct csv_text &text, const struct job_table &table, int n_columns, size_t piece) {
        rc = sheaf_csv_scan(&scan, &text, &table, n_columns, {0, 1, 0}, piece, error);
    }
    ~Scan() { sheaf_csv_scan_free(&scan); }
    Scan(const Scan &) = delete;
    Scan &operator=(const Scan &) = delete;
};

// Cells that are hard to cut: line ends, quotes and separators inside of quotes, also where they look like rows.
std::string cell(std::mt19937 &random, const std::string &newline) {
    static const std::vector<std::string> plain = {
        "1",   "-2.5", "007",    "",     "NA", "x",     "9007199254740993",    "1e5",  " 3 ",   "a b",
        "0.5", "+7",   "-0",     "1e",   "-",  "1e400", "9007199254740993.0",  "00.5", "1_000", "-1.25e-3",
        ".5",  "5.",   "1.5D+3", "0x10", "00", "nan",   "9223372036854775808", "1\r2", "3#",    "123456789012345.0"};
    if (random() % 4)
        return plain[random() % plain.size()];
    std::string text = "\"";
    for (unsigned n = random() % 12; n > 0; n--)
        switch (random() % 6) {
        case 0:
            text += newline;
            break;
        case 1:
            text += "\"\"";
            break;
        case 2:
            text += ",";
            break;
        case 3:
            text += "1,2" + newline;
            break;
        case 4:
            text += "#";
            break;
        default:
            text += "z";
        }
    return text + "\"";
}

std::string table(std::mt19937 &random, int n_columns, const std::string &newline, bool comments, bool broken) {
    std::string text;
    for (unsigned n = random() % 40; n > 0; n--) {
        if (comments && random() % 8 == 0)
            text += "# it's \"one, and" + newline;
        if (random() % 10 == 0)
            text += newline;
        const int cells = broken && random() % 30 == 0 ? n_columns + 1 : n_columns;
        for (int k = 0; k < cells; k++)
            text += (k ? "," : "") + cell(random, newline);
        text += n > 1 || random() % 2 ? newline : "";
    }
    if (broken && random() % 3 == 0)
        text += "\"never closed" + newline + "1,2" + newline;
    return text;
}

// A cell that was read as a short number while it was cut is what it is when it is cut first.
void expect_same(const struct csv_cell &cell, const struct csv_cell &other) {
    const struct job_table missing = {};
    ASSERT_EQ(std::string(cell.data, cell.length), std::string(other.data, other.length));
    ASSERT_EQ(cell.escaped, other.escaped);
    ASSERT_FALSE(other.is_decimal);
    for (sheaf_type type : {SHEAF_FLOAT64, SHEAF_FLOAT32, SHEAF_INT64, SHEAF_INT32, SHEAF_UINT8}) {
        char a[8] = {}, b[8] = {};
        ASSERT_EQ(sheaf_csv_number(&missing, &cell, type, a), sheaf_csv_number(&missing, &other, type, b));
        ASSERT_EQ(std::string(a, 8), std::string(b, 8)) << std::string(cell.data, cell.length);
    }
}

} // namespace

TEST(CsvScan, PiecesOfAnySizeSayTheSame) {
    std::mt19937 random(31);
    for (int round = 0; round < 3000; round++) {
        const std::string newline = round % 5 == 0 ? "\r\n" : round % 7 == 0 ? "\r" : "\n";
        const bool comments = round % 3 == 0, broken = round % 4 == 0;
        const int n_columns = 1 + static_cast<int>(random() % 3);
        const std::string bytes = table(random, n_columns, newline, comments, broken);
        const char end = newline == "\r" ? '\r' : '\n', mark = comments ? '#' : '\0';
        const struct csv_text simple = {"t.csv", bytes.data(), bytes.size(), false, end, ',', mark, false, nullptr};
        struct csv_text text = simple;
        text.decimals = true;
        const struct job_table missing = {};
        const Scan whole(simple, missing, n_columns, bytes.size() + 1);
        for (size_t piece : {size_t{1}, size_t{2}, size_t{7}, 1 + random() % 40, 1 + random() % 400}) {
            SCOPED_TRACE(testing::Message() << "pieces of " << piece << ":\n" << bytes);
            const Scan parts(text, missing, n_columns, piece);
            ASSERT_EQ(parts.rc, whole.rc);
            ASSERT_EQ(parts.error.text(), whole.error.text());
            if (whole.rc)
                continue;
            ASSERT_EQ(parts.scan.n_rows, whole.scan.n_rows);
            ASSERT_EQ(parts.scan.most_row_bytes, whole.scan.most_row_bytes);
            for (int k = 0; k < n_columns; k++) {
                const struct csv_column &a = parts.scan.columns[k], &b = whole.scan.columns[k];
                ASSERT_EQ(a.bad_row, b.bad_row);
                ASSERT_EQ(sheaf_csv_type(&a), sheaf_csv_type(&b));
                if (b.bad_row >= 0) {
                    ASSERT_EQ(a.bad_line, b.bad_line);
                }
                ASSERT_EQ(std::tie(a.integers, a.numbers, a.codes, a.large, a.absent, a.named),
                          std::tie(b.integers, b.numbers, b.codes, b.large, b.absent, b.named));
            }
            /* every place in the index is where the reader that goes from row to row is at that row */
            struct csv_position at = {0, 1, 0};
            std::vector<struct csv_cell> cells(static_cast<size_t>(n_columns)), others = cells;
            int64_t i = 0;
            while (!sheaf_csv_at_end(&text, &at)) {
                if (i < parts.scan.n_index && parts.scan.index[i].row == at.row) {
                    ASSERT_EQ(parts.scan.index[i].offset, at.offset);
                    ASSERT_EQ(parts.scan.index[i].line, at.line);
                    i++;
                }
                const struct csv_position found = sheaf_csv_scan_find(&parts.scan, at.row);
                ASSERT_LE(found.row, at.row);
                ASSERT_TRUE(i == 0 || found.row == parts.scan.index[i - 1].row);
                struct csv_position simple_at = at;
                ASSERT_EQ(sheaf_csv_whole_row(&text, &at, cells.data(), n_columns, nullptr), 0);
                ASSERT_EQ(sheaf_csv_whole_row(&simple, &simple_at, others.data(), n_columns, nullptr), 0);
                ASSERT_EQ(std::tie(at.offset, at.line, at.row),
                          std::tie(simple_at.offset, simple_at.line, simple_at.row));
                for (size_t k = 0; k < cells.size(); k++)
                    expect_same(cells[k], others[k]);
            }
            ASSERT_EQ(i, parts.scan.n_index);
        }
    }
}

// Lines are cut at every line end, also beside quotes.
TEST(CsvScan, LinesInPieces) {
    std::mt19937 random(32);
    const struct job_table missing = {};
    for (int round = 0; round < 300; round++) {
        std::string bytes;
        int64_t n = static_cast<int64_t>(random() % 30);
        for (int64_t i = 0; i < n; i++)
            bytes += std::string(random() % 9, "\"a,#"[random() % 4]) + "\n";
        const struct csv_text text = {"t.txt", bytes.data(), bytes.size(), true, '\n', ',', '\0', false, nullptr};
        for (size_t piece : {size_t{1}, size_t{3}, size_t{50}}) {
            const Scan parts(text, missing, 1, piece);
            ASSERT_EQ(parts.rc, 0) << parts.error.text();
            ASSERT_EQ(parts.scan.n_rows, n);
        }
    }
}

// Quotes that make every piece look wrong cost twice the text, not its square.
TEST(CsvScan, APieceThatLooksFromInsideOfQuotesSeesNoFurtherThanTheNext) {
    std::string bytes;
    for (int i = 0; i < 20000; i++)
        bytes += "\"a\n\"\n";
    bytes += "\"" + std::string(4000000, 'x') + "\"\n";
    const struct csv_text text = {"t.csv", bytes.data(), bytes.size(), false, '\n', ',', '\0', true, nullptr};
    const struct job_table missing = {};
    const Scan parts(text, missing, 1, 1000);
    ASSERT_EQ(parts.rc, 0) << parts.error.text();
    EXPECT_EQ(parts.scan.n_rows, 20001);
}
