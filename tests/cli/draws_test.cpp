/* Formulas that draw: uniform() and normal() are numbers of the item's own stream, which NumPy has too. */
#include "cli/program.h"

#include <csignal>

namespace {

class Draws : public Program {
  protected:
    void python(const std::string &text) const {
        Result result = run({SHEAF_PYTHON, "-c",
                             "import h5py, math, numpy as np\n"
                             "from statistics import NormalDist\n"
                             "def stream(seed, item, n):\n"
                             "    return np.random.Generator(np.random.Philox(key=[seed, item])).random(n)\n" +
                                 text});
        ASSERT_EQ(result.exit, 0) << result;
    }
    /* Wrong formulas are refused with this. */
    void refused(const std::string &job, const std::string &message) {
        write("bad.yaml", job);
        Result result = sheaf({"check", "bad.yaml"});
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_EQ(count_of(result.err, message), 1) << result;
    }
};

/* In the order in which they stand in the job, calls within calls too; also where there are so many that few items are drawn for at
   a time. */
TEST_F(Draws, AreTheNumbersOfTheItem) {
    std::string many;
    for (int k = 0; k < 800; k++)
        many += (k ? " + " : "") + std::string("uniform() * " + std::to_string(k % 7));
    write("job.yaml",
          "items: {count: 5001}\nseed: 7\n"
          "expression:\n  a: uniform()\n  b: uniform(-2, 3)\n  z: normal()\n  w: normal(10, uniform(1, 2))\n"
          "  c: \"item < 0 ? uniform() : a\"\n  d: uniform()\n  many: " +
              many + "\n");
    for (const Layout &layout : {Layout{0, 1}, Layout{3, 2, true}}) {
        run_job({"job.yaml", "--overwrite"}, layout);
        python("f = h5py.File('job.h5')\n"
               "for i in (0, 1, 15, 16, 4095, 4096, 4999, 5000):\n"
               "    r = stream(7, i, 1300)\n"
               "    z = lambda k: NormalDist().inv_cdf(r[k] + 2.0**-54)\n"
               "    assert f['a'][i] == f['c'][i] == r[0] and f['b'][i] == -2 + 5 * r[1] and f['d'][i] == r[6]\n"
               "    assert math.isclose(f['z'][i], z(2), rel_tol=1e-12, abs_tol=1e-12), (f['z'][i], z(2))\n"
               "    w = 10 + (1 + r[4]) * z(3)\n"
               "    assert math.isclose(f['w'][i], w, rel_tol=1e-12), (f['w'][i], w)\n"
               "    s = 0\n"
               "    for k in range(800): s += r[7 + k] * (k % 7)\n"
               "    assert f['many'][i] == s, (f['many'][i], s)\n");
    }
}

/* Kolmogorov's and Smirnov's distance from the law, and correlations between draws and between neighbours. */
TEST_F(Draws, HaveTheirLaw) {
    write("job.yaml",
          "items: {count: 200_000}\nexpression: {u: uniform(), v: uniform(), z: normal(), y: \"normal(3, 2)\"}\n");
    for (std::string seed : {"1", "2", "9223372036854775807"}) {
        run_job({"job.yaml", "--overwrite", "--set", "seed=" + seed});
        python("f = h5py.File('job.h5'); n = 200000\n"
               "def p_of(x):\n"
               "    x = np.sort(x); k = np.arange(n)\n"
               "    d = max((x - k / n).max(), ((k + 1) / n - x).max()) * math.sqrt(n)\n"
               "    return 2 * sum((-1)**(j - 1) * math.exp(-2 * j * j * d * d) for j in range(1, 101))\n"
               "def below(x): return np.array([0.5 * math.erfc(-t / math.sqrt(2)) for t in x])\n"
               "u, v, z, y = (f[k][:] for k in 'uvzy')\n"
               "for x in (u, v, below(z), below((y - 3) / 2)):\n"
               "    assert p_of(x) > 1e-6, p_of(x)\n"
               "for a, b in ((u, v), (u, z), (v, y), (z, y), (u[1:], u[:-1]), (z[1:], z[:-1]), (u[1:], v[:-1])):\n"
               "    assert abs(np.corrcoef(a, b)[0, 1]) * math.sqrt(n) < 5\n"
               "assert 0 <= u.min() and u.max() < 1 and len(set(u)) == n\n");
    }
}

/* A share that pays what it is worth above a price, at a time: Black and Scholes know what that is worth today. */
TEST_F(Draws, PriceAnOption) {
    write("pi.yaml", "items: {count: 1_000_000}\nexpression: {hit: \"uniform()^2 + uniform()^2 < 1 ? 4 : 0\"}\n"
                     "reduce: {pi: {mean: hit}, error: {standard_error: hit}}\n");
    write("call.yaml", "items: {count: 1_000_000}\n"
                       "expression: {pays: \"exp(-0.05) * max(100 * exp(0.03 + 0.2 * normal()) - 105, 0)\"}\n"
                       "reduce: {price: {mean: pays}, error: {standard_error: pays}}\n");
    run_job({"pi.yaml"}, {2, 1});
    run_job({"call.yaml"});
    python("f = h5py.File('pi.h5')\n"
           "assert abs(f['pi'][()] - math.pi) < 5 * f['error'][()] < 0.01\n"
           "f, N = h5py.File('call.h5'), NormalDist().cdf\n"
           "d = (math.log(100 / 105) + 0.05 + 0.02) / 0.2\n"
           "price = 100 * N(d) - 105 * math.exp(-0.05) * N(d - 0.2)\n"
           "assert abs(f['price'][()] - price) < 5 * f['error'][()] < 0.1, (f['price'][()], price)\n");
}

/* Another seed is another job; none is seed 1. Formulas behind others do not change their draws. */
TEST_F(Draws, TheSeedCounts) {
    write("job.yaml", "items: {count: 1000}\nexpression: {u: uniform()}\n");
    write("more.yaml", "items: {count: 1000}\nexpression: {u: uniform(), z: normal()}\n");
    run_job({"job.yaml"});
    run_job({"job.yaml", "-o", "1.h5", "--set", "seed=1"});
    run_job({"job.yaml", "-o", "2.h5", "--set", "seed=2"});
    run_job({"more.yaml"});
    python("u, one, two, more = (h5py.File(f + '.h5')['u'][:] for f in ('job', '1', '2', 'more'))\n"
           "assert (u == one).all() and (u == more).all() and not (u == two).any()\n");
    Result other = sheaf({"run", "job.yaml", "--set", "seed=2"});
    EXPECT_EQ(other.exit, 2);
    EXPECT_GE(count_of(other.err, "seed: 2"), 1) << other;
}

TEST_F(Draws, AreTheSameInEveryLayoutAndAfterAKill) {
    write("job.yaml",
          "items: {count: 3_000_000}\nexpression: {u: uniform(), z: \"normal(u, 2)\", w: \"sin(z) + uniform()\"}\n");
    Words same = {"same", "u,z,w", path("0.h5")};
    int n = 0;
    for (const Layout &layout : {Layout{0, 1}, Layout{0, 3}, Layout{2, 2}, Layout{3, 1, true}}) {
        std::string out = std::to_string(n++) + ".h5";
        run_job({"job.yaml", "-o", out, "-q"}, layout);
        same.push_back(path(out));
    }
    {
        Child killed(command({"run", "job.yaml", "-o", "killed.h5", "-q"}, {0, 1}), start());
        wait_for_done(killed, path("killed.h5"), 100'000);
        killed.kill_all(SIGKILL);
        killed.wait();
    }
    run_job({"job.yaml", "-o", "killed.h5", "-q"}, {2, 1});
    same.push_back(path("killed.h5"));
    check(same);
}

TEST_F(Draws, WrongCallsAreRefused) {
    refused("items: {count: 3}\nexpression: {u: uniform(1)}\n",
            "bad.yaml:2:17: expression.u: uniform takes no arguments or two, uniform(from, to); here is 1");
    refused("items: {count: 3}\nexpression: {u: \"normal(1, 2, 3)\"}\n",
            "normal takes no arguments or two, normal(mean, deviation); here are 3");
    refused("items: {count: 3}\nexpression: {u: normal}\n", "'normal' is a function; write normal(…)");
    refused("items: {count: 3}\nexpression: {u: unifrom()}\n", "no function 'unifrom'; did you mean 'uniform'?");
    refused("items: {grid: {x: [1, 2]}, where: uniform() < 0.5}\nexpression: {u: x}\n",
            "uniform(…) draws a number, which only formulas of 'expression' do; give it an output there");
    refused("items: {count: 3}\nexpression: {u: item}\nreduce: {m: {mean: u + normal()}}\n",
            "normal(…) draws a number, which only formulas of 'expression' do; give it an output there");
}

} // namespace
