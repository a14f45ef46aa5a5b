#include "reading.hpp"

#include <reagent/error.hpp>
#include <reagent/schema/repair.hpp>

#include "../../base/base64.hpp"
#include "../../base/json_text.hpp"
#include "../../base/redact.hpp"
#include "../../base/text.hpp"
#include "../../base/utf8.hpp"
#include "../../schema/repeated.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

namespace reagent::provider {

namespace {

std::string text_of_part(const json::value& part) {
    if (part.is_string()) return std::string{part.get_string()};
    if (auto* t = member(part, "text"); !part.is_object() || (t && !t->is_null() && !t->is_string()))
        malformed("has a part of its text that is none", json::serialize(part));
    return text_member(part, "text");
}

}  // namespace

std::string text_of(const json::value* v) {
    if (!v) return {};
    if (v->is_string()) return std::string{v->get_string()};
    std::string text;  // some servers send content in parts
    if (v->is_array())
        for (const auto& part : v->get_array()) text += text_of_part(part);
    return text;
}

bool names_thinking(std::string_view type) {
    const std::string name = to_lower(type);
    for (const char* word : {"think", "thought", "reason", "analysis"})
        if (name.find(word) != name.npos) return true;
    return false;
}

std::string thinking_of(const json::value& part) {
    for (const char* name :
         {"text", "thinking", "reasoning", "reasoning_text", "reasoning_content", "thought", "content", "summary"})
        if (auto words = text_of(member(part, name)); !words.empty()) return words;
    return {};
}

void note_unread(lm_response& r, const std::string& type) {
    if (std::find(r.unread_parts.begin(), r.unread_parts.end(), type) == r.unread_parts.end())
        r.unread_parts.push_back(cut(type, 100));
}

content_words content_of(const json::value* v, const char* name) {
    content_words words;
    if (!v || !v->is_array()) {
        words.text = payload_text(v, name);
        return words;
    }
    for (const auto& part : v->get_array()) {
        const std::string type = text_member(part, "type");
        if (names_thinking(type) || (type.empty() && !member(part, "text") && member(part, "thinking")))
            words.reasoning += thinking_of(part);
        else if (part.is_string() || type.empty() || type == "text" || type == "output_text" || type == "input_text" ||
                 type == "text_delta")
            words.text += text_of_part(part);
        else if (type != "refusal")
            words.unread.push_back(type);
    }
    return words;
}

std::string take_content(lm_response& r, content_words words) {
    r.text += words.text;
    r.reasoning += words.reasoning;
    for (const auto& type : words.unread) note_unread(r, type);
    return std::move(words.text);
}

std::uint64_t count_of(const json::value* v) {
    if (!v) return 0;
    constexpr std::uint64_t most =
        1'000'000'000'000'000;  // more is a lie; it must not pass for nothing, nor break what stores int64
    if (v->is_string()) {
        const std::string_view digits = trim(v->get_string());
        if (digits.empty() || !std::all_of(digits.begin(), digits.end(), is_digit)) return 0;
        return digits.size() < 16 ? std::stoull(std::string{digits}) : most;
    }
    if (v->is_int64() && v->get_int64() > 0) return std::min(most, static_cast<std::uint64_t>(v->get_int64()));
    if (v->is_double() && v->get_double() > 0)
        return v->get_double() < 1e15 ? static_cast<std::uint64_t>(std::llround(v->get_double())) : most;
    return v->is_uint64() ? std::min(most, v->get_uint64()) : 0;
}

void malformed(const std::string& what, std::string_view body) {
    throw lm_error{lm_errc::malformed_response,
                   "the provider's response " + what + ": " + clean_text(detail::cut_without_keys(trim(body), 200))};
}

std::string reason_of(const json::value* v) {
    if (!v || v->is_null()) return {};
    return v->is_string() ? std::string{v->get_string()} : json::serialize(*v);
}

std::string finish_words_of(const json::value& response) {
    const json::value* part = &response;
    for (const char* list : {"choices", "candidates"})
        if (auto* all = member(response, list); all && all->is_array() && !all->get_array().empty())
            part = &all->get_array().front();
    for (const char* inner : {"delta", "response"})  // of an event, where it tells the end
        if (auto* m = member(*part, inner); m && (member(m, "stop_reason") || member(m, "finish_reason") ||
                                                  member(m, "incomplete_details") || member(m, "status")))
            part = m;
    std::string words;
    for (const char* name : {"finish_reason", "finishReason", "stop_reason", "done_reason", "status"})
        if (auto* m = member(*part, name); m && words.empty()) words = json::serialize(*m);
    for (const char* beside : {"finishMessage", "incomplete_details", "native_finish_reason"})
        if (auto* m = member(*part, beside); m && !m->is_null())
            words += (words.empty() ? "" : ", ") + json::serialize(*m);
    constexpr std::size_t most = 200;
    return clean_text(detail::cut_without_keys(words, most));
}

finish_reason worse(finish_reason a, finish_reason b) {
    constexpr finish_reason from_good_to_bad[]{
        finish_reason::stop,  finish_reason::tool_calls, finish_reason::other,         finish_reason::malformed_call,
        finish_reason::error, finish_reason::length,     finish_reason::content_filter};
    auto rank = [&](finish_reason r) { return std::find(std::begin(from_good_to_bad), std::end(from_good_to_bad), r); };
    return rank(a) < rank(b) ? b : a;
}

void settle_finish(lm_response& r) {
    const bool clear = settle(r.tool_calls);
    auto is_call = [](const std::string& type) {
        return type == "tool_use" || type.ends_with("tool_call") || type == "function_call";
    };
    const bool missing = (r.finish == finish_reason::tool_calls && r.tool_calls.empty()) ||
                         std::any_of(r.unread_parts.begin(), r.unread_parts.end(), is_call);
    const bool ended = r.finish == finish_reason::stop || r.finish == finish_reason::tool_calls;
    if (ended && !r.unread_parts.empty() && r.tool_calls.empty() && trim(r.text).empty()) {
        std::string types;
        for (const auto& type : r.unread_parts) types += (types.empty() ? "`" : ", `") + type + "`";
        throw lm_error{lm_errc::malformed_response,
                       "the provider's response holds nothing but parts of types that are not known: " + types};
    }
    if (!clear || missing) r.finish = worse(r.finish, finish_reason::malformed_call);
    if (!r.tool_calls.empty() && r.finish == finish_reason::stop) r.finish = finish_reason::tool_calls;
}

bool is_told(const std::vector<tool_call>& calls, const tool_call& c) {
    return std::any_of(calls.begin(), calls.end(), [&](const tool_call& o) {
        return o.name == c.name && same_arguments(o.arguments, c.arguments);
    });
}

void take_others(lm_response& r, std::vector<lm_response> others, const rules& how) {
    auto is_part = [](const lm_response& o) { return !o.tool_calls.empty() || o.finish == finish_reason::error; };
    const bool split = !how.several && (trim(r.text).empty() || std::any_of(others.begin(), others.end(), is_part));
    for (auto& other : others) {
        if (!split) {
            other.tool_calls.clear();
            if (is_whole(other)) r.alternatives.push_back(std::move(other.text));
            continue;
        }
        if (trim(r.text).empty()) r.text = std::move(other.text);
        r.reasoning += other.reasoning;
        std::erase_if(other.tool_calls, [&](const tool_call& c) { return is_told(r.tool_calls, c); });
        std::move(other.tool_calls.begin(), other.tool_calls.end(), std::back_inserter(r.tool_calls));
        std::move(other.reasoning_blocks.begin(), other.reasoning_blocks.end(), std::back_inserter(r.reasoning_blocks));
        r.finish = worse(r.finish, other.finish);
    }
}

void check_refusal(const std::string& words) {
    if (trim(words).empty()) return;
    std::string shown = detail::cut_without_keys(words, 1000);
    throw lm_error{lm_errc::content_filter, "the model refused to answer: " + shown, {.provider_message = shown}};
}

namespace {

// Whether one of eight bytes is from 0x30 to 0x3F, as digits are: mostly none is. Source: as for `first_escape`.
bool may_hold_digits(const char* eight) {
    std::uint64_t word;
    std::memcpy(&word, eight, 8);
    constexpr std::uint64_t ones = 0x0101010101010101u;
    const std::uint64_t high_halves = (word & (ones * 0xF0)) ^ (ones * 0x30);
    return ((high_halves - ones) & ~high_halves & (ones * 0x80)) != 0;
}

// Whether a number in it may have more digits, or a larger exponent, than a double holds. `parse_json` keeps those, and
// is slower.
bool may_lose_digits(std::string_view body) {
    std::size_t run = 0;
    for (std::size_t i = 0; i < body.size(); ++i) {
        while (run == 0 && i + 8 <= body.size() && !may_hold_digits(body.data() + i)) i += 8;
        if (i == body.size()) break;
        if (is_digit(body[i]) || body[i] == '.') {
            if (++run >= 18) return true;
        } else if ((body[i] | 0x20) == 'e' && run && i + 3 < body.size() &&
                   std::all_of(body.begin() + static_cast<std::ptrdiff_t>(i) + 2,
                               body.begin() + static_cast<std::ptrdiff_t>(i) + 4, is_digit))
            return true;
        else
            run = 0;
    }
    return false;
}

// Mostly there is no surrogate to look at.
bool has_surrogates(std::string_view text) {
    auto begin = text.find("\\u");
    while (begin != text.npos && begin + 2 < text.size() && (text[begin + 2] | 0x20) != 'd')
        begin = text.find("\\u", begin + 2);
    return begin != text.npos;
}

}  // namespace

json::value parse(std::string_view text, json::storage_ptr memory, boost::system::error_code& ec) {
    if (may_lose_digits(text))
        if (auto kept = parse_json(text)) return std::move(*kept);
    json::parse_options options;
    options.max_depth = max_json_depth;
    options.allow_invalid_utf8 = true;
    if (!has_surrogates(text)) return json::parse({text.data(), text.size()}, ec, std::move(memory), options);
    return json::parse(with_surrogates_as_bytes(text), ec, std::move(memory), options);
}

namespace {

// Boost.JSON's own tree, of which the last of two members with one name stays; and how many there were.
class counting_handler {
public:
    static constexpr std::size_t max_array_size = json::array::max_size();
    static constexpr std::size_t max_object_size = json::object::max_size();
    static constexpr std::size_t max_string_size = json::string::max_size();
    static constexpr std::size_t max_key_size = json::string::max_size();

    template <class... Args>
    explicit counting_handler(Args&&... args) : stack{std::forward<Args>(args)...} {}

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) { return true; }
    bool on_object_end(std::size_t n, error_code&) { return members += n, stack.push_object(n), true; }
    bool on_array_begin(error_code&) { return true; }
    bool on_array_end(std::size_t n, error_code&) { return stack.push_array(n), true; }
    bool on_key_part(json::string_view s, std::size_t, error_code&) { return stack.push_chars(s), true; }
    bool on_key(json::string_view s, std::size_t, error_code&) { return stack.push_key(s), true; }
    bool on_string_part(json::string_view s, std::size_t, error_code&) { return stack.push_chars(s), true; }
    bool on_string(json::string_view s, std::size_t, error_code&) { return stack.push_string(s), true; }
    bool on_number_part(json::string_view, error_code&) { return true; }
    bool on_int64(std::int64_t n, json::string_view, error_code&) { return stack.push_int64(n), true; }
    bool on_uint64(std::uint64_t n, json::string_view, error_code&) { return stack.push_uint64(n), true; }
    bool on_double(double d, json::string_view digits, error_code&) {
        loses_digits = loses_digits || may_lose_digits(digits);
        return stack.push_double(d), true;
    }
    bool on_bool(bool b, error_code&) { return stack.push_bool(b), true; }
    bool on_null(error_code&) { return stack.push_null(), true; }
    bool on_comment_part(json::string_view, error_code&) { return true; }
    bool on_comment(json::string_view, error_code&) { return true; }

    json::value_stack stack;
    std::size_t members = 0;
    bool loses_digits = false;
};

// A tree, and whether a member stands twice in an object of it.
json::value parse_counting(std::string_view text, json::storage_ptr memory, error_code& ec, bool& repeats) {
    json::parse_options options;
    options.max_depth = max_json_depth;
    options.allow_invalid_utf8 = true;
    std::string joined;
    if (has_surrogates(text)) text = joined = with_surrogates_as_bytes(text);
    unsigned char buffer[4096];
    json::basic_parser<counting_handler> parser{options, json::storage_ptr{}, buffer, sizeof buffer};
    parser.handler().stack.reset(std::move(memory));
    const auto used = parser.write_some(false, text.data(), text.size(), ec);
    if (!ec && used < text.size()) ec = json::error::extra_data;
    if (ec || parser.handler().loses_digits)
        if (auto kept = may_lose_digits(text) ? parse_json(text) : std::nullopt) {
            ec = {};
            repeats = !repeated_members(text).empty();
            return std::move(*kept);
        }
    if (ec) return nullptr;
    json::value tree = parser.handler().stack.release();
    repeats = count_members(tree) != parser.handler().members;
    return tree;
}

// What a server says beside the answer: nothing hangs on it.
bool is_beside_the_answer(std::string_view path) {
    if (to_lower(path).find("usage") != std::string::npos) return true;
    for (std::string_view name : {"id", "object", "created", "created_at", "model", "modelVersion", "responseId",
                                  "system_fingerprint", "service_tier", "timings", "sequence_number", "obfuscation"})
        if (path == name) return true;
    return path.starts_with("timings.");
}

// Where a JSON text ends that begins here with a bracket.
std::size_t end_of_container(std::string_view text, std::size_t at) {
    int depth = 0;
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '"')
            for (++at; at < text.size() && text[at] != '"'; ++at) at += text[at] == '\\';
        else if (c == '{' || c == '[')
            ++depth;
        else if ((c == '}' || c == ']') && --depth == 0)
            return at + 1;
    }
    return text.size();
}

// The text with arguments that say two things as texts of their JSON.
std::string with_unclear_arguments_as_text(std::string_view text) {
    std::string out, name;
    for (std::size_t i = 0; i < text.size();) {
        const char c = text[i];
        if (c == '"') {
            const auto begin = i;
            for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\';
            i = std::min(i + 1, text.size());
            name = text.substr(begin, i - begin);
            out += name;
            continue;
        }
        const bool names_arguments = name == "\"arguments\"" || name == "\"args\"" || name == "\"input\"";
        if ((c == '{' || c == '[') && names_arguments) {
            const auto container = text.substr(i, end_of_container(text, i) - i);
            if (!repeated_members(container).empty()) {
                quoted(out, container);
                i += container.size();
                name.clear();
                continue;
            }
        }
        if (c != ':' && !is_space(c)) name.clear();
        out += c;
        ++i;
    }
    return out;
}

}  // namespace

parsed_body parse_answer(std::string_view text, json::storage_ptr memory, error_code& ec) {
    bool repeats = false;
    parsed_body parsed{parse_counting(text, memory, ec, repeats)};
    if (ec || !repeats) return parsed;
    const std::string clear = with_unclear_arguments_as_text(text);
    auto repeated = repeated_members(clear);
    std::erase_if(repeated, is_beside_the_answer);
    return {parse(clear, std::move(memory), ec), !repeated.empty()};
}

bool is_json(std::string_view text) {
    boost::system::error_code ec;
    parse(text, {}, ec);
    return !ec;
}

namespace {

// Whether an `error` beside an answer says that there was one: some servers always send the member.
bool is_error(const json::value* e) {
    if (!e) return false;
    switch (e->kind()) {
        case json::kind::null: return false;
        case json::kind::bool_: return e->get_bool();
        case json::kind::string: return !trim(e->get_string()).empty();
        case json::kind::array: return !e->get_array().empty();
        case json::kind::object: break;
        default: return e->to_number<double>() != 0;
    }
    for (const auto& [name, v] : e->get_object())
        if (is_error(&v)) return true;
    return false;
}

}  // namespace

void check_error(const json::value& v) {
    if (v.is_array())  // Gemini's, for a stream
        for (const auto& part : v.get_array()) check_error(part);
    if (!v.is_object()) return;
    const json::value *error = nullptr, *errors = nullptr, *base_resp = nullptr;
    bool calls_itself_one = false;
    for (const auto& [key, part] : v.get_object()) {  // once: each answer passes here
        const std::string_view name = key;
        if (name == "error")
            error = &part;
        else if (name == "errors")
            errors = &part;
        else if (name == "base_resp")  // source: MiniMax API reference
            base_resp = &part;
        else if ((name == "object" || name == "type") && part.is_string() && part.get_string() == "error")
            calls_itself_one = true;
    }
    if (is_error(error)) throw_error_object(*error, v);
    if (errors && errors->is_array() && is_error(errors)) throw_error_object(errors->get_array().front(), v);
    if (base_resp && index_of(member(base_resp, "status_code")).value_or(0) != 0) throw_error_object(*base_resp, v);
    if (calls_itself_one) throw_error_object(v, v);
}

namespace {

// Whether no text in it needs to be looked at for bytes that are no UTF-8: it is ASCII, and spells no character by its
// number.
bool is_plain(std::string_view body) {
    if (!detail::is_ascii(body)) return false;
    for (auto at = body.find('\\'); at != body.npos; at = body.find('\\', at + 2))
        if (at + 1 == body.size() || body[at + 1] == 'u') return false;
    return true;
}

}  // namespace

parsed_body parse_body(std::string_view body, json::storage_ptr memory) {
    if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
    boost::system::error_code ec;
    parsed_body parsed = parse_answer(body, std::move(memory), ec);
    if (ec) malformed("is no JSON", body);
    if (!is_plain(body)) clean_texts(parsed.tree);
    check_error(parsed.tree);
    return parsed;
}

void no_answer(const std::string& what, const json::value& parsed, std::string_view body) {
    for (const char* words : {"message", "detail", "msg", "error_message"})  // an error that does not call itself one
        if (!text_member(parsed, words).empty()) throw_error_object(parsed, parsed);
    malformed(what, body);
}

const json::value* object_member(const json::value* v, const char* name) {
    auto* m = member(v, name);
    if (m && !m->is_null() && !m->is_object())
        malformed("has a `" + std::string{name} + "` that is no object", json::serialize(*v));
    return m && m->is_object() ? m : nullptr;
}

std::string payload_text(const json::value* v, const char* name) {
    if (!v || v->is_null()) return {};
    if (!v->is_string() && !v->is_array())
        malformed("has a `" + std::string{name} + "` that is no text", json::serialize(*v));
    return text_of(v);
}

std::string payload_arguments(const json::value* v) {
    if (!v || v->is_null()) return {};
    if (v->is_string()) return std::string{v->get_string()};
    if (!v->is_object() && !v->is_array())
        malformed("has arguments of a tool call that are no object", json::serialize(*v));
    return json::serialize(*v);
}

std::optional<std::uint64_t> index_of(const json::value* v) {
    if (v && v->is_int64() && v->get_int64() >= 0) return static_cast<std::uint64_t>(v->get_int64());
    if (v && v->is_uint64()) return v->get_uint64();
    if (v && v->is_string() && !v->get_string().empty() && v->get_string().size() < 10 &&
        v->get_string().find_first_not_of("0123456789") == json::string::npos)
        return std::stoull(std::string{v->get_string()});
    return {};
}

const json::array& list_member(const json::value& v, std::string_view name, std::string_view body) {
    auto* list = member(v, name);
    if (!list || !list->is_array() || list->get_array().empty())
        no_answer("has no `" + std::string{name} + "`", v, body);
    return list->get_array();
}

const json::value& first_of(const json::array& completions) {
    for (const auto& c : completions)
        if (index_of(member(c, "index")) == 0u) return c;
    return completions.front();
}

std::vector<const json::value*> others_of(const json::array& completions) {
    std::vector<const json::value*> others;
    if (completions.size() < 2) return others;
    for (const auto& c : completions)
        if (&c != &first_of(completions)) others.push_back(&c);
    std::stable_sort(others.begin(), others.end(), [](const auto* a, const auto* b) {
        return index_of(member(a, "index")).value_or(0) < index_of(member(b, "index")).value_or(0);
    });
    return others;
}

void quoted(std::string& out, std::string_view text) { detail::append_json_text(out, text); }

void quoted_as_before(std::string& out, std::string_view text) {
    constexpr std::size_t least = 256, most = 64 * 1024;  // below, finding it takes as long
    if (text.size() < least || text.size() > most) return quoted(out, text);
    struct known {
        std::string text, quoted;
    };
    thread_local std::array<known, 4> latest;
    thread_local std::size_t next = 0;
    for (const auto& k : latest)
        if (k.text == text) {
            out += k.quoted;
            return;
        }
    auto& slot = latest[next++ % latest.size()];
    slot.text = text;
    slot.quoted.clear();
    quoted(slot.quoted, text);
    out += slot.quoted;
}

void option_filter::lacks(bool given, std::string_view option, std::string_view instead) {
    if (!given) return;
    dropped_.emplace_back(option);
    if (settings_.drop_unsupported) return;
    throw lm_error{
        lm_errc::unsupported_option,
        std::string{provider_} + " has no option `" + std::string{option} + "`" +
            (instead.empty() ? "" : "; " + std::string{instead}) +
            "; leave it out, or set language_model_options::drop_unsupported",
        {.attempted = "asking " + std::string{provider_} + "/" + settings_.model, .path = std::string{option}}};
}

namespace {

// JSON knows no NaN and no infinity; what reads a model does.
void clear_non_numbers(json::value& v) {
    if (v.is_double() && !std::isfinite(v.get_double())) v = nullptr;
    if (v.is_array())
        for (auto& part : v.get_array()) clear_non_numbers(part);
    if (v.is_object())
        for (auto& [name, part] : v.get_object()) clear_non_numbers(part);
}

}  // namespace

json::object arguments_object(const tool_call& c) {
    auto parsed = parse_json(c.arguments);
    if (parsed && parsed->is_string()) parsed = parse_json(std::string{parsed->get_string()});  // encoded twice
    if (!parsed) parsed = repair_json(c.arguments);
    if (!parsed->is_object()) return {};
    clear_non_numbers(*parsed);
    return std::move(parsed->get_object());
}

std::string image_address(const image& i) {
    return i.url.empty() ? "data:" + i.media_type + ";base64," + base64(i.bytes) : i.url;
}

std::string_view to_string(effort e) {
    switch (e) {
        case effort::none: return "none";
        case effort::minimal: return "minimal";
        case effort::low: return "low";
        case effort::medium: return "medium";
        case effort::high: break;
    }
    return "high";
}

json::object openai_tool(const tool_description& t) {
    return {{"type", "function"},
            {"function", {{"name", t.name}, {"description", t.description}, {"parameters", t.parameters}}}};
}

http::header_list protocol::credentials(const secret& key) const {
    if (key.empty()) return {};
    return {{"authorization", "Bearer " + std::string{key.reveal()}}};
}

void check_role(const json::value& message) {
    const std::string role = to_lower(text_member(message, "role"));
    for (std::string_view other : {"user", "tool", "function", "system", "developer"})
        if (role == other)
            malformed("has a message of the role `" + role + "`, which is no answer", json::serialize(message));
}

std::string to_upper(std::string_view s) {
    std::string result{s};
    for (char& c : result)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return result;
}

void check_stands(const json::value& call) {
    const std::string status = to_lower(text_member(call, "status"));
    for (std::string_view end : {"incomplete", "failed", "error", "errored", "cancelled", "canceled"})
        if (status == end)
            malformed("has a tool call that did not come to its end: its status is " + status, json::serialize(call));
    auto* failure = member(call, "error");
    const bool says_nothing = !failure || failure->is_null() || *failure == false || *failure == "" ||
                              *failure == json::object{} || *failure == json::array{};
    if (!says_nothing) malformed("has a tool call with an error", json::serialize(call));
    for (const char* name : {"cancelled", "canceled"})
        if (auto* v = member(call, name); v && *v == true)
            malformed("has a tool call that was cancelled", json::serialize(call));
}

namespace {

// A number that JSON does not have, or that no server takes, would become an error that names neither.
void check_sampling(const sampling& s) {
    auto refuse = [](const std::string& name, const std::string& why) {
        throw lm_error{lm_errc::invalid_request, "`" + name + "` " + why, {.path = "sampling." + name}};
    };
    if (s.temperature && !(std::isfinite(*s.temperature) && *s.temperature >= 0))
        refuse("temperature", "is a number from 0");
    if (s.top_p && !(*s.top_p >= 0 && *s.top_p <= 1)) refuse("top_p", "is a number from 0 to 1");
    if (s.max_tokens == 0u) refuse("max_tokens", "is a number from 1");
    if (s.n == 0u) refuse("n", "is a number from 1");
}

}  // namespace

wire_call protocol::write(const call_settings& settings, const lm_request& request) const {
    const rules how = settings.how ? *settings.how
                                   : rules_for(settings.provider.empty() ? name() : settings.provider, settings.model,
                                               settings.dialect);
    check_sampling(request.sampling.or_else(settings.defaults));
    auto ours = fit_for_server(request, settings.server);
    auto own = prepared(ours ? *ours : request, how);
    wire_call call = write_request(settings, how, own ? *own : ours ? *ours : request);
    call.body = detail::valid_utf8(std::move(call.body));  // outside of texts JSON is ASCII
    return call;
}

}  // namespace reagent::provider
