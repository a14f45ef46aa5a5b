#pragma once

// Everything that a program needs.

#include <reagent/agents/react.hpp>
#include <reagent/agents/safe_sql.hpp>
#include <reagent/durable/durable_service.hpp>
#include <reagent/evaluate/evaluation.hpp>
#include <reagent/evaluate/typed_example.hpp>
#include <reagent/journal/inspect.hpp>
#include <reagent/lm/answer_log.hpp>
#include <reagent/lm/catalog.hpp>
#include <reagent/lm/decorators.hpp>
#include <reagent/lm/embedder.hpp>
#include <reagent/lm/scripted.hpp>
#include <reagent/lm/to_text.hpp>
#include <reagent/module/chain_of_thought.hpp>
#include <reagent/module/majority.hpp>
#include <reagent/module/multi_chain_comparison.hpp>
#include <reagent/module/nearest_demos.hpp>
#include <reagent/module/parallel.hpp>
#include <reagent/module/predict.hpp>
#include <reagent/module/program_store.hpp>
#include <reagent/module/refine.hpp>
#include <reagent/module/saved_program.hpp>
#include <reagent/module/self_consistency.hpp>
#include <reagent/observe/telemetry.hpp>
#include <reagent/optimize/instructions.hpp>
#include <reagent/run/ask.hpp>
#include <reagent/tools/ready.hpp>
#include <reagent/tools/registry.hpp>
#include <reagent/tools/sql_metric.hpp>
#include <reagent/tools/wall.hpp>
