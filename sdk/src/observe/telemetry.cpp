#include <reagent/observe/telemetry.hpp>

#include <reagent/error.hpp>
#include <reagent/http/shown_url.hpp>
#include <reagent/observe/trace.hpp>
#include <reagent/run/run_observer.hpp>
#include <reagent/schema/render.hpp>

#include "../base/json_text.hpp"
#include "../base/text.hpp"
#include "../run/privacy.hpp"

#include <openssl/sha.h>
#include <spdlog/spdlog.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <thread>

namespace reagent {
namespace {

using namespace std::chrono;

// Ids follow from the run's, so that a run that is told of twice, after a resume, is the same trace.
std::string id_of(const std::string& text, std::size_t bytes) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    constexpr const char* digits = "0123456789abcdef";
    std::string hex;
    for (std::size_t i = 0; i < bytes; ++i) hex += digits[digest[i] >> 4], hex += digits[digest[i] & 15];
    return hex;
}

// 64-bit numbers are texts in protobuf's JSON.
std::string nanoseconds_text(system_clock::time_point t) {
    return std::to_string(duration_cast<nanoseconds>(t.time_since_epoch()).count());
}

// A text as JSON.
std::string quoted(std::string_view text) {
    std::string out;
    detail::append_json_text(out, text);
    return out;
}

// Attributes as the text of their JSON: runs have many spans, and a tree of each would be thrown away at once.
class attribute_list {
public:
    void add(std::string_view key, std::string_view text) {
        if (!text.empty()) put(key, "stringValue", quoted(text));
    }
    void add(std::string_view key, std::uint64_t n) { put(key, "intValue", '"' + std::to_string(n) + '"'); }
    void add(std::string_view key, double d) { put(key, "doubleValue", json::serialize(json::value(d))); }
    void add_flag(std::string_view key, bool b) { put(key, "boolValue", b ? "true" : "false"); }
    void add_list(std::string_view key, std::string_view only) {
        put(key, "arrayValue", R"({"values":[{"stringValue":)" + quoted(only) + "}]}");
    }
    std::string text() const { return "[" + all_ + "]"; }
    json::value tree() const { return json::parse(text()); }

private:
    void put(std::string_view key, std::string_view type, std::string_view value) {
        (all_ += all_.empty() ? R"({"key":")" : R"(,{"key":")") += key;
        ((all_ += R"(","value":{")") += type) += R"(":)";
        (all_ += value) += "}}";
    }
    std::string all_;
};

// "openai/gpt-4o-mini" is the provider and the model.
std::pair<std::string, std::string> provider_and_model(const std::string& name) {
    auto slash = name.find('/');
    if (slash == name.npos) return {"", name};
    return {name.substr(0, slash), name.substr(slash + 1)};
}

// As gen_ai.input.messages wants them: role and parts.
json::array messages_of(const lm_request& r) {
    json::array all;
    for (const auto& m : r.messages) {
        json::array parts;
        if (m.role == role::tool)
            parts.push_back(
                json::object{{"type", "tool_call_response"}, {"id", m.tool_call_id}, {"response", m.content}});
        else if (!m.content.empty())
            parts.push_back(json::object{{"type", "text"}, {"content", m.content}});
        for (const auto& c : m.tool_calls)
            parts.push_back(
                json::object{{"type", "tool_call"}, {"id", c.id}, {"name", c.name}, {"arguments", c.arguments}});
        all.push_back(json::object{{"role", to_string(m.role)}, {"parts", std::move(parts)}});
    }
    return all;
}

json::array answer_of(const lm_response& r) {
    json::array parts;
    if (!r.text.empty()) parts.push_back(json::object{{"type", "text"}, {"content", r.text}});
    for (const auto& c : r.tool_calls)
        parts.push_back(
            json::object{{"type", "tool_call"}, {"id", c.id}, {"name", c.name}, {"arguments", c.arguments}});
    return {json::object{{"role", "assistant"}, {"parts", std::move(parts)}, {"finish_reason", to_string(r.finish)}}};
}

constexpr std::string_view withheld = "(withheld: holds private fields)";

// As OTEL_EXPORTER_OTLP_HEADERS has its values. Source: OpenTelemetry Protocol Exporter, "Specifying headers via
// environment variables": as W3C Baggage, section 3.3. What is no escape stays as it is.
std::string percent_decoded(std::string_view text) {
    auto digit = [](char c) {
        return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        bool escape = text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
        out += escape ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
        if (escape) i += 2;
    }
    return out;
}

std::string span_json(const span& s, const ended_run& run, const std::vector<std::string>& ids, std::size_t index,
                      const std::string& trace_id, bool content) {
    static const detail::privacy nothing;
    const auto& privacy = run.privacy ? *run.privacy : nothing;
    auto text_of = [&](const event& e, json::array messages) {
        return privacy.withholds(e.path) ? std::string{withheld}
                                         : json::serialize(privacy.shown(e.path, json::value(std::move(messages))));
    };
    auto value_of = [&](const event& e, const json::value& v) { return dump_json(privacy.shown(e.path, v)); };
    attribute_list a;
    std::string name;
    int kind = 1;  // INTERNAL
    switch (s.kind) {
        case span_kind::run:
            name = "invoke_agent " + run.program;
            a.add("gen_ai.operation.name", "invoke_agent");
            a.add("gen_ai.agent.name", run.program);
            a.add("gen_ai.conversation.id", run.session);
            a.add("reagent.run.id", run.id);
            break;
        case span_kind::model: {
            const event& e = *s.effect;
            kind = 3;  // CLIENT
            std::string model = e.response ? e.response->model : "";
            auto [provider, asked] = provider_and_model(e.model.empty() ? model : e.model);
            name = "chat " + asked;
            a.add("gen_ai.operation.name", "chat");
            a.add("gen_ai.provider.name", provider.empty() ? "unknown" : provider);
            a.add("gen_ai.request.model", asked);
            if (e.request) {
                const auto& p = e.request->frame().sampling;
                if (p.temperature) a.add("gen_ai.request.temperature", *p.temperature);
                if (p.top_p) a.add("gen_ai.request.top_p", *p.top_p);
                if (p.max_tokens) a.add("gen_ai.request.max_tokens", *p.max_tokens);
                if (content) a.add("gen_ai.input.messages", text_of(e, messages_of(e.request->whole())));
            }
            if (e.response) {
                a.add("gen_ai.response.model", privacy.shown(e.response->model));
                a.add("gen_ai.response.id", privacy.shown(e.response->request_id));
                a.add_list("gen_ai.response.finish_reasons", to_string(e.response->finish));
                a.add("gen_ai.usage.input_tokens", e.response->usage.prompt_tokens);
                a.add("gen_ai.usage.output_tokens", e.response->usage.completion_tokens);
                if (e.response->usage.cached_tokens)
                    a.add("gen_ai.usage.cache_read.input_tokens", e.response->usage.cached_tokens);
                if (content) a.add("gen_ai.output.messages", text_of(e, answer_of(*e.response)));
            }
            break;
        }
        case span_kind::tool:
            name = "execute_tool " + s.name;
            a.add("gen_ai.operation.name", "execute_tool");
            a.add("gen_ai.tool.name", s.name);
            a.add("gen_ai.tool.type", "function");
            a.add("gen_ai.tool.call.id", run.id + "-" + std::to_string(s.effect->id));
            if (content) a.add("gen_ai.tool.call.arguments", value_of(*s.effect, s.effect->arguments));
            if (content) a.add("gen_ai.tool.call.result", value_of(*s.effect, s.effect->result));
            break;
        default: name = std::string{to_string(s.kind)} + " " + s.name;
    }
    a.add("reagent.branch", s.branch);
    if (s.abandoned) a.add_flag("reagent.abandoned", true);
    std::string error = s.kind == span_kind::run ? run.error : s.error;
    bool failed = !error.empty() && s.kind != span_kind::backtrack;
    if (failed)
        a.add("error.type", s.effect && s.effect->error_code
                                ? make_error_code(static_cast<lm_errc>(s.effect->error_code)).message()
                                : "error");
    auto start = run.began + s.start;
    std::string o = R"({"traceId":")" + trace_id + R"(","spanId":")" + ids[index] + R"(","name":)" + quoted(name) +
                    R"(,"kind":)" + std::to_string(kind) + R"(,"startTimeUnixNano":")" + nanoseconds_text(start) +
                    R"(","endTimeUnixNano":")" + nanoseconds_text(start + s.duration) + '"';
    if (s.parent != SIZE_MAX) o += R"(,"parentSpanId":")" + ids[s.parent] + '"';
    o += R"(,"attributes":)" + a.text();
    // An error's text may quote a prompt or a result.
    if (failed)
        o += content ? R"(,"status":{"code":2,"message":)" + quoted(privacy.shown(error)) + "}"
                     : R"(,"status":{"code":2})";
    return o + "}";
}

// Source of the boundaries: the conventions' own, for gen_ai.client.operation.duration and gen_ai.client.token.usage.
constexpr std::array<double, 14> seconds_bounds{0.01, 0.02, 0.04, 0.08,  0.16,  0.32,  0.64,
                                                1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92};
constexpr std::array<double, 14> token_bounds{1,     4,     16,     64,      256,     1024,     4096,
                                              16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864};

struct histogram {
    std::array<std::uint64_t, 15> counts{};
    std::uint64_t count = 0;
    double sum = 0;
    void add(const std::array<double, 14>& bounds, double v) {
        std::size_t i = 0;
        while (i < bounds.size() && v > bounds[i]) ++i;
        ++counts[i];
        ++count;
        sum += v;
    }
};

}  // namespace

struct telemetry::impl {
    explicit impl(telemetry_options o)
        : options{std::move(o)}, client{context.get_executor(), options.http}, timer{context} {
        while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
        http::parse_url(http::url_below(options.endpoint, "/v1/traces"));
        asio::co_spawn(context, work(), asio::detached);
        thread = std::thread{[this] { context.run(); }};
    }
    ~impl() {
        asio::post(context, [this] {
            ending = true;
            give_up = deadline_after(options.timeout);  // also of the batch that is under way
            timer.cancel();
        });
        thread.join();
    }

    task<void> work() {
        for (int round = 1;; ++round) {
            timer.expires_after(options.interval);
            boost::system::error_code ec;
            bool last = ending;
            if (!last) co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
            last = ending;
            std::deque<ended_run> runs;
            {
                std::lock_guard lock{mutex};
                runs.swap(queue);
            }
            std::vector<std::string> spans;
            for (const auto& r : runs) {
                measure(r);
                if (options.traces) draw(r, spans);
                if (spans.size() >= options.max_spans_per_request) {
                    co_await send_all(std::move(spans));
                    spans = {};
                }
            }
            co_await send_all(std::move(spans));
            if (options.metrics && !durations.empty() && (last || round % 10 == 0)) co_await send_metrics();
            if (last) co_return;
        }
    }

    void draw(const ended_run& r, std::vector<std::string>& into) {
        auto records = records_of(*r.history);
        auto spans = trace_of(records, r.program);
        spans.front().duration = std::max(spans.front().duration, r.duration);
        std::string trace_id = id_of("run " + r.id, 16);
        std::vector<std::string> ids;
        for (std::size_t i = 0; i < spans.size(); ++i) {
            const auto& s = spans[i];
            std::string own = s.effect ? std::to_string(s.effect->id) : "no " + std::to_string(i) + " " + s.name;
            ids.push_back(id_of(r.id + " " + std::string{to_string(s.kind)} + " " + own, 8));
        }
        for (std::size_t i = 0; i < spans.size(); ++i)
            into.push_back(span_json(spans[i], r, ids, i, trace_id, options.content));
    }

    void measure(const ended_run& r) {
        for (const auto* events : {&r.history->events(), &r.history->abandoned()})
            for (const auto& e : *events) {
                if (e.kind != event_kind::model_call) continue;
                std::string model =
                    e.response ? (r.privacy ? r.privacy->shown(e.response->model) : e.response->model) : e.model;
                auto provider = provider_and_model(e.model.empty() ? model : e.model).first;
                auto key = std::make_tuple(provider, model, !e.error.empty());
                durations[key].add(seconds_bounds, static_cast<double>(e.duration.count()) / 1e6);
                if (!e.response) continue;
                tokens[{provider, model, true}].add(token_bounds, static_cast<double>(e.response->usage.prompt_tokens));
                tokens[{provider, model, false}].add(token_bounds,
                                                     static_cast<double>(e.response->usage.completion_tokens));
            }
    }

    json::object resource() const {
        attribute_list a;
        a.add("service.name", options.service_name);
        a.add("telemetry.sdk.name", "reagent");
        a.add("telemetry.sdk.language", "cpp");
        return {{"attributes", a.tree()}};
    }

    task<bool> post(const char* path, std::string body, const char* what) {
        http::request q;
        q.method = "POST";
        q.url = http::url_below(options.endpoint, path);
        q.headers = options.headers;
        q.headers.emplace_back("content-type", "application/json");
        for (const auto& [name, value] : options.credentials)
            q.credentials.emplace_back(name, std::string{value.reveal()});
        q.body = std::move(body);
        std::string problem;
        try {
            auto until = std::min(deadline_after(options.timeout), give_up);
            auto answer = co_await client.send(std::move(q), until);
            if (answer.status >= 200 && answer.status < 300) co_return true;
            problem = "it answered " + std::to_string(answer.status);
        } catch (const std::exception& e) {
            problem = e.what();
        }
        if (options.logger && told.insert(std::string{what} + problem).second)
            options.logger->warn("telemetry: {} cannot be sent to {}: {}", what, http::shown_url(options.endpoint),
                                 problem);
        co_return false;
    }

    // One run may have more spans than a request holds.
    task<void> send_all(std::vector<std::string> spans) {
        const std::size_t most = std::max<std::size_t>(1, options.max_spans_per_request);
        for (std::size_t at = 0; at < spans.size(); at += most)
            co_await send_spans(std::span<const std::string>{spans}.subspan(at, std::min(most, spans.size() - at)));
    }

    task<void> send_spans(std::span<const std::string> spans) {
        const auto n = spans.size();
        std::string body = R"({"resourceSpans":[{"resource":)" + json::serialize(resource()) +
                           R"(,"scopeSpans":[{"scope":{"name":"reagent"},"spans":[)";
        for (const auto& one : spans) (body += &one == spans.data() ? "" : ",") += one;
        body += "]}]}]}";
        bool good = co_await post("/v1/traces", std::move(body), "spans");
        (good ? sent : refused) += n;
    }

    template <class Key, class Name>
    json::object metric(const char* name, const char* unit, const char* help, const std::map<Key, histogram>& all,
                        const std::array<double, 14>& bounds, Name label) {
        json::array points;
        for (const auto& [key, h] : all) {
            attribute_list a;
            a.add("gen_ai.operation.name", "chat");
            a.add("gen_ai.provider.name", std::get<0>(key).empty() ? "unknown" : std::get<0>(key));
            a.add("gen_ai.request.model", std::get<1>(key));
            label(a, key);
            json::array counts, limits;
            for (auto c : h.counts) counts.emplace_back(std::to_string(c));
            for (auto b : bounds) limits.emplace_back(b);
            json::object p{{"attributes", a.tree()},
                           {"startTimeUnixNano", nanoseconds_text(began)},
                           {"timeUnixNano", nanoseconds_text(system_clock::now())},
                           {"count", std::to_string(h.count)},
                           {"sum", h.sum}};
            p["bucketCounts"] = std::move(counts);
            p["explicitBounds"] = std::move(limits);
            points.push_back(std::move(p));
        }
        json::object h{{"aggregationTemporality", 2}};
        h["dataPoints"] = std::move(points);
        return {{"name", name}, {"unit", unit}, {"description", help}, {"histogram", std::move(h)}};
    }

    task<void> send_metrics() {
        json::array metrics, scopes, resources;
        metrics.push_back(metric("gen_ai.client.operation.duration", "s", "Duration of model calls", durations,
                                 seconds_bounds, [](attribute_list& a, const auto& key) {
                                     if (std::get<2>(key)) a.add("error.type", "error");
                                 }));
        metrics.push_back(metric("gen_ai.client.token.usage", "{token}", "Tokens of model calls", tokens, token_bounds,
                                 [](attribute_list& a, const auto& key) {
                                     a.add("gen_ai.token.type", std::get<2>(key) ? "input" : "output");
                                 }));
        scopes.push_back(json::object{{"scope", json::object{{"name", "reagent"}}}, {"metrics", std::move(metrics)}});
        resources.push_back(json::object{{"resource", resource()}, {"scopeMetrics", std::move(scopes)}});
        std::string body = json::serialize(json::object{{"resourceMetrics", std::move(resources)}});
        co_await post("/v1/metrics", std::move(body), "metrics");
    }

    telemetry_options options;
    asio::io_context context;
    http::client client;
    asio::steady_timer timer;
    bool ending = false;
    clock::time_point give_up = no_deadline;
    std::mutex mutex;
    std::deque<ended_run> queue;
    std::set<std::string> told;
    std::map<std::tuple<std::string, std::string, bool>, histogram> durations, tokens;
    system_clock::time_point began = system_clock::now();
    std::atomic<std::uint64_t> sent = 0, refused = 0, dropped = 0;
    std::thread thread;
};

std::optional<telemetry_options> telemetry_options::from_environment() {
    auto variable = [](const char* name) {
        const char* value = std::getenv(name);
        return std::string{value ? value : ""};
    };
    telemetry_options o;
    o.endpoint = variable("OTEL_EXPORTER_OTLP_ENDPOINT");
    if (o.endpoint.empty() || variable("OTEL_SDK_DISABLED") == "true") return {};
    for (const auto& pair : split(variable("OTEL_EXPORTER_OTLP_HEADERS"), ','))
        if (auto equals = pair.find('='); equals != pair.npos)
            o.credentials.emplace_back(percent_decoded(trim(std::string_view{pair}.substr(0, equals))),
                                       secret{percent_decoded(trim(std::string_view{pair}.substr(equals + 1)))});
    if (auto name = variable("OTEL_SERVICE_NAME"); !name.empty()) o.service_name = name;
    o.content = variable("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT") == "true";
    return o;
}

telemetry::telemetry(telemetry_options options) : impl_{std::make_unique<impl>(std::move(options))} {}
telemetry::~telemetry() = default;

void telemetry::record(ended_run r) {
    std::lock_guard lock{impl_->mutex};
    if (impl_->queue.size() >= impl_->options.max_queued_runs)
        ++impl_->dropped;
    else
        impl_->queue.push_back(std::move(r));
}

telemetry::counts telemetry::so_far() const { return {impl_->sent, impl_->refused, impl_->dropped}; }

namespace {

class recording final : public run_observer {
public:
    explicit recording(std::shared_ptr<telemetry> sink) : sink_{std::move(sink)} {}

    void ends(const observed_run& r, const std::exception_ptr& failure) override {
        if (r.is_suspended()) return;
        std::string program = r.program();
        sink_->record({r.id(), program.empty() ? "run" : std::move(program), r.session(), r.history(),
                       std::chrono::system_clock::now() - r.duration(), r.duration(), r.told(failure, !r.has_private()),
                       r.privacy()});
    }

private:
    std::shared_ptr<telemetry> sink_;
};

}  // namespace

std::shared_ptr<run_observer> observer_of(std::shared_ptr<telemetry> sink) {
    return std::make_shared<recording>(std::move(sink));
}

}  // namespace reagent
