#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace reagent::http {

/// Unpacks a gzip or deflate body piece by piece.
class unpacker {
public:
    /// @param limit of what comes out, in bytes
    explicit unpacker(std::size_t limit);
    ~unpacker();

    /// @throws http_error(malformed_response, body_too_large)
    std::string feed(std::string_view packed);

    /// Whether the packed data came to its end.
    bool finished() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace reagent::http
