// job/csv: tables as people have them. tests/data/csv holds files as pandas 1.5, numpy 1.24 and R 4.2 write them (from
// the calls beside them here); what is expected was worked out by hand from the values that were written.
#include "unit/csv_table.h"

using namespace unit;

namespace {

std::string data(const std::string &name) {
    return read_bytes(std::string(SHEAF_SOURCE_DIR) + "/tests/data/csv/" + name);
}

std::string refused(const std::string &text, const std::string &keys = "") {
    Table table(text, keys);
    EXPECT_EQ(table.job.rc, 0) << table.job.error.text();
    EXPECT_EQ(table.items.rc, -1) << text;
    return table.items.error.text();
}

std::string refused_job(const std::string &items) {
    Job job("items: {" + items + "}\nkernel: moid\n");
    EXPECT_EQ(job.rc, -1) << items;
    return job.error.text();
}

} // namespace

// ---------------------------------------------------------------------------------------------------- as others write

struct Written {
    const char *by, *file, *keys, *types;
    Rows texts;
};

void PrintTo(const Written &w, std::ostream *out) {
    *out << w.file;
}

class CsvWritten : public testing::TestWithParam<Written> {};

TEST_P(CsvWritten, IsReadAsItWasMeant) {
    std::string bytes = data(GetParam().file);
    ASSERT_FALSE(bytes.empty());
    Table table(bytes, GetParam().keys);
    ASSERT_EQ(table.job.rc, 0) << table.job.error.text();
    ASSERT_EQ(table.items.rc, 0) << table.items.error.text();
    EXPECT_EQ(table.types(), GetParam().types);
    EXPECT_EQ(table.texts(), GetParam().texts);
    EXPECT_EQ(table.warnings(), "");
}

INSTANTIATE_TEST_SUITE_P(
    Csv, CsvWritten,
    testing::Values(Written{"ToCsv",
                            "pandas.csv",
                            "",
                            "Unnamed: 0:int64 id:int64 x:float64 t:text",
                            {"0|4295806720123456789|0.5|a", "1|5||b,c", "2|7|2.0|"}},
                    Written{"ToCsvNaRepWithoutIndex",
                            "pandas-na.csv",
                            "",
                            "id:int64 x:float64 t:text",
                            {"4295806720123456789|0.5|a", "5|NA|b,c", "7|2.0|NA"}},
                    Written{"ToCsvTabs",
                            "pandas-tabs.tsv",
                            "",
                            "id:int64 x:float64 t:text",
                            {"4295806720123456789|0.5|a", "5||b,c", "7|2.0|"}},
                    Written{"ToCsvSemicolonsAndDecimalCommas",
                            "pandas-german.csv",
                            "",
                            "id:int64 x:text t:text",
                            {"4295806720123456789|0,5|a", "5||b,c", "7|2,0|"}},
                    Written{"ToCsvCarriageReturns",
                            "pandas-cr.csv",
                            "",
                            "id:int64 x:float64 t:text",
                            {"4295806720123456789|0.5|a", "5||b,c", "7|2.0|"}},
                    Written{"ToCsvNullableIntegers",
                            "pandas-int64.csv",
                            "",
                            "id:text n:float64",
                            {"4295806720123456789|1", "|", "7|3"}},
                    Written{"SavetxtBlanks",
                            "savetxt.txt",
                            "",
                            "x:float64 y:float64",
                            {"1.000000000000000000e+00|2.500000000000000000e+00",
                             "3.000000000000000000e+00|4.250000000000000000e+00"}},
                    Written{"SavetxtCommas", "savetxt-comma.csv", "", "x:int64 y:float64", {"1|2.5", "3|4.25"}},
                    Written{"WriteCsv",
                            "r-write.csv",
                            "rename: {\"Unnamed: 0\": row}",
                            "row:int64 x:float64 g:text",
                            {"1|0.1|a", "2|NA|b"}},
                    Written{"WriteTableWithColNamesNA",
                            "r-write-table-col-names-NA.txt",
                            "separator: blanks",
                            "Unnamed: 0:int64 x:float64 g:text",
                            {"1|0.1|a", "2|NA|b"}}),
    [](const testing::TestParamInfo<Written> &info) { return std::string(info.param.by); });

TEST(CsvOthers, Utf16GetsTheRightAdvice) {
    std::string message = refused(data("pandas-utf16.csv"));
    EXPECT_HAS(message, ":1: is not UTF-8 text but utf-16; save it so (iconv -f utf-16 -t utf-8)");
    EXPECT_HAS(refused(std::string("a\0,\0b\0\n\0", 8)), "iconv -f utf-16le");
    EXPECT_HAS(refused(std::string("\0a\0\n", 4)), "iconv -f utf-16be");
}

// R's write.table names no column of row names: with one cell more than names, values would be in other columns.
TEST(CsvOthers, RowNamesWithoutAHeaderAreRefused) {
    std::string message = refused(data("r-write-table.txt"), "separator: blanks");
    EXPECT_HAS(message, ":2: has 3 cells where the header has 2");
    EXPECT_HAS(message, "col.names = NA");
    EXPECT_HAS(refused(data("r-write-table.txt")), "add separator: to the items");
}

TEST(CsvOthers, DecimalCommasAreNoNumbers) {
    Table table(data("pandas-german.csv"));
    ASSERT_EQ(table.convert("x", SHEAF_FLOAT64), -1);
    EXPECT_HAS(table.items.error.text(), "'0,5' is not a number (numbers are written with a decimal point)");
}

TEST(CsvOthers, ANumberHeaderIsWarnedOf) {
    Table table(data("savetxt-plain.txt"));
    EXPECT_EQ(table.types(), "1:int64 2.5:float64");
    EXPECT_HAS(table.warnings(), "t.csv:1: is taken for the names of the columns, but holds only numbers");
    EXPECT_EQ(Table("x,2\n1,2\n").warnings(), "");
}

// ------------------------------------------------------------------------------------------------- digits that stay

// Catalogue identifiers beside an empty cell: as float64 4295806720123456789 is 4295806720123456512.
TEST(CsvDigits, WholeNumbersThatAFloatWouldChangeAreText) {
    EXPECT_EQ(Table("id\n4295806720123456789\n\"\"\n").types(), "id:text");
    EXPECT_EQ(Table("id\n4295806720123456789\nNA\n").types(), "id:text");
    EXPECT_EQ(Table("id\n4295806720123456789\n0.5\n").types(), "id:text");
    EXPECT_EQ(Table("id\n4295806720123456789.0\n").types(), "id:text");
    EXPECT_EQ(Table("id\n9007199254740993\nnan\n").types(), "id:text") << "2^53 + 1";
    EXPECT_EQ(Table("id\n9007199254740992\nnan\n").types(), "id:float64") << "2^53";
    EXPECT_EQ(Table("id\n9223372036854775807\nnan\n").types(), "id:text") << "2^63 - 1 would be 2^63";
    EXPECT_EQ(Table("id\n-4611686018427387904\nnan\n").types(), "id:float64") << "-2^62 is a float64";
}

TEST(CsvDigits, CellsAreReadAsTheyStand) {
    Table table("a,b,c,d\n0.10,1E2,+49151234567,2.0\n-0, 7 ,1_0,1e-400\n");
    ASSERT_EQ(table.items.rc, 0);
    EXPECT_EQ(table.types(), "a:float64 b:float64 c:text d:float64");
    EXPECT_EQ(table.texts(), (Rows{"0.10|1E2|+49151234567|2.0", "-0|7|1_0|1e-400"})) << "but no blanks around a number";
}

// ------------------------------------------------------------------------------------------------------ what is said

TEST(CsvKeys, Separators) {
    EXPECT_EQ(Table("a;b\n1;2\n").types(), "a:int64 b:int64");
    EXPECT_EQ(Table("a\tb,c\n1\t2\n", "separator: tab").types(), "a:int64 b,c:int64");
    EXPECT_EQ(Table("a|b\n1|x\n", "separator: \"|\"").texts(), (Rows{"1|x"}));
    EXPECT_EQ(Table("  a  b \n 1\t\t2\r\n \n\"3 4\" 5", "separator: blanks").texts(), (Rows{"1|2", "3 4|5"}));
    EXPECT_EQ(Table("a;b\n1;2\n", "separator: comma").types(), "a;b:text");
    EXPECT_EQ(Table("\"a;b\"\n1\n").types(), "a;b:int64") << "in quotes nothing divides";
    EXPECT_HAS(refused("x y\n1 2\n"), ":1: names one column, and below it stand several numbers");
    EXPECT_EQ(Table("x y\n1 2\n", "separator: comma").types(), "x y:text");
    EXPECT_HAS(refused_job("csv: a.csv, separator: x"), "items.separator is 'x'");
    EXPECT_HAS(refused_job("csv: a.csv, separator: \"::\""), "items.separator is '::'");
    EXPECT_HAS(refused_job("lines: a.txt, separator: tab"), "items.separator goes with csv");
    EXPECT_HAS(refused_job("csv: a.csv, seperator: tab"), "did you mean 'separator'");
}

TEST(CsvKeys, MissingValues) {
    Table table("x,n,t\n1.5,1,NA\n-999,NA,-\n-999.0,-,x\n", "missing: [-999, \"-\"]");
    EXPECT_EQ(table.types(), "x:float64 n:float64 t:text");
    EXPECT_EQ(table.rows(), (Rows{"1.5|1|NA", "nan|nan|-", "nan|nan|x"}));
    EXPECT_EQ(table.texts(), (Rows{"1.5|1|NA", "-999|NA|-", "-999.0|-|x"}));
    ASSERT_EQ(table.convert("n", SHEAF_INT64), -1);
    EXPECT_HAS(table.items.error.text(), ":3: row 2 (item 1), column 'n': 'NA' is not a whole number (a cell without");
    EXPECT_EQ(Table("x\n-999\n1\n").types(), "x:int64") << "only where the job says so";
    EXPECT_EQ(Table("x\n-999\n1\n", "missing: -999").types(), "x:float64");
    EXPECT_EQ(Table("t\nNA\nNULL\n").types(), "t:text") << "without a number they are words";
    EXPECT_EQ(Table("x\nNA\nnull\nN/A\n#N/A\n1\n").rows(), (Rows{"nan", "nan", "nan", "nan", "1"}));
}

TEST(CsvKeys, Types) {
    Table table("s,m,n\n1,007,2.0\n2,8,3\n", "types: {s: text, m: int64, n: int64}");
    ASSERT_EQ(table.items.rc, 0) << table.items.error.text();
    EXPECT_EQ(table.types(), "s:text m:int64 n:int64");
    EXPECT_EQ(table.rows(), (Rows{"1|7|2", "2|8|3"}));
    EXPECT_HAS(refused("s\n1\nx\n", "types: {s: float64}"), ":3: row 2 (item 1), column 's': 'x' is not a number");
    EXPECT_HAS(refused("s\n1\n\"\"\n", "types: {s: int64}"), "'' is not a whole number");
    EXPECT_HAS(refused("sample\n1\n", "types: {sampel: text}"), "no field 'sampel' in");
    EXPECT_HAS(refused("sample\n1\n", "types: {sampel: text}"), "did you mean 'sample'");
    EXPECT_HAS(refused_job("csv: a.csv, types: {s: string}"), "text");
}

TEST(CsvKeys, Renames) {
    EXPECT_EQ(Table("item,status,x\n1,2,3\n", "rename: {item: sample, status: state}").types(),
              "sample:int64 state:int64 x:int64");
    EXPECT_EQ(Table("a,b\n1,2\n", "rename: {a: b, b: a}").types(), "b:int64 a:int64");
    EXPECT_EQ(Table(",y\n1,2\n", "rename: {\"Unnamed: 0\": row}, types: {row: text}").types(), "row:text y:int64");
    EXPECT_HAS(refused("a\n1\n", "rename: {c: d}"), "items.rename: no column 'c' in");
    EXPECT_HAS(refused("a,b\n1,2\n", "rename: {a: b}"), ":1: column 2 is called 'b' like an earlier one");
    EXPECT_HAS(refused("a\n1\n", "rename: {a: status}"), ":1: column 1 is called 'status'");
}

TEST(CsvKeys, ColumnsWithoutAName) {
    EXPECT_EQ(Table("x,,y, \n1,2,3,\n").types(), "x:int64 Unnamed: 1:int64 y:int64 Unnamed: 3:float64");
}

// --------------------------------------------------------------------------------------------------------- comments

TEST(CsvComments, BeforeTheHeader) {
    EXPECT_EQ(Table("# made by hand\n#\n\nx,y\n1,2\n").texts(), (Rows{"1|2"}));
    EXPECT_EQ(Table("# units: km\nx\n1\n").types(), "x:int64");
}

TEST(CsvComments, AHeaderBehindAHash) {
    EXPECT_EQ(Table("# made by hand\n# x,y\n1,2\n3,4\n").types(), "x:int64 y:int64");
    EXPECT_EQ(Table("##fileformat=V\n#CHROM\tPOS\n20\t14370\n").types(), "CHROM:int64 POS:int64");
    EXPECT_EQ(Table("#name\tPOS\nchr1\t14370\n").texts(), (Rows{"chr1|14370"}));
    EXPECT_EQ(Table("# x y\n1 2\n").types(), "x:int64 y:int64");
}

// Either line may be the header; a wrong guess would lose an item.
TEST(CsvComments, WhatCouldBeEitherIsRefused) {
    for (const char *text :
         {"# name,kind\nM31,galaxy\n", "#name,kind\nM31,galaxy\n", "# name,mass\nM31,1.5\n", "# name\nM31\n"}) {
        std::string message = refused(text);
        EXPECT_HAS(message, ":1: which line names the columns, this one behind its '#' or line 2?");
        EXPECT_EQ(Table(text, "comment: \"#\"").items.items.n_items, 0);
    }
}

TEST(CsvComments, AmongTheRowsOnlyWhereTheJobSaysSo) {
    const char *tags = "tag,n\n#red,1\n#blue,2\n";
    EXPECT_EQ(Table(tags).texts(), (Rows{"#red|1", "#blue|2"}));
    EXPECT_EQ(Table("x,y\n# half\n1,2\n#3,4\n5,6\n", "comment: \"#\"").texts(), (Rows{"1|2", "5|6"}));
    EXPECT_EQ(Table("% a\nx,y\n% b\n1,2\n", "comment: \"%\"").texts(), (Rows{"1|2"}));
    std::string message = refused("x,y\n1,2\n# end\n");
    EXPECT_HAS(message, ":3: has 1 cell where the header has 2; if it is a comment, add comment: \"#\" to the items");
    EXPECT_HAS(refused_job("csv: a.csv, comment: no"), "items.comment is 'no'");
}

TEST(CsvComments, TheirLinesCount) {
    Table table("# a\n# b c\nx,y\n# c\n1,2\n3,z\n", "comment: \"#\"");
    ASSERT_EQ(table.convert("y", SHEAF_FLOAT64), -1);
    EXPECT_HAS(table.items.error.text(), ":6: row 2 (item 1), column 'y'");
}

// -------------------------------------------------------------------------------------------- an earlier job's results

TEST(CsvEarlier, WhatShowWritesAreItems) {
    Table table("item,status,x,y\n0,done,1.5,2\n1,failed,2.5,nan\n");
    ASSERT_EQ(table.items.rc, 0) << table.items.error.text();
    EXPECT_EQ(table.types(), "earlier_item:int64 earlier_status:text x:float64 y:float64");
    EXPECT_HAS(table.warnings(), "its column 'item', of an earlier job, is the field 'earlier_item'");
    EXPECT_EQ(Table("item,status,earlier_item,earlier_status\n0,done,3,done\n").types(),
              "earlier_item_2:int64 earlier_status_2:text earlier_item:int64 earlier_status:text");
    std::string message = refused("item,x\n1,2\n");
    EXPECT_HAS(message, ":1: column 1 is called 'item', which the results file needs for itself; rename it");
    EXPECT_HAS(message, "(rename: {\"item\": …} in items)");
}

// --------------------------------------------------------------------------------------------------------- identity

// What gives the same values is the same job; what may give others is not.
TEST(CsvIdentity, HoldsWhatChangesValues) {
    const std::string text = "a;b\n1;2\n";
    const std::string plain = Table(text).identity();
    EXPECT_EQ(Table(text, "separator: semicolon").identity(), plain);
    EXPECT_EQ(Table(text, "types: {a: int64}").identity(), plain) << "as it was found";
    for (const char *keys : {"separator: comma", "types: {a: text}", "types: {a: float64}", "missing: 1",
                             "rename: {a: c}", "comment: \"#\""})
        EXPECT_NE(Table(text, keys).identity(), plain) << keys;
}

// ------------------------------------------------------------------------------------- files that have no size, or no end

TEST(Unsized, FilesOfTheKernelAreReadWhole) {
    Job job("items: {lines: /proc/self/status}\nkernel: moid\n");
    Items items(job);
    ASSERT_EQ(items.rc, 0) << items.error.text();
    EXPECT_GT(items.items.n_items, 10);
    sheaf_text first;
    void *columns[] = {&first};
    ASSERT_EQ(sheaf_items_read(&items.items, 0, 1, columns, nullptr, items.error), 0) << items.error.text();
    EXPECT_STARTS(std::string(first.data, first.length), "Name:");
}

TEST(Unsized, PipesAndDevicesAreRefused) {
    Folder folder;
    std::string pipe = folder / "p";
    ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
    for (const std::string &path : {pipe, std::string("/dev/zero")})
        for (const char *source : {"lines", "csv"}) {
            Job job("items: {" + std::string(source) + ": " + path + "}\nkernel: moid\n");
            Items items(job);
            EXPECT_EQ(items.rc, -1);
            EXPECT_HAS(items.error.text(), ", not a regular file, and could not be read again");
        }
}
