#include <reagent/base/folder.hpp>
#include <reagent/tools/function.hpp>
#include <reagent/tools/ready.hpp>

#include "../../sdk/src/base/zero_bytes.hpp"

#include <boost/json.hpp>

namespace reagent::ready {
namespace {

namespace fs = std::filesystem;

json::value read(const fs::path& root, std::size_t max_bytes, const std::string& path) {
    auto fail = [&](const std::string& why) {
        return std::runtime_error{without_zero_bytes("\"" + path + "\" cannot be read: " + why)};
    };
    folder::content found;
    try {
        found = folder{root}.read(path, max_bytes + 1);
    } catch (const folder_error& e) {
        throw fail(e.what());
    }
    if (found.text.find('\0') != found.text.npos) throw fail("it is no text file");
    if (found.text.size() > max_bytes) {
        found.text.resize(max_bytes);
        found.text += "\n[cut here: the file has " + std::to_string(found.size) + " bytes]";
    }
    return json::value(json::string(found.text));
}

}  // namespace

tool read_file(const fs::path& root, std::size_t max_bytes) {
    std::error_code ec;
    if (!fs::is_directory(root, ec))
        throw tool_error{tool_errc::bad_configuration, "\"" + root.string() + "\" is no folder"};
    fs::path absolute = fs::absolute(root);
    auto call = [absolute, max_bytes](std::string path) { return read(absolute, max_bytes, path); };
    return detail::make_tool("read_file", "Returns the text of a file.", call,
                             {{"path", "relative to the folder, as notes/today.txt"}},
                             {.read_only = true,
                              .max_result_bytes = max_bytes + 200,
                              .flow = flow_flags{.untrusted = true, .private_data = true}});
}

}  // namespace reagent::ready
