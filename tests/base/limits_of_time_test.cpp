// A timeout that is too long for the clock is none, and so is zero: nothing overflows into "at once".
#include <reagent/task.hpp>

#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(limits_of_time)

BOOST_AUTO_TEST_CASE(deadlines_do_not_overflow) {
    using ms = std::chrono::milliseconds;
    const auto now = clock::now();
    for (ms long_limit : {ms::max(), ms::max() / 2, ms{std::chrono::hours{24} * 365 * 1000}})
        BOOST_TEST((deadline_after(long_limit) == no_deadline));
    BOOST_TEST((deadline_after(std::chrono::hours::max()) == no_deadline));
    BOOST_TEST((deadline_after(std::chrono::nanoseconds::max()) == no_deadline));
    for (ms none : {ms{0}, ms{-1}, ms::min()}) BOOST_TEST((deadline_after(none) == no_deadline));
    BOOST_TEST((deadline_after(5ms, now) == now + 5ms));
    BOOST_TEST((deadline_after(std::chrono::hours{24} * 365 * 100, now) == now + std::chrono::hours{24} * 365 * 100));
    BOOST_TEST((later(now, 0ms) == now));
    BOOST_TEST((later(now, -5ms) == now - 5ms));
    BOOST_TEST((later(now, ms::min()) == clock::time_point::min()));
    BOOST_TEST((later(no_deadline, 1ms) == no_deadline));
    BOOST_TEST((longer_by(ms::max(), 5s) == ms::max()));
    BOOST_TEST((longer_by(0ms, 5s) == 0ms));
    BOOST_TEST((longer_by(1s, 5s) == 6s));
}

BOOST_AUTO_TEST_SUITE_END()
