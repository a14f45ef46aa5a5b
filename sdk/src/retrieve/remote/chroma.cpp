// Chroma's HTTP API v2, as its server describes it at /openapi.json.
#include <reagent/retrieve/chroma.hpp>

#include "../../base/vectors.hpp"
#include "store.hpp"

#include <algorithm>
#include <cmath>

namespace reagent {
namespace {

constexpr const char* whole = "reagent";  // the member of metadata that holds the passage but for its text
constexpr const char* embedder_member = "reagent_embedder";  // of a collection's metadata
constexpr double exact_numbers = 9007199254740992;  // 2^53: from there on a double stands for several whole numbers

// Names that Chroma takes for members of metadata, and that are not ours.
bool is_filterable(std::string_view field) {
    return !field.empty() && field != whole && !field.starts_with('#') && !field.starts_with('$') &&
           !field.starts_with("chroma:");
}

bool can_compare(const filter& f, bool negated) {
    const auto& v = f.value();
    if (!is_filterable(f.field())) return false;
    if (f.what() != filter::kind::eq) return v.is_number() && !negated;
    if (v.is_number()) return !negated || std::abs(v.to_number<double>()) < exact_numbers;
    return v.is_string() || v.is_bool();
}

// As a double with a point or an exponent: Chroma keeps whole numbers apart.
json::value comparable(const json::value& v) { return v.is_number() ? json::value(v.to_number<double>()) : v; }

json::object condition(const filter& f) {
    using kind = filter::kind;
    switch (f.what()) {
        case kind::conjunction:
        case kind::disjunction: {
            json::array parts;
            for (const auto& p : f.parts()) parts.push_back(condition(p));
            return {{f.what() == kind::conjunction ? "$and" : "$or", std::move(parts)}};
        }
        case kind::negation:
            return {{f.parts().front().field(), json::object{{"$ne", comparable(f.parts().front().value())}}}};
        case kind::eq: return {{f.field(), json::object{{"$eq", comparable(f.value())}}}};
        // What rounding makes equal may have been less.
        case kind::lt:
        case kind::lte: return {{f.field(), json::object{{"$lte", comparable(f.value())}}}};
        default: return {{f.field(), json::object{{"$gte", comparable(f.value())}}}};
    }
}

json::object metadata_of(passage p) {
    json::object shown;
    for (const auto& [name, v] : p.metadata)
        if (is_filterable(name) && (v.is_string() || v.is_bool() || v.is_number())) shown[name] = comparable(v);
    json::object kept = to_json(p);
    kept.erase("text");
    kept.erase("score");
    shown[whole] = json::serialize(kept);
    return shown;
}

class chroma_store final : public remote_store {
public:
    explicit chroma_store(chroma_options o)
        : remote_store{o},
          name_{"chroma:" + o.collection},
          server_{name_, o.url,
                  o.token.empty() ? http::header_list{}
                                  : http::header_list{{"x-chroma-token", std::string{o.token.reveal()}}},
                  o.timeout},
          collections_{"/api/v2/tenants/" + percent_encoded(o.tenant) + "/databases/" + percent_encoded(o.database) +
                       "/collections"} {}

    std::string name() const override { return name_; }

    task<std::uint64_t> count(run& r) const override {
        auto c = co_await collection(r);
        auto a = co_await server_.call(r, "GET", c.target + "/count");
        if (!a.ok()) server_.refuse(a, "count");
        co_return server_.count(a.body, "the count");
    }

protected:
    task<std::vector<passage>> nearest(run& r, std::vector<float> query, std::size_t n, filter where) const override {
        auto c = co_await collection(r);
        check_dimensions(c.dimensions, query.size());
        std::vector<passage> none;
        const filter wider = superset(where, can_compare);
        if (holds_never(wider)) co_return none;
        json::value asked = json::object{{"query_embeddings", json::array{json::value_from(query)}},
                                         {"n_results", n},
                                         {"include", json::array{"documents", "metadatas", "distances"}}};
        if (!wider.holds_always()) asked.get_object()["where"] = condition(wider);
        auto a = co_await server_.call(r, "POST", c.target + "/query", std::move(asked));
        if (!a.ok()) server_.refuse(a, "query");
        auto found = found_in(a.body);
        // Its graph does not reach each of many equal vectors.
        const auto most = std::max(n, options().max_fetched);
        if (found.size() < n) {
            json::array no_parts;
            const auto all = co_await matching(r, c, wider, std::move(no_parts), most);
            if (ids_of(all).size() > found.size()) {
                json::array parts{"documents", "metadatas", "embeddings"};
                const auto whole_ones = co_await matching(r, c, wider, std::move(parts), most);
                found = nearest_of_all(whole_ones, query, n);
            }
        }
        co_return found;
    }

    task<void> prepare(run& r, std::size_t dimensions) const override {
        json::value made = json::object{
            {"name", options().collection},
            {"get_or_create", true},
            {"metadata", json::object{{embedder_member, options().vectors.name()}}},
            {"configuration",
             json::object{{"hnsw", json::object{{"space", options().by == similarity::cosine ? "cosine" : "ip"}}}}}};
        auto a = co_await server_.call(r, "POST", collections_, std::move(made));
        if (!a.ok()) server_.refuse(a, "making the collection");
        check_dimensions(read(a.body).dimensions, dimensions);
    }

    task<void> put_batch(run& r, std::vector<stored_passage> batch) const override {
        auto c = co_await collection(r);
        json::array ids, documents, metadatas, embeddings;
        for (auto& one : batch) {
            ids.emplace_back(one.passage.id);
            documents.emplace_back(one.passage.text);
            metadatas.push_back(metadata_of(std::move(one.passage)));
            embeddings.push_back(json::value_from(one.vector));
        }
        co_await forget_old_members(r, c.target, ids, metadatas);
        json::value asked = json::object{{"ids", std::move(ids)},
                                         {"documents", std::move(documents)},
                                         {"metadatas", std::move(metadatas)},
                                         {"embeddings", std::move(embeddings)}};
        auto a = co_await server_.call(r, "POST", c.target + "/upsert", std::move(asked));
        check_done(a, "upsert");
    }

    task<void> remove_batch(run& r, std::vector<std::string> ids) const override {
        auto c = co_await collection(r);
        json::value asked = json::object{{"ids", json::value_from(ids)}};
        auto a = co_await server_.call(r, "POST", c.target + "/delete", std::move(asked));
        check_done(a, "delete");
    }

private:
    struct place {
        std::string target;
        std::size_t dimensions = 0;  // 0: not known yet
    };

    place read(const json::value& body) const {
        place p;
        const auto& id = server_.member(body, "id");
        if (!id.is_string()) server_.nonsense("a collection's id is no text");
        p.target = collections_ + "/" + percent_encoded(id.get_string());
        const auto& o = body.get_object();
        if (const auto* d = o.if_contains("dimension"); d && !d->is_null())
            p.dimensions = static_cast<std::size_t>(server_.count(*d, "the dimension"));
        check_spaces(o);
        if (const auto* m = o.if_contains("metadata"); m && m->is_object())
            if (const auto* e = m->get_object().if_contains(embedder_member); e && e->is_string())
                check_model(std::string{e->get_string()});
        return p;
    }

    // Chroma's words: "l2" is one of which less is better.
    void check_spaces(const json::object& about) const {
        auto check = [&](const json::value* of, const char* name) {
            const auto* o = of ? of->if_object() : nullptr;
            if (const auto* space = o ? o->if_contains(name) : nullptr; space && !space->is_null())
                check_distance(*space, {"cosine", "ip"});
        };
        check(about.if_contains("metadata"), "hnsw:space");
        for (const char* member : {"configuration_json", "configuration"})
            if (const auto* c = about.if_contains(member); c && c->is_object())
                for (const char* kind : {"hnsw", "spann"}) check(c->get_object().if_contains(kind), "space");
    }

    // A change is answered with an object, which says nothing where it was made.
    void check_done(const json_server::answer& a, const char* what) const {
        const auto* o = a.body.if_object();
        if (!a.ok() || !o || o->contains("error") || o->contains("message")) server_.refuse(a, what);
    }

    // Asked for each time: somebody may have made it anew.
    task<place> collection(run& r) const {
        auto a = co_await server_.call(r, "GET", collections_ + "/" + percent_encoded(options().collection));
        if (!a.ok()) server_.refuse(a, "the collection");
        co_return read(a.body);
    }

    // An upsert keeps members of metadata that the new passage does not have; as null they go.
    task<void> forget_old_members(run& r, std::string target, const json::array& ids, json::array& metadatas) const {
        json::value asked = json::object{{"ids", ids}, {"include", json::array{"metadatas"}}};
        auto a = co_await server_.call(r, "POST", target + "/get", std::move(asked));
        if (!a.ok()) server_.refuse(a, "get");
        const auto& known = server_.member(a.body, "ids");
        const auto& old = server_.member(a.body, "metadatas");
        if (!known.is_array() || !old.is_array() || known.get_array().size() != old.get_array().size())
            server_.nonsense("ids and metadatas are not of one length");
        for (std::size_t i = 0; i < old.get_array().size(); ++i) {
            const auto at = std::find(ids.begin(), ids.end(), known.get_array()[i]) - ids.begin();
            if (static_cast<std::size_t>(at) == ids.size() || !old.get_array()[i].is_object()) continue;
            auto& now = metadatas[static_cast<std::size_t>(at)].get_object();
            for (const auto& [name, v] : old.get_array()[i].get_object())
                if (!now.contains(name)) now[name] = nullptr;
        }
    }

    task<json::value> matching(run& r, const place& c, const filter& wider, json::array parts, std::size_t most) const {
        json::value asked = json::object{{"include", std::move(parts)}, {"limit", most}};
        if (!wider.holds_always()) asked.get_object()["where"] = condition(wider);
        auto a = co_await server_.call(r, "POST", c.target + "/get", std::move(asked));
        if (!a.ok()) server_.refuse(a, "get");
        co_return std::move(a.body);
    }

    const json::array& list_in(const json::value& body, const char* name) const {
        const auto& all = server_.member(body, name);
        if (!all.is_array()) server_.nonsense(std::string{"\""} + name + "\" is no list");
        return all.get_array();
    }
    const json::array& ids_of(const json::value& body) const { return list_in(body, "ids"); }

    // By what the collection ranks by, with the distance that the server would tell.
    std::vector<passage> nearest_of_all(const json::value& body, const std::vector<float>& query, std::size_t n) const {
        const auto &ids = ids_of(body), &documents = list_in(body, "documents"),
                   &metadatas = list_in(body, "metadatas"), &embeddings = list_in(body, "embeddings");
        if (documents.size() != ids.size() || metadatas.size() != ids.size() || embeddings.size() != ids.size())
            server_.nonsense("lists of different lengths");
        std::vector<passage> all;
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const auto vector = json::try_value_to<std::vector<float>>(embeddings[i]);
            if (!vector || vector->size() != query.size()) server_.nonsense("an embedding is no list of its numbers");
            const double nearness = options().by == similarity::cosine
                                        ? detail::cosine(*vector, query)
                                        : detail::dot_product()(vector->data(), query.data(), query.size());
            all.push_back(one(ids[i], documents[i], metadatas[i], json::value(1 - nearness)));
        }
        std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
        if (all.size() > n) all.resize(n);
        return all;
    }

    std::vector<passage> found_in(const json::value& body) const {
        std::vector<passage> found;
        auto first = [&](const char* name) -> const json::array& {
            const auto& all = server_.member(body, name);
            if (!all.is_array() || all.get_array().size() != 1 || !all.get_array()[0].is_array())
                server_.nonsense(std::string{"\""} + name + "\" is no list of one list");
            return all.get_array()[0].get_array();
        };
        const auto &ids = first("ids"), &documents = first("documents"), &metadatas = first("metadatas"),
                   &distances = first("distances");
        if (documents.size() != ids.size() || metadatas.size() != ids.size() || distances.size() != ids.size())
            server_.nonsense("lists of different lengths");
        for (std::size_t i = 0; i < ids.size(); ++i)
            found.push_back(one(ids[i], documents[i], metadatas[i], distances[i]));
        return found;
    }

    passage one(const json::value& id, const json::value& document, const json::value& metadata,
                const json::value& distance) const {
        passage p;
        const auto* m = metadata.if_object();
        if (const auto* kept = m ? m->if_contains(whole) : nullptr; kept && kept->is_string()) {
            boost::system::error_code wrong;
            const auto read = json::parse(kept->get_string(), wrong);
            if (wrong) server_.nonsense("what was kept of a passage is no JSON");
            p = passage_from_json(read);
        } else if (m)  // somebody else's
            p.metadata = *m;
        if (!id.is_string()) server_.nonsense("an id is no text");
        p.id = id.get_string();
        if (document.is_string()) p.text = document.get_string();
        if (!distance.is_number()) server_.nonsense("a distance is no number");
        p.score = 1 - distance.to_number<double>();
        return p;
    }

    std::string name_;
    json_server server_;
    std::string collections_;
};

}  // namespace

std::shared_ptr<const passage_store> chroma(chroma_options options) {
    return std::make_shared<const chroma_store>(std::move(options));
}

}  // namespace reagent
