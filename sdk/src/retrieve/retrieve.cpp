#include <reagent/retrieve/retrieve.hpp>

#include "../base/text.hpp"

#include <zlib.h>
#include <boost/json.hpp>

namespace reagent {
namespace {

json::object arguments_of(const retriever& from, const retrieval& what) {
    json::object o{{"retriever", from.name()}, {"query", what.query}, {"k", what.k}};
    if (!what.where.holds_always()) o["where"] = what.where.to_json();
    if (!what.vector.empty()) {  // enough to tell another one
        const auto* bytes = reinterpret_cast<const Bytef*>(what.vector.data());
        const auto digest = ::crc32_z(0, bytes, what.vector.size() * sizeof(float));
        o["vector"] = json::object{{"dimensions", what.vector.size()}, {"crc32", digest}};
    }
    return o;
}

task<json::value> retrieved(std::shared_ptr<const retriever> from, run& inside, retrieval what) {
    auto found = co_await from->retrieve(inside, std::move(what));
    co_return json::value(to_json(found));
}

}  // namespace

task<std::vector<passage>> find(run& r, std::string path, std::shared_ptr<const retriever> from, retrieval what) {
    if (!from) throw retrieve_error{retrieve_errc::no_retriever, "there is no retriever to ask at \"" + path + "\""};
    json::value arguments = arguments_of(*from, what);
    std::string tool = "retrieve";
    std::optional<run> inside;
    std::function<task<json::value>()> effect = [&]() -> task<json::value> {
        run& own = inside.emplace(r.branch_of_tool());
        return detail::attempts<json::value>(own, [&] { return retrieved(from, own, what); });
    };
    const flow_flags flow = from->flow();
    const tool_call_traits traits{.harmless = !flow.acts, .enters_run = true, .flow = flow};
    auto found = co_await r.call_tool(std::move(path), std::move(tool), std::move(arguments), effect, traits);
    co_return passages_from_json(found);
}

void retrieve::adopt() {
    if (!from_) return;
    for (const auto* part : from_->parts()) works_with(*part);
}

retrieve::retrieve(std::shared_ptr<const retriever> from) : from_{std::move(from)} { adopt(); }

retrieve::retrieve(module& parent, std::string name, std::shared_ptr<const retriever> from)
    : module{parent, std::move(name)}, from_{std::move(from)} {
    adopt();
}

task<std::vector<passage>> retrieve::operator()(run& r, std::string query, std::size_t k, filter where) const {
    return (*this)(r, retrieval{std::move(query), k, std::move(where)});
}

task<std::vector<passage>> retrieve::operator()(run& r, retrieval what) const {
    const auto& from = from_ ? from_ : r.options().retriever;
    if (!from)
        throw retrieve_error{
            retrieve_errc::no_retriever,
            "the module \"" + path() +
                "\" has no retriever, and the run has none: give the module one, or set run_options::retriever"};
    return find(r, path(), from, std::move(what));
}

namespace {

// Bytes of a line end, of every kind that a reader may see as one; 0: there is none.
std::size_t line_end_at(std::string_view text, std::size_t at) {
    const char c = text[at];
    if ((c >= '\n' && c <= '\r') || (c >= '\x1c' && c <= '\x1e')) return 1;
    for (std::string_view end : {"\u0085", "\u2028", "\u2029"})
        if (text.substr(at).starts_with(end)) return end.size();
    return 0;
}

// No line of it begins as a passage does, with a number in brackets.
std::string without_numbers(std::string_view text) {
    std::string out;
    bool begins = true;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = line_end_at(text, at);
        if (begins && text[at] == '[' && at + 1 < text.size() && is_digit(text[at + 1])) out += '\\';
        begins = end > 0 || (begins && (text[at] == ' ' || text[at] == '\t'));
        out += text.substr(at, std::max<std::size_t>(end, 1));
        at += std::max<std::size_t>(end, 1);
    }
    return out;
}

std::string on_one_line(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = line_end_at(text, at);
        out += end ? " " : text.substr(at, 1);
        at += std::max<std::size_t>(end, 1);
    }
    return out;
}

}  // namespace

std::string to_text(const std::vector<passage>& passages, std::size_t max_bytes) {
    std::string text;
    for (std::size_t i = 0; i < passages.size(); ++i) {
        const auto& p = passages[i];
        std::string one = "[" + std::to_string(i + 1) + "]";
        if (!p.title.empty()) one += " " + on_one_line(p.title);
        if (!p.source.empty()) one += " (" + on_one_line(p.source) + ")";
        one += "\n" + without_numbers(p.text) + "\n";
        if (text.size() + one.size() > max_bytes) {
            text += "\n(" + std::to_string(passages.size() - i) + " more passages were left out: too long)\n";
            break;
        }
        text += (text.empty() ? "" : "\n") + one;
    }
    return text;
}

}  // namespace reagent
