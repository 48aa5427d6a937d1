// An application on OpenAI's official Node SDK, unmodified: only the base URL is the gateway's.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.API_KEY, maxRetries: 2 });
const ask = { model: "chat", messages: [{ role: "user", content: "[[words:8]]" }] };
const tools = [
  {
    type: "function",
    function: {
      name: "look_up",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];

const read = async (stream) => {
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
  return text;
};

const raised = async (call) => {
  try {
    await call();
  } catch (error) {
    return { kind: error.constructor.name, status: error.status ?? null, code: error.code ?? null };
  }
  return null;
};

const scenes = {
  chat: async () => (await client.chat.completions.create(ask)).choices[0].message.content,
  stream: async () => read(await client.chat.completions.create({ ...ask, stream: true })),
  helper: async () => (await client.chat.completions.stream(ask).finalChatCompletion()).choices[0].message.content,
  tools: async () => {
    const message = (await client.chat.completions.create({ ...ask, tools })).choices[0].message;
    return message.tool_calls.map((call) => [call.function.name, typeof JSON.parse(call.function.arguments).city]);
  },
  streamed_tools: async () => {
    const message = (await client.chat.completions.stream({ ...ask, tools }).finalChatCompletion()).choices[0].message;
    return message.tool_calls.map((call) => [call.function.name, typeof JSON.parse(call.function.arguments).city]);
  },
  embeddings: async () => {
    const reply = await client.embeddings.create({ model: "chat", input: ["a", "b"] });
    return reply.data.map((item) => item.embedding.length > 10);
  },
  models: async () => (await client.models.list()).data.map((model) => model.id),
  headers: async () => {
    const { response } = await client.chat.completions.create(ask).withResponse();
    return response.headers.get("x-gateway-deployment");
  },
  unknown: () => raised(() => client.chat.completions.create({ ...ask, model: "gpt-9" })),
  failed: () => raised(() => client.chat.completions.create(ask)),
  interrupted: () => raised(async () => read(await client.chat.completions.create({ ...ask, stream: true }))),
};

const result = await scenes[process.argv[2]]();
console.log(JSON.stringify(result));
