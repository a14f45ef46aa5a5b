#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace reagent::detail {

/// What a run keeps of an argument, so that the program can start again: a copy; of a text a std::string.
template <class T>
struct owned {
    using type = std::conditional_t<std::is_convertible_v<T, std::string_view>, std::string, T>;
    template <class U>
    static type keep(U&& v) {
        if constexpr (std::is_convertible_v<T, std::string_view>)
            return std::string{std::string_view{v}};
        else
            return std::forward<U>(v);
    }
    static const type& give(const type& v) { return v; }
};
template <class T>
using owned_by = owned<std::decay_t<T>>;

}  // namespace reagent::detail
