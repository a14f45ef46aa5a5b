// expect: reagent: the value of this field cannot be written to a stream
#include <iostream>
#include <reagent/reagent.hpp>
int main() {
    reagent::field<std::vector<std::string>, "what to buy"> list;
    std::cout << list;
}
