#include "http_model.hpp"
#include "whole_stream.hpp"

#include <reagent/deadline.hpp>
#include <reagent/error.hpp>
#include <reagent/http/events.hpp>
#include <reagent/http/shown_url.hpp>
#include <reagent/lm/catalog.hpp>

#include "../redact.hpp"

#include <exception>

namespace reagent {
namespace {

using provider::protocol;

// What both ways of asking do with an answer.
void complete_facts(lm_response& r, const http::response& head, const std::string& model) {
    for (const char* name : {"x-request-id", "request-id"})
        if (auto id = head.header(name); !id.empty()) r.request_id = id;
    if (r.model.empty()) r.model = model;
    r.usage.calls = 1;
    r.usage.cost = price_of(r.model, r.usage);
    if (!r.usage.cost) r.usage.cost = price_of(model, r.usage);
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

class http_stream final : public lm_stream {
public:
    http_stream(http::response_stream body, std::string first, const protocol& p, std::string model, std::vector<secret> keys)
        : body_{std::move(body)},
          first_{std::move(first)},
          reader_{p.stream()},
          lines_{p.streams_lines()},
          model_{std::move(model)},
          keys_{std::move(keys)} {}

    task<std::optional<lm_event>> next() override {
        while (given_ == ready_.size()) {
            ready_.clear();
            given_ = 0;
            if (failure_) std::rethrow_exception(failure_);
            if (finished_) co_return std::nullopt;
            std::string piece = std::exchange(first_, {});
            if (piece.empty()) piece = co_await body_.read();
            try {
                feed(piece);
            } catch (const error&) {
                failure_ = std::current_exception();  // after what came before it
            }
            if (finished_) co_await let_go();
        }
        co_return std::move(ready_[given_++]);
    }

private:
    void feed(std::string_view piece) {
        if (lines_) {
            std::vector<std::string> lines;
            if (piece.empty())
                line_parser_.finish(lines);
            else
                line_parser_.feed(piece, lines);
            for (const auto& line : lines) take({}, line);
        } else
            event_parser_.feed(piece, [this](std::string_view event, std::string_view data) { take(event, data); });
        if (piece.empty() && !finished_) finish();
    }

    void take(std::string_view event, std::string_view data) {
        if (finished_) return;
        if (data == "[DONE]") return finish();
        without_keys(keys_, [&] { reader_->read(event, data, ready_); });
    }

    void finish() {
        auto whole = std::make_shared<lm_response>(reader_->finish());
        complete_facts(*whole, body_.head(), model_);
        ready_.push_back({.kind = lm_event::end, .response = std::move(whole)});
        finished_ = true;
    }

    // A connection whose response was read to its end is used again. The end mostly came with the last event.
    task<void> let_go() {
        try {
            auto soon = clock::now() + std::chrono::milliseconds{100};
            co_await with_deadline(body_.read(), soon, [] { return http_error{http_errc::deadline_exceeded, "the stream stays open"}; });
        } catch (const http_error&) {  // then it is closed: the answer is there
        }
    }

    http::response_stream body_;
    std::string first_;  // what was read of the body already
    std::unique_ptr<provider::stream_reader> reader_;
    bool lines_;
    std::string model_;
    std::vector<secret> keys_;
    http::event_parser event_parser_;
    http::line_parser line_parser_;
    std::vector<lm_event> ready_;
    std::size_t given_ = 0;  // of those that are ready
    std::exception_ptr failure_;
    bool finished_ = false;
};

class http_backend final : public lm_backend {
public:
    http_backend(std::string name, std::string model, const provider::facts& facts, language_model_options options)
        : name_{std::move(name)},
          model_{std::move(model)},
          facts_{facts},
          speaks_{*facts.speaks},
          options_{std::move(options)},
          headers_{speaks_.headers()},
          credentials_{speaks_.credentials(options_.api_key)} {
        headers_.emplace_back("content-type", "application/json");
        keys_ = http::secrets_of_url(options_.api_base);
        for (auto& s : http::secrets_of_proxies()) keys_.push_back(std::move(s));
        if (!options_.api_key.empty()) keys_.push_back(options_.api_key);
    }

    std::string name() const override { return name_; }
    bool has_structured_output() const override { return options_.structured_output; }
    std::vector<secret> secrets() const override { return keys_; }

    task<lm_response> complete(lm_context context, const lm_request& request) const override {
        http::request r = request_for(request, false);
        std::string what = "POST " + http::shown_url(r.url);
        http::response answer = co_await context.http.send(std::move(r), deadline_of(context));
        if (answer.status != 200) refused(answer, what);
        lm_response result = without_keys(keys_, [&] { return speaks_.read(answer.body); });
        complete_facts(result, answer, model_);
        co_return result;
    }

    task<std::unique_ptr<lm_stream>> stream(lm_context context, const lm_request& request) const override {
        http::request r = request_for(request, true);
        std::string what = "POST " + http::shown_url(r.url);
        http::response_stream answer = co_await context.http.open(std::move(r), deadline_of(context));
        // An error, or a server that does not stream though asked to, answers with a plain body; some do not say what it is.
        bool plain = answer.head().status != 200;
        std::string first;
        if (!plain && !speaks_.streams_lines() && answer.head().header("content-type").find("event-stream") == std::string_view::npos) {
            first = co_await answer.read();
            auto begin = first.find_first_not_of(" \t\r\n");
            plain = begin == first.npos || first[begin] == '{' || first[begin] == '[';
        }
        if (!plain) co_return std::make_unique<http_stream>(std::move(answer), std::move(first), speaks_, model_, keys_);
        http::response whole = answer.head();
        whole.body = std::move(first);
        for (;;) {
            std::string piece = co_await answer.read();
            if (piece.empty()) break;
            whole.body += piece;
        }
        if (whole.status != 200) refused(whole, what);
        lm_response result = without_keys(keys_, [&] { return speaks_.read(whole.body); });
        complete_facts(result, whole, model_);
        co_return stream_of(std::move(result));
    }

private:
    http::request request_for(const lm_request& request, bool stream) const {
        provider::call_settings settings{
            model_, options_.sampling, options_.structured_output, options_.cache_prompt, options_.drop_unsupported, stream, facts_.name};
        auto call = speaks_.write(settings, request);
        http::request r{"POST", http::url_below(options_.api_base, call.target), headers_, std::move(call.body), credentials_};
        r.follow = options_.follow_redirects_anywhere ? http::redirects::any : http::redirects::same_origin;
        r.repeatable = true;  // a completion changes nothing at the provider
        return r;
    }

    [[noreturn]] void refused(const http::response& r, const std::string& what) const {
        try {
            provider::throw_status(r, what, keys_);
        } catch (const lm_error& given) {
            lm_error e = redacted(given, keys_);
            std::string near = e.code() == lm_errc::not_found ? model_catalog::standard().nearest(model_) : "";
            if (near.empty() || near == model_) throw e;
            throw lm_error{e.code(), std::string{e.what()} + "; did you mean \"" + near + "\"?", e.details()};
        }
    }

    clock::time_point deadline_of(const lm_context& context) const { return std::min(context.deadline, clock::now() + options_.timeout); }

    std::string name_, model_;
    const provider::facts& facts_;
    const protocol& speaks_;
    language_model_options options_;
    http::header_list headers_, credentials_;
    std::vector<secret> keys_;  // what no error may quote: the key, and those that the address holds
};

}  // namespace

lm_error redacted(const lm_error& e, const std::vector<secret>& keys) {
    diagnostics d = e.details();
    std::string text = e.what();
    for (std::string* words : {&text, &d.provider_message, &d.request_id, &d.attempted}) *words = detail::without_keys(*words, keys);
    return {e.code(), text, d};
}

std::shared_ptr<const lm_backend> http_model(std::string name, std::string model, const provider::facts& facts,
                                             language_model_options options) {
    return std::make_shared<http_backend>(std::move(name), std::move(model), facts, std::move(options));
}

}  // namespace reagent
