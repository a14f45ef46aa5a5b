#include "uri.hpp"

#include <boost/url.hpp>

namespace reagent {

std::optional<split_uri> resolve_uri(std::string_view base, std::string_view reference) {
    namespace urls = boost::urls;
    auto from = urls::parse_uri(urls::string_view{base.data(), base.size()});
    auto to = urls::parse_uri_reference(urls::string_view{reference.data(), reference.size()});
    if (!from || !to) return {};
    split_uri result;
    result.fragment = to->fragment();
    urls::url found;
    if (to->has_scheme()) {
        found = *to;
    } else if (to->encoded_path().empty() && !to->has_authority() && !to->has_query()) {
        found = *from;  // only a fragment: the document itself, also where it is a URN
    } else if (!urls::resolve(*from, *to, found)) {
        return {};
    }
    found.remove_fragment();
    result.base = std::string{found.buffer().data(), found.buffer().size()};
    return result;
}

}  // namespace reagent
