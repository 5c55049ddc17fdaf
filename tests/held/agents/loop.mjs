// An agent of the AI SDK in the current folder: loop.mjs PROVIDER URL TASK. Its functions are a
// shell, and one that writes a file. Prints the number of steps and the last words, as JSON.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { jsonSchema, stepCountIs, streamText, tool } from "ai";

const [provider, url, task] = process.argv.slice(2);
const key = { apiKey: "none" };
const models = {
  openai: () => createOpenAI({ ...key, baseURL: `${url}/v1` })("grok-3-fast"),
  anthropic: () => createAnthropic({ ...key, baseURL: `${url}/v1` })("grok-3-fast"),
  "openai-compatible": () =>
    createOpenAICompatible({ ...key, name: "local", baseURL: `${url}/v1` })("grok-3-fast"),
};

const texts = (...names) =>
  jsonSchema({
    type: "object",
    properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])),
    required: names,
    additionalProperties: false,
  });

const tools = {
  shell: tool({
    description: "Run a command.",
    inputSchema: texts("command"),
    execute: ({ command }) => execFileSync("/bin/sh", ["-c", command], { encoding: "utf8" }),
  }),
  write_file: tool({
    description: "Write a file.",
    inputSchema: texts("path", "content"),
    execute: ({ path, content }) => {
      writeFileSync(path, content);
      return "written";
    },
  }),
};

const result = streamText({
  model: models[provider](),
  tools,
  prompt: task,
  maxRetries: 0,
  stopWhen: stepCountIs(6),
  onError: ({ error }) => console.error(error),
});
await result.consumeStream();
const steps = await result.steps;
console.log(JSON.stringify({ steps: steps.length, text: await result.text }));
