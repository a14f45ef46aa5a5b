#include "sample_privacy.hpp"

#include <reagent/module/saved_program.hpp>

#include "../base/redact.hpp"

#include <openssl/hmac.h>
#include <boost/json.hpp>

namespace reagent::detail {

sample_privacy::sample_privacy(const traffic_options& o)
    : names_{o.private_fields},
      hashed_{o.privacy == private_values::hashed},
      key_{o.hash_key},
      secrets_{std::make_shared<const known_secrets>(o.secrets)} {}

void sample_privacy::know(const std::set<std::string>& names) { names_.insert(names.begin(), names.end()); }

json::value sample_privacy::mark(const json::value& v) const {
    if (v.is_null()) return v;
    if (!hashed_) return json::value(in_place_of_private);
    const std::string text = json::serialize(v);
    const auto key = key_.reveal();
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
              reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes, &length))
        return json::value(in_place_of_private);
    std::string hex;
    for (unsigned i = 0; i < 12 && i < length; ++i)
        hex += {"0123456789abcdef"[bytes[i] >> 4], "0123456789abcdef"[bytes[i] & 15]};
    return json::value("(private " + hex + ")");
}

json::object sample_privacy::shown(const privacy& p, const json::object& o, bool& withheld) const {
    json::object kept;
    for (const auto& [name, v] : o) {
        const bool is_private = names_.contains(std::string{name}), is_key = is_named_key(name, v);
        withheld = withheld || ((is_private || is_key) && !v.is_null());
        kept[p.shown(std::string_view{name})] = is_private ? mark(v)
                                                : is_key   ? json::value(in_place_of_a_secret)
                                                           : shown(p, v, withheld);
    }
    return kept;
}

json::value sample_privacy::shown(const privacy& p, const json::value& v, bool& withheld) const {
    if (v.is_object()) return shown(p, v.get_object(), withheld);
    if (v.is_array()) {
        json::array kept;
        for (const auto& item : v.get_array()) kept.push_back(shown(p, item, withheld));
        return kept;
    }
    auto kept = p.shown("", v);
    withheld = withheld || kept != v;
    return kept;
}

// An error quotes what it likes; where something is private only what it does not quote stays.
std::string sample_privacy::text(const privacy& p, const std::string& text) const {
    return p.shown(names_.empty() ? std::string_view{text} : std::string_view{without_quotes(text)});
}

void sample_privacy::clean(sample& s) const {
    privacy p{names_, secrets_};
    p.learn("", s.inputs);
    p.learn("", s.outputs);
    s.withheld = false;
    s.inputs = shown(p, s.inputs, s.withheld);
    s.outputs = shown(p, s.outputs, s.withheld);
    if (!s.error.empty()) s.error = text(p, s.error);
    s.model = p.shown(std::string_view{s.model});
}

void sample_privacy::clean(request_feedback& f) const {
    privacy p{names_, secrets_};
    p.learn("", f.labels);
    f.withheld = false;
    f.labels = shown(p, f.labels, f.withheld);
    f.remark = p.shown(std::string_view{f.remark});
}

std::set<std::string> private_fields_of(const module& root) {
    std::set<std::string> names;
    for (const auto* p : predictors_of(root))
        for (const auto* fields : {&p->signature().inputs, &p->signature().outputs})
            for (const auto& f : *fields) {
                if (f.is_private) names.insert(f.name);
                names.insert(f.private_members.begin(), f.private_members.end());
            }
    return names;
}

}  // namespace reagent::detail
