#include "cases.hpp"

#include <fstream>
#include <ostream>
#include <sstream>
#include <stdexcept>

namespace reagent::test {

std::ostream& operator<<(std::ostream& out, const golden_case& c) { return out << c.id(); }

json::value read_json(const std::string& path) {
    std::ifstream in{std::string{REAGENT_TEST_DATA} + "/" + path, std::ios::binary};
    if (!in) throw std::runtime_error{"no file tests/" + path};
    std::stringstream all;
    all << in.rdbuf();
    return json::parse(all.str());
}

std::vector<golden_case> cases_of(const std::string& file) {
    std::vector<golden_case> cases;
    auto data = read_json("golden/" + file);
    for (auto& c : data.as_object().at("cases").as_array()) cases.push_back({c.as_object()});
    return cases;
}

named_types models_of(const std::string& file) {
    named_types types;
    auto data = read_json("golden/" + file);
    if (auto* models = data.as_object().if_contains("models"))
        for (const auto& [name, s] : models->as_object()) types[std::string{name}] = s;
    return types;
}

bool is_listed_deviation(const std::string& id) {
    static const json::value all = read_json("conformance/deviations.json");
    for (const auto& d : all.as_object().at("deviations").as_array())
        if (d.as_object().at("id").as_string() == id && !d.as_object().at("reason").as_string().empty()) return true;
    return false;
}

}  // namespace reagent::test
