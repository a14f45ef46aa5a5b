"""What MLflow received: the tree, the attributes and the token counts of two runs of `reagent ask`; content of the first only."""
import json
import sys
import time

import mlflow

uri, first, second = sys.argv[1:]
mlflow.set_tracking_uri(uri)
client = mlflow.MlflowClient()


def check(ok, what):
    if not ok:
        sys.exit(f"WRONG: {what}")


for _ in range(40):
    found = client.search_traces(locations=["0"])
    if len(found) == 2:
        break
    time.sleep(0.25)
check(len(found) == 2, f"{len(found)} traces arrived, not 2")
traces = sorted((client.get_trace(t.info.trace_id) for t in found),
                key=lambda t: t.data.spans[0].start_time_ns)

for trace, file, content in zip(traces, [first, second], [True, False]):
    usage = json.load(open(file))["usage"]
    spans = trace.data.spans
    by_id = {s.span_id: s for s in spans}
    roots = [s for s in spans if s.parent_id is None]
    check(len(roots) == 1 and roots[0].name == "invoke_agent ask", f"the root is {[s.name for s in roots]}")
    chats = [s for s in spans if s.name.startswith("chat ")]
    tools = [s for s in spans if s.name.startswith("execute_tool ")]
    check(len(chats) == usage["calls"], f"{len(chats)} chats for {usage['calls']} calls")
    check([s.name for s in tools] == ["execute_tool calculator"], f"tools: {[s.name for s in tools]}")
    for s in chats:
        check(by_id[s.parent_id].name.startswith("predictor "), f"{s.name} is below {by_id[s.parent_id].name}")
        check(by_id[by_id[s.parent_id].parent_id] is roots[0], "a predictor is not below the run")
        a = s.attributes
        check(a["gen_ai.operation.name"] == "chat" and a["gen_ai.request.model"] == "demo" and a["gen_ai.provider.name"] == "offline", f"attributes: {a}")
        check(("gen_ai.input.messages" in a) == content and ("gen_ai.output.messages" in a) == content, "content is sent when asked for, and only then")
        check(s.end_time_ns >= s.start_time_ns, "a span ends before it begins")
    check(tools[0].parent_id == roots[0].span_id and tools[0].attributes["gen_ai.tool.name"] == "calculator", "the tool's span")
    check(("gen_ai.tool.call.arguments" in tools[0].attributes) == content, "a tool's arguments are content")
    into = sum(int(s.attributes["gen_ai.usage.input_tokens"]) for s in chats)
    out = sum(int(s.attributes["gen_ai.usage.output_tokens"]) for s in chats)
    check((into, out) == (usage["prompt_tokens"], usage["completion_tokens"]), f"tokens {into}, {out}, not as in {usage}")
    total = trace.info.token_usage
    check(total and total["input_tokens"] == into and total["output_tokens"] == out, f"MLflow's own sum is {total}")
    text = json.dumps([{k: str(v) for k, v in s.attributes.items()} for s in spans])
    check(content or "31415" not in text, "content was sent though nobody asked for it")
print(f"MLflow {mlflow.__version__}: 2 traces, {sum(len(t.data.spans) for t in traces)} spans, trees, attributes and token counts as they should be")
