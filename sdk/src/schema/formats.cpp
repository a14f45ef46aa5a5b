// What `format` says of a text. Strict rules are those that JSON Schema names (draft 2020-12, validation, section 7.3);
// lenient ones also take what Python writes for the same type.
#include "node.hpp"

#include "../base/text.hpp"
#include "hostname.hpp"
#include "pattern.hpp"
#include "time_text.hpp"
#include "unicode.hpp"

#include <arpa/inet.h>

#include <boost/url.hpp>

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

namespace reagent {
namespace {

bool all_of(std::string_view text, bool (*is)(char)) { return std::all_of(text.begin(), text.end(), is); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }
bool is_letter_or_digit(char c) { return is_alpha(c) || is_digit(c); }

bool is_date(std::string_view t) { return read_date(t).has_value(); }
bool is_time(std::string_view t) { return read_time(t, time_form::rfc3339).has_value(); }
bool is_any_time(std::string_view t) { return read_time(trim(t), time_form::iso).has_value(); }
bool is_date_time(std::string_view t) { return read_date_time(t, time_form::rfc3339).has_value(); }
bool is_any_date_time(std::string_view t) { return read_date_time(trim(t), time_form::iso).has_value(); }
bool is_any_date(std::string_view t) {
    auto at = read_date_time(trim(t), time_form::iso);  // Python takes midnight for the day
    return at && at->since_midnight == at->since_midnight.zero() &&
           !at->offset.value_or(std::chrono::minutes{0}).count();
}

// P4W, or days and what is larger, then T and hours and what is smaller; units may not be skipped (RFC 3339, appendix
// A).
bool is_duration(std::string_view t) {
    auto units = [&](std::string_view names) {
        std::size_t from = 0;
        bool any = false;
        while (!t.empty() && is_digit(t[0])) {
            while (!t.empty() && is_digit(t[0])) t.remove_prefix(1);
            if (t.empty()) return false;
            auto unit = names.find(t[0], from);
            if (unit == names.npos || (any && unit != from)) return false;
            from = unit + 1;
            any = true;
            t.remove_prefix(1);
        }
        return any;
    };
    if (!t.starts_with('P')) return false;
    t.remove_prefix(1);
    if (t.ends_with('W')) return t.size() > 1 && all_of(t.substr(0, t.size() - 1), is_digit);
    if (!t.starts_with('T') && !units("YMD")) return false;
    if (t.empty()) return true;
    if (!t.starts_with('T')) return false;
    t.remove_prefix(1);
    return units("HMS") && t.empty();
}
bool is_any_duration(std::string_view t) { return read_duration(trim(t)).has_value() || is_duration(trim(t)); }

bool is_ipv4(std::string_view t) {
    in_addr to{};
    return t.size() < 16 && inet_pton(AF_INET, std::string{t}.c_str(), &to) == 1 && t.find('\0') == t.npos;
}
bool is_ipv6(std::string_view t) {
    in6_addr to{};
    return t.size() < 46 && inet_pton(AF_INET6, std::string{t}.c_str(), &to) == 1 && t.find('\0') == t.npos;
}

// RFC 5321, section 4.1.2; RFC 6531 adds characters beyond ASCII.
bool is_mailbox(std::string_view t, bool international) {
    auto at = t.rfind('@');
    if (at == t.npos || at == 0 || at > 64 || !is_utf8(t)) return false;
    std::string_view local = t.substr(0, at), domain = t.substr(at + 1);
    if (!international && !all_of(t, is_ascii)) return false;
    if (local.size() > 1 && local.starts_with('"') && local.ends_with('"')) {
        local = local.substr(1, local.size() - 2);
        for (std::size_t i = 0; i < local.size(); ++i) {
            if (static_cast<unsigned char>(local[i]) < 32 || local[i] == 127 || local[i] == '"') return false;
            if (local[i] == '\\' && ++i == local.size()) return false;
        }
    } else
        for (const auto& atom : split(local, '.')) {
            if (atom.empty()) return false;
            for (char c : atom)
                if (is_ascii(c) && !is_letter_or_digit(c) &&
                    std::string_view{"!#$%&'*+-/=?^_`{|}~"}.find(c) == std::string_view::npos)
                    return false;
        }
    if (domain.starts_with('[') && domain.ends_with(']')) {
        domain = domain.substr(1, domain.size() - 2);
        return to_lower(domain.substr(0, 5)) == "ipv6:" ? is_ipv6(domain.substr(5)) : is_ipv4(domain);
    }
    if (!international) return is_hostname(domain);
    std::string text{domain};  // composed as IDNA wants it (RFC 6532, section 3.1 leaves that to whom reads it)
    utf8proc_uint8_t* composed = nullptr;
    auto n =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                     &composed, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owned{composed, std::free};
    return n > 0 && is_idn_hostname({reinterpret_cast<const char*>(composed), static_cast<std::size_t>(n)});
}
bool is_email(std::string_view t) { return is_mailbox(t, false); }
bool is_idn_email(std::string_view t) { return is_mailbox(t, true); }

// What Boost.URL 1.81 lets pass: a second `@`, a port that is no number, an address without its brackets.
bool is_authority(std::string_view t) {
    auto begin = t.find("//");
    if (begin == t.npos || t.substr(0, begin).find_first_of("/?#") != t.npos) return true;  // there is none
    if (begin > 0 && t[begin - 1] != ':') return true;
    t = t.substr(begin + 2);
    t = t.substr(0, t.find_first_of("/?#"));
    if (auto at = t.find('@'); at != t.npos) t.remove_prefix(at + 1);
    if (t.find('@') != t.npos) return false;
    if (t.starts_with('[')) {
        auto end = t.find(']');
        if (end == t.npos) return false;
        t.remove_prefix(end + 1);
        if (t.empty()) return true;
    } else {
        t.remove_prefix(std::min(t.find(':'), t.size()));
    }
    return t.empty() || (t[0] == ':' && all_of(t.substr(1), is_digit));
}

// "[V1.a]": Boost.URL knows the small letter only.
std::string with_small_version(std::string_view t) {
    std::string text{t};
    if (auto at = text.find("[V"); at != text.npos) text[at + 1] = 'v';
    return text;
}
bool is_uri(std::string_view t) { return is_authority(t) && boost::urls::parse_uri(with_small_version(t)).has_value(); }
bool is_uri_reference(std::string_view t) {
    return is_authority(t) && boost::urls::parse_uri_reference(with_small_version(t)).has_value();
}

// RFC 3987: characters beyond ASCII stand where RFC 3986 has them percent-encoded.
std::optional<std::string> uri_of_iri(std::string_view t) {
    if (!is_utf8(t)) return {};
    static constexpr char hex[] = "0123456789ABCDEF";
    std::string uri;
    for (char c : t)
        if (auto byte = static_cast<unsigned char>(c); byte < 0x80)
            uri += c;
        else
            ((uri += '%') += hex[byte >> 4]) += hex[byte & 15];
    return uri;
}
bool is_iri(std::string_view t) {
    auto uri = uri_of_iri(t);
    return uri && is_uri(*uri);
}
bool is_iri_reference(std::string_view t) {
    auto uri = uri_of_iri(t);
    return uri && is_uri_reference(*uri);
}

bool is_uuid(std::string_view t) {
    if (t.size() != 36) return false;
    for (std::size_t i = 0; i < t.size(); ++i)
        if (i == 8 || i == 13 || i == 18 || i == 23 ? t[i] != '-' : !is_hex(t[i])) return false;
    return true;
}
// Python's UUID() takes braces, "urn:uuid:" and hyphens anywhere.
bool is_any_uuid(std::string_view t) {
    t = trim(t);
    if (to_lower(t.substr(0, 9)) == "urn:uuid:") t.remove_prefix(9);
    if (t.starts_with('{') && t.ends_with('}')) t = t.substr(1, t.size() - 2);
    return is_uuid(t) || (t.size() == 32 && all_of(t, is_hex));
}

bool is_json_pointer(std::string_view t) {
    if (!t.empty() && t[0] != '/') return false;
    for (std::size_t i = 0; i < t.size(); ++i)
        if (t[i] == '~' && (++i == t.size() || (t[i] != '0' && t[i] != '1'))) return false;
    return true;
}
bool is_relative_json_pointer(std::string_view t) {
    std::size_t digits = 0;
    while (digits < t.size() && is_digit(t[digits])) ++digits;
    if (digits == 0 || (digits > 1 && t[0] == '0')) return false;
    return t.substr(digits) == "#" || is_json_pointer(t.substr(digits));
}

// RFC 6570: `{`, an operator, names with `:4` or `*`, `}`.
bool is_template_expression(std::string_view e) {
    if (!e.empty() && std::string_view{"+#./;?&=,!@|"}.find(e[0]) != std::string_view::npos) e.remove_prefix(1);
    for (std::string_view name : split(e, ',')) {
        if (name.ends_with('*'))
            name.remove_suffix(1);
        else if (auto colon = name.find(':'); colon != name.npos) {
            auto n = name.substr(colon + 1);
            if (n.empty() || n.size() > 4 || n[0] == '0' || !all_of(n, is_digit)) return false;
            name = name.substr(0, colon);
        }
        if (name.empty() || name.front() == '.' || name.back() == '.' || name.find("..") != name.npos) return false;
        for (std::size_t i = 0; i < name.size(); ++i) {
            bool encoded = name[i] == '%' && i + 2 < name.size() && is_hex(name[i + 1]) && is_hex(name[i + 2]);
            if (encoded)
                i += 2;
            else if (!is_word(name[i]) && name[i] != '.')
                return false;
        }
    }
    return true;
}
bool is_uri_template(std::string_view t) {
    for (std::size_t i = 0; i < t.size(); ++i) {
        if (t[i] == '{') {
            auto end = t.find('}', i);
            if (end == t.npos || !is_template_expression(t.substr(i + 1, end - i - 1))) return false;
            i = end;
        } else if (t[i] == '%') {
            if (i + 2 >= t.size() || !is_hex(t[i + 1]) || !is_hex(t[i + 2])) return false;
            i += 2;
        } else if (static_cast<unsigned char>(t[i]) <= 32 || t[i] == 127 ||
                   std::string_view{"\"<>\\^`|}"}.find(t[i]) != std::string_view::npos)
            return false;
    }
    return true;
}

bool is_regex(std::string_view t) { return t.size() <= max_pattern_input && is_utf8(t) && is_ecmascript_pattern(t); }

// Python's Decimal("..."), but for NaN and infinity: no digit is lost.
bool is_decimal(std::string_view t) {
    t = trim(t);
    if (t.starts_with('-') || t.starts_with('+')) t.remove_prefix(1);
    std::size_t digits = 0;
    bool dot = false;
    for (; !t.empty() && (is_digit(t[0]) || (t[0] == '.' && !dot)); t.remove_prefix(1))
        t[0] == '.' ? void(dot = true) : void(++digits);
    if (digits == 0) return false;
    if (t.empty()) return true;
    if (t[0] != 'e' && t[0] != 'E') return false;
    t.remove_prefix(1);
    if (t.starts_with('-') || t.starts_with('+')) t.remove_prefix(1);
    return !t.empty() && t.size() < 10 && all_of(t, is_digit);
}

constexpr text_format formats[]{
    {"date-time", is_date_time, is_any_date_time, "2024-05-01T12:30:00Z"},
    {"date", is_date, is_any_date, "2024-05-01"},
    {"time", is_time, is_any_time, "12:30:00Z"},
    {"duration", is_duration, is_any_duration, "P1DT2H"},
    {"email", is_email, is_email, "ann@example.org"},
    {"idn-email", is_idn_email, is_idn_email, "ann@example.org"},
    {"hostname", is_hostname, is_hostname, "example.org"},
    {"idn-hostname", is_idn_hostname, is_idn_hostname, "example.org"},
    {"ipv4", is_ipv4, is_ipv4, "192.0.2.1"},
    {"ipv6", is_ipv6, is_ipv6, "2001:db8::1"},
    {"uri", is_uri, is_uri, "https://example.org/a"},
    {"uri-reference", is_uri_reference, is_uri_reference, "/a#b"},
    {"iri", is_iri, is_iri, "https://example.org/a"},
    {"iri-reference", is_iri_reference, is_iri_reference, "/a#b"},
    {"uuid", is_uuid, is_any_uuid, "123e4567-e89b-12d3-a456-426614174000"},
    {"uri-template", is_uri_template, is_uri_template, "/a/{b}"},
    {"json-pointer", is_json_pointer, is_json_pointer, "/a/0"},
    {"relative-json-pointer", is_relative_json_pointer, is_relative_json_pointer, "1/a"},
    {"regex", is_regex, is_regex, "^[a-z]+$"},
    {"decimal", is_decimal, is_decimal, "12.50"},
};

}  // namespace

const text_format* format_called(std::string_view name) {
    for (const auto& f : formats)
        if (f.name == name) return &f;
    return nullptr;
}

}  // namespace reagent
