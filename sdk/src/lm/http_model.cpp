#include "http_model.hpp"

#include "../base/redact.hpp"
#include "../base/text.hpp"
#include "../base/utf8.hpp"
#include "declared_text.hpp"
#include "estimate.hpp"
#include "providers/answer_reader.hpp"

#include <reagent/deadline.hpp>
#include <reagent/error.hpp>
#include <reagent/http/shown_url.hpp>
#include <reagent/lm/catalog.hpp>

#include <boost/json.hpp>

#include <exception>
#include <mutex>
#include <set>

namespace reagent {
namespace {

using provider::protocol;

// What both ways of asking do with an answer.
struct asked {
    std::string model, server;
    std::uint64_t prompt_bytes = 0;
    std::size_t images = 0;
    std::optional<std::uint64_t> limit{};  // of tokens, where the server does not say that an answer was cut off there
};

// An answer that takes up all the tokens that it may, from a server that says of every one that it is complete.
void check_limit(lm_response& r, const std::optional<std::uint64_t>& limit) {
    if (limit && r.usage.completion_tokens >= *limit && r.finish == finish_reason::stop)
        r.finish = finish_reason::length;
}

void complete_facts(lm_response& r, const http::response& head, const asked& of, const std::vector<secret>& keys) {
    for (const char* name : {"x-request-id", "request-id"})
        if (auto id = head.header(name); !id.empty()) r.request_id = id;
    if (r.model.empty()) r.model = of.model;
    if (r.model != of.model) r.model = detail::without_keys(r.model, keys);  // shown wherever the call is
    r.request_id = detail::without_keys(r.request_id, keys);
    r.usage.calls = 1;
    check_limit(r, of.limit);  // by what the server counted
    estimate_missing(r.usage, of.prompt_bytes, of.images, r);
    r.usage.cost = price_of(r.model, r.usage);
    if (!r.usage.cost && r.model != of.model) r.usage.cost = price_of(of.model, r.usage);
    for (auto& block : r.reasoning_blocks)
        if (auto* o = block.if_object()) (*o)["server"] = of.server;
    for (auto& c : r.tool_calls)
        if (!c.signature.empty()) c.signed_by = of.server;
}

// Runs what reads a provider's words; an error that quotes them does not quote a key.
template <class F>
auto without_keys(const std::vector<secret>& keys, F read) {
    try {
        return read();
    } catch (const lm_error& e) {
        throw redacted(e, keys);
    }
}

// For the sign that nothing follows, behind the last event.
constexpr std::chrono::milliseconds patience_for_the_close{100};

// The next piece of a body, unless it takes longer; "" at its end and then.
task<std::string> read_within(http::response_stream& body, std::chrono::milliseconds patience) {
    try {
        if (body.at_end()) co_return co_await body.read();
        co_return co_await with_deadline(body.read(), clock::now() + patience, [] {
            return http_error{http_errc::deadline_exceeded, "the stream stays open"};
        });
    } catch (const http_error& e) {  // then the connection is closed: the answer is there
        if (e.code() != http_errc::deadline_exceeded && patience != patience_for_the_close) throw;
    }
    co_return std::string{};
}

bool says_something(const lm_response& r) {
    return !r.text.empty() || !r.reasoning.empty() || !r.tool_calls.empty() || !r.alternatives.empty();
}

// What an answer used that cannot be read, or broke off, beside why: it was paid for. @param came what there is of it
template <class Error>
Error with_usage(const Error& e, usage u, const asked& of, const lm_response& came) {
    if (says_something(came)) estimate_missing(u, of.prompt_bytes, of.images, came);
    diagnostics d = e.details();
    d.prompt_tokens = u.prompt_tokens;
    d.completion_tokens = u.completion_tokens;
    return {e.code(), e.what(), d};
}

// The same of an answer of which perhaps nothing could be read. @param unread its bytes
lm_error with_usage(const lm_error& e, usage u, const asked& of, const lm_response& came, std::string_view unread) {
    if (says_something(came) || u.tokens() > 0 || e.code() != lm_errc::malformed_response)
        return with_usage(e, u, of, came);
    lm_response all;
    all.text = unread;
    return with_usage(e, u, of, all);
}

class http_stream final : public lm_stream {
public:
    http_stream(http::response_stream body, const protocol& p, const provider::rules& how, asked of,
                std::vector<secret> keys)
        : body_{std::move(body)},
          text_{body_.head().header("content-type")},
          reader_{p, how},
          asked_{std::move(of)},
          keys_{std::move(keys)} {}

    task<std::optional<lm_event>> next() override {
        while (given_ == ready_.size()) {
            ready_.clear();
            given_ = 0;
            if (failure_) std::rethrow_exception(failure_);
            if (finished_) co_return std::nullopt;
            std::string piece = co_await read_piece();
            try {
                feed(piece);
            } catch (const error&) {
                failure_ = std::current_exception();  // after what came before it
            }
            // A connection whose response was read to its end is used again. The end mostly came with the last event.
            if (finished_ && !piece.empty()) co_await read_within(body_, patience_for_the_close);
        }
        co_return std::move(ready_[given_++]);
    }

private:
    task<std::string> read_piece() {
        try {
            if (auto patience = reader_.patience()) co_return co_await read_within(body_, *patience);
            co_return co_await body_.read();
        } catch (const http_error& e) {
            throw with_usage(e, reader_.used(), asked_, reader_.so_far());
        }
    }

    void feed(const std::string& read) {
        const std::string piece = text_.take(read);
        without_keys(keys_, [&] {
            try {
                reader_.feed(piece, ready_);
                if (read.empty() || reader_.done()) finish();
            } catch (const lm_error& e) {
                throw with_usage(e, reader_.used(), asked_, reader_.so_far(), piece);
            }
        });
    }

    void finish() {
        auto whole = std::make_shared<lm_response>(reader_.finish(ready_));
        complete_facts(*whole, body_.head(), asked_, keys_);
        ready_.push_back({.kind = lm_event::end, .response = std::move(whole)});
        finished_ = true;
    }

    http::response_stream body_;
    declared_text text_;
    provider::answer_reader reader_;
    asked asked_;
    std::vector<secret> keys_;
    std::vector<lm_event> ready_;
    std::size_t given_ = 0;  // of those that are ready
    std::exception_ptr failure_;
    bool finished_ = false;
};

// Schemas that a server refused. Safe to share between threads.
class refused_schemas {
public:
    bool contains(const json::object& schema) const {
        std::lock_guard lock{mutex_};
        return !known_.empty() && known_.contains(json::serialize(schema));
    }
    void add(const json::object& schema) const {
        std::lock_guard lock{mutex_};
        if (known_.size() < 256) known_.insert(json::serialize(schema));
    }

private:
    mutable std::mutex mutex_;
    mutable std::set<std::string, std::less<>> known_;
};

bool is_about_schemas(std::string_view words) {
    std::string lower = to_lower(words);
    for (const char* word : {"schema", "response_format", "response format", "structured output", "output_config",
                             "responsejsonschema", "grammar", "text.format", "json mode", "json_object"})
        if (lower.find(word) != lower.npos) return true;
    return false;
}

class http_backend final : public lm_backend {
    template <class F>
    auto read_paid(const std::string& body, const lm_request& request, F read) const {
        return without_keys(keys_, [&] {
            try {
                return read();
            } catch (const lm_error& e) {
                throw with_usage(e, provider::used_in(body), asked_for(request), came_of(body, request), body);
            }
        });
    }

public:
    http_backend(std::string name, std::string model, const provider::facts& facts, language_model_options options)
        : name_{std::move(name)},
          model_{std::move(model)},
          facts_{facts},
          speaks_{*facts.speaks},
          options_{std::move(options)},
          server_{provider::server_name(facts, options_.api_base)},
          rules_{provider::rules_for(facts_.name, model_, options_.dialect)},
          settings_{model_,
                    options_.sampling,
                    options_.structured_output,
                    options_.cache_prompt,
                    options_.drop_unsupported,
                    false,
                    facts_.name,
                    options_.dialect,
                    server_,
                    &rules_},
          headers_{speaks_.headers()},
          credentials_{speaks_.credentials(options_.api_key)} {
        headers_.emplace_back("content-type", "application/json");
        keys_ = http::secrets_of_url(options_.api_base);
        for (auto& s : http::secrets_of_proxies()) keys_.push_back(std::move(s));
        if (!options_.api_key.empty()) keys_.push_back(options_.api_key);
    }

    std::string name() const override { return name_; }
    std::string identity() const override;
    bool has_structured_output() const override { return options_.structured_output; }
    std::vector<secret> secrets() const override { return keys_; }

    task<lm_response> complete(lm_context context, const lm_request& request) const override {
        http::response_stream body = co_await context.http.open(request_for(request, false), deadline_of(context));
        std::string text;
        std::unique_ptr<provider::end_watch> watch;  // made where the end is not there with the first piece
        while (!body.at_end() && !(watch && watch->done())) {
            std::string piece;
            try {
                if (auto patience = watch ? watch->patience() : std::nullopt)
                    piece = co_await read_within(body, *patience);
                else
                    piece = co_await body.read();
            } catch (const http_error& e) {
                if (body.head().status != 200 || text.empty()) throw;
                throw with_usage(e, provider::used_in(text), asked_for(request), unread(text, request));
            }
            if (piece.empty()) break;
            const auto before = text.size();
            if (text.empty())
                text = std::move(piece);
            else
                text += piece;
            if (body.head().status == 200 && !body.at_end()) look_for_end(watch, text, before, request);
        }
        if (watch && watch->done()) co_await read_within(body, patience_for_the_close);
        co_return answer_of(body.head(), std::move(text), request);
    }

    task<std::unique_ptr<lm_stream>> stream(lm_context context, const lm_request& request) const override {
        http::response_stream answer = co_await context.http.open(request_for(request, true), deadline_of(context));
        if (answer.head().status == 200) {
            auto how = rules_of(request);
            co_return std::make_unique<http_stream>(std::move(answer), speaks_, how, asked_for(request), keys_);
        }
        std::string body;
        for (;;) {
            std::string piece = co_await answer.read();
            if (piece.empty()) break;
            body += piece;
        }
        refused(answer.head(), std::move(body), request, true);
    }

private:
    // What came of an answer whose connection broke.
    lm_response unread(const std::string& text, const lm_request& request) const {
        lm_response came = came_of(text, request);
        if (!says_something(came)) came.text = text;
        return came;
    }

    // What a stream says that nobody asked for, as far as it can be read.
    lm_response came_of(std::string_view body, const lm_request& request) const {
        if (!provider::is_event_stream(body) && !speaks_.streams_lines()) return {};
        provider::answer_reader reader{speaks_, rules_of(request)};
        std::vector<lm_event> events;
        try {
            reader.feed(body, events);
            reader.finish(events);
        } catch (const error&) {
        }
        return reader.so_far();
    }

    // @param text all that came so far @param before where the last piece of it begins
    void look_for_end(std::unique_ptr<provider::end_watch>& watch, const std::string& text, std::size_t before,
                      const lm_request& request) const {
        if (!watch) watch = std::make_unique<provider::end_watch>(speaks_, rules_of(request));
        read_paid(text, request, [&] { watch->feed(std::string_view{text}.substr(before)); });
    }

    lm_response answer_of(const http::response& head, std::string text, const lm_request& request) const {
        declared_text declared{head.header("content-type")};
        text = declared.take(std::move(text));
        text += declared.take({});
        if (head.status != 200) refused(head, std::move(text), request, false);
        lm_response result = read_paid(text, request, [&] { return speaks_.read(text, rules_of(request)); });
        complete_facts(result, head, asked_for(request), keys_);
        return result;
    }

    asked asked_for(const lm_request& request) const {
        return {model_, server_, bytes_of(request), images_of(request), silent_limit(request)};
    }

    provider::rules rules_of(const lm_request& request) const {
        auto how = rules_;
        how.several = request.sampling.or_else(options_.sampling).n.value_or(1) > 1;
        return how;
    }

    http::request request_for(const lm_request& request, bool stream) const {
        const bool refused =
            options_.structured_output && request.outputs_schema && refused_.contains(*request.outputs_schema);
        auto write = [&] {
            if (!stream && !refused) return speaks_.write(settings_, request);
            provider::call_settings settings = settings_;
            settings.structured_output = settings.structured_output && !refused;
            settings.stream = stream;
            return speaks_.write(settings, request);
        };
        auto call = write();
        http::request r{"POST", http::url_below(options_.api_base, call.target), headers_, std::move(call.body),
                        credentials_};
        r.follow = options_.follow_redirects_anywhere ? http::redirects::any : http::redirects::same_origin;
        r.repeatable = true;  // a completion changes nothing at the provider
        return r;
    }

    // OpenAI's own server says of a response that it is incomplete; others that speak its protocol do not, as
    // llama.cpp's.
    std::optional<std::uint64_t> silent_limit(const lm_request& request) const {
        if (&speaks_ != &provider::openai_responses() || server_ == facts_.name) return {};
        return request.sampling.or_else(options_.sampling).max_tokens;
    }

    [[noreturn]] void refused(http::response r, std::string body, const lm_request& request, bool stream) const {
        r.body = std::move(body);
        const std::string url = request_for(request, stream).url;
        try {
            provider::throw_status(r, "POST " + http::shown_url(url), keys_);
        } catch (const lm_error& given) {
            lm_error e = redacted(given, keys_);
            if (request.outputs_schema && e.code() == lm_errc::invalid_request &&
                is_about_schemas(e.details().provider_message))
                refused_.add(*request.outputs_schema);
            std::string near = e.code() == lm_errc::not_found ? model_catalog::standard().nearest(model_) : "";
            if (near.empty() || near == model_) throw e;
            throw lm_error{e.code(), std::string{e.what()} + "; did you mean \"" + near + "\"?", e.details()};
        }
    }

    clock::time_point deadline_of(const lm_context& context) const {
        return std::min(context.deadline, deadline_after(options_.timeout));
    }

    std::string name_, model_;
    refused_schemas refused_;
    const provider::facts& facts_;
    const protocol& speaks_;
    language_model_options options_;
    std::string server_;  // tells it apart, without keys
    const provider::rules rules_;
    const provider::call_settings settings_;  // of a call for a whole answer
    http::header_list headers_, credentials_;
    std::vector<secret> keys_;  // what no error may quote: the key, and those that the address holds
};

// What a user may have set that changes an answer, besides the request itself.
std::string http_backend::identity() const {
    lm_request defaults;
    defaults.sampling = options_.sampling;
    const auto& d = options_.dialect;
    json::object o{{"name", name_},
                   {"server", server_},
                   {"sampling", to_json(defaults)},
                   {"structured_output", options_.structured_output},
                   {"drop_unsupported", options_.drop_unsupported}};
    auto add = [&](const char* key, const auto& v) {
        if (v) o[key] = static_cast<int>(*v);
    };
    if (auto hidden = provider::digest_of_hidden(options_.api_base); !hidden.empty()) o["address"] = hidden;
    add("max_completion_tokens", d.max_completion_tokens);
    add("include_reasoning", d.include_reasoning);
    add("empty_content", d.empty_content);
    add("response_format", d.response_format);
    add("strict_schemas", d.strict_schemas);
    add("reasoning_back", d.reasoning_back);
    add("usage_in_stream", d.usage_in_stream);
    add("done_ends", d.done_ends);
    add("named_tool", d.named_tool);
    return json::serialize(o);
}

}  // namespace

lm_error redacted(const lm_error& e, const std::vector<secret>& keys) {
    diagnostics d = e.details();
    std::string text = e.what();
    for (std::string* words : {&text, &d.provider_message, &d.request_id, &d.attempted})
        *words = detail::valid_utf8(detail::without_keys(*words, keys));
    return {e.code(), text, d};
}

std::shared_ptr<const lm_backend> http_model(std::string name, std::string model, const provider::facts& facts,
                                             language_model_options options) {
    return std::make_shared<http_backend>(std::move(name), std::move(model), facts, std::move(options));
}

}  // namespace reagent
