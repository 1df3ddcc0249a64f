// plan/handout, app/feeder and plan/pool together, in simulated time: does dynamic hand-out keep everybody at work?
//
// A discrete-event simulation without MPI and without threads. The pools, the feeders and the hand-out are the real
// ones; only the clock, the costs and the messages are made up: a message takes `latency_s`, rank 0 answers one request
// at a time in `service_s`. Leaders either see everything at once (`nap_s` 0: one rank a node, whose threads wake it) or
// look around with naps that double up to nap_s (many ranks a node: nobody wakes them).
#include "unit/sheaf.h"

#include <cmath>
#include <deque>
#include <memory>
#include <numeric>

using namespace unit;

namespace {

struct Cluster {
    int n_nodes, n_threads; /* of a node */
    double service_s, latency_s = 10e-6, nap_s = 0;
    bool partitions = false; /* each node draws from an equal share of its own */
};

int all_pending(void *, int64_t from, int64_t end, struct span *run, struct sheaf_error *) {
    *run = {from, end - from};
    return 0;
}

class Simulation {
  public:
    Simulation(const Cluster &cluster, const std::vector<double> &cost) : cluster_(cluster), until_(cost.size() + 1) {
        for (size_t i = 0; i < cost.size(); i++)
            until_[i + 1] = until_[i] + cost[i];
        shape_ = {0, nullptr, nullptr, 0, nullptr, 1, static_cast<int64_t>(cost.size()), 0, 0, false};
        Error error;
        EXPECT_EQ(open(error), 0);
        for (int n = 0; n < cluster.n_nodes; n++) {
            nodes_.push_back(std::make_unique<Node>(cluster.n_threads));
            sheaf_feeder_open(&nodes_.back()->feeder, nodes_.back()->pool.get(), &shape_,
                              cluster.n_nodes == 1 || cluster.partitions);
        }
    }
    ~Simulation() { sheaf_handout_close(&handout_); }

    // When the last block was finished.
    double run() {
        for (int n = 0; n < cluster_.n_nodes; n++) {
            nodes_[index(n)]->idle = cluster_.n_threads;
            nodes_[index(n)]->pool->n_hungry = cluster_.n_threads;
            if (cluster_.nap_s > 0)
                push({0, LOOK, n, {}});
            else
                look(n);
        }
        while (!events_.empty()) {
            std::pop_heap(events_.begin(), events_.end());
            Event event = events_.back();
            events_.pop_back();
            now_ = event.at_s;
            handle(event);
        }
        EXPECT_EQ(n_finished_, shape_.n_items);
        return end_s_;
    }

    int64_t n_chunks = 0;

  private:
    enum What { FINISH, ASK, ANSWER, LOOK };
    struct Event {
        double at_s;
        What what;
        int node;
        struct grain grain; /* FINISH: it; ANSWER: .blocks */
        bool operator<(const Event &other) const { return at_s > other.at_s; }
    };
    struct Node {
        Pool pool;
        struct feeder feeder;
        struct handout_ask ask = {};
        int idle = 0, seat = -1;
        bool came = false; /* an answer that the leader has not seen */
        span answer = {};
        double nap_s = 0;
        explicit Node(int n_threads) : pool(0, n_threads) {}
    };

    int open(struct sheaf_error *error) {
        const span all = {0, shape_.n_items};
        std::vector<span> own(index(cluster_.n_nodes));
        if (!cluster_.partitions)
            return sheaf_handout_open_dynamic(&handout_, &pending_, all, cluster_.n_nodes, error);
        return sheaf_partition_static(&pending_, all, cluster_.n_nodes, own.data(), error) ||
               sheaf_handout_open_partitions(&handout_, &pending_, own.data(), cluster_.n_nodes, error);
    }

    static size_t index(int n) { return static_cast<size_t>(n); }
    void push(const Event &event) {
        events_.push_back(event);
        std::push_heap(events_.begin(), events_.end());
    }

    void handle(const Event &event) {
        switch (event.what) {
        case FINISH:
            finish(event);
            break;
        case ASK:
            answer(event.node);
            break;
        case ANSWER:
            nodes_[index(event.node)]->came = true;
            nodes_[index(event.node)]->answer = event.grain.blocks;
            if (cluster_.nap_s == 0)
                look(event.node);
            break;
        case LOOK:
            poll(event.node);
            break;
        }
    }

    double busy_s(const span &blocks) const {
        return until_[static_cast<size_t>(blocks.first + blocks.n)] - until_[static_cast<size_t>(blocks.first)];
    }

    // A thread takes a grain or goes to sleep.
    void begin(int n) {
        Event event = {0, FINISH, n, {}};
        Node &node = *nodes_[index(n)];
        if (sheaf_pool_take(node.pool.get(), &event.grain)) {
            event.at_s = now_ + busy_s(event.grain.blocks);
            push(event);
        } else {
            node.idle++;
            node.pool->n_hungry++;
        }
    }

    void finish(const Event &event) {
        Node &node = *nodes_[index(event.node)];
        sheaf_pool_finish(node.pool.get(), &event.grain, busy_s(event.grain.blocks));
        n_finished_ += event.grain.blocks.n;
        end_s_ = now_;
        begin(event.node);
        if (cluster_.nap_s == 0)
            look(event.node);
    }

    // Rank 0, one request after the other.
    void answer(int n) {
        Node &node = *nodes_[index(n)];
        Event event = {0, ANSWER, n, {}};
        Error error;
        if (ready_s_ < now_ && cluster_.nap_s > 0) { /* it naps too: when does it look next? */
            double nap_s = 20e-6;
            while (ready_s_ < now_)
                ready_s_ += nap_s = std::min(2 * nap_s, cluster_.nap_s);
        }
        ready_s_ = std::max(ready_s_, now_) + cluster_.service_s;
        EXPECT_EQ(sheaf_handout_next(&handout_, n, &node.ask, &event.grain.blocks, error), 0);
        event.at_s = ready_s_ + cluster_.latency_s;
        n_chunks += event.grain.blocks.n > 0;
        push(event);
    }

    // What app/loop does at a look around: takes the chunk that has come, asks for the next. Whether it did something.
    bool look(int n) {
        Node &node = *nodes_[index(n)];
        bool did = node.came;
        if (node.came) {
            node.came = false;
            sheaf_feeder_post(&node.feeder, node.seat, node.answer);
            node.seat = -1;
            int awake = node.answer.n > 0 ? node.idle : 0; /* a post wakes all who sleep */
            node.idle -= awake;
            node.pool->n_hungry -= awake;
            for (; awake > 0; awake--)
                begin(n);
        }
        if (node.seat < 0 && sheaf_feeder_due(&node.feeder)) {
            int seat = sheaf_pool_free_seat(node.pool.get());
            if (seat >= 0) {
                node.seat = seat;
                node.ask = sheaf_feeder_ask(&node.feeder);
                push({now_ + cluster_.latency_s, ASK, n, {}});
                did = true;
            }
        }
        return did;
    }

    void poll(int n) {
        Node &node = *nodes_[index(n)];
        bool did = look(n);
        node.nap_s = did ? 20e-6 : std::min(2 * node.nap_s, cluster_.nap_s);
        if (!atomic_load(&node.pool->closed))
            push({now_ + (did ? 1e-6 : node.nap_s), LOOK, n, {}});
    }

    Cluster cluster_;
    std::vector<double> until_; /* summed costs */
    chunk_shape shape_;
    struct pending pending_ = {nullptr, all_pending};
    struct handout handout_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::vector<Event> events_; /* a heap */
    double now_ = 0, ready_s_ = 0, end_s_ = 0;
    int64_t n_finished_ = 0;
};

// --------------------------------------------------------------------------------------------------------- costs

enum Pattern { CONSTANT, LOG_NORMAL, GROWING, HOT_SPOT, CORRELATED };

// Costs with the given mean.
std::vector<double> make_costs(Pattern pattern, size_t n, double mean_s) {
    std::mt19937_64 random(42);
    std::normal_distribution<double> normal;
    std::vector<double> cost(n);
    double slow = 0; /* of an autoregressive process that forgets over about 1,000 items */
    for (size_t i = 0; i < n; i++) {
        double x = static_cast<double>(i) / static_cast<double>(n);
        switch (pattern) {
        case CONSTANT:
            cost[i] = 1;
            break;
        case LOG_NORMAL:
            cost[i] = std::exp(1.5 * normal(random));
            break;
        case GROWING:
            cost[i] = 0.02 + x;
            break;
        case HOT_SPOT: /* 2 % of the items have half of the work */
            cost[i] = x >= 0.6 && x < 0.62 ? 49 : 1;
            break;
        case CORRELATED:
            slow = 0.999 * slow + std::sqrt(1 - 0.999 * 0.999) * normal(random);
            cost[i] = std::exp(1.0 * slow + 0.3 * normal(random));
            break;
        }
    }
    double sum = std::accumulate(cost.begin(), cost.end(), 0.0);
    for (double &c : cost)
        c *= mean_s * static_cast<double>(n) / sum;
    return cost;
}

// When the last item ends if each thread takes the next item by itself and that costs nothing: what no hand-out that
// does not know the costs can be expected to beat.
double ideal_s(const std::vector<double> &cost, int n_threads) {
    std::vector<double> free_s(static_cast<size_t>(n_threads), 0.0); /* a heap: all zero is one */
    double end_s = 0;
    for (double c : cost) {
        std::pop_heap(free_s.begin(), free_s.end(), std::greater<>());
        free_s.back() += c;
        end_s = std::max(end_s, free_s.back());
        std::push_heap(free_s.begin(), free_s.end(), std::greater<>());
    }
    return end_s;
}

} // namespace

struct Case {
    const char *name;
    Cluster cluster;
    Pattern pattern;
    size_t n;
    double mean_s;
    double least;    /* of the work that all threads could have done in the time it took, the share that was done */
    double to_ideal; /* the ideal's time divided by the one it took */
};

void PrintTo(const Case &c, std::ostream *out) {
    *out << c.name;
}

class HandoutSimulation : public testing::TestWithParam<Case> {};

TEST_P(HandoutSimulation, KeepsEverybodyAtWork) {
    const Case &c = GetParam();
    std::vector<double> cost = make_costs(c.pattern, c.n, c.mean_s);
    int n_threads = c.cluster.n_nodes * c.cluster.n_threads;
    double fair_s = std::accumulate(cost.begin(), cost.end(), 0.0) / n_threads;
    Simulation simulation(c.cluster, cost);
    double took_s = simulation.run(), least_s = ideal_s(cost, n_threads);
    RecordProperty("efficiency", std::to_string(fair_s / took_s));
    RecordProperty("ideal", std::to_string(fair_s / least_s));
    RecordProperty("chunks", std::to_string(simulation.n_chunks));
    if (getenv("SHEAF_TEST_FIGURES"))
        printf("%-34s %.4f of the work, ideal %.4f, %.4f of the ideal, %.2f chunks a thread\n", c.name, fair_s / took_s,
               fair_s / least_s, least_s / took_s, static_cast<double>(simulation.n_chunks) / n_threads);
    EXPECT_GE(fair_s / took_s, c.least);
    EXPECT_GE(least_s / took_s, c.to_ideal);
}

namespace {

// Reached are 0.97 to 1.00 of the ideal; SHEAF_TEST_FIGURES=1 shows what. Where `least` is 0, few long items, of which
// nobody could know, set the end. With chunks of 20 ms the pair's hot spot was 0.76; with four seats in a pool a node's
// log-normal costs were 0.26, since each long item keeps a seat; with an estimate from the first blocks that were
// finished, which are the quick ones, LargeCorrelated was 0.75.
std::vector<Case> all_cases() {
    const Cluster pair = {2, 2, 5e-6}, pair_naps = {2, 2, 5e-6, 10e-6, 1e-3}, rack = {16, 64, 5e-6, 10e-6, 1e-3},
                  node = {1, 64, 5e-6}, four = {4, 64, 5e-6}, large = {256, 64, 5e-6},
                  large_naps = {256, 64, 5e-6, 10e-6, 1e-3}, quick = {256, 64, 1e-6},
                  ranks = {10000, 1, 5e-6, 10e-6, 0, true};
    const size_t two_thousand = 2000, rack_items = 64 * 1024, large_items = 64 * 16384;
    return {
        {"PairConstant", pair, CONSTANT, two_thousand, 1e-3, 0.98, 0.97},
        {"PairLogNormal", pair, LOG_NORMAL, two_thousand, 1e-3, 0.97, 0.97},
        {"PairGrowing", pair, GROWING, two_thousand, 1e-3, 0.98, 0.97},
        {"PairHotSpot", pair, HOT_SPOT, two_thousand, 1e-3, 0.98, 0.97},
        {"PairCorrelated", pair, CORRELATED, two_thousand, 1e-3, 0.98, 0.97},
        {"PairNapsConstant", pair_naps, CONSTANT, two_thousand, 1e-3, 0.98, 0.97},
        {"PairNapsHotSpot", pair_naps, HOT_SPOT, two_thousand, 1e-3, 0.98, 0.97},
        {"PairNapsCorrelated", pair_naps, CORRELATED, two_thousand, 1e-3, 0.98, 0.97},
        {"PairNapsQuickItems", pair_naps, CORRELATED, 200000, 10e-6, 0.955, 0.955},
        {"PairNapsQuickHotSpot", pair_naps, HOT_SPOT, 200000, 10e-6, 0.97, 0.97},
        {"RackConstant", rack, CONSTANT, rack_items, 10e-3, 0.97, 0.97},
        {"RackLogNormal", rack, LOG_NORMAL, rack_items, 10e-3, 0, 0.97},
        {"RackGrowing", rack, GROWING, rack_items, 10e-3, 0, 0.97},
        {"RackHotSpot", rack, HOT_SPOT, rack_items, 10e-3, 0, 0.97},
        {"RackCorrelated", rack, CORRELATED, rack_items, 10e-3, 0, 0.97},
        /* long items must not keep idle threads from new ones: seats of the pool */
        {"NodeLogNormal", node, LOG_NORMAL, 500000, 10e-3, 0.97, 0.97},
        {"FourLogNormal", four, LOG_NORMAL, 1000000, 10e-3, 0.97, 0.97},
        {"FourLongLogNormal", four, LOG_NORMAL, 500000, 1, 0, 0.97},
        {"FourQuickLogNormal", four, LOG_NORMAL, 1000000, 100e-6, 0.97, 0.97},
        {"LargeShortConstant", quick, CONSTANT, large_items, 1e-3, 0.97, 0.97},
        {"LargeShortGrowing", quick, GROWING, large_items, 1e-3, 0, 0.96},
        {"LargeConstant", large, CONSTANT, large_items, 10e-3, 0.97, 0.97},
        {"LargeLogNormal", large, LOG_NORMAL, large_items, 10e-3, 0, 0.97},
        {"LargeGrowing", large, GROWING, large_items, 10e-3, 0, 0.97},
        {"LargeHotSpot", large, HOT_SPOT, large_items, 10e-3, 0, 0.97},
        {"LargeCorrelated", large, CORRELATED, large_items, 10e-3, 0, 0.97},
        {"LargeNapsConstant", large_naps, CONSTANT, large_items, 10e-3, 0.97, 0.97},
        /* with chunks of 50 ms, as few ranks get them, rank 0 had more to answer than it could: 0.79 */
        {"TenThousandPartitions", ranks, CONSTANT, 1000000, 20e-3, 0.93, 0.93},
        {"LargeNapsCorrelated", large_naps, CORRELATED, large_items, 10e-3, 0, 0.97},
    };
}

} // namespace

INSTANTIATE_TEST_SUITE_P(Cases, HandoutSimulation, testing::ValuesIn(all_cases()),
                         [](const testing::TestParamInfo<Case> &info) { return std::string(info.param.name); });
