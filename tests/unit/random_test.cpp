// core/random and the services that kernels draw from: known answers, and what <sheaf/kernel.h> promises of streams.
//
// Known answers come from elsewhere: kat_vectors of the Random123 distribution (D. E. Shaw Research), and NumPy 1.24,
// numpy.random.Philox(key=[seed, item]).random_raw and numpy.random.Generator(…).random.
#include "unit/sheaf.h"

#include <array>
#include <cmath>

using namespace unit;

namespace {

struct Stream {
    struct sheaf_random stream;
    Stream(uint64_t seed, uint64_t item) { sheaf_random_begin(&stream, seed, item); }
    std::vector<uint64_t> bits(int64_t n) {
        std::vector<uint64_t> values(static_cast<size_t>(n));
        sheaf_random_bits(&stream, n, values.data());
        return values;
    }
    std::vector<double> uniform(int64_t n) {
        std::vector<double> values(static_cast<size_t>(n));
        sheaf_random_uniform(&stream, n, values.data());
        return values;
    }
};

using Words4 = std::array<uint64_t, 4>;

} // namespace

// ---------------------------------------------------------------------------------------------------- known answers

TEST(Philox, GivesTheKnownAnswers) {
    constexpr uint64_t ALL = UINT64_MAX;
    const struct {
        Words4 counter;
        std::array<uint64_t, 2> key;
        Words4 answer;
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b}},
        {{ALL, ALL, ALL, ALL},
         {ALL, ALL},
         {0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0}},
        {{0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89},
         {0x452821e638d01377, 0xbe5466cf34e90c6c},
         {0xa528f45403e61d95, 0x38c72dbd566e9788, 0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6}},
    };
    for (const auto &c : cases) {
        Words4 values;
        sheaf_random_philox(c.counter.data(), c.key.data(), 1, values.data());
        EXPECT_EQ(values, c.answer);
    }
}

TEST(Random, StreamsAreThoseOfNumPy) {
    const struct {
        uint64_t seed, item;
        Words4 bits;                   // numbers 0, 3, 6 and 9
        std::array<double, 4> uniform; // numbers 0, 3, 4 and 9
    } cases[] = {
        {0,
         0,
         {0x02f4ba6408e4d89b, 0x907d7a052fd5b4dc, 0xf250ba0dbec065b7, 0x31eed5a366689e12},
         {0.011546754286331562, 0.5644146216071337, 0.5023796042735054, 0.19505057563074713}},
        {1,
         0,
         {0x4db6a27b756282df, 0x07f697696a0482a2, 0xbebe12cad0eb4d9e, 0x2b40b90c904918db},
         {0.3035680343067586, 0.031106436954376093, 0.9002684531124185, 0.1689563422844781}},
        {1,
         1,
         {0x133d1b1836b49e25, 0xb298f47f8b702464, 0x501075b89d75da78, 0xe19083d4d3fdb77d},
         {0.0751511510959112, 0.697646409167135, 0.8586995772913664, 0.8811113733863667}},
        {2,
         0,
         {0x7d299105753d9316, 0x90ec397e3197535d, 0x7ee745e6a491bb5a, 0xfd11e7dceb24a95c},
         {0.48891550429583774, 0.5661045010652661, 0.3543694350952008, 0.9885544695236087}},
        {1,
         (uint64_t{1} << 40) + 7,
         {0x1400be74acbe9d83, 0x07d3c4c14a1624ea, 0x93de7b54ff85ea48, 0x1081c2dd232214c8},
         {0.0781363520479722, 0.030575082006258913, 0.2601188092996931, 0.0644799985776745}},
        {INT64_MAX,
         INT64_MAX,
         {0x0e1f0bfe034bf1a8, 0x193b3e9ad4b23b92, 0xc0ef6896de4a53fd, 0xcd1427de19f771aa},
         {0.055161237254011786, 0.09856025009202873, 0.5296609932779713, 0.8010888020744156}},
    };
    for (const auto &c : cases) {
        std::vector<uint64_t> bits = Stream(c.seed, c.item).bits(10);
        EXPECT_EQ((Words4{bits[0], bits[3], bits[6], bits[9]}), c.bits);
        std::vector<double> u = Stream(c.seed, c.item).uniform(10);
        EXPECT_EQ((std::array<double, 4>{u[0], u[3], u[4], u[9]}), c.uniform);
    }
}

// ---------------------------------------------------------------------------------------------------------- streams

TEST(Random, OneAtATimeIsTheSameAsInBulk) {
    constexpr int64_t N = 1000;
    const std::vector<uint64_t> all = Stream(3, 14).bits(N);
    for (int64_t step : {1, 2, 3, 4, 5, 7, 63, 64, 65, 129}) {
        Stream bits(3, 14), uniform(3, 14);
        for (int64_t at = 0; at < N; at += step) {
            const int64_t n = std::min(step, N - at);
            std::vector<uint64_t> some = bits.bits(n);
            std::vector<double> numbers = uniform.uniform(n);
            for (int64_t i = 0; i < n; i++) {
                const uint64_t wanted = all[static_cast<size_t>(at + i)];
                ASSERT_EQ(some[static_cast<size_t>(i)], wanted) << at + i << " by " << step;
                ASSERT_EQ(numbers[static_cast<size_t>(i)], std::ldexp(static_cast<double>(wanted >> 11), -53));
            }
        }
    }
}

TEST(Random, BitsAndNumbersMayBeDrawnInTurn) {
    const std::vector<uint64_t> all = Stream(1, 5).bits(600);
    Stream mixed(1, 5);
    std::mt19937 turns(7);
    for (size_t at = 0; at < 500;) {
        const size_t n = turns() % 11;
        if (turns() % 2) {
            for (uint64_t value : mixed.bits(static_cast<int64_t>(n)))
                ASSERT_EQ(value, all[at++]);
        } else {
            for (double value : mixed.uniform(static_cast<int64_t>(n)))
                ASSERT_EQ(value, std::ldexp(static_cast<double>(all[at++] >> 11), -53));
        }
    }
}

TEST(Random, NothingIsDrawnForCountsBelowOne) {
    Stream stream(1, 2);
    stream.bits(3);
    uint64_t bits = 77;
    double number = 77;
    for (int64_t n : {int64_t{0}, int64_t{-1}, int64_t{-4}, int64_t{-1000}, INT64_MIN}) {
        sheaf_random_bits(&stream.stream, n, &bits);
        sheaf_random_uniform(&stream.stream, n, &number);
    }
    EXPECT_EQ(bits, 77u);
    EXPECT_EQ(number, 77);
    EXPECT_EQ(stream.bits(1)[0], Stream(1, 2).bits(4)[3]);
}

TEST(Random, ACopyGoesOnFromWhereItWas) {
    Stream stream(1, 2);
    stream.bits(6);
    Stream copy = stream;
    EXPECT_EQ(copy.bits(50), stream.bits(50));
}

TEST(Random, ItemsAndSeedsHaveStreamsOfTheirOwn) {
    std::vector<uint64_t> all;
    for (uint64_t seed = 0; seed < 40; seed++)
        for (uint64_t item = 0; item < 40; item++)
            for (uint64_t value : Stream(seed, item).bits(40))
                all.push_back(value);
    std::sort(all.begin(), all.end());
    EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end()) << "64,000 words of 64 bits: chance 1e-10";
}

// ------------------------------------------------------------------------------------------------------- statistics
// The generator's quality is published (BigCrush); these find mistakes in how it is used. Everything is fixed by the
// seed, so the bounds are passed always or never.

namespace {

// Whether numbers look uniform: mean and variance within 5 standard deviations, chi² of 256 bins within 5 too.
void expect_uniform(const std::vector<double> &u) {
    const double n = static_cast<double>(u.size());
    double sum = 0, squares = 0, chi2 = 0;
    std::vector<double> bins(256);
    for (double x : u) {
        ASSERT_GE(x, 0);
        ASSERT_LT(x, 1);
        ASSERT_EQ(std::floor(std::ldexp(x, 53)), std::ldexp(x, 53)) << "a multiple of 2^-53";
        sum += x;
        squares += (x - 0.5) * (x - 0.5);
        bins[static_cast<size_t>(256 * x)]++;
    }
    for (double count : bins)
        chi2 += (count - n / 256) * (count - n / 256) / (n / 256);
    EXPECT_NEAR(sum / n, 0.5, 5 * std::sqrt(1 / 12.0 / n));
    EXPECT_NEAR(squares / n, 1 / 12.0, 5 * std::sqrt(1 / 180.0 / n)) << "fourth moment 1/80, less (1/12)²";
    EXPECT_NEAR(chi2, 255, 5 * std::sqrt(2 * 255.0));
}

} // namespace

TEST(RandomStatistics, OneStreamIsUniform) {
    expect_uniform(Stream(1, 0).uniform(1 << 20));
}

TEST(RandomStatistics, TheFirstNumberOfEachItemIsUniform) {
    std::vector<double> u;
    for (uint64_t item = 0; item < 100000; item++)
        u.push_back(Stream(1, item).uniform(1)[0]);
    expect_uniform(u);
}

TEST(RandomStatistics, TheFirstNumberOfEachSeedIsUniform) {
    std::vector<double> u;
    for (uint64_t seed = 0; seed < 100000; seed++)
        u.push_back(Stream(seed, 0).uniform(1)[0]);
    expect_uniform(u);
}

TEST(RandomStatistics, NeighboursAreNotCorrelated) {
    constexpr int64_t N = 1 << 18;
    auto correlation = [](const std::vector<double> &a, const std::vector<double> &b, size_t shift) {
        double sum = 0;
        for (size_t i = 0; i + shift < b.size(); i++)
            sum += (a[i] - 0.5) * (b[i + shift] - 0.5);
        return 12 * sum / static_cast<double>(b.size() - shift);
    };
    const double bound = 5 / std::sqrt(static_cast<double>(N));
    const std::vector<double> a = Stream(1, 0).uniform(N);
    for (size_t shift = 1; shift <= 8; shift++)
        EXPECT_NEAR(correlation(a, a, shift), 0, bound) << "numbers " << shift << " apart";
    EXPECT_NEAR(correlation(a, Stream(1, 1).uniform(N), 0), 0, bound) << "items side by side";
    EXPECT_NEAR(correlation(a, Stream(2, 0).uniform(N), 0), 0, bound) << "seeds side by side";
}

TEST(RandomStatistics, EveryBitIsOneHalfOfTheTime) {
    constexpr int64_t N = 1 << 18;
    std::array<int64_t, 64> ones{};
    for (uint64_t value : Stream(1, 0).bits(N))
        for (size_t j = 0; j < 64; j++)
            ones[j] += static_cast<int64_t>(value >> j & 1);
    for (size_t j = 0; j < 64; j++)
        EXPECT_NEAR(static_cast<double>(ones[j]), N / 2.0, 5 * std::sqrt(N / 4.0)) << "bit " << j;
}

// ----------------------------------------------------------------------------------------- the services of a kernel

TEST(RandomServices, AStreamHasAlwaysTheSameSize) {
    EXPECT_EQ(sizeof(struct sheaf_random), 64u) << "plugins have it on their stack: it can never grow";
}

namespace {

// What hostile:draws gives for n items from `first` on, as one block of a job; `failed` is what it failed with.
struct Drawn {
    std::vector<double> u;
    std::vector<int64_t> raw;
    std::string failed;
};

Drawn draw_numbers(int64_t first, int64_t n, int64_t seed, int slip = 0) {
    Job job("items: {count: 1000000}\nkernel: " + hostile("draws") +
            "\nparams: {block: 20, slip: " + std::to_string(slip) + "}\nseed: " + std::to_string(seed) + "\n");
    Kernel kernel(job, {});
    struct thread thread;
    Error error;
    EXPECT_EQ(kernel.rc, 0) << kernel.error.text();
    const chunk_shape shape = kernel.shape(1000000);
    EXPECT_EQ(sheaf_thread_open(&thread, &kernel.binding, &shape, nullptr, error), 0) << error.text();
    const int64_t n_padded = (n + 15) / 16 * 16;
    Drawn drawn{std::vector<double>(static_cast<size_t>(7 * n_padded)),
                std::vector<int64_t>(static_cast<size_t>(2 * n_padded)), ""};
    void *out[] = {drawn.u.data(), drawn.raw.data()};
    thread.block = {sizeof thread.block, first, n, n_padded, nullptr, out};
    EXPECT_EQ(kernel.binding.kernel.table.map(kernel.binding.self, &thread.context, &thread.block), 0);
    drawn.failed = thread.whole;
    drawn.u.resize(static_cast<size_t>(7 * n));
    drawn.raw.resize(static_cast<size_t>(2 * n));
    sheaf_thread_close(&thread);
    return drawn;
}

} // namespace

TEST(RandomServices, EachItemDrawsFromItsOwnStream) {
    EXPECT_EQ(draw_numbers(0, 1, 2).u[0], 0.48891550429583774) << "NumPy's first number for seed 2, item 0";
    for (int64_t first : {int64_t{0}, int64_t{1}, int64_t{40}, int64_t{1} << 40})
        for (int64_t n : {1, 2, 16, 20}) { // another block, another place in it: the same numbers
            Drawn drawn = draw_numbers(first, n, 2);
            EXPECT_EQ(drawn.failed, "");
            for (int64_t k = 0; k < n; k++) {
                Stream stream(2, static_cast<uint64_t>(first + k));
                const std::vector<double> u = stream.uniform(7);
                const std::vector<uint64_t> raw = stream.bits(2);
                EXPECT_EQ(memcmp(u.data(), &drawn.u[static_cast<size_t>(7 * k)], 7 * sizeof(double)), 0);
                EXPECT_EQ(memcmp(raw.data(), &drawn.raw[static_cast<size_t>(2 * k)], 2 * sizeof(uint64_t)), 0);
            }
        }
}

TEST(RandomServices, AnotherSeedGivesOtherNumbers) {
    const Drawn one = draw_numbers(0, 3, 1);
    EXPECT_EQ(draw_numbers(0, 3, 1).u, one.u);
    for (int64_t seed : {int64_t{0}, int64_t{2}, INT64_MAX}) {
        const Drawn other = draw_numbers(0, 3, seed);
        EXPECT_NE(other.u[0], one.u[0]);
        EXPECT_EQ(other.u[0], Stream(static_cast<uint64_t>(seed), 0).uniform(1)[0]);
    }
}

TEST(RandomServices, ItemsOutsideTheBlockAreAMistake) {
    for (int slip : {-1, 1}) {
        const std::string failed = draw_numbers(20, 10, 1, slip).failed;
        EXPECT_HAS(failed, slip < 0 ? "item -1 of a block of 10" : "item 16 of a block of 10");
        EXPECT_HAS(failed, "a mistake in the kernel");
    }
}
