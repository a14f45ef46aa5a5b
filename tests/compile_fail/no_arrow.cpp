// expect: reagent: this signature has no arrow
#include <reagent/reagent.hpp>
using namespace reagent::literals;
namespace rg = reagent;
rg::predict<rg::sig<"question, answer">> p;
