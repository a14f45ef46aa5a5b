#define BOOST_TEST_MODULE reagent
#include <boost/test/unit_test.hpp>
