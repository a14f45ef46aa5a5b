#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace reagent::http {

/// Unpacks a gzip or deflate body piece by piece; all members of a gzip body.
class unpacker {
public:
    /// @param limit of what comes out, in bytes @param what the request, for errors
    unpacker(std::size_t limit, std::string what);
    ~unpacker();

    /// @throws http_error(malformed_response, body_too_large)
    std::string feed(std::string_view packed);

    /// Whether the packed data so far may end here.
    bool finished() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace reagent::http
