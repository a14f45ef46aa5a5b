"""What the official clients make of one answer, read as their users read it: the text, and the calls with parsed arguments.

Each `read` asks its client for an answer, whole or streamed, and returns {"text": ..., "calls": [[name, arguments], ...]}. It
throws what the client throws, and ValueError where that hands out no answer: a text that is none, arguments that are no object.
"""
import importlib.metadata
import json

import anthropic
import cohere
import ollama
import openai
from google import genai

QUESTION = [{"role": "user", "content": "hi"}]


def a_text(value):
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"a text that is none: {value!r}")
    return value


def a_call(name, arguments):
    if not isinstance(name, str) or not name:
        raise ValueError(f"a name that is none: {name!r}")
    if isinstance(arguments, str):
        arguments = json.loads(arguments)
    elif hasattr(arguments, "items"):
        arguments = dict(arguments)
    if not isinstance(arguments, dict):
        raise ValueError(f"arguments that are no object: {arguments!r}")
    return [name, arguments]


def answer(text, calls):
    return {"text": text, "calls": calls}


class OpenAI:
    def __init__(self, base):
        self.client = openai.OpenAI(base_url=base + "/v1", api_key="k", max_retries=0)

    def read(self, streamed):
        asked = dict(model="m", messages=QUESTION)
        if streamed:
            with self.client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
                completion = stream.get_final_completion()
        else:
            completion = self.client.chat.completions.create(**asked)
        message = completion.choices[0].message
        return answer(a_text(message.content),
                      [a_call(c.function.name, c.function.arguments) for c in message.tool_calls or []])


class Responses(OpenAI):
    def read(self, streamed):
        asked = dict(model="m", input="hi")
        if streamed:
            with self.client.responses.stream(**asked) as stream:
                response = stream.get_final_response()
        else:
            response = self.client.responses.create(**asked)
        return answer(a_text(response.output_text),
                      [a_call(i.name, i.arguments) for i in response.output if i.type == "function_call"])


class Anthropic:
    def __init__(self, base):
        self.client = anthropic.Anthropic(base_url=base, api_key="k", max_retries=0)

    def read(self, streamed):
        asked = dict(model="m", max_tokens=100, messages=QUESTION)
        if streamed:
            with self.client.messages.stream(**asked) as stream:
                message = stream.get_final_message()
        else:
            message = self.client.messages.create(**asked)
        return answer("".join(a_text(b.text) for b in message.content if b.type == "text"),
                      [a_call(b.name, b.input) for b in message.content if b.type == "tool_use"])


class Gemini:
    def __init__(self, base):
        self.client = genai.Client(api_key="k", http_options=genai.types.HttpOptions(base_url=base))

    def read(self, streamed):
        asked = dict(model="m", contents="hi")
        models = self.client.models
        text, calls = "", []
        for part in models.generate_content_stream(**asked) if streamed else [models.generate_content(**asked)]:
            text += a_text(part.text)
            calls += [a_call(c.name, c.args or {}) for c in part.function_calls or []]
        return answer(text, calls)


class Ollama:
    def __init__(self, base):
        self.client = ollama.Client(host=base)

    def read(self, streamed):
        parts = self.client.chat(model="m", messages=QUESTION, stream=streamed)
        text, calls = "", []
        for part in parts if streamed else [parts]:
            text += a_text(part.message.content)
            calls += [a_call(c.function.name, c.function.arguments) for c in part.message.tool_calls or []]
        return answer(text, calls)


class Cohere:
    def __init__(self, base):
        self.client = cohere.ClientV2(api_key="k", base_url=base, max_retries=0)

    def read(self, streamed):
        asked = dict(model="m", messages=QUESTION)
        if streamed:
            return self.gathered(self.client.chat_stream(**asked))
        message = self.client.chat(**asked).message
        return answer("".join(a_text(c.text) for c in message.content or [] if c.type == "text"),
                      [a_call(c.function.name, c.function.arguments) for c in message.tool_calls or []])

    @staticmethod
    def gathered(events):
        text, calls = "", {}
        for e in events:
            if e.type == "content-delta":
                text += e.delta.message.content.text
            elif e.type == "tool-call-start":
                calls[e.index] = e.delta.message.tool_calls
            elif e.type == "tool-call-delta":
                calls[e.index].function.arguments += e.delta.message.tool_calls.function.arguments
        return answer(text, [a_call(c.function.name, c.function.arguments) for c in calls.values()])


CLIENTS = {"openai": OpenAI, "openai-responses": Responses, "anthropic": Anthropic, "gemini": Gemini, "ollama": Ollama,
           "cohere": Cohere}


def versions():
    names = "openai", "anthropic", "google-genai", "ollama", "cohere"
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
