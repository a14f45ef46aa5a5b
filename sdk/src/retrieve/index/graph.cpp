#include "graph.hpp"

#include <reagent/retrieve/error.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <limits>
#include <mutex>
#include <queue>
#include <thread>

namespace reagent::detail {

/// A type of our own, so that a program which uses hnswlib with other settings does not define our graph a second time.
struct graph_distance {
    float value = 0;
    graph_distance() = default;
    graph_distance(float v) : value{v} {}
    graph_distance operator-() const { return -value; }
    auto operator<=>(const graph_distance&) const = default;
};

}  // namespace reagent::detail

template <>
struct std::numeric_limits<reagent::detail::graph_distance> {
    static reagent::detail::graph_distance max() { return std::numeric_limits<float>::max(); }
};

#define NO_MANUAL_VECTORIZATION  // with it, the header defines functions that are not inline
#include <hnswlib/hnswlib.h>

namespace reagent::detail {
namespace {

struct visited_nodes;

constexpr std::size_t links = 16, effort_of_building = 200;  // M and efConstruction: hnswlib's own defaults
constexpr double wanted_recall = 0.985;

// What the graph stores of a vector is its row's number.
struct row_space final : hnswlib::SpaceInterface<graph_distance> {
    explicit row_space(std::shared_ptr<const mapped_rows> r) : rows{std::move(r)} {}

    static graph_distance distance(const void* a, const void* b, const void* self) {
        const auto& of = *static_cast<const row_space*>(self);
        std::uint32_t one, two;
        std::memcpy(&one, a, sizeof one);
        std::memcpy(&two, b, sizeof two);
        return -of.dot(of.rows->row(one), of.rows->row(two), of.rows->dimensions());
    }
    std::size_t get_data_size() override { return sizeof(std::uint32_t); }
    hnswlib::DISTFUNC<graph_distance> get_dist_func() override { return distance; }
    void* get_dist_func_param() override { return this; }

    std::shared_ptr<const mapped_rows> rows;
    dot_function dot = dot_product();
};

using network = hnswlib::HierarchicalNSW<graph_distance>;
using node = hnswlib::tableint;

}  // namespace

struct graph::impl {
    explicit impl(std::shared_ptr<const mapped_rows> rows) : space{std::move(rows)} {}

    row_space space;
    std::unique_ptr<network> net;
    std::vector<std::uint32_t> row_of_node;  // beside each other: a search asks for those of many nodes

    const unsigned* neighbours(node n, int level) const {
        return level == 0 ? net->get_linklist0(n) : net->get_linklist(n, level);
    }
    std::uint32_t row_of(node n) const { return row_of_node[n]; }
    float nearness(const float* query, node n) const {
        return space.dot(query, space.rows->row(row_of(n)), space.rows->dimensions());
    }
    // The beginning of a vector; the processor sees by itself that the rest is wanted.
    void prefetch(node n) const {
        constexpr std::size_t lines = 4, floats_of_a_line = 16;
        const float* row = space.rows->row(row_of(n));
        for (std::size_t i = 0; i < lines; ++i) __builtin_prefetch(row + i * floats_of_a_line);
    }

    void list_rows();
    node entry_for(const float* query) const;
    std::size_t not_visited(node n, visited_nodes& visited, std::vector<node>& to) const;
    void read(const std::filesystem::path& file, std::uint32_t covered, std::size_t most);
    void check_links(const std::filesystem::path& file, std::uint32_t covered) const;
};

std::vector<near_row> nearest_exactly(const mapped_rows& rows, const float* query, std::size_t k,
                                      const doc_set& allowed, std::uint32_t from, std::uint32_t to) {
    const auto dot = dot_product();
    nearest_of<float> best{k};
    if (k == 0) return {};
    for (auto doc = allowed.next(from + 1); doc != 0 && doc <= to; doc = allowed.next(doc + 1))
        best.offer({dot(query, rows.row(doc - 1), rows.dimensions()), doc - 1});
    return best.take();
}

graph::graph(std::unique_ptr<impl> i, std::uint32_t covered) : impl_{std::move(i)}, covered_{covered} {}
graph::~graph() = default;

namespace {

void add_rows(network& net, const std::vector<std::uint32_t>& rows, unsigned threads) {
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    std::mutex mutex;
    auto work = [&] {
        try {
            for (std::size_t i; (i = next++) < rows.size();) net.addPoint(&rows[i], rows[i]);
        } catch (...) {
            std::lock_guard lock{mutex};
            failure = std::current_exception();
            next = rows.size();
        }
    };
    std::vector<std::jthread> others;
    for (unsigned i = 1; i < threads; ++i) others.emplace_back(work);
    work();
    others.clear();
    if (failure) std::rethrow_exception(failure);
}

}  // namespace

std::shared_ptr<const graph> graph::build(std::shared_ptr<const mapped_rows> rows, const doc_set& allowed,
                                          unsigned threads, const std::filesystem::path& known,
                                          std::uint32_t known_rows) {
    const auto covered = static_cast<std::uint32_t>(rows->rows());
    auto made = std::make_unique<impl>(std::move(rows));
    std::vector<std::uint32_t> added;
    for (auto doc = allowed.next(known_rows + 1); doc != 0; doc = allowed.next(doc + 1)) added.push_back(doc - 1);
    if (known.empty())
        made->net =
            std::make_unique<network>(&made->space, std::max<std::size_t>(1, added.size()), links, effort_of_building);
    else {
        made->read(known, known_rows, known_rows + added.size());
    }
    if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
    if (!added.empty() && made->net->cur_element_count == 0) {  // one alone, so that the others meet an entry
        const std::vector<std::uint32_t> first(1, added.front());
        add_rows(*made->net, first, 1);
        added.erase(added.begin());
    }
    add_rows(*made->net, added, threads);
    made->list_rows();
    return std::shared_ptr<const graph>{new graph{std::move(made), covered}};
}

std::shared_ptr<const graph> graph::load(const std::filesystem::path& file, std::shared_ptr<const mapped_rows> rows,
                                         std::uint32_t covered) {
    auto made = std::make_unique<impl>(std::move(rows));
    made->read(file, covered, covered);
    return std::shared_ptr<const graph>{new graph{std::move(made), covered}};
}

void graph::impl::read(const std::filesystem::path& file, std::uint32_t covered, std::size_t most) {
    try {
        net = std::make_unique<network>(&space, file.string(), false, std::max<std::size_t>(1, most));
    } catch (const std::runtime_error& e) {
        throw retrieve_error{retrieve_errc::corrupt, file.string() + " is damaged: " + e.what()};
    }
    check_links(file, covered);
    list_rows();
}

void graph::impl::list_rows() {
    row_of_node.clear();
    for (node n = 0; n < net->cur_element_count; ++n)
        row_of_node.push_back(static_cast<std::uint32_t>(net->getExternalLabel(n)));
}

// A link or a row that leads out of the memory is found here and not by a search.
void graph::impl::check_links(const std::filesystem::path& file, std::uint32_t covered) const {
    auto damaged = [&](const char* what) {
        throw retrieve_error{retrieve_errc::corrupt, file.string() + " is damaged: " + what};
    };
    const std::size_t count = net->cur_element_count;
    if (count > covered) damaged("it has more vectors than there are");
    if (count > 0 && (net->enterpoint_node_ >= count || net->maxlevel_ < 0)) damaged("it has no way in");
    for (node n = 0; n < count; ++n) {
        if (net->getExternalLabel(n) >= covered) damaged("it has a vector that is not there");
        for (int level = 0; level <= net->element_levels_[n]; ++level) {
            const unsigned* list = neighbours(n, level);
            const std::size_t size = *reinterpret_cast<const unsigned short*>(list);
            if (size > (level == 0 ? net->maxM0_ : net->maxM_)) damaged("it has too many links");
            for (std::size_t i = 1; i <= size; ++i)
                if (list[i] >= count || net->element_levels_[list[i]] < level)
                    damaged("it has a link that leads nowhere");
        }
    }
    if (count > 0 && net->element_levels_[net->enterpoint_node_] < net->maxlevel_) damaged("it has no way in");
}

void graph::save(const std::filesystem::path& file) const {
    impl_->net->saveIndex(file.string());  // which does not say when the disk is full
    const auto& net = *impl_->net;
    std::uint64_t expected =
        9 * sizeof(std::size_t) + sizeof(int) + sizeof(node) + sizeof(double) + sizeof(std::size_t);
    expected += net.cur_element_count * (net.size_data_per_element_ + sizeof(unsigned));
    for (std::size_t i = 0; i < net.cur_element_count; ++i)
        expected += static_cast<std::size_t>(std::max(0, net.element_levels_[i])) * net.size_links_per_element_;
    std::error_code ec;
    if (const auto size = std::filesystem::file_size(file, ec); ec || size != expected)
        throw retrieve_error{retrieve_errc::unwritable, file.string() + " cannot be written whole: is the disk full?"};
    sync_file(file);
}

// Greedily, from level to level.
node graph::impl::entry_for(const float* query) const {
    node at = net->enterpoint_node_;
    float best = nearness(query, at);
    for (int level = net->maxlevel_; level > 0; --level)
        for (bool moved = true; moved;) {
            moved = false;
            const unsigned* list = neighbours(at, level);
            const std::size_t size = *reinterpret_cast<const unsigned short*>(list);
            for (std::size_t i = 1; i <= size; ++i) prefetch(list[i]);
            for (std::size_t i = 1; i <= size; ++i)
                if (const float near = nearness(query, list[i]); near > best) {
                    best = near;
                    at = list[i];
                    moved = true;
                }
        }
    return at;
}

namespace {

struct visited_nodes {
    explicit visited_nodes(network& n) : pool{*n.visited_list_pool_}, list{pool.getFreeVisitedList()} {}
    ~visited_nodes() { pool.releaseVisitedList(list); }
    visited_nodes(const visited_nodes&) = delete;
    bool add(node n) { return list->mass[n] != list->curV && (list->mass[n] = list->curV, true); }
    void prefetch(node n) const { __builtin_prefetch(list->mass + n); }

    hnswlib::VisitedListPool& pool;
    hnswlib::VisitedList* list;
};

struct scored_node {
    float nearness;
    node at;
    bool operator<(const scored_node& o) const { return nearness < o.nearness; }
};

template <class T, class Compare>
std::priority_queue<T, std::vector<T>, Compare> queue_for(std::size_t count) {
    std::vector<T> room;
    room.reserve(count);
    return std::priority_queue<T, std::vector<T>, Compare>{Compare{}, std::move(room)};
}

}  // namespace

// Those of a node's neighbours that no search has come to yet, with what they are compared by on its way.
std::size_t graph::impl::not_visited(node n, visited_nodes& visited, std::vector<node>& to) const {
    const unsigned* list = neighbours(n, 0);
    const std::size_t size = *reinterpret_cast<const unsigned short*>(list);
    for (std::size_t i = 1; i <= size; ++i) visited.prefetch(list[i]);
    std::size_t count = 0;
    for (std::size_t i = 1; i <= size; ++i) {
        if (!visited.add(list[i])) continue;
        prefetch(list[i]);
        to[count++] = list[i];
    }
    return count;
}

std::optional<std::vector<near_row>> graph::nearest(const float* query, std::size_t effort, const doc_set& allowed,
                                                    std::size_t most) const {
    const impl& g = *impl_;
    if (g.net->cur_element_count == 0) return std::vector<near_row>{};
    auto ahead = queue_for<scored_node, std::less<>>(4 * effort);  // the nearest on top
    auto found = queue_for<near_row, by_nearness>(effort + 1);     // the farthest on top
    std::vector<node> some(g.net->maxM0_);
    visited_nodes visited{*g.net};
    std::size_t compared = 0;
    auto meet = [&](node n, float near) {
        if (found.size() >= effort && near <= found.top().nearness) return;
        ahead.push({near, n});
        if (!allowed.has(g.row_of(n) + 1)) return;
        found.push({near, g.row_of(n)});
        if (found.size() > effort) found.pop();
    };
    const node entry = g.entry_for(query);
    visited.add(entry);
    meet(entry, g.nearness(query, entry));
    while (!ahead.empty()) {
        const auto [near, at] = ahead.top();
        if (found.size() >= effort && near < found.top().nearness) break;
        ahead.pop();
        const auto count = g.not_visited(at, visited, some);
        if (compared += count; compared > most) return std::nullopt;
        for (std::size_t i = 0; i < count; ++i) meet(some[i], g.nearness(query, some[i]));
    }
    std::vector<near_row> result(found.size());
    for (auto i = result.size(); i-- > 0; found.pop()) result[i] = found.top();
    return result;
}

std::size_t graph::tuned_effort(const doc_set& allowed, std::size_t k, std::size_t samples) const {
    const auto& rows = *impl_->space.rows;
    std::vector<std::uint32_t> asked;
    const std::size_t step = std::max<std::size_t>(1, covered_ / std::max<std::size_t>(1, samples));
    for (std::size_t i = 0; i < covered_ && asked.size() < samples; i += step)
        if (allowed.has(static_cast<std::uint32_t>(i) + 1)) asked.push_back(static_cast<std::uint32_t>(i));
    std::vector<std::vector<near_row>> truth;
    for (auto row : asked) truth.push_back(nearest_exactly(rows, rows.row(row), k + 1, allowed, 0, covered_));
    for (std::size_t effort : {32u, 48u, 64u, 96u, 128u, 192u, 256u, 384u, 512u, 768u, 1024u, 1536u, 2048u}) {
        std::size_t wanted = 0, found = 0;
        for (std::size_t i = 0; i < asked.size(); ++i) {
            const auto got = *nearest(rows.row(asked[i]), effort, allowed, std::numeric_limits<std::size_t>::max());
            for (const auto& t : truth[i]) {
                if (t.row == asked[i]) continue;  // finding oneself is no proof
                ++wanted;
                found += std::any_of(got.begin(), got.end(), [&](const near_row& g) { return g.row == t.row; });
            }
        }
        if (static_cast<double>(found) >= wanted_recall * static_cast<double>(wanted)) return effort;
    }
    return 0;
}

}  // namespace reagent::detail
