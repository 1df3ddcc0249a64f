// Judging the notes of a run that died: plan/flight.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "unit/sheaf.h"

extern "C" {
#include "plan/flight.h"
}

using namespace unit;

namespace {

// Blocks 0 … n - 1, of which some are done.
struct Stage {
    int64_t n;
    std::set<int64_t> done;
    pending source{this, next};

    static int next(void *self, int64_t from, int64_t end, span *run, sheaf_error *) {
        const Stage *stage = static_cast<Stage *>(self);
        *run = {from, 0};
        for (int64_t b = from; b < end && b < stage->n; b++) {
            if (!stage->done.count(b))
                run->first = run->n++ ? run->first : b;
            else if (run->n)
                break;
        }
        return 0;
    }
};

using Blocks = std::vector<int64_t>;

Blocks list(const pending &source, int64_t n) {
    Blocks blocks;
    span run;
    for (int64_t at = 0; at < n; at = run.first + run.n) {
        EXPECT_EQ(source.next(source.self, at, n, &run, nullptr), 0);
        if (run.n == 0)
            break;
        for (int64_t b = run.first; b < run.first + run.n; b++)
            blocks.push_back(b);
    }
    return blocks;
}

class Suspects : public ::testing::Test {
  protected:
    Suspects() { suspects_->pending = &stage_.source; }

    void add(const std::vector<flight_note> &notes, bool from_outside = false) {
        Error error;
        ASSERT_EQ(
            sheaf_suspects_add(suspects_.get(), notes.data(), static_cast<int64_t>(notes.size()), from_outside, error),
            0);
        int64_t end = 0;
        for (int64_t i = 0; i < suspects_->n; i++) {
            EXPECT_GE(suspects_->list[i].first, end) << "in order, not overlapping";
            EXPECT_GT(suspects_->list[i].n, 0);
            end = suspects_->list[i].first + suspects_->list[i].n;
        }
        Blocks others = list(sheaf_suspects_others(suspects_.get()), stage_.n), last = last_ones();
        std::set<int64_t> all(others.begin(), others.end());
        for (int64_t b : last)
            EXPECT_TRUE(all.insert(b).second) << b << " is handed out twice";
        for (int64_t b = 0; b < stage_.n; b++)
            EXPECT_EQ(all.count(b), doubt(b) >= DOUBT_CRASHED ? others_have(others, b)
                                    : stage_.done.count(b)    ? 0u
                                                              : 1u)
                << b;
    }

    static size_t others_have(const Blocks &others, int64_t b) {
        return std::count(others.begin(), others.end(), b) > 0 ? 1u : 0u;
    }

    Blocks last_ones() { return list(sheaf_suspects_only(suspects_.get()), stage_.n); }

    int64_t doubt(int64_t block) const {
        for (int64_t i = 0; i < suspects_->n; i++)
            if (block >= suspects_->list[i].first && block < suspects_->list[i].first + suspects_->list[i].n)
                return suspects_->list[i].doubt;
        return 0;
    }

    Stage stage_{1000, {}};
    std::unique_ptr<suspects> suspects_{new suspects{}};
};

TEST_F(Suspects, NoNotesMeanNobody) {
    add({});
    EXPECT_EQ(last_ones(), Blocks{});
}

TEST_F(Suspects, WhatWasInFlightComesLast) {
    stage_.done = {11};
    add({{10, 3, 0, 0}, {40, 1, 0, 0}});
    EXPECT_EQ(last_ones(), (Blocks{10, 12, 40}));
    EXPECT_EQ(sheaf_suspects_count(suspects_.get()), 3);
}

TEST_F(Suspects, ACaughtCrashNamesTheCulprit) {
    add({{10, 5, 0, 0}, {77, 1, 1, FLIGHT_CRASHED}});
    EXPECT_EQ(last_ones(), Blocks{77});
}

TEST_F(Suspects, AnEndFromOutsideCountsOnlyTheSecondTime) {
    const std::vector<flight_note> all = {{10, 2, 0, 0}, {20, 2, FLIGHT_POOLS, 0}};
    add(all, true);
    EXPECT_EQ(last_ones(), Blocks{});
    add({{11, 1, 0, 0}, {21, 3, FLIGHT_POOLS, 0}}, true);
    EXPECT_EQ(last_ones(), (Blocks{11, 21})) << "that were in flight both times";
}

TEST_F(Suspects, WhoDiesAloneIsGivenUp) {
    add({{10, 5, 0, 0}});
    add({{12, 1, 0, FLIGHT_ALONE | FLIGHT_CRASHED}});
    EXPECT_GE(doubt(12), DOUBT_CRASHED);
    EXPECT_EQ(last_ones(), (Blocks{10, 11, 13, 14}));
}

TEST_F(Suspects, AKillOfABlockThatIsAloneMayComeFromOutsideOnce) {
    add({{10, 2, 0, 0}});
    add({{10, 1, 0, FLIGHT_ALONE}});
    EXPECT_EQ(last_ones(), (Blocks{10, 11})) << "alone once more";
    add({{10, 1, 0, FLIGHT_ALONE}});
    EXPECT_GE(doubt(10), DOUBT_CRASHED);
    EXPECT_EQ(last_ones(), Blocks{11});
}

TEST(Lives, AllOfSeveralRanksDieTogetherOnlyFromOutside) {
    auto ended_outside = [](std::vector<uint8_t> lives) {
        lives.resize(LIVES_MOST);
        return sheaf_lives_ended_outside(lives.data(), LIVES_MOST);
    };
    EXPECT_TRUE(ended_outside({LIFE_ALIVE, LIFE_ALIVE, LIFE_ALIVE}));
    EXPECT_FALSE(ended_outside({LIFE_ALIVE, LIFE_LEFT, LIFE_LEFT})) << "the launcher asked the others to leave";
    EXPECT_FALSE(ended_outside({LIFE_ALIVE})) << "a single one may have died of its item";
    EXPECT_FALSE(ended_outside({LIFE_LEFT, LIFE_LEFT}));
    EXPECT_FALSE(ended_outside({}));
}

TEST_F(Suspects, DoneBlocksAreNotSuspected) {
    stage_.done = {10, 11, 12};
    add({{10, 3, 0, 0}});
    EXPECT_EQ(last_ones(), Blocks{});
}

TEST_F(Suspects, OverlappingNotesAddUpBlockByBlock) {
    std::vector<int64_t> expected(1000);
    for (int round = 0; round < 40; round++) {
        int64_t first = round * 37 % 900, n = 1 + round * 13 % 60;
        add({{first, n, 0, 0}, {(first + 450) % 900, 7, 1, 0}}, true); /* doubt 1 */
        std::set<int64_t> once;
        for (int64_t b = first; b < first + n; b++)
            expected[static_cast<size_t>(b)]++;
        for (int64_t b = (first + 450) % 900; b < (first + 450) % 900 + 7; b++)
            expected[static_cast<size_t>(b)]++;
    }
    for (int64_t b = 0; b < 1000; b++)
        EXPECT_EQ(doubt(b), expected[static_cast<size_t>(b)]) << b;
}

TEST_F(Suspects, AFullTableStillKnowsWhoDiedAlone) {
    stage_.n = 100000;
    std::vector<flight_note> notes;
    for (int64_t b = 0; b < 2 * SUSPECTS_MOST; b++)
        notes.push_back({2 * b, 1, 0, 0});
    Error error;
    ASSERT_EQ(sheaf_suspects_add(suspects_.get(), notes.data(), static_cast<int64_t>(notes.size()), false, error), 0);
    EXPECT_LT(suspects_->n, SUSPECTS_MOST);
    flight_note alone = {99999, 1, 0, FLIGHT_ALONE | FLIGHT_CRASHED};
    ASSERT_EQ(sheaf_suspects_add(suspects_.get(), &alone, 1, false, error), 0);
    EXPECT_GE(doubt(99999), DOUBT_CRASHED);
}

} // namespace
