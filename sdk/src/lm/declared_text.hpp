#pragma once

#include <string>
#include <string_view>

namespace reagent {

/// Makes UTF-8 of a body whose `Content-Type` declares ISO-8859-1 or Windows-1252. What is valid UTF-8 all the same
/// stays as it is, line by line: servers declare what their framework declares by default.
/// Source: WHATWG Encoding, "windows-1252" (ISO-8859-1 is a label of it).
class declared_text {
public:
    explicit declared_text(std::string_view content_type);

    /// @param piece of the body; "" at its end @return what can be read of it, with what was kept back before
    std::string take(std::string piece);

private:
    bool latin_ = false;
    std::string begun_;  // a line that is not whole
};

}  // namespace reagent
