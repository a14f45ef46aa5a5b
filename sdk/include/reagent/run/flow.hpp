#pragma once

#include <reagent/journal/flow.hpp>
