#include <reagent/base/folder.hpp>
#include <reagent/retrieve/memory_index.hpp>
#include <reagent/tools/function.hpp>
#include <reagent/tools/ready.hpp>

#include "../../sdk/src/base/utf8.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <optional>

namespace reagent::ready {
namespace {

namespace fs = std::filesystem;

// The files of a folder, each of them one passage.
class document_index {
public:
    document_index(const fs::path& where, const search_options& options) : options_{options} {
        auto unusable = [&](const std::string& why) {
            return tool_error{tool_errc::bad_configuration, "\"" + where.string() + "\" " + why};
        };
        std::optional<folder> documents;
        try {
            documents.emplace(where);
        } catch (const folder_error&) {
            throw unusable("is no folder of documents");
        }
        std::size_t total = 0;
        for (const auto& file : names(*documents, unusable)) {
            auto text = text_of(*documents, file);
            if (!text) continue;
            total += text->size();
            if (total > options_.max_bytes)
                throw unusable("holds more than " + std::to_string(options_.max_bytes) +
                               " bytes of documents; raise search_options::max_bytes");
            add(file, std::move(*text));
        }
        if (size() == 0)
            throw unusable("holds no .txt or .md files" +
                           (too_large_ ? " of at most " + std::to_string(options_.max_file_bytes) + " bytes" : ""));
    }

    std::size_t size() const { return index_.size(); }

    // What a model must not take for missing.
    std::string left_out() const {
        if (too_large_ == 0) return {};
        return " " + std::to_string(too_large_) + (too_large_ == 1 ? " file of" : " files of") + " more than " +
               std::to_string(options_.max_file_bytes) + " bytes " + (too_large_ == 1 ? "is" : "are") +
               " not among them.";
    }

    // No operators: what a model writes is words, and `-` or `"` in them must not change their meaning.
    json::value search(const std::string& text) const {
        json::array results;
        for (const auto& p : index_.excerpts(text, options_.max_results, options_.snippet_bytes))
            results.push_back(
                json::object{{"document", p.source}, {"score", std::round(p.score * 100) / 100}, {"snippet", p.text}});
        if (results.empty()) return json::value("Nothing found. Try other words.");
        return results;
    }

private:
    template <class Unusable>
    std::vector<fs::path> names(const folder& documents, const Unusable& unusable) const {
        try {
            return documents.files(options_.max_files, is_text);
        } catch (const folder_error& e) {
            throw unusable(std::string{"cannot be indexed whole: "} + e.what() + "; raise search_options::max_files (" +
                           std::to_string(options_.max_files) + "), or name a smaller folder");
        }
    }

    static bool is_text(const fs::path& file) { return file.extension() == ".txt" || file.extension() == ".md"; }

    // What is no file of this folder, as a link that leads out of it, or is too large, is no document.
    std::optional<std::string> text_of(const folder& documents, const fs::path& file) {
        try {
            auto found = documents.read(file, options_.max_file_bytes + 1);
            if (found.text.size() <= options_.max_file_bytes) return std::move(found.text);
            ++too_large_;
        } catch (const folder_error&) {
        }
        return std::nullopt;
    }

    void add(const fs::path& file, std::string text) {
        std::string title = file.stem().string();
        std::replace_if(title.begin(), title.end(), [](char c) { return c == '-' || c == '_'; }, ' ');
        index_.put({.id = std::to_string(size()),
                    .text = detail::valid_utf8(std::move(text)),
                    .title = detail::valid_utf8(std::move(title)),
                    .source = detail::valid_utf8(file.generic_string())});
    }

    search_options options_;
    std::size_t too_large_ = 0;
    memory_index index_;
};

}  // namespace

tool document_search(const fs::path& folder, search_options options) {
    try {
        auto index = std::make_shared<const document_index>(folder, options);
        auto call = [index](std::string query) { return index->search(query); };
        return detail::make_tool(
            "search",
            "Searches " + std::to_string(index->size()) +
                " text documents by words and returns the best matches: document, score, snippet." + index->left_out(),
            call, {{"query", "the words to look for"}},
            {.read_only = true, .flow = flow_flags{.untrusted = true, .private_data = true}});
    } catch (const retrieve_error& e) {
        throw tool_error{tool_errc::bad_configuration,
                         "the documents in \"" + folder.string() + "\" cannot be indexed: " + e.what()};
    }
}

}  // namespace reagent::ready
