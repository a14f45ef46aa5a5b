#include "whole_stream.hpp"

#include <deque>

namespace reagent {
namespace {

class whole_stream final : public lm_stream {
public:
    explicit whole_stream(lm_response r) {
        auto whole = std::make_shared<const lm_response>(std::move(r));
        if (!whole->reasoning.empty()) ready_.push_back({.kind = lm_event::reasoning, .text_piece = whole->reasoning});
        if (!whole->text.empty()) ready_.push_back({.kind = lm_event::text, .text_piece = whole->text});
        for (std::size_t i = 0; i < whole->tool_calls.size(); ++i)
            ready_.push_back({.kind = lm_event::tool_call, .index = i, .call = whole->tool_calls[i]});
        ready_.push_back({.kind = lm_event::usage, .used = whole->usage});
        ready_.push_back({.kind = lm_event::end, .response = whole});
    }

    task<std::optional<lm_event>> next() override {
        if (ready_.empty()) co_return std::nullopt;
        lm_event e = std::move(ready_.front());
        ready_.pop_front();
        co_return e;
    }

private:
    std::deque<lm_event> ready_;
};

}  // namespace

std::unique_ptr<lm_stream> stream_of(lm_response r) { return std::make_unique<whole_stream>(std::move(r)); }

task<std::unique_ptr<lm_stream>> lm_backend::stream(lm_context context, const lm_request& request) const {
    lm_response whole = co_await complete(context, request);
    co_return stream_of(std::move(whole));
}

}  // namespace reagent
