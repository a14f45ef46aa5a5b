#pragma once

#include "support/folder.hpp"
#include "support/scripted_openai.hpp"
#include "support/thrown.hpp"

#include <reagent/reagent.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>

namespace reagent::test {

// Answers by what it is asked, and counts.
class answering final : public lm_backend {
public:
    using function = std::function<std::string(const lm_request&)>;
    explicit answering(function f) : f_{std::move(f)} {}
    std::string name() const override { return "test/answering"; }
    task<lm_response> complete(lm_context, const lm_request& q) const override {
        ++calls;
        lm_response r;
        r.text = f_(q);
        r.model = "answering";
        r.usage = {.calls = 1, .prompt_tokens = 10, .completion_tokens = 5};
        co_return r;
    }
    mutable std::atomic<int> calls = 0;

private:
    function f_;
};

inline std::string last_text(const lm_request& q) { return q.messages.back().content; }

// "n is 3" in a prompt: 3.
inline int number_in(const std::string& text) {
    auto at = text.find("n is ");
    return at == text.npos ? -1 : std::atoi(text.c_str() + at + 5);
}

struct fixture {
    folder files;
    std::shared_ptr<journal_store> store = open();
    std::shared_ptr<answering> model = std::make_shared<answering>([](const lm_request& q) {
        return chat_completion({{"answer", number_in(last_text(q)) + 1}});
    });

    std::shared_ptr<journal_store> open(journal_store_options o = {}) {
        return journal_store::open_sqlite(files.path / "runs.db", o);
    }
    run_options options() const { return run_options{language_model{model}}; }
    std::string status(const std::string& id) { return std::string{to_string(store->get(id).status)}; }
};

}  // namespace reagent::test
