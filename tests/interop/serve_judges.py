"""The official clients of OpenAI, an OpenAPI validator and schemathesis judge a server: serve_judges.py SERVED_MODELS"""
import json
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

import openai
from openapi_spec_validator import validate
from pydantic import BaseModel

KEY = "judge-key-0123456789"
wrong = []


def check(what, holds):
    if not holds:
        wrong.append(what)
        print("WRONG:", what, flush=True)


class Route(BaseModel):
    team: str
    urgent: bool


def chat(client):
    asked = dict(model="qa", messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "lighthouse?"}])
    whole = client.chat.completions.create(**asked, temperature=0.5, max_tokens=500)
    text = whole.choices[0].message.content
    check("chat: the text", "lighthouse?" in text and "Be brief." in text and whole.choices[0].finish_reason == "stop")
    check("chat: usage", whole.usage is not None)
    with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
        pieces = [e.delta for e in stream if e.type == "content.delta"]
        final = stream.get_final_completion()
    check("chat: streamed as whole", "".join(pieces) == final.choices[0].message.content == text)
    check("chat: streamed usage", final.usage is not None)
    turns = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}, {"role": "user", "content": "three"}]
    text = client.chat.completions.create(model="qa", messages=turns).choices[0].message.content
    check("chat: all turns", all(w in text for w in ("one", "two", "three")))


def structured(client):
    asked = [{"role": "user", "content": json.dumps({"message": "my invoice"})}]
    parsed = client.chat.completions.parse(model="classify", messages=asked, response_format=Route).choices[0].message.parsed
    check("chat: structured", parsed == Route(team="billing", urgent=True))
    parsed = client.responses.parse(model="classify", input=asked, text_format=Route).output_parsed
    check("responses: structured", parsed == Route(team="billing", urgent=True))


def responses(client):
    whole = client.responses.create(model="qa", input="lighthouse?", instructions="Be brief.")
    check("responses: the text", "lighthouse?" in whole.output_text and whole.status == "completed")
    with client.responses.stream(model="qa", input="lighthouse?", instructions="Be brief.") as stream:
        numbers = [e.sequence_number for e in stream]
        final = stream.get_final_response()
    check("responses: streamed as whole", final.output_text == whole.output_text)
    check("responses: numbered", numbers == list(range(len(numbers))))


def refusals(client):
    def refused(kind, **more):
        try:
            client.chat.completions.create(**{"model": "qa", "messages": [{"role": "user", "content": "x"}], **more})
        except kind:
            return True
        return False
    check("unknown model", refused(openai.NotFoundError, model="gpt-5"))
    check("tools", refused(openai.BadRequestError, tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}]))
    check("n", refused(openai.BadRequestError, n=2))
    try:
        openai.OpenAI(base_url=client.base_url, api_key="another-key-0123", max_retries=0).models.list()
        check("another key", False)
    except openai.AuthenticationError:
        pass
    check("models", sorted(m.id for m in client.models.list()) == ["classify", "qa"])
    check("one model", client.models.retrieve("qa").id == "qa")


def description(url):
    request = urllib.request.Request(url + "/openapi.json", headers={"Authorization": "Bearer " + KEY})
    validate(json.load(urllib.request.urlopen(request)))
    scratch = tempfile.mkdtemp()  # it keeps what it found in its working folder
    found = subprocess.run([sys.executable.replace("python3", "schemathesis").replace("python", "schemathesis"), "run", url + "/openapi.json", "-H", "Authorization: Bearer " + KEY,
                            "--max-examples", "20", "--seed", "1", "--phases", "examples,coverage,fuzzing"],
                           capture_output=True, text=True, cwd=scratch)
    shutil.rmtree(scratch)
    # It draws one key for two requests now and then, which is refused as draft-ietf-httpapi-idempotency-key-header says: 422.
    findings = len(re.findall(r"^- ST\d+", found.stdout, re.M))
    of_keys = found.stdout.count("urn:reagent:problem:idempotency")
    check("schemathesis\n" + found.stdout[-6000:] + found.stderr[-2000:], found.returncode == 0 or 0 < findings == of_keys)


def main():
    server = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().strip()
        client = openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0)
        for judge in (chat, structured, responses, refusals):
            judge(client)
        description(url)
    finally:
        server.terminate()
        check("the server ends", server.wait(20) == 0)
    print(f"{len(wrong)} wrong")
    return 1 if wrong else 0


sys.exit(main())
