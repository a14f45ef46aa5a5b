#include <reagent/base/folder.hpp>
#include <reagent/tools/function.hpp>
#include <reagent/tools/ready.hpp>

#include <xapian.h>
#include <boost/json.hpp>

#include <algorithm>
#include <mutex>
#include <optional>

namespace reagent::ready {
namespace {

namespace fs = std::filesystem;

// Xapian objects are not safe to use from several threads at once, so a search holds the lock.
class document_index {
public:
    document_index(const fs::path& where, const search_options& options)
        : options_{options}, database_{Xapian::WritableDatabase("", Xapian::DB_BACKEND_INMEMORY)} {
        auto unusable = [&](const std::string& why) {
            return tool_error{tool_errc::bad_configuration, "\"" + where.string() + "\" " + why};
        };
        std::optional<folder> documents;
        try {
            documents.emplace(where);
        } catch (const folder_error&) {
            throw unusable("is no folder of documents");
        }
        Xapian::TermGenerator generator;
        generator.set_stemmer(stemmer_);
        std::size_t total = 0;
        for (const auto& file : names(*documents, unusable)) {
            auto text = text_of(*documents, file);
            if (!text) continue;
            total += text->size();
            if (total > options_.max_bytes)
                throw unusable("holds more than " + std::to_string(options_.max_bytes) +
                               " bytes of documents; raise search_options::max_bytes");
            add(generator, file, *text);
        }
        if (size() == 0)
            throw unusable("holds no .txt or .md files" +
                           (too_large_ ? " of at most " + std::to_string(options_.max_file_bytes) + " bytes" : ""));
    }

    std::size_t size() const { return database_.get_doccount(); }

    // What a model must not take for missing.
    std::string left_out() const {
        if (too_large_ == 0) return {};
        return " " + std::to_string(too_large_) + (too_large_ == 1 ? " file of" : " files of") + " more than " +
               std::to_string(options_.max_file_bytes) + " bytes " + (too_large_ == 1 ? "is" : "are") +
               " not among them.";
    }

    json::value search(const std::string& text) {
        std::lock_guard lock{mutex_};
        Xapian::QueryParser parser;
        parser.set_stemmer(stemmer_);
        parser.set_stemming_strategy(Xapian::QueryParser::STEM_SOME);
        parser.set_database(database_);
        Xapian::SimpleStopper stopper;
        for (const char* word :
             {"a",  "an", "and", "are", "at", "by",  "do",   "does", "for",  "from",  "how",   "in",  "is",  "it",
              "of", "on", "or",  "the", "to", "was", "were", "what", "when", "where", "which", "who", "with"})
            stopper.add(word);
        parser.set_stopper(&stopper);
        // No operators: what a model writes is words, and `-` or `"` in them must not change their meaning.
        Xapian::Query query = parser.parse_query(text.substr(0, 1000), 0);
        Xapian::Enquire enquire{database_};
        enquire.set_query(query);
        enquire.set_weighting_scheme(Xapian::BM25Weight{});
        json::array results;
        Xapian::MSet found = enquire.get_mset(0, static_cast<Xapian::doccount>(options_.max_results));
        for (auto m = found.begin(); m != found.end(); ++m) {
            auto document = m.get_document();
            std::string snippet = found.snippet(document.get_data(), options_.snippet_bytes, stemmer_,
                                                Xapian::MSet::SNIPPET_BACKGROUND_MODEL, "", "", " ... ");
            double score = std::round(m.get_weight() * 100) / 100;
            results.push_back(
                json::object{{"document", document.get_value(0)}, {"score", score}, {"snippet", unescaped(snippet)}});
        }
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

    void add(Xapian::TermGenerator& generator, const fs::path& file, const std::string& text) {
        Xapian::Document document;
        document.add_value(0, file.generic_string());
        document.set_data(text);
        generator.set_document(document);
        std::string title = file.stem().string();
        std::replace_if(
            title.begin(), title.end(), [](char c) { return c == '-' || c == '_'; }, ' ');
        generator.index_text(title, 2);
        generator.increase_termpos();
        generator.index_text(text);
        database_.add_document(document);
    }

    // Xapian's snippets are HTML.
    static std::string unescaped(std::string s) {
        for (auto [from, to] : {std::pair{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&amp;", "&"}})
            for (std::size_t at = 0; (at = s.find(from, at)) != s.npos; ++at)
                s.replace(at, std::string_view{from}.size(), to);
        return s;
    }

    search_options options_;
    std::size_t too_large_ = 0;
    Xapian::Stem stemmer_{"english"};
    Xapian::WritableDatabase database_;
    std::mutex mutex_;
};

}  // namespace

tool document_search(const fs::path& folder, search_options options) {
    try {
        auto index = std::make_shared<document_index>(folder, options);
        auto call = [index](std::string query) { return index->search(query); };
        return detail::make_tool(
            "search",
            "Searches " + std::to_string(index->size()) +
                " text documents by words and returns the best matches: document, score, snippet." + index->left_out(),
            call, {{"query", "the words to look for"}},
            {.read_only = true, .flow = flow_flags{.untrusted = true, .private_data = true}});
    } catch (const Xapian::Error& e) {
        throw tool_error{tool_errc::bad_configuration,
                         "the documents in \"" + folder.string() + "\" cannot be indexed: " + e.get_msg()};
    }
}

}  // namespace reagent::ready
