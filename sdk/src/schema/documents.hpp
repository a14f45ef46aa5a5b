#pragma once

#include "node.hpp"

#include <reagent/error.hpp>

#include <deque>
#include <map>
#include <string>
#include <unordered_map>

namespace reagent {

/// Where a reference points: a (sub)schema and the resource that it belongs to.
struct schema_place {
    const json::value* source = nullptr;
    schema::resource* resource = nullptr;
    bool dynamic = false;  ///< by a name that `$dynamicAnchor` gave
    std::string anchor{};
};

/// The documents that one compilation knows: the schema itself, what the caller registered, and the meta-schemas.
/// Finds `$id`, `$anchor` and `$dynamicAnchor` in them; never asks the network.
class schema_documents {
public:
    schema_documents(const json::value& document, const schema_options& options);

    schema::resource& root() { return *root_; }

    /// The resource that begins at this value, if one does.
    schema::resource* beginning_at(const json::value& source) const;

    /// @throws schema_error where nothing stands at the reference; `path` is where the reference stands
    schema_place find(schema::resource& from, std::string_view reference, const std::string& path);

    std::deque<std::unique_ptr<schema::resource>> take() { return std::move(owned_); }
    const std::deque<std::unique_ptr<schema::resource>>& all() const { return owned_; }

private:
    schema::resource* add(const json::value& document, const std::string& uri, const schema_rules& rules);
    void index(const json::value& source, schema::resource& in, int depth);
    schema::resource& enter(const json::value& source, schema::resource& in);
    void name(const json::value& source, schema::resource& in);
    schema_rules rules_of(const json::value& source, const schema_rules& otherwise) const;
    std::optional<schema_rules> rules_called(std::string_view uri) const;
    schema::resource* known(const std::string& uri);
    const json::value* registered(std::string_view uri) const;
    void add_registered();

    const schema_options& options_;
    std::deque<std::unique_ptr<schema::resource>> owned_;
    std::map<std::string, schema::resource*, std::less<>> by_uri_;
    std::unordered_map<const json::value*, schema::resource*> by_source_;
    schema::resource* root_ = nullptr;
    bool registered_added_ = false;
};

/// A meta-schema of draft 7 or 2020-12 by its URI without `#`; null for any other.
const json::value* meta_schema(std::string_view uri);

[[noreturn]] void fail_schema(schema_errc code, const std::string& path, const std::string& what);

}  // namespace reagent
