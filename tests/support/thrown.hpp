#pragma once

#include <reagent/error.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

namespace reagent::test {

/// What the error says that `f` throws, which is to have this code.
template <class Errc, class F>
std::string thrown(Errc wanted, F f) {
    try {
        f();
    } catch (const error& e) {
        BOOST_TEST((e.code() == wanted), e.what());
        return e.what();
    }
    BOOST_ERROR("nothing was thrown");
    return {};
}

}  // namespace reagent::test
