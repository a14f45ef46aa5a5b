#include <reagent/secret.hpp>

#include "redact.hpp"
#include "text.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <vector>

namespace reagent {
namespace {

namespace json = boost::json;

struct piece {
    std::size_t begin, end;
    bool is_secret = true;
};

// How a provider's keys begin, and how many bytes follow at least. Sources: the providers' pages on authentication, 2025.
struct form {
    std::string_view prefix;
    std::size_t least;
};
constexpr std::array forms{
    form{"sk-", 5},          // OpenAI, Anthropic, DeepSeek, OpenRouter; echoed in part: "sk-abc***xyz"
    form{"sk_", 12},         // Stripe and what took its form over
    form{"AIza", 12},        // Google
    form{"AQ.", 20},         // Google, the newer ones
    form{"ya29.", 12},       // Google, OAuth
    form{"gsk_", 8},         // Groq
    form{"xai-", 12},        // xAI
    form{"pplx-", 12},       // Perplexity
    form{"tgp_v1_", 8},      // Together
    form{"fw_", 12},         // Fireworks
    form{"csk-", 12},        // Cerebras
    form{"nvapi-", 12},      // NVIDIA
    form{"hf_", 12},         // Hugging Face
    form{"r8_", 12},         // Replicate
    form{"pa-", 24},         // Voyage
    form{"jina_", 12},       // Jina
    form{"tvly-", 12},       // Tavily
    form{"lsv2_", 12},       // LangSmith
    form{"ghp_", 12},        // GitHub
    form{"gho_", 12},        //
    form{"ghs_", 12},        //
    form{"github_pat_", 8},  //
    form{"glpat-", 12},      // GitLab
    form{"xoxb-", 12},       // Slack
    form{"xoxp-", 12},       //
    form{"AKIA", 12},        // AWS
    form{"eyJ", 30},         // a JSON web token
};

bool in_key(char c) { return is_word(c) || c == '-' || c == '*' || c == '.'; }
// Of "Bearer ..." and "Basic ..." (RFC 6750, 7617: token68).
bool in_token(char c) { return in_key(c) || c == '~' || c == '+' || c == '/' || c == '='; }

std::size_t end_of(std::string_view text, std::size_t at, bool (*belongs)(char)) {
    while (at < text.size() && belongs(text[at])) ++at;
    while (at > 0 && text[at - 1] == '.') --at;  // a sentence's
    return at;
}

// A word of a language has no digits, and no capitals after small letters.
bool looks_drawn(std::string_view token) {
    for (std::size_t i = 0; i < token.size(); ++i)
        if (is_digit(token[i]) || token[i] == '*' ||
            (i && token[i] >= 'A' && token[i] <= 'Z' && token[i - 1] >= 'a' && token[i - 1] <= 'z'))
            return true;
    return token.ends_with('=') || token.size() >= 24;
}

bool same_letters(std::string_view a, std::string_view lower) {
    return a.size() == lower.size() && std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
               return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
           });
}

class finder {
public:
    explicit finder(std::string_view text) : text_{text} {}

    void literal(std::string_view what, bool is_secret = true) {
        if (what.empty()) return;
        for (std::size_t at = 0; (at = text_.find(what, at)) != text_.npos; ++at) found_.push_back({at, at + what.size(), is_secret});
    }

    // Also within "...\"...", and in a URL.
    void known(std::string_view value) {
        literal(value);
        std::string quoted = json::serialize(json::value(json::string(value)));
        if (quoted.size() != value.size() + 2) literal(std::string_view{quoted}.substr(1, quoted.size() - 2));
        for (const char* digits : {"0123456789ABCDEF", "0123456789abcdef"}) {
            std::string encoded;
            for (unsigned char c : value)
                if (is_word(static_cast<char>(c)) || c == '-' || c == '.' || c == '~')
                    encoded += static_cast<char>(c);
                else
                    encoded += '%', encoded += digits[c >> 4], encoded += digits[c & 15];
            if (encoded != value) literal(encoded);
        }
    }

    void provider_forms() {
        for (std::size_t at = 0; at < text_.size(); ++at) {
            if (at && is_word(text_[at - 1])) continue;
            for (const auto& f : forms) {
                if (text_[at] != f.prefix[0] || !text_.substr(at).starts_with(f.prefix)) continue;
                auto end = end_of(text_, at, in_key);
                auto body = text_.substr(at, end - at).substr(std::min(f.prefix.size(), end - at));
                bool drawn = f.prefix == "sk-" || body.size() >= 16 || looks_drawn(body);
                if (body.size() >= f.least && drawn) found_.push_back({at, end});
            }
        }
    }

    // `name` and what separates it from its value, then the value.
    void named(std::string_view name, bool of_a_query = false) {
        for (std::size_t at = 0; at + name.size() < text_.size(); ++at) {
            if (at && (is_word(text_[at - 1]) && text_[at - 1] != '_')) continue;
            if (of_a_query && (!at || (text_[at - 1] != '?' && text_[at - 1] != '&'))) continue;
            if (!same_letters(text_.substr(at, name.size()), name)) continue;
            auto value = at + name.size();
            std::size_t separators = 0;
            for (constexpr std::string_view between = " \t\\\"':=>"; value < text_.size() && between.find(text_[value]) != between.npos;)
                separators += text_[value++] == ':' || text_[value - 1] == '=' || text_[value - 1] == ' ';
            if (!separators) continue;
            for (std::string_view scheme : {"bearer ", "basic "})
                if (same_letters(text_.substr(value, scheme.size()), scheme)) value += scheme.size();
            auto end = end_of(text_, value, in_token);
            if (end >= value + 6 && looks_drawn(text_.substr(value, end - value))) found_.push_back({value, end});
        }
    }

    // scheme://user:password@host
    void passwords() {
        for (std::size_t at = 0; (at = text_.find("://", at)) != text_.npos; at += 3) {
            auto end = text_.find_first_of("/?# \t\r\n\"'<>", at + 3);
            auto authority = text_.substr(at + 3, end == text_.npos ? end : end - at - 3);
            auto sign = authority.rfind('@'), colon = authority.find(':');
            if (sign != authority.npos && colon < sign && colon + 1 < sign) found_.push_back({at + 3 + colon + 1, at + 3 + sign});
        }
    }

    std::string replaced() {
        std::sort(found_.begin(), found_.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
        std::string out;
        std::size_t done = 0;
        for (std::size_t i = 0; i < found_.size();) {
            auto [begin, end, is_secret] = found_[i];
            for (++i; i < found_.size() && found_[i].begin < end; ++i) {
                end = std::max(end, found_[i].end);
                is_secret = is_secret || found_[i].is_secret;
            }
            out += text_.substr(done, begin - done);
            out += is_secret ? detail::in_place_of_a_secret : detail::in_place_of_private;
            done = end;
        }
        out += text_.substr(done);
        return out;
    }

private:
    std::string_view text_;
    std::vector<piece> found_;
};

constexpr std::string_view key_names[] = {"bearer", "basic",          "authorization", "api-key",      "api_key",
                                          "apikey", "x-goog-api-key", "access_token",  "client_secret"};

}  // namespace

namespace detail {

std::string without(std::string_view text, std::span<const secret> secrets, std::span<const std::string_view> private_values) {
    finder f{text};
    for (const auto& s : secrets)
        if (!s.empty()) f.known(s.reveal());
    for (auto v : private_values) f.literal(v, false);
    f.provider_forms();
    for (auto name : key_names) f.named(name);
    f.named("key", true);
    f.passwords();
    return f.replaced();
}

bool is_named_key(std::string_view name, const json::value& v) {
    if (!v.is_string() || v.get_string().size() < 6 || !looks_drawn(v.get_string())) return false;
    if (name.starts_with("x-") || name.starts_with("X-")) name.remove_prefix(2);
    return std::any_of(std::begin(key_names), std::end(key_names), [&](auto known) { return same_letters(name, known); });
}

json::value without(const json::value& v, std::span<const secret> secrets) {
    if (v.is_string()) return json::value(json::string(redact(v.get_string(), secrets)));
    if (v.is_array()) {
        json::array a;
        for (const auto& item : v.get_array()) a.push_back(without(item, secrets));
        return a;
    }
    if (!v.is_object()) return v;
    json::object o;
    for (const auto& [name, item] : v.get_object())
        o[redact(name, secrets)] = is_named_key(name, item) ? json::value(in_place_of_a_secret) : without(item, secrets);
    return o;
}

}  // namespace detail

std::string redact(std::string_view text, std::span<const secret> secrets) { return detail::without(text, secrets, {}); }

std::string redact(std::string_view text, const secret& s) { return redact(text, std::span{&s, 1}); }

}  // namespace reagent
