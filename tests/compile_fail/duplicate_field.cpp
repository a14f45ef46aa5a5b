// expect: reagent: two fields of this signature have the same name
#include <reagent/reagent.hpp>
using namespace reagent::literals;
namespace rg = reagent;
rg::react<rg::sig<"a -> b, b">> p{rg::tools{}};
