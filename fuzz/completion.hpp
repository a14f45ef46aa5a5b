#pragma once

#include <reagent/adapter/adapter.hpp>

#include <boost/json.hpp>

#include <cstdint>
#include <cstdlib>

// Whatever a completion is, parsing gives every output in its type, or a failure; never an exception.
inline int parse_any(reagent::adapter a, const std::uint8_t* data, std::size_t size) {
    static const reagent::signature s = reagent::parse_signature(
        "q -> text, n: int, x: Optional[float], items: list[str], table: dict[str, int], pair: tuple[int, str], "
        "choice: Literal['a', 'b'], "
        "any: Any, either: int | list[int]");
    static const reagent::signature one = reagent::parse_signature("q -> v: list[dict[str, Any]]");
    std::string_view text{reinterpret_cast<const char*>(data), size};
    for (const auto* signature : {&s, &one}) {
        auto outputs = reagent::parse(a, *signature, text);
        if (!outputs) continue;
        for (const auto& f : signature->outputs)
            if (!outputs->contains(f.name) ||
                (f.kind != reagent::field_kind::choice && !f.shape.validate(outputs->at(f.name)).empty()))
                std::abort();
    }
    return 0;
}
