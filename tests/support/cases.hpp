#pragma once

#include <reagent/schema/schema.hpp>
#include <reagent/signature/signature.hpp>

#include <boost/json.hpp>

#include <iosfwd>
#include <string>
#include <vector>

namespace reagent::test {

/// One case of a golden file; prints as its id.
struct golden_case {
    json::object data;
    std::string id() const { return std::string{data.at("id").as_string()}; }
    std::string text(const char* key) const { return std::string{data.at(key).as_string()}; }
};
std::ostream& operator<<(std::ostream& out, const golden_case& c);

json::value read_json(const std::string& path_below_tests);
std::vector<golden_case> cases_of(const std::string& golden_file);
named_types models_of(const std::string& golden_file);

/// Whether `tests/conformance/deviations.json` lists a case, with its reason.
bool is_listed_deviation(const std::string& id);

}  // namespace reagent::test
