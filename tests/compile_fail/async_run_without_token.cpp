// expect: reagent: the last argument of async_run is a completion token
#include <reagent/reagent.hpp>
using qa = reagent::predict<reagent::sig<"question -> answer">>;
void f(reagent::runtime& rt, qa& p) { rt.async_run("openai/gpt-4o-mini", p, "question"); }
