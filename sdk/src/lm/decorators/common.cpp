#include "common.hpp"

#include <reagent/error.hpp>

#include <openssl/sha.h>
#include <boost/json.hpp>

#include <bit>
#include <stdexcept>

namespace reagent::decorators {

around::around(language_model inner) : inner_{std::move(inner)} {
    if (!inner_) throw std::invalid_argument{"a decorator needs a language model to wrap"};
}

around_many::around_many(std::vector<language_model> models) : models_{std::move(models)} {
    if (models_.empty() || std::any_of(models_.begin(), models_.end(), [](const auto& m) { return !m; }))
        throw std::invalid_argument{"a decorator needs language models to wrap"};
}

std::string around_many::name() const {
    std::string all;
    for (const auto& m : models_) all += (all.empty() ? "" : "|") + m.name();
    return all;
}

std::string around_many::identity() const {
    std::string all;
    for (const auto& m : models_) all += m.backend()->identity() + "\n";
    return all;
}

bool around_many::has_structured_output() const {
    return std::all_of(models_.begin(), models_.end(),
                       [](const auto& m) { return m.backend()->has_structured_output(); });
}

std::vector<secret> around_many::secrets() const {
    std::vector<secret> all;
    for (const auto& m : models_)
        for (auto& s : m.backend()->secrets()) all.push_back(std::move(s));
    return all;
}

namespace {

std::string words_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "an unknown exception";
    }
}

}  // namespace

void told_of_retry(const lm_context& context, const std::exception_ptr& failure) {
    if (!context.before_retry) return;
    try {
        context.before_retry();
    } catch (const run_error& limit) {
        throw run_error{limit.code(), std::string{limit.what()} + std::string{after_failure} + words_of(failure),
                        limit.details()};
    }
}

namespace {

// What is hashed: every part with its length in front, so that no two requests look alike. Prompts are long: no tree of
// values is built for them.
class transcript {
public:
    transcript& operator<<(std::string_view part) {
        number(part.size());
        text_ += part;
        return *this;
    }
    transcript& operator<<(const std::string& part) { return *this << std::string_view{part}; }
    transcript& operator<<(std::uint64_t n) {
        number(n);
        return *this;
    }
    template <class T>
    transcript& operator<<(const std::optional<T>& v) {
        text_ += v ? '1' : '0';
        if (!v) return *this;
        if constexpr (std::is_floating_point_v<T>)
            return *this << std::bit_cast<std::uint64_t>(static_cast<double>(*v));
        else
            return *this << static_cast<std::uint64_t>(*v);
    }
    std::string digest() const {
        std::string d(SHA256_DIGEST_LENGTH, '\0');
        SHA256(reinterpret_cast<const unsigned char*>(text_.data()), text_.size(),
               reinterpret_cast<unsigned char*>(d.data()));
        return d;
    }
    void reserve(std::size_t n) { text_.reserve(n); }

private:
    void number(std::uint64_t n) {
        char bytes[8];
        for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(n >> (8 * i));
        text_.append(bytes, 8);
    }
    std::string text_;
};

}  // namespace

std::string digest_of(const std::string& model, const lm_request& r) {
    transcript t;
    std::size_t size = 1024;
    for (const auto& m : r.messages) size += m.content.size() + 64;
    t.reserve(size);
    t << std::uint64_t{1} << model << r.messages.size();  // the number is this layout's
    for (const auto& m : r.messages) {
        t << static_cast<std::uint64_t>(m.role) << m.content << m.tool_call_id << m.tool_calls.size() << m.images.size()
          << m.reasoning_blocks.size();
        for (const auto& c : m.tool_calls) t << c.id << c.name << c.arguments << c.signature;
        for (const auto& i : m.images) t << i.media_type << i.bytes << i.url;
        for (const auto& b : m.reasoning_blocks) t << json::serialize(b);
    }
    t << r.tools.size();
    for (const auto& tool : r.tools) t << tool.name << tool.description << json::serialize(tool.parameters);
    const auto& s = r.sampling;
    t << s.temperature << s.top_p << s.max_tokens << s.seed << s.n << s.reasoning_effort << s.stop.size();
    for (const auto& word : s.stop) t << word;
    t << static_cast<std::uint64_t>(r.outputs_schema.has_value());
    if (r.outputs_schema) t << json::serialize(*r.outputs_schema);
    t << static_cast<std::uint64_t>(r.tool_choice.kind) << r.tool_choice.name << r.parallel_tool_calls << r.rollout_id;
    return t.digest();
}

namespace {

class watched_stream final : public lm_stream {
public:
    watched_stream(std::unique_ptr<lm_stream> inner, std::function<void(const lm_response*, std::exception_ptr)> ended)
        : inner_{std::move(inner)}, ended_{std::move(ended)} {}
    ~watched_stream() override { tell(nullptr, nullptr); }

    task<std::optional<lm_event>> next() override {
        std::optional<lm_event> e;
        try {
            e = co_await inner_->next();
        } catch (...) {
            tell(nullptr, std::current_exception());
            throw;
        }
        if (e && e->kind == lm_event::end) tell(e->response.get(), nullptr);
        co_return e;
    }

private:
    void tell(const lm_response* r, std::exception_ptr failure) {
        if (auto ended = std::exchange(ended_, nullptr)) ended(r, std::move(failure));
    }
    std::unique_ptr<lm_stream> inner_;
    std::function<void(const lm_response*, std::exception_ptr)> ended_;
};

}  // namespace

std::unique_ptr<lm_stream> watched(std::unique_ptr<lm_stream> inner,
                                   std::function<void(const lm_response*, std::exception_ptr)> ended) {
    return std::make_unique<watched_stream>(std::move(inner), std::move(ended));
}

}  // namespace reagent::decorators
