#pragma once

#include <ostream>
#include <span>
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

    friend std::ostream& operator<<(std::ostream& out, const secret& s) {
        return out << (s.empty() ? "(none)" : "(secret)");
    }

private:
    std::string value_;
};

/// `text` with every occurrence of the secrets replaced by "(secret)", as they are, percent-encoded or within JSON, and
/// with whatever else looks like a key: the forms of the known providers ("sk-...", "AIza...", "gsk_...", "xai-..."),
/// "Bearer ...", "x-api-key: ...",
/// "?key=..." and the password of a URL. All are looked for in the text as it is, so that no secret hides a part of
/// another. A key without a form of its own is found where it is named as one, or known.
std::string redact(std::string_view text, std::span<const secret> secrets);
std::string redact(std::string_view text, const secret& s);

}  // namespace reagent
