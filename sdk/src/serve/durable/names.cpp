#include "names.hpp"

#include "../../base/digest.hpp"
#include "../../base/text.hpp"

#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace reagent::detail {
namespace {

constexpr std::size_t owner_digits = 12, longest_session = 64;

std::string hash_of(std::string_view what, std::string_view text) {
    digest d;
    d.add(what);
    d.add("\n");
    d.add(text);
    return d.end();
}

}  // namespace

std::string owner_prefix(std::string_view caller) {
    return std::string{stored_prefix} + hash_of("owner", caller).substr(0, owner_digits) + ".";
}

bool is_owned_by(std::string_view id, std::string_view caller) { return id.starts_with(owner_prefix(caller)); }

std::string new_run_name(std::string_view caller) {
    unsigned char bytes[12];
    if (::getentropy(bytes, sizeof bytes) != 0) throw std::runtime_error{"the system has no random numbers"};
    std::string name = owner_prefix(caller) + "r";
    for (auto b : bytes) (name += "0123456789abcdef"[b >> 4]) += "0123456789abcdef"[b & 15];
    return name;
}

std::string run_name_for(std::string_view caller, std::string_view path, std::string_view key) {
    std::string of{path};
    return owner_prefix(caller) + "k" + hash_of("run", (of += "\n") += key);
}

bool is_session_name(std::string_view name) {
    if (name.empty() || name.size() > longest_session) return false;
    return std::all_of(name.begin(), name.end(), [](char c) { return is_word(c) || c == '-' || c == '.'; });
}

std::string session_id_of(std::string_view caller, std::string_view name) {
    return owner_prefix(caller) + std::string{name};
}

std::string_view session_name_of(std::string_view id) {
    if (!id.starts_with(stored_prefix)) return id;
    auto dot = id.find('.', stored_prefix.size());
    return dot == id.npos ? id : id.substr(dot + 1);
}

std::string stored_program(std::string_view name, std::string_view version) {
    std::string all{name};
    return version.empty() ? all : (all += "@") += version;
}

}  // namespace reagent::detail
