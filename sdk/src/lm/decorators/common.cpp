#include "common.hpp"

#include <reagent/error.hpp>

#include <openssl/sha.h>
#include <boost/json.hpp>

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

bool around_many::has_structured_output() const {
    return std::all_of(models_.begin(), models_.end(), [](const auto& m) { return m.backend()->has_structured_output(); });
}

std::string digest_of(const std::string& model, const lm_request& r) {
    json::object whole{{"model", model}, {"request", to_json(r)}};
    std::string text = json::serialize(whole);
    std::string digest(SHA256_DIGEST_LENGTH, '\0');
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), reinterpret_cast<unsigned char*>(digest.data()));
    return digest;
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

std::unique_ptr<lm_stream> watched(std::unique_ptr<lm_stream> inner, std::function<void(const lm_response*, std::exception_ptr)> ended) {
    return std::make_unique<watched_stream>(std::move(inner), std::move(ended));
}

}  // namespace reagent::decorators
