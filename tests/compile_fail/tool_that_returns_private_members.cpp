// expect: reagent: what a tool returns has no JSON
#include <reagent/reagent.hpp>
class money {
public:
    explicit money(int cents) : cents_{cents} {}

private:
    [[maybe_unused]] int cents_;
};
int main() {
    reagent::tools t;
    t.add("price", "Tells a price.", [](int article) { return money{article}; }, {"article"});
}
