#include "certificate.hpp"

#include <reagent/error.hpp>

#include "../base/text.hpp"

#include <openssl/x509v3.h>
#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

namespace reagent::http {
namespace {

std::string_view bytes_of(const ASN1_STRING* s) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(s)), static_cast<std::size_t>(ASN1_STRING_length(s))};
}

// The certificate is anybody's text, and this goes to a terminal.
std::string shown(std::string_view name) {
    std::string out;
    for (char c : name.substr(0, 100)) out += c > ' ' && c < 127 ? c : '?';
    return out;
}

template <class Address>
std::string address_of(std::string_view bytes) {
    typename Address::bytes_type raw;
    std::memcpy(raw.data(), bytes.data(), raw.size());
    return Address{raw}.to_string();
}

std::optional<std::string> name_of(const GENERAL_NAME* n) {
    if (n->type == GEN_DNS) {
        auto name = shown(bytes_of(n->d.dNSName));
        error_code ec;
        boost::asio::ip::make_address(name, ec);
        return ec ? name : "DNS:" + name;  // an address in the place of a name is none (RFC 9110, section 4.3.5)
    }
    if (n->type != GEN_IPADD) return {};
    auto bytes = bytes_of(n->d.iPAddress);
    if (bytes.size() == 4) return address_of<boost::asio::ip::address_v4>(bytes);
    if (bytes.size() == 16) return address_of<boost::asio::ip::address_v6>(bytes);
    return {};
}

}  // namespace

void verify_name(SSL* session, const std::string& host, bool is_address) {
    X509_VERIFY_PARAM* rules = SSL_get0_param(session);
    X509_VERIFY_PARAM_set_hostflags(
        rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);  // RFC 9525
    if ((is_address ? X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str())
                    : X509_VERIFY_PARAM_set1_host(rules, host.c_str(), host.size())) != 1)
        throw http_error{http_errc::tls_failed,
                         "the name \"" + cut(host, 100) + "\" cannot be looked for in a certificate"};
}

std::string names_of(X509* certificate) {
    constexpr std::size_t most = 8;
    std::unique_ptr<GENERAL_NAMES, void (*)(GENERAL_NAMES*)> list{
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
        GENERAL_NAMES_free};
    std::vector<std::string> names;
    for (int i = 0; list && i < sk_GENERAL_NAME_num(list.get()); ++i)
        if (auto name = name_of(sk_GENERAL_NAME_value(list.get(), i))) names.push_back(std::move(*name));
    if (names.empty()) return "no name";
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (text.empty() ? "" : ", ") + names[i];
    return names.size() > most ? text + " and " + std::to_string(names.size() - most) + " more" : text;
}

}  // namespace reagent::http
