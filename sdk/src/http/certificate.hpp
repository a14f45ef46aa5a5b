#pragma once

#include <openssl/ssl.h>

#include <string>

namespace reagent::http {

/// Has OpenSSL check that the peer's certificate is for `host`.
/// @param is_address an IP address, which only an address in the certificate stands for
void verify_name(SSL* session, const std::string& host, bool is_address);

/// Whom a certificate is for, as a message can hold it: "a.example, 10.0.0.1 and 3 more", "no name".
std::string names_of(X509* certificate);

}  // namespace reagent::http
