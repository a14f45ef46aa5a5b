#include <reagent/retrieve/build.hpp>

#include <reagent/base/folder.hpp>
#include <reagent/run/run.hpp>

#include "../base/utf8.hpp"
#include "chunk/charset.hpp"
#include "index/first_index.hpp"

#include <openssl/evp.h>
#include <boost/json.hpp>

#include <algorithm>
#include <set>
#include <unordered_map>

namespace reagent {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t passages_of_a_group = 2'000;  // that are embedded and put together
constexpr std::size_t longest_name = 1'000;

std::string hash_of(std::string_view text) {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    ::EVP_Digest(text.data(), text.size(), sum, &size, ::EVP_sha256(), nullptr);
    std::string hex;
    for (unsigned i = 0; i < size; ++i) {
        constexpr const char* digits = "0123456789abcdef";
        hex += digits[sum[i] >> 4];
        hex += digits[sum[i] & 15];
    }
    return hex;
}

json::object settings_of(const chunk_options& o) {
    return {{"tokens", o.tokens},
            {"overlap", o.overlap},
            {"code_tokens", o.code_tokens},
            {"max_chunks", o.max_chunks},
            {"chunking", 2}};
}

std::string compared(const passage& p) { return p.title.empty() ? p.text : p.title + "\n" + p.text; }

// What one file has become.
struct read_source {
    std::string name{}, hash{}, why_broken{};
    bool changed = false;
    std::vector<passage> passages{};
};

std::string title_of(const fs::path& file, const std::string& heading) {
    if (!heading.empty()) return heading;
    std::string stem = file.stem().string();
    std::replace_if(stem.begin(), stem.end(), [](char c) { return c == '-' || c == '_'; }, ' ');
    return stem;
}

class building {
public:
    building(const fs::path& documents, const fs::path& where, build_options o)
        : options_{std::move(o)},
          documents_{open_documents(documents)},
          first_{begun(where)},
          index_{first_ ? first_->index() : open_index(where)},
          writer_{index_.write(options_.writing)} {
        known_ = index_.sources();
        settings_ = settings_of(options_.chunks);
        same_settings_ = index_.manifest().settings == settings_;
        const auto own = own_folder(documents, where);
        const auto wanted = [&](const fs::path& f) {
            if (is_hidden(f) || (!own.empty() && is_below(f, own))) return false;
            return options_.wanted ? options_.wanted(f) : reader_of(f) || document_kind_of(f);
        };
        const auto too_deep = [&](const fs::path& f) {
            if (is_hidden(f) || (!own.empty() && is_below(f, own))) return;
            report_.broken.push_back({f.generic_string(), "it is a folder more than 64 levels deep"});
        };
        files_ = documents_.files(options_.max_files, wanted, too_deep);
        folders_left_out_ = report_.broken.size();
        report_.files = files_.size();
    }

    const build_options& options() const { return options_; }
    build_report& report() { return report_; }
    build_progress progress() const { return {at_, files_.size(), report_.made}; }
    bool at_end() const { return at_ == files_.size(); }

    /// Reads files until there are passages enough. @return the texts that have no vector yet
    std::vector<std::string> read_group() {
        group_.clear();
        std::vector<std::string> wanted;
        std::size_t passages = 0;
        for (; at_ < files_.size() && passages < passages_of_a_group; ++at_) {
            auto source = read(files_[at_]);
            present_.insert(source.name);
            if (!source.why_broken.empty()) report_.broken.push_back({source.name, source.why_broken});
            if (!source.changed) continue;
            passages += source.passages.size();
            group_.push_back(std::move(source));
        }
        if (options_.vectors) {
            remember_vectors();
            for (const auto& source : group_)
                for (const auto& p : source.passages)
                    if (auto text = compared(p); vectors_.try_emplace(text).second) wanted.push_back(std::move(text));
        }
        report_.embedded += wanted.size();
        return wanted;
    }

    void put_group(const std::vector<std::string>& texts, std::vector<std::vector<float>> vectors) {
        for (std::size_t i = 0; i < texts.size(); ++i) vectors_[texts[i]] = std::move(vectors[i]);
        for (const auto& source : group_) {
            writer_.remove_source(source.name);
            for (const auto& p : source.passages)
                writer_.put(p, options_.vectors ? vectors_.at(compared(p)) : std::vector<float>{});
            if (!source.why_broken.empty())
                ++report_.removed;  // it had passages
            else {
                const json::object note{{"hash", source.hash}, {"passages", source.passages.size()}};
                writer_.set_source(source.name, note);
                ++report_.changed;
            }
            report_.made += source.passages.size();
            dirty_ = true;
        }
        vectors_.clear();
    }

    void finish() {
        for (const auto& [name, note] : known_)
            if (!present_.contains(name)) {
                writer_.remove_source(name);
                ++report_.removed;
                dirty_ = true;
            }
        report_.files -= report_.broken.size() - folders_left_out_;
        report_.passages = writer_.passages();
        if (!dirty_ && same_settings_) return;
        writer_.set_settings(settings_);
        writer_.commit();
        if (first_) first_->place();
    }

private:
    static folder open_documents(const fs::path& documents) {
        try {
            return folder{documents};
        } catch (const folder_error& e) {
            throw retrieve_error{retrieve_errc::bad_options,
                                 "\"" + documents.string() + "\" is no folder of documents: " + e.what()};
        }
    }

    // The index's place within the documents; empty: it lies elsewhere.
    static fs::path own_folder(const fs::path& documents, const fs::path& where) {
        const auto place = fs::weakly_canonical(where).lexically_relative(fs::weakly_canonical(documents));
        return place.empty() || *place.begin() == ".." ? fs::path{} : place;
    }
    static bool is_below(const fs::path& file, const fs::path& folder) {
        return std::mismatch(folder.begin(), folder.end(), file.begin(), file.end()).first == folder.end();
    }
    static bool is_hidden(const fs::path& file) {
        return std::any_of(file.begin(), file.end(),
                           [](const fs::path& part) { return part.string().starts_with('.'); });
    }

    std::string embedder() const { return options_.vectors ? options_.vectors->name() : ""; }

    std::unique_ptr<detail::first_index> begun(const fs::path& where) const {
        if (fs::exists(where / "index.json")) return nullptr;
        const index_options made{.language = options_.language, .embedder = embedder()};
        return detail::first_index::begin(where, made, options_.writing.patience);
    }

    passage_index open_index(const fs::path& where) const {
        const std::string embedder = this->embedder();
        auto there = passage_index::open(where);
        const auto has = there.manifest().options;
        auto shown = [](const std::string& name) {
            return name.empty() ? std::string{"no vectors"} : "vectors of \"" + name + "\"";
        };
        if (has.embedder != embedder)
            throw retrieve_error{retrieve_errc::wrong_model, "the index \"" + where.string() + "\" has " +
                                                                 shown(has.embedder) + ", and is to get " +
                                                                 shown(embedder) +
                                                                 ": name the same one, or build another index"};
        if (has.language != options_.language)
            throw retrieve_error{retrieve_errc::bad_options, "the index \"" + where.string() +
                                                                 "\" has words of the language \"" + has.language +
                                                                 "\", not \"" + options_.language + "\""};
        return there;
    }

    read_source read(const fs::path& file) const {
        read_source s{.name = file.generic_string()};
        const auto old = known_.find(s.name);
        try {
            if (s.name.size() > longest_name || !detail::is_valid_utf8(s.name))
                throw retrieve_error{retrieve_errc::bad_passage, "its name is too long, or no UTF-8"};
            const auto content = documents_.read(file, options_.max_file_bytes + 1);
            if (content.size > options_.max_file_bytes)
                throw retrieve_error{retrieve_errc::too_large,
                                     "it has more than " + std::to_string(options_.max_file_bytes) + " bytes"};
            s.hash = hash_of(content.text);
            const auto* hash = old == known_.end() ? nullptr : old->second.if_contains("hash");
            if (same_settings_ && hash && hash->is_string() && hash->get_string() == s.hash) return s;
            s.changed = true;
            add_passages(file, content.text, s);
        } catch (const std::exception& e) {  // of the folder, of chunks, or of a reader
            s.why_broken = e.what();
            s.passages.clear();
            s.changed = old != known_.end();
        }
        return s;
    }

    const document_reader* reader_of(const fs::path& file) const {
        const auto found = options_.readers.find(file.extension().string());
        return found == options_.readers.end() ? nullptr : &found->second;
    }

    void add_passages(const fs::path& file, const std::string& bytes, read_source& to) const {
        const auto* reader = reader_of(file);
        if (!reader) {
            const auto kind = document_kind_of(file).value_or(document_kind::text);
            const auto read = detail::decoded(bytes, kind);
            for (auto& c : chunks_of(read.text, kind, options_.chunks)) {
                c.begin += read.offset;
                c.end += read.offset;
                add_passage(file, std::move(c), to);
            }
            return;
        }
        const auto text = (*reader)(bytes);
        const bool paged = text.find('\f') != text.npos;
        for (std::size_t begin = 0, page = 1; begin < text.size(); ++page) {
            const auto end = std::min(text.find('\f', begin), text.size());
            for (auto& c :
                 chunks_of(std::string_view{text}.substr(begin, end - begin), document_kind::text, options_.chunks)) {
                c.begin += begin;
                c.end += begin;
                auto& p = add_passage(file, std::move(c), to);
                if (paged) p.metadata["page"] = page;
                if (to.passages.size() > options_.chunks.max_chunks)
                    throw retrieve_error{retrieve_errc::too_large,
                                         "it has more than " + std::to_string(options_.chunks.max_chunks) + " chunks"};
            }
            begin = end + 1;
        }
    }

    static passage& add_passage(const fs::path& file, chunk c, read_source& to) {
        return to.passages.emplace_back(passage{.id = to.name + "#" + std::to_string(to.passages.size()),
                                                .text = std::move(c.text),
                                                .title = title_of(file, c.heading),
                                                .source = to.name,
                                                .metadata = {{"source", to.name}, {"begin", c.begin}, {"end", c.end}}});
    }

    // Texts that the files had before keep their vectors.
    void remember_vectors() {
        for (const auto& source : group_) {
            const auto old = known_.find(source.name);
            if (old == known_.end() || !same_settings_) continue;
            std::vector<std::string> ids;
            boost::system::error_code ec;
            const auto* count = old->second.if_contains("passages");
            const auto n = count ? count->to_number<std::size_t>(ec) : 0;
            for (std::size_t i = 0; i < n && !ec; ++i) ids.push_back(source.name + "#" + std::to_string(i));
            auto vectors = index_.vectors_of(ids);
            for (std::size_t i = 0; i < ids.size(); ++i)
                if (const auto p = index_.get(ids[i]); p && !vectors[i].empty())
                    vectors_[compared(*p)] = std::move(vectors[i]);
        }
    }

    build_options options_;
    folder documents_;
    std::unique_ptr<detail::first_index> first_;  // where there is no index yet
    passage_index index_;
    index_writer writer_;
    std::map<std::string, json::object> known_;
    json::object settings_;
    bool same_settings_ = false, dirty_ = false;
    std::vector<fs::path> files_;
    std::size_t at_ = 0, folders_left_out_ = 0;
    std::set<std::string> present_;
    std::vector<read_source> group_;
    std::unordered_map<std::string, std::vector<float>> vectors_;  // of the group's texts
    build_report report_;
};

// Reading, hashing and writing block, so they are done on the pool for that.
template <class Work>
task<void> aside(run& r, Work work) {
    std::function<json::value()> done = [work = std::move(work)] {
        work();
        return json::value(nullptr);
    };
    co_await r.blocking(std::move(done));
}

// Without a record but for the work: what a build asks of a model stands in no journal.
task<text_vectors> vectors_of(run& r, vector_source by, std::vector<std::string> texts) {
    if (by.is_of_words()) co_return co_await by.embed(r, "embed", std::move(texts), embedding_use::document);
    const lm_context context{r.http()};
    co_return co_await by.embed(context, std::move(texts), embedding_use::document);
}

task<build_report> built(run& r, fs::path documents, fs::path index, build_options options) {
    auto state =
        std::make_shared<std::unique_ptr<building>>();  // owned by the work, which goes on when the run is cancelled
    auto open = [state, documents, index, options] { *state = std::make_unique<building>(documents, index, options); };
    co_await aside(r, open);
    auto texts = std::make_shared<std::vector<std::string>>();
    while (!(*state)->at_end()) {
        r.check();
        auto read = [state, texts] { *texts = (*state)->read_group(); };
        co_await aside(r, read);
        auto vectors = std::make_shared<std::vector<std::vector<float>>>();
        if (!texts->empty()) {
            auto made = co_await vectors_of(r, *options.vectors, *texts);
            (*state)->report().usage += made.usage;
            *vectors = std::move(made.vectors);
        }
        auto put = [state, texts, vectors] { (*state)->put_group(*texts, std::move(*vectors)); };
        co_await aside(r, put);
        if (options.on_progress) options.on_progress((*state)->progress());
    }
    auto finish = [state] { (*state)->finish(); };
    co_await aside(r, finish);
    co_return (*state)->report();
}

}  // namespace

task<build_report> build_index(run& r, fs::path documents, fs::path index, build_options options) {
    return built(r, std::move(documents), std::move(index), std::move(options));
}

}  // namespace reagent
