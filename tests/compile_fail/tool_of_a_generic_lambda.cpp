// expect: reagent: the types of a tool's parameters must be known
#include <reagent/reagent.hpp>
int main() {
    reagent::tools t;
    t.add("twice", "Doubles.", [](auto x) { return x + x; }, {"x"});
}
