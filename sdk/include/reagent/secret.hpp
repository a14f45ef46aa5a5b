#pragma once

#include <ostream>
#include <string>
#include <string_view>

namespace reagent {

/// A key or password. Does not print, is not JSON, and compares to nothing; `reveal` is for the request that needs it.
class secret {
public:
    secret() = default;
    explicit secret(std::string value) : value_{std::move(value)} {}

    std::string_view reveal() const { return value_; }
    bool empty() const { return value_.empty(); }

    friend std::ostream& operator<<(std::ostream& out, const secret& s) { return out << (s.empty() ? "(none)" : "(secret)"); }

private:
    std::string value_;
};

/// `text` with every occurrence of the secret, and anything else that looks like an API key, replaced by "(secret)".
std::string redact(std::string_view text, const secret& s);

}  // namespace reagent
