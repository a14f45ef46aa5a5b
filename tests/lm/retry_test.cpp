// How often and until when a call is tried again.
#include "support/ask.hpp"

#include <reagent/reagent.hpp>

#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;
using namespace std::chrono_literals;

namespace {

// Fails as it is told to, and counts.
class failing final : public lm_backend {
public:
    explicit failing(std::chrono::milliseconds wait) : wait_{wait} {}
    std::string name() const override { return "test/failing"; }
    task<lm_response> complete(lm_context, const lm_request&) const override {
        ++asked;
        throw lm_error{lm_errc::rate_limited, "slow down", {.retry_after = wait_}};
        co_return lm_response{};
    }
    mutable std::atomic<int> asked = 0;

private:
    std::chrono::milliseconds wait_;
};

int attempts_within(std::chrono::milliseconds total, std::chrono::milliseconds wait, unsigned at_most) {
    auto inner = std::make_shared<failing>(wait);
    auto model = retrying(language_model{inner}, {.max_attempts = at_most, .total = total});
    BOOST_CHECK_EXCEPTION(ask(model, question("x")), lm_error,
                          [](const lm_error& e) { return e.code() == lm_errc::rate_limited; });
    return inner->asked;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(retries)

BOOST_AUTO_TEST_CASE(no_attempt_begins_later_than_the_total_says) {
    BOOST_TEST(attempts_within(1h, 1ms, 4) == 4);
    BOOST_TEST(attempts_within(50ms, 60ms, 4) == 1);
    // After each the server wants 40 ms: the second begins at 40 ms or later, a third would after 80.
    BOOST_TEST(attempts_within(75ms, 40ms, 4) <= 2);
}

BOOST_AUTO_TEST_CASE(a_runs_budget_of_calls_counts_every_request) {
    predict<sig<"question -> answer">> p;
    runtime rt;
    auto sent = [&](auto decorate, std::uint64_t calls, run_errc code) {
        auto inner = std::make_shared<failing>(1ms);
        BOOST_CHECK_EXCEPTION(
            rt.run({.lm = decorate(language_model{inner}), .budget = {.calls = calls}}, p, "question"_f = "x"), error,
            [&](const error& e) { return calls > 3 || e.code() == code; });
        return inner->asked.load();
    };
    auto tries = [](language_model m) { return retrying(std::move(m), {.max_attempts = 4, .total = 1h}); };
    auto others = [](language_model m) { return fallback({m, m, m}); };
    auto both = [&](language_model m) { return fallback({tries(m), tries(m)}); };
    for (std::uint64_t calls : {1u, 2u, 3u}) {
        BOOST_TEST(sent(tries, calls, run_errc::budget_calls) == static_cast<int>(calls));
        BOOST_TEST(sent(both, calls, run_errc::budget_calls) == static_cast<int>(calls));
    }
    BOOST_TEST(sent(others, 1, run_errc::budget_calls) == 1);
    BOOST_TEST(sent(others, 2, run_errc::budget_calls) == 2);
    BOOST_TEST(sent(tries, 9, run_errc::budget_calls) == 4);
}

BOOST_AUTO_TEST_SUITE_END()
