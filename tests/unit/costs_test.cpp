// app/costs and app/fields_message: partitions by a cost field; the fields that rank 0 tells the others.
#include "unit/sheaf.h"

extern "C" {
#include "app/fields_message.h"
}

using namespace unit;

namespace {

int all_pending(void *, int64_t from, int64_t end, struct span *run, struct sheaf_error *) {
    *run = {from, end - from};
    return 0;
}

// Blocks with an odd number are done.
int even_pending(void *, int64_t from, int64_t end, struct span *run, struct sheaf_error *) {
    int64_t first = from + (from & 1);
    *run = {first < end ? first : from, first < end ? 1 : 0};
    return 0;
}

struct Costs {
    Folder folder;
    Job job;
    Items items;
    chunk_shape shape;
    Error error;
    std::vector<span> parts;

    Costs(const std::string &csv, const std::string &field, int64_t block)
        : job("items: {csv: " + folder.write("t.csv", csv) +
              "}\nkernel: any\nschedule: {policy: weighted, cost: " + field + "}\n"),
          items(job) {
        EXPECT_EQ(job.rc, 0) << job.error.text();
        EXPECT_EQ(items.rc, 0) << items.error.text();
        shape = {0, nullptr, nullptr, nullptr, 0, nullptr, block, items.items.n_items, 0, 0, false, nullptr};
    }
    int cut(int n_ranks, span window, decltype(&all_pending) next = all_pending) {
        struct pending pending = {nullptr, next};
        parts.assign(static_cast<size_t>(n_ranks), span{-1, -1});
        return sheaf_costs_partition(&job.job, &items.items, &pending, &shape, window, n_ranks, parts.data(), error);
    }
};

} // namespace

TEST(Costs, CutWhereTheCostIsEqual) {
    Costs c("x,cost\n1,1\n2,1\n3,1\n4,1\n5,4\n6,8\n", "cost", 1);
    ASSERT_EQ(c.cut(2, {0, 6}), 0) << c.error.text();
    EXPECT_EQ(c.parts[0].first, 0);
    EXPECT_EQ(c.parts[0].n, 5) << "1+1+1+1+4 = 8";
    EXPECT_EQ(c.parts[1].first, 5);
    EXPECT_EQ(c.parts[1].n, 1);
}

TEST(Costs, AreSummedOverBlocks) {
    Costs c("cost\n1\n1\n1\n1\n4\n8\n3\n", "cost", 2); /* blocks cost 2, 2, 12, 3 */
    ASSERT_EQ(c.cut(2, {0, 4}), 0) << c.error.text();
    EXPECT_EQ(c.parts[0].n, 2) << "2+2 | 12+3, not 2+2+12 | 3";
    EXPECT_EQ(c.parts[1].n, 2);
}

TEST(Costs, DoneBlocksCostNothing) {
    Costs c("cost\n1\n100\n1\n100\n1\n100\n3\n100\n", "cost", 1);
    ASSERT_EQ(c.cut(2, {0, 8}, even_pending), 0) << c.error.text();
    int64_t seven = 6; /* the item that costs 3 */
    EXPECT_LE(c.parts[0].first + c.parts[0].n, seven) << "1+1+1 | 3";
    EXPECT_GT(c.parts[0].first + c.parts[0].n, 4);
}

TEST(Costs, AWindowMayBeginAnywhere) {
    std::string csv = "cost\n";
    for (int i = 0; i < 100; i++)
        csv += i < 50 ? "1000\n" : "1\n";
    Costs c(csv, "cost", 5);
    ASSERT_EQ(c.cut(2, {10, 10}), 0) << c.error.text();
    EXPECT_EQ(c.parts[0].first, 10);
    EXPECT_EQ(c.parts[0].n, 5);
    EXPECT_EQ(c.parts[1].first, 15);
    EXPECT_EQ(c.parts[1].n, 5);
}

TEST(Costs, ManyRowsAreReadPieceByPiece) {
    std::string csv = "x,cost\n";
    for (int i = 0; i < 30000; i++)
        csv += "0," + std::string(i < 20000 ? "1\n" : "2\n");
    Costs c(csv, "cost", 10);
    ASSERT_EQ(c.cut(4, {0, 3000}), 0) << c.error.text();
    for (const span &part : c.parts) { /* 40,000 in all */
        int64_t sum = 0;
        for (int64_t i = 10 * part.first; i < 10 * (part.first + part.n); i++)
            sum += i < 20000 ? 1 : 2;
        EXPECT_EQ(sum, 10000);
    }
}

TEST(Costs, WhatIsNoCostIsRefusedWithItsPlace) {
    const struct {
        const char *csv, *field, *what;
    } cases[] = {{"x,cost\n1,1\n", "cots", "no field 'cots' in "},
                 {"x,cost\n1,1\n", "cots", "did you mean 'cost'?"},
                 {"x,cost\n1,a\n", "cost", "field 'cost' is text or has several values an item"},
                 {"x,cost\n1,1\n2,-0.5\n", "cost", "item 1 of "},
                 {"x,cost\n1,1\n2,-0.5\n", "cost", "has the cost -0.5; it should be 0 or more"},
                 {"x,cost\n1,1\n2,\n", "cost", "has the cost nan"},
                 {"x,cost\n1,inf\n", "cost", "has the cost inf"}};
    for (const auto &k : cases) {
        Costs c(k.csv, k.field, 1);
        EXPECT_EQ(c.cut(2, {0, c.items.items.n_items}), -1);
        EXPECT_STARTS(c.error.text(), "sweep.yaml:3:");
        EXPECT_HAS(c.error.text(), k.what);
    }
}

TEST(Costs, NoItemsAreFine) {
    Costs c("x,cost\n", "cost", 1);
    ASSERT_EQ(c.cut(3, {0, 0}), 0) << c.error.text();
    for (const span &part : c.parts)
        EXPECT_EQ(part.n, 0);
}

// Costs may all be zero, or unknown as zero: the work is still to be shared.
TEST(Costs, ZeroCostsStillUseEveryRank) {
    std::string csv = "cost\n";
    for (int i = 0; i < 100; i++)
        csv += "0\n";
    Costs c(csv, "cost", 1);
    ASSERT_EQ(c.cut(4, {0, 100}), 0) << c.error.text();
    for (const span &part : c.parts)
        EXPECT_LE(part.n, 50) << "no rank has nearly everything";
}

// -------------------------------------------------------------------------------------------------- fields_message

TEST(FieldsMessage, TellsTheFieldsAsTheyAre) {
    sheaf_field fields[] = {field("x", SHEAF_FLOAT64), field("größe", SHEAF_TEXT), field("r", SHEAF_INT32, 1000),
                            field(nullptr, SHEAF_UINT8)};
    std::string longest(200, 'n'); /* the longest name there may be */
    fields[3].name = longest.c_str();
    struct items items = {}, arrived = {};
    items.n_items = int64_t{1} << 40;
    items.n_fields = 4;
    items.fields = fields;
    items.most_text_bytes = (size_t{1} << 40) + 1;
    items.all_text_bytes = (size_t{1} << 50) + 3;
    struct sheaf_buffer buffer = {};
    Error error;
    ASSERT_EQ(sheaf_fields_pack(&buffer, &items, error), 0);
    ASSERT_EQ(sheaf_fields_unpack(&buffer, &arrived, error), 0);
    EXPECT_EQ(arrived.n_items, items.n_items);
    EXPECT_EQ(arrived.most_text_bytes, items.most_text_bytes);
    EXPECT_EQ(arrived.all_text_bytes, items.all_text_bytes);
    ASSERT_EQ(arrived.n_fields, 4);
    for (int k = 0; k < 4; k++) {
        EXPECT_STREQ(arrived.fields[k].name, fields[k].name);
        EXPECT_EQ(arrived.fields[k].type, fields[k].type);
        EXPECT_EQ(arrived.fields[k].width, fields[k].width);
    }
    sheaf_buffer_free(&buffer);
    sheaf_items_close(&arrived);
}

TEST(FieldsMessage, TellsThatThereAreNone) {
    struct items items = {}, arrived = {};
    items.n_items = 12;
    struct sheaf_buffer buffer = {};
    Error error;
    ASSERT_EQ(sheaf_fields_pack(&buffer, &items, error), 0);
    ASSERT_EQ(sheaf_fields_unpack(&buffer, &arrived, error), 0);
    EXPECT_EQ(arrived.n_items, 12);
    EXPECT_EQ(arrived.n_fields, 0);
    sheaf_buffer_free(&buffer);
    sheaf_items_close(&arrived);
}

// ------------------------------------------------------------------------------------------------ an earlier run

namespace {

// An earlier file of n items in blocks of two, of which blocks took these seconds; 0: it was not computed.
void write_earlier(Store &store, const std::vector<float> &seconds) {
    store.make();
    std::vector<uint8_t> status;
    for (float s : seconds)
        status.insert(status.end(), 2, s > 0 ? ITEM_DONE : ITEM_PENDING);
    store.set_status(status);
    const size_t n_bytes = seconds.size() * sizeof(float);
    ASSERT_EQ(pwrite(store.results.fd, seconds.data(), n_bytes, store.results.sink.layout.seconds_offset),
              static_cast<ssize_t>(n_bytes));
    ASSERT_EQ(store.close(), 0);
}

struct Earlier {
    Job job;
    Items items;
    Error error;
    std::vector<span> parts;

    Earlier(const std::string &file, int n)
        : job("items: {count: " + std::to_string(n) +
              "}\nkernel: any\nschedule: {policy: weighted, cost: {from: " + file + "}}\n"),
          items(job) {}
    int cut(int n_ranks, int64_t block) {
        const int64_t n_items = items.items.n_items, n_blocks = (n_items + block - 1) / block;
        chunk_shape shape = {0, nullptr, nullptr, nullptr, 0, nullptr, block, n_items, 0, 0, false, nullptr};
        struct pending pending = {nullptr, all_pending};
        parts.assign(static_cast<size_t>(n_ranks), span{-1, -1});
        return sheaf_costs_partition(&job.job, &items.items, &pending, &shape, {0, n_blocks}, n_ranks, parts.data(),
                                     error);
    }
};

} // namespace

TEST(CostsOfAnEarlierRun, AreItsSeconds) {
    Store store("{count: 12}", {field("y", SHEAF_FLOAT64)}, 2);
    write_earlier(store, {1, 1, 1, 1, 4, 8});
    Earlier same(store.path, 12);
    ASSERT_EQ(same.cut(2, 2), 0) << same.error.text();
    EXPECT_EQ(same.parts[0].n, 5) << "1+1+1+1+4 = 8, in blocks";
    Earlier single(store.path, 12);
    ASSERT_EQ(single.cut(2, 1), 0) << single.error.text();
    EXPECT_EQ(single.parts[0].n, 10) << "the same, when a block is an item now";
}

TEST(CostsOfAnEarlierRun, CountTheMeanWhereNothingWasComputed) {
    Store store("{count: 12}", {field("y", SHEAF_FLOAT64)}, 2);
    write_earlier(store, {2, 0, 0, 0, 6, 0}); /* the mean is 4 */
    Earlier earlier(store.path, 12);
    ASSERT_EQ(earlier.cut(2, 2), 0) << earlier.error.text();
    EXPECT_EQ(earlier.parts[0].n, 4) << "2+4+4+4 | 6+4, not 2+4+4 | 4+6+4";
}

TEST(CostsOfAnEarlierRun, NeedTheSameItems) {
    Store store("{count: 12}", {field("y", SHEAF_FLOAT64)}, 2);
    write_earlier(store, {1, 1, 1, 1, 1, 1});
    Earlier other(store.path, 13);
    EXPECT_EQ(other.cut(2, 2), -1);
    EXPECT_HAS(other.error.text(), "has 12 items, this job has 13");
    Earlier missing(store.path + "x", 12);
    EXPECT_EQ(missing.cut(2, 2), -1);
    EXPECT_HAS(missing.error.text(), "cannot open");
}
