// The built-in kernel pi: points in the quarter circle, counted again here and by NumPy.
#include "unit/sheaf.h"

#include <cmath>

using namespace unit;

namespace {

constexpr double PI = 3.14159265358979323846;

struct Estimate {
    int64_t hits;
    double pi;
};

// What pi computes for one item of a job.
Estimate estimate(const std::string &params, int64_t item, int64_t seed) {
    Job job("items: {count: 1}\nkernel: pi\nparams: " + params + "\n");
    Kernel kernel(job, {});
    EXPECT_EQ(kernel.rc, 0) << kernel.error.text();
    EXPECT_EQ(kernel.binding.block, 1);
    std::pair<int64_t, int64_t> key(seed, item);
    struct sheaf_context context = {};
    context.struct_size = sizeof context;
    context.engine = &key;
    context.random = [](const struct sheaf_context *c, int64_t k, struct sheaf_random *stream) {
        const auto &[seed_of_job, first] = *static_cast<std::pair<int64_t, int64_t> *>(c->engine);
        sheaf_random_begin(stream, static_cast<uint64_t>(seed_of_job), static_cast<uint64_t>(first + k));
    };
    context.uniform = sheaf_random_uniform;
    context.bits = sheaf_random_bits;
    alignas(64) int64_t hits = -1;
    alignas(64) double pi = -1;
    void *out[] = {&hits, &pi};
    struct sheaf_block block = {sizeof block, item, 1, 1, nullptr, out};
    EXPECT_EQ(kernel.binding.kernel.table.map(kernel.binding.self, &context, &block), 0);
    return {hits, pi};
}

std::string refusal(const std::string &params) {
    Job job("items: {count: 1}\nkernel: pi\nparams: " + params + "\n");
    Kernel kernel(job, {});
    EXPECT_EQ(kernel.rc, -1);
    return kernel.error.text();
}

} // namespace

TEST(Pi, CountsWhatNumPyCounts) {
    // u = numpy.random.Generator(numpy.random.Philox(key=[seed, item])).random((100003, 2)); (u**2).sum(1) < 1
    EXPECT_EQ(estimate("{samples: 100003}", 0, 1).hits, 78775);
    EXPECT_EQ(estimate("{samples: 100003}", 41, 1).hits, 78369);
    EXPECT_EQ(estimate("{samples: 100003}", 12345678901, 9).hits, 78296);
}

TEST(Pi, CountsPairsOfTheItemsStream) {
    for (int64_t samples : {1, 2, 3, 511, 512, 513, 1024, 5000}) {
        struct sheaf_random stream;
        sheaf_random_begin(&stream, 4, 17);
        int64_t hits = 0;
        for (int64_t p = 0; p < samples; p++) {
            double x, y;
            sheaf_random_uniform(&stream, 1, &x);
            sheaf_random_uniform(&stream, 1, &y);
            hits += x * x + y * y < 1 ? 1 : 0;
        }
        Estimate found = estimate("{samples: " + std::to_string(samples) + "}", 17, 4);
        EXPECT_EQ(found.hits, hits) << samples;
        EXPECT_EQ(found.pi, 4.0 * static_cast<double>(hits) / static_cast<double>(samples));
    }
}

TEST(Pi, EstimatesScatterAsTheBinomialDistributionSays) {
    constexpr double N = 200000, P = PI / 4;
    const double sigma = std::sqrt(N * P * (1 - P));
    double chi2 = 0;
    for (int64_t item = 0; item < 50; item++) {
        double off = (static_cast<double>(estimate("{samples: 200000}", item, 1).hits) - N * P) / sigma;
        EXPECT_LT(std::fabs(off), 5) << "item " << item;
        chi2 += off * off;
    }
    EXPECT_NEAR(chi2, 50, 5 * std::sqrt(2 * 50.0)) << "neither too wide nor too narrow";
}

TEST(Pi, TakesAMillionPointsUnlessSaid) {
    EXPECT_EQ(estimate("{}", 3, 1).hits, estimate("{samples: 1000000}", 3, 1).hits);
}

TEST(Pi, IsNotPure) {
    int n = 0;
    const struct sheaf_kernel *const *kernels = sheaf_registry_builtin(&n);
    const struct sheaf_kernel *const *pi = std::find_if(
        kernels, kernels + n, [](const struct sheaf_kernel *k) { return std::string(k->head.name) == "pi"; });
    ASSERT_NE(pi, kernels + n);
    union sheaf_value samples = {};
    samples.integer = 10;
    struct sheaf_setup setup = {};
    setup.struct_size = sizeof setup;
    setup.params = &samples;
    struct sheaf_shape shape = {};
    void *self = nullptr;
    ASSERT_EQ((*pi)->open(&setup, &shape, &self), 0);
    EXPECT_EQ(shape.flags & SHEAF_PURE, 0u);
    (*pi)->close(self);
}

TEST(Pi, RefusesSamplesOutOfRange) {
    for (const char *samples : {"0", "-1", "1000000000000001"})
        EXPECT_HAS(refusal(std::string("{samples: ") + samples + "}"),
                   std::string("params.samples is ") + samples + "; it should be 1 to 1000000000000000");
}
