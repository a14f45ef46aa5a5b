#include <reagent/lm/embedder.hpp>

#include <reagent/error.hpp>
#include <reagent/http/shown_url.hpp>

#include "estimate.hpp"
#include "http_model.hpp"
#include "providers/reading.hpp"
#include "resolve.hpp"

#include <cmath>
#include <limits>

namespace reagent {
namespace {

using namespace provider;

// A provider's way of embedding: request out, response in.
struct embedding_protocol {
    wire_call (*write)(const std::string& model, const std::vector<std::string>& texts, embedding_use use,
                       const std::optional<std::uint64_t>& dimensions);
    // The list of vectors in a response; null when there is none.
    const json::value* (*vectors)(const json::value& parsed);
    const char* vector_member;  // in an element of the list; "" where the element is the vector
    std::uint64_t (*tokens)(const json::value& parsed);
};

json::array strings(const std::vector<std::string>& texts) {
    json::array list;
    for (const auto& t : texts) list.push_back(json::string(t));
    return list;
}

// Source: OpenAI API reference, "Create embeddings".
const embedding_protocol openai_embeddings{
    [](const std::string& model, const std::vector<std::string>& texts, embedding_use,
       const std::optional<std::uint64_t>& dimensions) {
        json::object body{{"model", model}, {"input", strings(texts)}, {"encoding_format", "float"}};
        if (dimensions) body["dimensions"] = *dimensions;
        return wire_call{"/embeddings", json::serialize(body)};
    },
    [](const json::value& v) { return member(v, "data"); }, "embedding",
    [](const json::value& v) { return count_of(member(member(v, "usage"), "prompt_tokens")); }};

// Source: Ollama, docs/api.md, "Generate Embeddings".
const embedding_protocol ollama_embeddings{
    [](const std::string& model, const std::vector<std::string>& texts, embedding_use,
       const std::optional<std::uint64_t>& dimensions) {
        json::object body{{"model", model}, {"input", strings(texts)}};
        if (dimensions) body["dimensions"] = *dimensions;
        return wire_call{"/api/embed", json::serialize(body)};
    },
    [](const json::value& v) { return member(v, "embeddings"); }, "",
    [](const json::value& v) { return count_of(member(v, "prompt_eval_count")); }};

// Source: Cohere API reference, "Embed".
const embedding_protocol cohere_embeddings{
    [](const std::string& model, const std::vector<std::string>& texts, embedding_use use,
       const std::optional<std::uint64_t>& dimensions) {
        json::object body{{"model", model},
                          {"texts", strings(texts)},
                          {"input_type", use == embedding_use::query ? "search_query" : "search_document"}};
        json::array types;
        types.push_back("float");
        body["embedding_types"] = std::move(types);
        if (dimensions) body["output_dimension"] = *dimensions;
        return wire_call{"/v2/embed", json::serialize(body)};
    },
    [](const json::value& v) { return member(member(v, "embeddings"), "float"); }, "",
    [](const json::value& v) { return count_of(member(member(member(v, "meta"), "billed_units"), "input_tokens")); }};

// Source: Gemini API reference, "batchEmbedContents".
const embedding_protocol gemini_embeddings{
    [](const std::string& model, const std::vector<std::string>& texts, embedding_use use,
       const std::optional<std::uint64_t>& dimensions) {
        json::array requests;
        for (const auto& t : texts) {
            json::object part{{"text", t}}, content{{"parts", list_of(std::move(part))}};
            json::object one{{"model", "models/" + model},
                             {"content", std::move(content)},
                             {"taskType", use == embedding_use::query ? "RETRIEVAL_QUERY" : "RETRIEVAL_DOCUMENT"}};
            if (dimensions) one["outputDimensionality"] = *dimensions;
            requests.push_back(std::move(one));
        }
        json::object body{{"requests", std::move(requests)}};
        return wire_call{"/models/" + model + ":batchEmbedContents", json::serialize(body)};
    },
    [](const json::value& v) { return member(v, "embeddings"); }, "values",
    [](const json::value&) { return std::uint64_t{0}; }};

const embedding_protocol* protocol_of(const protocol& speaks) {
    if (&speaks == &openai_chat() || &speaks == &openai_responses()) return &openai_embeddings;
    if (&speaks == &ollama()) return &ollama_embeddings;
    if (&speaks == &cohere()) return &cohere_embeddings;
    if (&speaks == &gemini()) return &gemini_embeddings;
    return nullptr;
}

// Appends the vectors of a response.
void read_vectors(const embedding_protocol& p, std::string_view body, const std::vector<std::string>& texts,
                  const std::optional<std::uint64_t>& dimensions, embeddings& to) {
    const std::size_t expected = texts.size();
    const auto [parsed, unclear] = parse_body(body, {});
    if (unclear) malformed("says two things with one member", body);
    const json::value* list = p.vectors(parsed);
    if (!list || !list->is_array()) malformed("has no vectors", body);
    if (list->get_array().size() != expected)
        malformed(
            "has " + std::to_string(list->get_array().size()) + " vectors for " + std::to_string(expected) + " texts",
            body);
    std::size_t first = to.vectors.size(), place = 0;
    to.vectors.resize(first + expected);
    for (const auto& item : list->get_array()) {
        const json::value* values = *p.vector_member ? member(item, p.vector_member) : &item;
        if (!values || !values->is_array() || values->get_array().empty()) malformed("has an empty vector", body);
        // OpenAI's say which text they belong to.
        auto* index = member(item, "index");
        std::size_t at = index ? count_of(index) : place;
        ++place;
        if (at >= expected || !to.vectors[first + at].empty()) malformed("numbers its vectors wrongly", body);
        auto& v = to.vectors[first + at];
        v.reserve(values->get_array().size());
        for (const auto& x : values->get_array()) {
            if (!x.is_number()) malformed("has a vector that holds no numbers", body);
            const auto number = x.to_number<double>();
            if (std::abs(number) > std::numeric_limits<float>::max())
                malformed("has a vector with a number that is too large", body);
            v.push_back(static_cast<float>(number));
        }
    }
    for (const auto& v : to.vectors)
        if (v.size() != to.vectors.front().size()) malformed("has vectors of different lengths", body);
    if (auto got = to.vectors.front().size();
        dimensions && got != *dimensions)  // not every server that knows no such option says so
        throw lm_error{lm_errc::unsupported_option,
                       "vectors of " + std::to_string(*dimensions) + " numbers were asked for (dimensions), and " +
                           "the server gave " + std::to_string(got) + "; leave dimensions out, or set it to that"};
    usage used{.calls = 1, .prompt_tokens = p.tokens(parsed)};
    if (used.prompt_tokens == 0) complete_usage(used, parsed);
    estimate_missing(used, texts);
    to.usage += used;
}

}  // namespace

struct embedder::impl {
    // Lives in what it asks, so it is one for all copies of an embedder.
    struct model final : lm_backend {
        model(const impl& i, embedding_use u) : of{i}, use{u} {}
        std::string name() const override { return of.name; }
        std::string identity() const override;
        std::vector<secret> secrets() const override { return of.secrets(); }
        task<lm_response> complete(lm_context context, const lm_request& request) const override;
        const impl& of;
        embedding_use use;
    };

    impl(std::string n, resolved_name t, embedder_options o, const embedding_protocol* p)
        : name{std::move(n)}, target{std::move(t)}, options{std::move(o)}, protocol{p} {}

    std::vector<secret> secrets() const {
        auto keys = http::secrets_of_url(target.api_base);
        for (auto& s : http::secrets_of_proxies()) keys.push_back(std::move(s));
        if (!target.api_key.empty()) keys.push_back(target.api_key);
        return keys;
    }
    task<embeddings> embed(lm_context context, std::vector<std::string> texts, embedding_use use) const;

    std::string name;
    resolved_name target;
    embedder_options options;
    const embedding_protocol* protocol;
    model document_model{*this, embedding_use::document}, query_model{*this, embedding_use::query};
};

std::string embedder::impl::model::identity() const {
    json::object o{{"name", of.name},
                   {"server", server_name(*of.target.facts, of.target.api_base)},
                   {"use", use == embedding_use::query ? "query" : "document"}};
    if (auto hidden = digest_of_hidden(of.target.api_base); !hidden.empty()) o["address"] = hidden;
    if (of.options.dimensions) o["dimensions"] = *of.options.dimensions;
    return json::serialize(o);
}

task<lm_response> embedder::impl::model::complete(lm_context context, const lm_request& request) const {
    std::vector<std::string> texts;
    for (const auto& m : request.messages) texts.push_back(m.content);
    embeddings made = co_await of.embed(context, std::move(texts), use);
    json::array rows;
    for (const auto& v : made.vectors) {
        json::array row;
        for (float f : v) row.emplace_back(static_cast<double>(f));
        rows.push_back(std::move(row));
    }
    lm_response r;
    r.text = json::serialize(rows);
    r.model = of.target.model;
    r.usage = made.usage;
    co_return r;
}

embedder::embedder(std::string_view name, embedder_options options) {
    auto target = resolve(name, options.api_base, options.api_key);
    const auto* p = protocol_of(*target.facts->speaks);
    if (!p) throw lm_error{lm_errc::unsupported_option, std::string{target.facts->name} + " offers no embeddings"};
    options.batch = std::max<std::size_t>(1, options.batch);
    impl_ = std::make_shared<const impl>(std::string{name}, std::move(target), std::move(options), p);
}

std::string embedder::name() const { return impl_->name; }

language_model embedder::as_model(embedding_use use) const {
    const lm_backend* one = use == embedding_use::query ? &impl_->query_model : &impl_->document_model;
    return language_model{std::shared_ptr<const lm_backend>{impl_, one}};
}

task<embeddings> embedder::embed(lm_context context, std::vector<std::string> texts, embedding_use use) const {
    auto self = impl_;
    co_return co_await self->embed(context, std::move(texts), use);
}

task<embeddings> embedder::impl::embed(lm_context context, std::vector<std::string> texts, embedding_use use) const {
    embeddings all;
    for (std::size_t at = 0; at < texts.size(); at += options.batch) {
        auto end = std::min(texts.size(), at + options.batch);
        std::vector<std::string> some(texts.begin() + static_cast<std::ptrdiff_t>(at),
                                      texts.begin() + static_cast<std::ptrdiff_t>(end));
        auto call = protocol->write(target.model, some, use, options.dimensions);
        http::request r;
        r.method = "POST";
        r.url = http::url_below(target.api_base, call.target);
        r.headers = target.facts->speaks->headers();
        r.headers.emplace_back("content-type", "application/json");
        r.credentials = target.facts->speaks->credentials(target.api_key);
        r.body = std::move(call.body);
        r.follow = http::redirects::same_origin;
        r.repeatable = true;
        std::string what = "POST " + http::shown_url(r.url);
        auto deadline = std::min(context.deadline, deadline_after(options.timeout));
        http::response answer = co_await context.http.send(std::move(r), deadline);
        if (answer.status != 200) {
            const auto keys = secrets();
            try {
                throw_status(answer, what, keys);
            } catch (const lm_error& e) {
                throw redacted(e, keys);
            }
        }
        read_vectors(*protocol, answer.body, some, options.dimensions, all);
    }
    all.usage.cost = price_of(target.model, all.usage);
    co_return all;
}

}  // namespace reagent
