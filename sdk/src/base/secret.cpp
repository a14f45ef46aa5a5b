#include <reagent/secret.hpp>

#include "decoded_view.hpp"
#include "redact.hpp"
#include "secret_search.hpp"
#include "text.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <tuple>
#include <vector>

namespace reagent {
namespace {

namespace json = boost::json;

struct piece {
    std::size_t begin, end;
    bool is_secret = true;
};

// How a provider's keys begin, and how many bytes follow at least. Sources: the providers' pages on authentication,
// 2025.
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
bool has_drawn_letters(std::string_view token) {
    for (std::size_t i = 0; i < token.size(); ++i)
        if (is_digit(token[i]) || token[i] == '*' ||
            (i && token[i] >= 'A' && token[i] <= 'Z' && token[i - 1] >= 'a' && token[i - 1] <= 'z'))
            return true;
    return false;
}

// No word of a language: "abcdefghijkl" (letters in the order of the alphabet), "hjklmnbv" (six consonants in a row).
bool is_unspeakable(std::string_view word) {
    std::size_t consonants = 0, in_order = 1;
    for (std::size_t i = 0; i < word.size(); ++i) {
        consonants = std::string_view{"aeiouyAEIOUY"}.find(word[i]) == std::string_view::npos ? consonants + 1 : 0;
        in_order = i && word[i] == word[i - 1] + 1 ? in_order + 1 : 1;
        if (consonants >= 6 || in_order >= 4) return true;
    }
    return false;
}

// "learn", "container-id-1", "model_name_or_path": words, and small numbers between them, as names in programs and
// pages are made of.
bool is_words(std::string_view token) {
    constexpr std::size_t longest_word = 16, longest_number = 3;
    bool any = false;
    for (std::size_t at = 0; at < token.size();) {
        auto end = std::min(token.find_first_of("-_./", at), token.size());
        auto word = token.substr(at, end - at);
        at = end + 1;
        if (std::all_of(word.begin(), word.end(), is_digit)) {
            if (word.size() > longest_number) return false;
            continue;
        }
        if (word.size() > longest_word || !std::all_of(word.begin(), word.end(), is_alpha)) return false;
        if (has_drawn_letters(word) || is_unspeakable(word)) return false;
        any = true;
    }
    return any;
}

bool looks_drawn(std::string_view token) {
    return has_drawn_letters(token) || token.ends_with('=') || (token.size() >= 24 && !is_words(token));
}

bool same_letters(std::string_view a, std::string_view lower) {
    return a.size() == lower.size() && std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
               return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
           });
}

constexpr std::string_view key_names[] = {"bearer", "basic",          "authorization", "api-key",      "api_key",
                                          "apikey", "x-goog-api-key", "access_token",  "client_secret"};
// Of a parameter, behind "?", "&" or ";".
constexpr std::string_view parameter_names[] = {"key", "token", "sig", "signature", "password", "secret"};

constexpr std::uint8_t begins_form = 1, begins_name = 2;
constexpr auto beginnings = [] {
    std::array<std::uint8_t, 256> table{};
    for (const auto& f : forms) table[static_cast<unsigned char>(f.prefix[0])] |= begins_form;
    auto name = [&table](std::string_view n) {
        table[static_cast<unsigned char>(n[0])] |= begins_name;
        table[static_cast<unsigned char>(n[0] - 'a' + 'A')] |= begins_name;
    };
    for (auto n : key_names) name(n);
    for (auto n : parameter_names) name(n);
    return table;
}();

// What is to be left out of a text, which may be a view of another one. Every pass is linear: no token is read more
// than a few times.
class finder {
public:
    explicit finder(std::string_view text) : text_{text} {}

    void known(const detail::secret_search& values, bool are_secret) {
        values.for_each(text_, [this, are_secret](std::size_t begin, std::size_t end) {
            add({begin, end, are_secret});
        });
    }

    // By the form of a provider's keys, and by a name that keys have.
    void forms_and_names() {
        for (std::size_t at = 0; at < text_.size(); ++at) {
            auto begins = beginnings[static_cast<unsigned char>(text_[at])];
            if (!begins || (at && is_word(text_[at - 1]) && text_[at - 1] != '_')) continue;
            if (begins & begins_form && (!at || text_[at - 1] != '_') && at >= key_end_) form_at(at);
            if (begins & begins_name) name_at(at);
        }
    }

    // scheme://user:password@host
    void passwords() {
        for (std::size_t at = 0; (at = text_.find("://", at)) != text_.npos; at += 3) {
            auto end = text_.find_first_of("/?# \t\r\n\"'<>", at + 3);
            auto authority = text_.substr(at + 3, end == text_.npos ? end : end - at - 3);
            auto sign = authority.rfind('@'), colon = authority.find(':');
            if (sign != authority.npos && colon < sign && colon + 1 < sign) add({at + 3 + colon + 1, at + 3 + sign});
        }
    }

    std::vector<piece> found() && { return std::move(found_); }

private:
    // What overlaps is one piece, so that a text full of secrets needs no more room than they.
    void add(piece p) {
        if (found_.empty() || p.begin < found_.back().begin || p.begin >= found_.back().end) return found_.push_back(p);
        found_.back().end = std::max(found_.back().end, p.end);
        found_.back().is_secret = found_.back().is_secret || p.is_secret;
    }

    void form_at(std::size_t at) {
        for (const auto& f : forms) {
            if (text_[at] != f.prefix[0] || !text_.substr(at).starts_with(f.prefix)) continue;
            auto end = end_of(text_, at, in_key);
            auto body = text_.substr(at, end - at).substr(std::min(f.prefix.size(), end - at));
            if (body.size() < (is_cut_at(end) ? std::min<std::size_t>(f.least, 5) : f.least)) continue;
            key_end_ = end;  // found whole, or words whole
            if (!is_words(body) && (f.prefix == "sk-" || body.size() >= 16 || looks_drawn(body))) add({at, end});
        }
    }

    bool is_cut_at(std::size_t at) const {
        if (at < text_.size() && (text_[at] == ' ' || text_[at] == '\n')) ++at;
        auto rest = text_.substr(at);
        return rest.starts_with("...") || rest.starts_with("\xE2\x80\xA6") || rest.starts_with("[cut here");
    }

    void name_at(std::size_t at) {
        for (auto name : key_names)
            if (same_letters(text_.substr(at, name.size()), name)) value_after(at + name.size());
        if (!at || (text_[at - 1] != '?' && text_[at - 1] != '&' && text_[at - 1] != ';')) return;
        for (auto name : parameter_names)
            if (same_letters(text_.substr(at, name.size()), name)) value_after(at + name.size());
    }

    // What separates a name from its value, then the value.
    void value_after(std::size_t value) {
        std::size_t separators = 0;
        for (constexpr std::string_view between = " \t\\\"':=>";
             value < text_.size() && between.find(text_[value]) != between.npos;)
            separators += text_[value++] == ':' || text_[value - 1] == '=' || text_[value - 1] == ' ';
        if (!separators) return;
        for (std::string_view scheme : {"bearer ", "basic "})
            if (same_letters(text_.substr(value, scheme.size()), scheme)) value += scheme.size();
        if (value < value_end_) return;  // a part of a value that was looked at
        auto end = value_end_ = end_of(text_, value, in_token);
        if (end >= value + 6 && looks_drawn(text_.substr(value, end - value))) add({value, end});
    }

    std::string_view text_;
    std::vector<piece> found_;
    std::size_t key_end_ = 0, value_end_ = 0;
};

std::string replaced(std::string_view text, std::vector<piece> found) {
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
    std::string out;
    std::size_t done = 0;
    for (std::size_t i = 0; i < found.size();) {
        auto [begin, end, is_secret] = found[i];
        for (++i; i < found.size() && found[i].begin < end; ++i) {
            end = std::max(end, found[i].end);
            is_secret = is_secret || found[i].is_secret;
        }
        out += text.substr(done, begin - done);
        out += is_secret ? detail::in_place_of_a_secret : detail::in_place_of_private;
        done = end;
    }
    out += text.substr(done);
    return out;
}

// Escapes within escapes: JSON in JSON in a URL.
constexpr std::size_t most_layers = 3;

}  // namespace

namespace detail {

namespace {

// A text and what it decodes to, one within the other.
class layers {
public:
    layers(const secret_search& secrets, const secret_search& private_values)
        : secrets_{secrets}, private_values_{private_values} {}

    std::vector<piece> search(std::string_view text) {
        look(text);
        decode(text);
        return std::move(found_);
    }

private:
    void look(std::string_view text) {
        finder f{text};
        f.known(secrets_, true);
        f.known(private_values_, false);
        f.forms_and_names();
        f.passwords();
        for (auto p : std::move(f).found()) {
            for (auto v = views_.rbegin(); v != views_.rend(); ++v)
                std::tie(p.begin, p.end) = (*v)->origin(p.begin, p.end);
            found_.push_back(p);
        }
    }

    // All ways at each layer: at most 39 views of one text.
    void decode(std::string_view text) {
        if (views_.size() == most_layers) return;
        for (auto way : {&decoded_view::of, &decoded_view::of_base64, &decoded_view::of_wrapped_base64}) {
            auto view = way(text);
            if (!view) continue;
            views_.push_back(&*view);
            look(view->text());
            decode(view->text());
            views_.pop_back();
        }
    }

    const secret_search& secrets_;
    const secret_search& private_values_;
    std::vector<const decoded_view*> views_;
    std::vector<piece> found_;
};

}  // namespace

std::string without(std::string_view text, const secret_search& secrets, const secret_search& private_values) {
    auto found = layers{secrets, private_values}.search(text);
    return found.empty() ? std::string{text} : replaced(text, std::move(found));
}

std::string without(std::string_view text, const secret_search& secrets) {
    return without(text, secrets, secret_search{});
}

std::string cut_without(std::string_view text, const secret_search& secrets, std::size_t limit) {
    return cut(without(text, secrets), limit);
}

std::string cut_without_keys(std::string_view text, std::size_t limit, std::span<const secret> keys) {
    return cut(without_keys(text, keys), limit);
}

bool is_no_key(std::string_view s) {
    return s.size() < 6 ||
           (s.size() < 10 && std::all_of(s.begin(), s.end(), [](char c) { return is_alpha(c) || c == '-'; }));
}

std::string without_keys(std::string_view text, std::span<const secret> keys) {
    std::vector<secret> real;
    std::copy_if(keys.begin(), keys.end(), std::back_inserter(real),
                 [](const secret& k) { return !is_no_key(k.reveal()); });
    return redact(text, real);
}

bool is_named_key(std::string_view name, const json::value& v) {
    if (!v.is_string() || v.get_string().size() < 6 || !looks_drawn(v.get_string())) return false;
    if (name.starts_with("x-") || name.starts_with("X-")) name.remove_prefix(2);
    return std::any_of(std::begin(key_names), std::end(key_names),
                       [&](auto known) { return same_letters(name, known); });
}

json::value without(const json::value& v, std::span<const secret> secrets) {
    return without(v, secret_search{secrets});
}

json::value without(const json::value& v, const secret_search& secrets) {
    if (v.is_string()) return json::value(json::string(without(std::string_view{v.get_string()}, secrets)));
    if (v.is_array()) {
        json::array a;
        for (const auto& item : v.get_array()) a.push_back(without(item, secrets));
        return a;
    }
    if (!v.is_object()) return v;
    json::object o;
    for (const auto& [name, item] : v.get_object())
        o[without(std::string_view{name}, secrets)] =
            is_named_key(name, item) ? json::value(in_place_of_a_secret) : without(item, secrets);
    return o;
}

}  // namespace detail

std::string redact(std::string_view text, std::span<const secret> secrets) {
    return detail::without(text, detail::secret_search{secrets});
}

std::string redact(std::string_view text, const secret& s) { return redact(text, std::span{&s, 1}); }

}  // namespace reagent
