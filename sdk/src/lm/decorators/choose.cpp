#include "common.hpp"

#include <reagent/error.hpp>

#include <atomic>

namespace reagent {
namespace {

using namespace decorators;

// A model's failure; a cancellation is nobody's and goes on at once.
std::exception_ptr failure_of_model() {
    auto failure = std::current_exception();
    try {
        std::rethrow_exception(failure);
    } catch (const error&) {
        return failure;
    }
}

std::string words_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& e) {
        return e.what();
    }
}

// The last failure, with the others' words.
[[noreturn]] void all_failed(const std::exception_ptr& last, const std::string& others) {
    try {
        std::rethrow_exception(last);
    } catch (const lm_error& e) {
        throw lm_error{e.code(), std::string{e.what()} + others, e.details()};
    } catch (const http_error& e) {
        throw http_error{e.code(), std::string{e.what()} + others, e.details()};
    } catch (const run_error& e) {
        throw run_error{e.code(), std::string{e.what()} + others, e.details()};
    }
}

// Tries models in an order until one answers.
class order {
public:
    order(const std::vector<language_model>& models, std::vector<std::size_t> places, bool only_transient)
        : models_{models}, places_{std::move(places)}, only_transient_{only_transient} {}

    std::size_t place() const { return places_[at_]; }
    const lm_backend& model() const { return *models_[place()].backend(); }

    /// Goes to the next model; throws when there is none, or it is of no use.
    void next(const std::exception_ptr& failure) {
        if (only_transient_ && !is_transient(failure)) std::rethrow_exception(failure);
        if (at_ + 1 == places_.size()) {
            if (at_ == 0) std::rethrow_exception(failure);
            all_failed(failure, others_ + ")");
        }
        others_ += (at_ == 0 ? "; before (" : "; ") + models_[place()].name() + ": " + words_of(failure);
        ++at_;
    }

private:
    const std::vector<language_model>& models_;
    std::vector<std::size_t> places_;
    std::size_t at_ = 0;
    bool only_transient_;
    std::string others_;
};

// Counts a call as under way for as long as it lives.
class under_way {
public:
    explicit under_way(std::atomic<int>* counter) : counter_{counter} {
        if (counter_) ++*counter_;
    }
    under_way(under_way&& other) noexcept : counter_{std::exchange(other.counter_, nullptr)} {}
    under_way& operator=(under_way&& other) noexcept {
        std::swap(counter_, other.counter_);
        return *this;
    }
    ~under_way() {
        if (counter_) --*counter_;
    }

private:
    std::atomic<int>* counter_;
};

class choosing : public around_many {
public:
    choosing(std::vector<language_model> models, bool balance)
        : around_many{std::move(models)},
          balance_{balance},
          calls_{std::make_unique<std::atomic<int>[]>(models_.size())} {}

    task<lm_response> complete(lm_context context, const lm_request& request) const override {
        order o = begin();
        for (;;) {
            std::exception_ptr failure;
            try {
                under_way counted{&calls_[o.place()]};
                co_return co_await o.model().complete(context, request);
            } catch (...) {
                failure = failure_of_model();
            }
            o.next(failure);
            told_of_retry(context, failure);
        }
    }

    task<std::unique_ptr<lm_stream>> stream(lm_context context, const lm_request& request) const override {
        co_return std::make_unique<choosing_stream>(*this, context, request);
    }

private:
    order begin() const {
        std::vector<std::size_t> places(models_.size());
        for (std::size_t i = 0; i < places.size(); ++i) places[i] = (i + (balance_ ? turn_.load() : 0)) % places.size();
        if (balance_) {
            ++turn_;
            std::vector<int> busy(places.size());
            for (std::size_t i = 0; i < busy.size(); ++i) busy[i] = calls_[i];
            std::stable_sort(places.begin(), places.end(), [&](auto a, auto b) { return busy[a] < busy[b]; });
        }
        return order{models_, std::move(places), balance_};
    }

    class choosing_stream final : public lm_stream {
    public:
        choosing_stream(const choosing& all, lm_context context, const lm_request& request)
            : all_{all}, context_{context}, request_{request}, order_{all.begin()} {}

        task<std::optional<lm_event>> next() override {
            for (;;) {
                std::exception_ptr failure;
                try {
                    if (!stream_) {
                        counted_ = under_way{&all_.calls_[order_.place()]};
                        stream_ = co_await order_.model().stream(context_, request_);
                    }
                    auto e = co_await stream_->next();
                    handed_on_ = true;
                    co_return e;
                } catch (...) {
                    failure = failure_of_model();
                }
                if (handed_on_) std::rethrow_exception(failure);
                stream_.reset();
                order_.next(failure);
                told_of_retry(context_, failure);
            }
        }

    private:
        const choosing& all_;
        lm_context context_;
        const lm_request& request_;
        order order_;
        under_way counted_{nullptr};
        std::unique_ptr<lm_stream> stream_;
        bool handed_on_ = false;
    };

    bool balance_;
    std::unique_ptr<std::atomic<int>[]> calls_;
    mutable std::atomic<std::size_t> turn_ = 0;
};

}  // namespace

language_model fallback(std::vector<language_model> models) {
    return language_model{std::make_shared<choosing>(std::move(models), false)};
}
language_model balanced(std::vector<language_model> models) {
    return language_model{std::make_shared<choosing>(std::move(models), true)};
}

}  // namespace reagent
