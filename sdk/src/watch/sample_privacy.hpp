#pragma once

#include <reagent/watch/traffic.hpp>

#include "../run/privacy.hpp"

namespace reagent::detail {

/// Takes out of samples what nobody is to read there.
class sample_privacy {
public:
    sample_privacy(const traffic_options& o);
    void know(const std::set<std::string>& names);

    void clean(sample& s) const;
    void clean(request_feedback& f) const;

private:
    json::value shown(const privacy& p, const json::value& v, bool& withheld) const;
    json::object shown(const privacy& p, const json::object& o, bool& withheld) const;
    json::value mark(const json::value& v) const;
    std::string text(const privacy& p, const std::string& text) const;

    std::set<std::string> names_;
    bool hashed_;
    secret key_;
    std::shared_ptr<const known_secrets> secrets_;
};

/// Those that the signatures of its predictors mark, and members of their fields' types.
std::set<std::string> private_fields_of(const module& root);

}  // namespace reagent::detail
