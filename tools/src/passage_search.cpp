#include <reagent/tools/function.hpp>
#include <reagent/tools/search.hpp>

#include <boost/json.hpp>

namespace reagent::ready {
namespace {

std::string cut_text(std::string text, std::size_t most) {
    if (text.size() <= most) return text;
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
    text.resize(most);
    return text + " ...";
}

json::value shown(const std::vector<passage>& found, std::size_t most) {
    if (found.empty()) return json::value("Nothing found. Try other words.");
    json::array results;
    for (const auto& p : found) {
        json::object one{{"id", p.id}};
        if (!p.source.empty()) one["source"] = p.source;
        if (!p.title.empty()) one["title"] = p.title;
        one["text"] = cut_text(p.text, most);
        results.push_back(std::move(one));
    }
    return results;
}

}  // namespace

tool passage_search(std::shared_ptr<const retriever> from, passage_search_options options) {
    if (!from) throw tool_error{tool_errc::bad_configuration, "the tool \"" + options.name + "\" has no retriever"};
    if (options.description.empty())
        options.description =
            "Searches documents (" + from->name() + ") and returns the best passages: id, source, title, text.";
    auto call = [from, options](run& r, std::string query) -> task<json::value> {
        auto found = co_await from->retrieve(r, retrieval{std::move(query), options.k});
        co_return shown(found, options.max_passage_bytes);
    };
    return detail::make_tool(options.name, options.description, call, {{"query", "what to look for"}},
                             {.read_only = true, .flow = from->flow()});
}

}  // namespace reagent::ready
