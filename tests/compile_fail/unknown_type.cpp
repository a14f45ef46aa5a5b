// expect: reagent: unknown type in a signature
#include <reagent/reagent.hpp>
using namespace reagent::literals;
namespace rg = reagent;
rg::predict<rg::sig<"question -> answer: foo">> p;
