#include "qdrant_double.hpp"

#include <boost/regex.hpp>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace reagent::test {
namespace {

namespace json = boost::json;

struct refused : std::runtime_error {
    int status;
    refused(int s, const std::string& why) : std::runtime_error{why}, status{s} {}
};

void only(const json::object& o, std::initializer_list<std::string_view> known) {
    for (const auto& [name, v] : o)
        if (std::find(known.begin(), known.end(), name) == known.end())
            throw refused{400, "unknown member " + std::string{name}};
}

bool in_range(const json::value& v, const json::object& range) {
    only(range, {"lt", "lte", "gt", "gte"});
    if (!v.is_number()) return false;
    const double x = v.to_number<double>();
    for (const auto& [name, bound] : range) {
        const double b = bound.to_number<double>();
        if (name == "lt" ? x >= b : name == "lte" ? x > b : name == "gt" ? x <= b : x < b) return false;
    }
    return true;
}

bool fits(const json::object& filter, const json::object& payload);

bool holds(const json::object& condition, const json::object& payload) {
    if (!condition.contains("key")) return fits(condition, payload);
    only(condition, {"key", "match", "range"});
    const std::string key{condition.at("key").as_string()};
    if (!key.starts_with("metadata.")) throw refused{400, "an unexpected path " + key};
    const auto* metadata = payload.if_contains("metadata");
    const auto* v = metadata ? metadata->as_object().if_contains(key.substr(9)) : nullptr;
    if (!v) return false;
    // One of a list is enough.
    const json::array values = v->is_array() ? v->get_array() : json::array{*v};
    return std::any_of(values.begin(), values.end(), [&](const json::value& one) {
        if (const auto* range = condition.if_contains("range")) return in_range(one, range->as_object());
        const auto& match = condition.at("match").as_object();
        only(match, {"value"});
        if (match.at("value").is_double()) throw refused{400, "match takes no floating point"};
        return one == match.at("value");
    });
}

bool fits(const json::object& filter, const json::object& payload) {
    only(filter, {"must", "should", "must_not"});
    auto holds_for = [&](const json::value& c) { return holds(c.as_object(), payload); };
    if (const auto* m = filter.if_contains("must"))
        if (!std::all_of(m->as_array().begin(), m->as_array().end(), holds_for)) return false;
    if (const auto* n = filter.if_contains("must_not"))
        if (std::any_of(n->as_array().begin(), n->as_array().end(), holds_for)) return false;
    const auto* s = filter.if_contains("should");
    return !s || s->as_array().empty() || std::any_of(s->as_array().begin(), s->as_array().end(), holds_for);
}

std::vector<double> numbers(const json::value& v) {
    std::vector<double> all;
    for (const auto& x : v.as_array()) all.push_back(x.to_number<double>());
    return all;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

std::string uuid(const json::value& v) {
    static const boost::regex form{"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"};
    std::string id{v.as_string()};
    if (!boost::regex_match(id, form)) throw refused{400, id + " is no UUID"};
    return id;
}

}  // namespace

qdrant_double::qdrant_double() : server_{[this](const server_request& q) { return handle(q); }} {}

server_response qdrant_double::handle(const server_request& q) {
    std::lock_guard lock{mutex_};
    try {
        static const boost::regex path{R"(/collections/([^/?]+)(.*))"};
        boost::smatch m;
        if (!boost::regex_match(q.target, m, path)) throw refused{404, "no such path"};
        const json::value body = q.body.empty() ? json::value{} : json::parse(q.body);
        const std::string name = m[1], rest = m[2];
        auto c = collections_.find(name);
        if (rest.empty() && q.method == "PUT") {
            if (c != collections_.end()) throw refused{409, "there already"};
            only(body.as_object(), {"vectors"});
            const auto& v = body.at("vectors").as_object();
            only(v, {"size", "distance"});
            if (v.at("distance") != "Cosine" && v.at("distance") != "Dot") throw refused{400, "no such distance"};
            collections_[name] = {v.at("size").to_number<std::size_t>(), v.at("distance") == "Cosine", {}};
            return {.body = R"({"result": true, "status": "ok", "time": 0.0})"};
        }
        if (c == collections_.end()) throw refused{404, "Not found: Collection `" + name + "` doesn't exist!"};
        json::object whole{{"result", answer(q.method, rest, c->second, body)}, {"status", "ok"}, {"time", 0.0}};
        return {.body = json::serialize(whole)};
    } catch (const refused& e) {
        return {.status = e.status,
                .body = json::serialize(json::object{{"status", json::object{{"error", e.what()}}}, {"time", 0.0}})};
    } catch (const std::exception& e) {
        return {.status = 400, .body = json::serialize(json::object{{"status", json::object{{"error", e.what()}}}})};
    }
}

json::value qdrant_double::answer(const std::string& method, const std::string& rest, collection& c,
                                  const json::value& body) {
    if (method == "GET" && rest.empty()) {
        json::object vectors{{"size", c.size}, {"distance", c.cosine ? "Cosine" : "Dot"}};
        return json::object{{"status", "green"},
                            {"config", json::object{{"params", json::object{{"vectors", std::move(vectors)}}}}}};
    }
    if (method == "PUT" && rest == "/points?wait=true") {
        upsert(c, body.as_object());
        return json::object{{"operation_id", 1}, {"status", "completed"}};
    }
    if (method != "POST") throw refused{405, "no such method"};
    if (rest == "/points/delete?wait=true") {
        only(body.as_object(), {"points"});
        for (const auto& id : body.at("points").as_array()) c.points.erase(uuid(id));
        return json::object{{"operation_id", 1}, {"status", "completed"}};
    }
    if (rest == "/points/count") {
        only(body.as_object(), {"exact", "filter"});
        return json::object{{"count", c.points.size()}};
    }
    if (rest == "/points/query") return query(c, body.as_object());
    throw refused{404, "no such path"};
}

void qdrant_double::upsert(collection& c, const json::object& body) const {
    only(body, {"points"});
    for (const auto& p : body.at("points").as_array()) {
        only(p.as_object(), {"id", "vector", "payload"});
        auto v = numbers(p.at("vector"));
        if (v.size() != c.size) throw refused{400, "Wrong input: Vector dimension error"};
        c.points[uuid(p.at("id"))] = {std::move(v), p.at("payload").as_object()};
    }
}

json::value qdrant_double::query(const collection& c, const json::object& body) const {
    only(body, {"query", "limit", "filter", "with_payload"});
    const auto wanted = numbers(body.at("query"));
    if (wanted.size() != c.size) throw refused{400, "Wrong input: Vector dimension error"};
    std::vector<std::pair<double, const std::pair<const std::string, point>*>> scored;
    for (const auto& p : c.points) {
        if (const auto* f = body.if_contains("filter"); f && !fits(f->as_object(), p.second.payload)) continue;
        double score = dot(wanted, p.second.vector);
        if (c.cosine) score /= std::max(1e-30, std::sqrt(dot(wanted, wanted) * dot(p.second.vector, p.second.vector)));
        scored.emplace_back(score, &p);
    }
    std::sort(scored.begin(), scored.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    const auto limit = body.at("limit").to_number<std::size_t>();
    if (!limit) throw refused{422, "limit: must be at least 1"};
    if (scored.size() > limit) scored.resize(limit);
    json::array points;
    for (const auto& [score, p] : scored)
        points.push_back(
            json::object{{"id", p->first}, {"version", 0}, {"score", score}, {"payload", p->second.payload}});
    return json::object{{"points", std::move(points)}};
}

}  // namespace reagent::test
