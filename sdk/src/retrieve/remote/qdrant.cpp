// Qdrant's REST API, by its OpenAPI description (docs/redoc/master/openapi.json of qdrant/qdrant, 1.10 and later).
#include <reagent/retrieve/qdrant.hpp>

#include "store.hpp"

#include "../../base/text.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace reagent {
namespace {

// RFC 4122, version 5: the same id for the same passage, in a name space of our own.
std::string point_id(const std::string& passage_id) {
    constexpr std::string_view name_space = "reagent.passage:";
    const std::string text = std::string{name_space} + passage_id;
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
    digest[6] = static_cast<unsigned char>((digest[6] & 0x0F) | 0x50);
    digest[8] = static_cast<unsigned char>((digest[8] & 0x3F) | 0x80);
    std::string id;
    for (std::size_t i = 0; i < 16; ++i) {
        constexpr char digits[] = "0123456789abcdef";
        if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
        id += {digits[digest[i] >> 4], digits[digest[i] & 15]};
    }
    return id;
}

// Names that are one step of a path in a payload.
bool is_filterable(std::string_view field) {
    return !field.empty() && std::all_of(field.begin(), field.end(), is_word);
}

bool can_compare(const filter& f, bool) {
    if (!is_filterable(f.field())) return false;
    const auto& v = f.value();
    return v.is_number() || (f.what() == filter::kind::eq && (v.is_string() || v.is_bool()));
}

json::object comparison(const filter& f) {
    using kind = filter::kind;
    json::object o{{"key", "metadata." + f.field()}};
    const auto& v = f.value();
    if (!v.is_number()) {
        o["match"] = json::object{{"value", v}};
        return o;
    }
    const double x = v.to_number<double>();
    switch (f.what()) {  // what rounding makes equal may have been less
        case kind::eq: o["range"] = json::object{{"gte", x}, {"lte", x}}; break;
        case kind::lt:
        case kind::lte: o["range"] = json::object{{"lte", x}}; break;
        default: o["range"] = json::object{{"gte", x}}; break;
    }
    return o;
}

json::object condition(const filter& f) {
    using kind = filter::kind;
    if (f.what() != kind::conjunction && f.what() != kind::disjunction) return comparison(f);
    json::array parts;
    for (const auto& p : f.parts()) parts.push_back(condition(p));
    return {{f.what() == kind::conjunction ? "must" : "should", std::move(parts)}};
}

class qdrant_store final : public remote_store {
public:
    explicit qdrant_store(qdrant_options o)
        : remote_store{o},
          name_{"qdrant:" + o.collection},
          server_{
              name_, o.url,
              o.api_key.empty() ? http::header_list{} : http::header_list{{"api-key", std::string{o.api_key.reveal()}}},
              o.timeout},
          collection_{"/collections/" + percent_encoded(o.collection)} {}

    std::string name() const override { return name_; }

    task<std::uint64_t> count(run& r) const override {
        json::value asked = json::object{{"exact", true}};
        auto a = co_await server_.call(r, "POST", collection_ + "/points/count", std::move(asked));
        const auto& n = server_.member(result(a, "count"), "count");
        co_return server_.count(n, "the count");
    }

protected:
    task<std::vector<passage>> nearest(run& r, std::vector<float> query, std::size_t n, filter where) const override {
        auto about = co_await server_.call(r, "GET", collection_);
        check_collection(result(about, "the collection"), query.size());
        std::vector<passage> found;
        // A payload may hold a list, of which one value is enough: negations are not asked for.
        const filter wider =
            superset(where, [](const filter& f, bool negated) { return !negated && can_compare(f, negated); });
        if (holds_never(wider)) co_return found;
        json::value asked = json::object{{"query", json::value_from(query)}, {"limit", n}, {"with_payload", true}};
        if (!wider.holds_always()) asked.get_object()["filter"] = json::object{{"must", json::array{condition(wider)}}};
        auto a = co_await server_.call(r, "POST", collection_ + "/points/query", std::move(asked));
        const auto& points = server_.member(result(a, "query"), "points");
        if (!points.is_array()) server_.nonsense("\"points\" is no list");
        for (const auto& point : points.get_array()) found.push_back(one(point));
        co_return found;
    }

    task<void> prepare(run& r, std::size_t dimensions) const override {
        auto about = co_await server_.call(r, "GET", collection_);
        if (about.ok()) co_return check_collection(result(about, "the collection"), dimensions);
        if (about.status != 404) server_.refuse(about, "the collection");
        json::value made = json::object{
            {"vectors",
             json::object{{"size", dimensions}, {"distance", options().by == similarity::cosine ? "Cosine" : "Dot"}}}};
        auto a = co_await server_.call(r, "PUT", collection_, std::move(made));
        if (!a.ok() && a.status != 409) server_.refuse(a, "making the collection");  // 409: another one was first
    }

    task<void> put_batch(run& r, std::vector<stored_passage> batch) const override {
        json::array points;
        for (auto& one : batch) {
            one.passage.score = 0;
            json::object payload = to_json(one.passage);
            payload["embedder"] = options().vectors.name();
            points.push_back(json::object{{"id", point_id(one.passage.id)},
                                          {"vector", json::value_from(one.vector)},
                                          {"payload", std::move(payload)}});
        }
        json::value asked = json::object{{"points", std::move(points)}};
        auto a = co_await server_.call(r, "PUT", collection_ + "/points?wait=true", std::move(asked));
        check_done(a, "upsert");
    }

    task<void> remove_batch(run& r, std::vector<std::string> ids) const override {
        json::array points;
        for (const auto& id : ids) points.emplace_back(point_id(id));
        json::value asked = json::object{{"points", std::move(points)}};
        auto a = co_await server_.call(r, "POST", collection_ + "/points/delete?wait=true", std::move(asked));
        check_done(a, "delete");
    }

private:
    const json::value& result(const json_server::answer& a, const char* what) const {
        if (!a.ok()) server_.refuse(a, what);
        return server_.member(a.body, "result");
    }

    // That a change was made, and not only answered.
    void check_done(const json_server::answer& a, const char* what) const {
        if (!a.ok()) server_.refuse(a, what);
        const auto& status = server_.member(a.body, "status");
        const auto* done = server_.member(a.body, "result").if_object();
        const auto* how = done ? done->if_contains("status") : nullptr;
        if (status != "ok" || !how || (*how != "completed" && *how != "acknowledged")) server_.refuse(a, what);
    }

    void check_collection(const json::value& about, std::size_t dimensions) const {
        const auto& vectors = server_.member(server_.member(server_.member(about, "config"), "params"), "vectors");
        const auto size = server_.count(server_.member(vectors, "size"), "the vectors' size");
        check_dimensions(static_cast<std::size_t>(size), dimensions);
        check_distance(server_.member(vectors, "distance"), {"Cosine", "Dot"});
    }

    passage one(const json::value& point) const {
        const auto& payload = server_.member(point, "payload");
        const auto& score = server_.member(point, "score");
        if (!payload.is_object() || !score.is_number()) server_.nonsense("a point without payload or score");
        if (const auto* e = payload.get_object().if_contains("embedder"); e && e->is_string())
            check_model(std::string{e->get_string()});
        passage p = passage_from_json(payload);
        p.score = score.to_number<double>();
        return p;
    }

    std::string name_;
    json_server server_;
    std::string collection_;
};

}  // namespace

std::shared_ptr<const passage_store> qdrant(qdrant_options options) {
    return std::make_shared<const qdrant_store>(std::move(options));
}

}  // namespace reagent
