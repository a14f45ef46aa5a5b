// How often and until when a call is tried again.
#include "support/ask.hpp"

#include <reagent/reagent.hpp>

#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;
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

BOOST_AUTO_TEST_SUITE_END()
