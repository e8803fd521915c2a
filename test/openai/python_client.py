"""What OpenAI's client for Python gets from a gateway, as one JSON object. Arguments: the gateway's address, an API key, a model."""
import json
import sys

import openai

base, key, model = sys.argv[1:]
client = openai.OpenAI(base_url=base + "/v1", api_key=key, max_retries=0)
messages = [{"role": "user", "content": "What is the capital of France?"}]
found = {}

whole = client.chat.completions.create(model=model, messages=messages)
found["chat"] = {
    "text": whole.choices[0].message.content,
    "finish": whole.choices[0].finish_reason,
    "tokens": whole.usage.total_tokens,
    "verdict": whole.karmesh["quorum"]["verdict"],
    "requestIdStands": whole._request_id == whole.karmesh["requestId"],
}

pieces = list(client.chat.completions.create(
    model=model, messages=messages, stream=True, stream_options={"include_usage": True},
    extra_body={"karmesh": {"lane": "gold"}},
))
found["stream"] = {
    "text": "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices),
    "tokens": pieces[-1].usage.total_tokens,
    "assurance": pieces[-1].karmesh["assurance"],
    "lane": pieces[-1].karmesh["lane"],
}

several = client.chat.completions.create(model=model, messages=messages, n=3)
found["several"] = {
    "texts": [choice.message.content for choice in several.choices],
    "evidence": len(several.karmesh["all"]),
}

tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
say = 'say <tool_call>{"name": "weather", "arguments": {"city": "Rome"}}</tool_call>'
call = client.chat.completions.create(model=model, messages=[{"role": "user", "content": say}], tools=tools)
found["tool"] = json.loads(call.choices[0].message.tool_calls[0].function.arguments)

plain = client.completions.create(model=model, prompt=["say a", "say b"])
found["completions"] = [choice.text for choice in plain.choices]
found["completionStream"] = "".join(
    piece.choices[0].text for piece in client.completions.create(model=model, prompt="say abc", stream=True)
)

found["models"] = [each.id for each in client.models.list()]
found["model"] = client.models.retrieve(model).owned_by


def refused(ask):
    try:
        ask()
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code, error.body["message"]]
    return None


stranger = openai.OpenAI(base_url=base + "/v1", api_key="sk-bad", max_retries=0)
found["errors"] = [
    refused(lambda: client.chat.completions.create(model="none", messages=messages)),
    refused(lambda: client.chat.completions.create(model=model, messages=messages, top_p=0.5)),
    refused(lambda: stranger.models.list()),
]
print(json.dumps(found))
