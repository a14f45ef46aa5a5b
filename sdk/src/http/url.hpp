#pragma once

#include <string>
#include <string_view>

namespace reagent::http {

/// Where a URL leads. `host` is in lower case: a name of letters, digits, "-" and "_" in labels, an IPv4 address of
/// four numbers, or an IPv6 address in its shortest form, without brackets; `port` has no leading zeros.
struct authority {
    std::string host, port;
};

/// Reads "host", "host:port" or "[address]:port". Whatever somebody else might take for another host is refused:
/// percent-encoding, a dot at the end, addresses in other spellings (0x7f.1), a user's name. Source: RFC 3986,
/// section 3.2; RFC 1123, section 2.1.
/// @return what is wrong with it, or ""
std::string read_authority(std::string_view text, std::string_view default_port, authority& out);

/// Of an address that others are put below. @throws http_error(bad_url) where it has a fragment: what is put below it
/// would stand behind that, and go nowhere
void check_base(std::string_view base);

}  // namespace reagent::http
