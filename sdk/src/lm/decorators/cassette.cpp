#include "../../base/private_file.hpp"
#include "../../base/redact.hpp"
#include "../../base/text.hpp"
#include "common.hpp"

#include <reagent/error.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <filesystem>
#include <fstream>
#include <mutex>

namespace reagent {
namespace {

using namespace decorators;

// What a cassette holds of a request: without whatever looks like a key.
json::value shown(const std::string& model, const lm_request& r) {
    json::object o{{"model", model}, {"request", to_json(r)}};
    return detail::without(json::value(std::move(o)), std::span<const secret>{});
}

class recorder final : public around {
public:
    recorder(language_model inner, std::string file)
        : around{std::move(inner)}, tape_{std::make_shared<tape>(std::move(file))} {}

    task<lm_response> complete(lm_context context, const lm_request& request) const override {
        std::exception_ptr failure;
        try {
            lm_response r = co_await inner().complete(context, request);
            tape_->write(name(), request, &r, nullptr);
            co_return r;
        } catch (...) {
            failure = std::current_exception();
        }
        tape_->write(name(), request, nullptr, failure);
        std::rethrow_exception(failure);
    }

    task<std::unique_ptr<lm_stream>> stream(lm_context context, const lm_request& request) const override {
        std::unique_ptr<lm_stream> s;
        std::exception_ptr failure;
        try {
            s = co_await inner().stream(context, request);
        } catch (...) {
            failure = std::current_exception();
        }
        if (failure) {
            tape_->write(name(), request, nullptr, failure);
            std::rethrow_exception(failure);
        }
        co_return watched(std::move(s),
                          [tape = tape_, model = name(), request](const lm_response* r, std::exception_ptr f) {
                              if (r || f) tape->write(model, request, r, f);
                          });
    }

private:
    struct tape {
        explicit tape(std::string path) : file{std::move(path)} {
            detail::make_private_file(file);
            out.open(file, std::ios::app);
            if (!out) throw unwritable();
        }
        lm_error unwritable() const {
            return {lm_errc::unavailable, "the cassette \"" + file + "\" cannot be written"};
        }

        void write(const std::string& model, const lm_request& request, const lm_response* r,
                   const std::exception_ptr& failure) {
            json::object line = shown(model, request).as_object();
            if (r)
                line["response"] = detail::without(json::value(to_json(*r)), std::span<const secret>{});
            else
                try {
                    std::rethrow_exception(failure);
                } catch (const error& e) {
                    json::object what{{"layer", e.code().category().name()},
                                      {"code", e.code().value()},
                                      {"message", redact(e.what(), secret{})}};
                    line["error"] = std::move(what);
                } catch (...) {
                    return;  // cancelled: nothing was answered
                }
            std::lock_guard lock{mutex};
            out << json::serialize(line) << std::endl;
            if (!out) throw unwritable();
        }
        std::string file;
        std::mutex mutex;
        std::ofstream out;
    };
    std::shared_ptr<tape> tape_;
};

// Where two values differ: "$.request.messages[1].content: recorded \"a\", now \"b\"".
void differences(const json::value& recorded, const json::value& now, const std::string& path,
                 std::vector<std::string>& out) {
    constexpr std::size_t most = 10;
    if (out.size() >= most || recorded == now) return;
    auto brief = [](const json::value& v) {
        return cut(json::serialize(detail::without(v, std::span<const secret>{})), 120);
    };
    if (recorded.is_object() && now.is_object()) {
        for (const auto& [key, v] : recorded.get_object()) {
            std::string at = path + "." + std::string{key};
            if (auto* other = now.get_object().if_contains(key))
                differences(v, *other, at, out);
            else if (out.size() < most)
                out.push_back(at + ": recorded " + brief(v) + ", now missing");
        }
        for (const auto& [key, v] : now.get_object())
            if (!recorded.get_object().contains(key) && out.size() < most)
                out.push_back(path + "." + std::string{key} + ": not recorded, now " + brief(v));
    } else if (recorded.is_array() && now.is_array()) {
        const auto &a = recorded.get_array(), &b = now.get_array();
        for (std::size_t i = 0; i < std::max(a.size(), b.size()) && out.size() < most; ++i) {
            std::string at = path + "[" + std::to_string(i) + "]";
            if (i >= a.size())
                out.push_back(at + ": not recorded, now " + brief(b[i]));
            else if (i >= b.size())
                out.push_back(at + ": recorded " + brief(a[i]) + ", now missing");
            else
                differences(a[i], b[i], at, out);
        }
    } else if (recorded.is_string() && now.is_string()) {
        // Long texts: from a little before the place where they part.
        std::string a = detail::without_keys(recorded.get_string(), {}), b = detail::without_keys(now.get_string(), {});
        std::size_t same = 0;
        while (same < a.size() && same < b.size() && a[same] == b[same]) ++same;
        std::size_t from = same > 30 ? same - 30 : 0;
        while (from > 0 && (static_cast<unsigned char>(a[std::min(from, a.size() - 1)]) & 0xC0) == 0x80) --from;
        auto part = [&](std::string_view s) {
            return json::serialize(
                json::value(json::string(cut(std::string{s.substr(std::min(from, s.size()))}, 100))));
        };
        out.push_back(path + " (from byte " + std::to_string(from) + "): recorded " + part(a) + ", now " + part(b));
    } else
        out.push_back(path + ": recorded " + brief(recorded) + ", now " + brief(now));
}

class replayer final : public lm_backend {
public:
    explicit replayer(const std::string& file) : file_{file} {
        std::error_code ec;
        std::ifstream in;
        if (std::filesystem::is_regular_file(file, ec)) in.open(file);  // a pipe would be waited for
        if (!in.is_open()) throw lm_error{lm_errc::unavailable, "the cassette \"" + file + "\" cannot be read"};
        std::string line;
        for (std::size_t number = 1; std::getline(in, line); ++number) {
            if (trim(line).empty()) continue;
            auto v = parse_json(line);
            if (!v || !is_recorded_call(*v))
                throw lm_error{lm_errc::malformed_response, "line " + std::to_string(number) + " of the cassette \"" +
                                                                file + "\" is no recorded call"};
            entry e;
            json::object& o = v->get_object();
            if (auto* r = o.if_contains("response")) e.response = lm_response_from_json(*r);
            if (auto* x = o.if_contains("error")) e.error = *x;
            if (name_.empty() && o["model"].is_string()) name_ = o["model"].get_string();
            json::object question{{"model", o["model"]}, {"request", o["request"]}};
            e.question = std::move(question);
            entries_.push_back(std::move(e));
        }
    }

    std::string name() const override { return name_; }
    bool has_structured_output() const override { return true; }

    task<lm_response> complete(lm_context, const lm_request& request) const override { co_return answer(request); }

private:
    struct entry {
        json::value question;
        std::optional<lm_response> response;
        json::value error;
        bool used = false;
    };

    lm_response answer(const lm_request& request) const {
        json::value now = shown(name_, request);
        std::lock_guard lock{mutex_};
        const entry* nearest = nullptr;
        std::vector<std::string> least;
        for (auto& e : entries_) {
            if (e.used) continue;
            std::vector<std::string> differ;
            differences(e.question, now, "$", differ);
            if (differ.empty()) {
                e.used = true;
                if (e.response) return *e.response;
                throw_recorded(e.error);
            }
            if (!nearest || differ.size() < least.size()) {
                nearest = &e;
                least = std::move(differ);
            }
        }
        std::string text = "the cassette \"" + file_ + "\" holds no answer to this request";
        if (!nearest)
            text += "; all that it holds has been given out";
        else
            for (const auto& d : least) text += "\n  " + d;
        throw lm_error{lm_errc::invalid_request, text, {.attempted = "replaying a cassette"}};
    }

    static bool is_recorded_call(const json::value& v) {
        auto* o = v.if_object();
        if (!o || !o->contains("request") || !o->contains("model")) return false;
        auto* failure = o->if_contains("error");
        return o->contains("response") || (failure && is_failure(*failure));
    }

    static bool is_failure(const json::value& v) {
        auto* o = v.if_object();
        auto has = [&](const char* name, json::kind kind) { return o->contains(name) && o->at(name).kind() == kind; };
        return o && has("layer", json::kind::string) && has("message", json::kind::string) &&
               has("code", json::kind::int64);
    }

    [[noreturn]] static void throw_recorded(const json::value& e) {
        const std::string_view layer = e.at("layer").as_string();
        const std::string message{e.at("message").as_string()};
        const int code = static_cast<int>(e.at("code").as_int64());
        if (layer == category_of(http_errc{}).name()) throw http_error{static_cast<http_errc>(code), message};
        if (layer == category_of(run_errc{}).name()) throw run_error{static_cast<run_errc>(code), message};
        throw lm_error{static_cast<lm_errc>(code), message};
    }

    std::string file_, name_;
    mutable std::mutex mutex_;
    mutable std::vector<entry> entries_;
};

}  // namespace

language_model recorded(language_model inner, std::string file) {
    return language_model{std::make_shared<recorder>(std::move(inner), std::move(file))};
}
language_model replayed(std::string file) { return language_model{std::make_shared<replayer>(file)}; }

}  // namespace reagent
