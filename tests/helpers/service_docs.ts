// The README's part on services, generated from the services so that it is always correct.
// `deno run -A tests/helpers/service_docs.ts` prints it; `deno fmt` then aligns the tables.

import { services } from "../../src/services/registry.ts";
import type { Batch } from "../../src/services/service.ts";
import { ROOT } from "./compile.ts";
import { configured } from "./compliance.ts";
import { batchOf, notification } from "./fixtures.ts";
import { NOW_MS } from "./service_specs.ts";

/** A text without what `deno fmt` changes: the alignment of tables and the layout of JSON. */
export function squeezed(text: string): string {
  return text.replaceAll(/-+/g, "-").replaceAll(/\s+/g, "");
}

/** One row for each service: name, limit and API page. */
export function serviceTable(): string {
  const rows = [...services.values()].map(({ name, limits, apiUrl }) => {
    const limit = limits.text === Infinity ? "none" : `${limits.text.toLocaleString("en")} ${limits.unit}`;
    return `| \`${name}\` | ${limit} | [API](${apiUrl}) |`;
  });
  return ["| `service` | longest message | page |", "| --- | --- | --- |", ...rows].join("\n");
}

/** One row for each option of each service. */
export function optionTable(): string {
  const rows = [...services.values()].flatMap(({ name, optionDocs }) =>
    optionDocs.map((option) => {
      const fallback = option.fallback === undefined ? "none" : `\`"${option.fallback}"\``;
      const secret = option.isSecret ? ` (secret; or \`${option.name}_file\`)` : "";
      return `| \`${name}\` | \`${option.name}\` | ${
        option.isRequired ? "required" : fallback
      } | ${option.description}${secret} |`;
    })
  );
  return ["| service | option | default | what |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** An example of each service's options, in the format of the configuration. */
export function exampleConfigs(): string {
  const sections = [...services.values()].filter(({ example }) => example !== "")
    .map(({ name, example }) => `[notification.${name}]\n${example}`);
  return `\`\`\`toml\n${sections.join("\n\n")}\n\`\`\``;
}

const KEY = "publickey ED25519 SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM (work laptop)";
const LOGIN = notification({ authentication: KEY });

/** The messages that the README shows. */
export const MESSAGES: Readonly<Record<string, Batch>> = {
  "A login": batchOf(LOGIN),
  "A logout": batchOf({
    ...LOGIN,
    type: "close",
    urgency: "low",
    duration: "2 h 5 min",
    time: "2026-11-23 13:18:32+13:00",
  }),
  "An unexpected login": batchOf({
    ...LOGIN,
    remoteHost: "198.51.100.23",
    address: "198.51.100.23",
    authentication: "password",
    urgency: "urgent",
    reasons: ["first login of alice from 198.51.100.23"],
  }),
  "A digest": batchOf(
    { ...LOGIN, user: "deploy", remoteHost: "192.0.2.10", address: "192.0.2.10" },
    {
      ...LOGIN,
      user: "deploy",
      remoteHost: "192.0.2.10",
      address: "192.0.2.10",
      type: "close",
      duration: "4 s",
      time: "2026-11-23 11:13:36+13:00",
    },
    { ...LOGIN, user: "deploy", remoteHost: "192.0.2.11", address: "192.0.2.11", time: "2026-11-23 11:13:37+13:00" },
  ),
};

/** The messages, except the digest, as plain sentences, as `stdout` prints them. */
export function sentenceExamples(): string {
  const registered = services.get("stdout");
  if (registered === undefined) throw new Error("unknown service stdout");
  const { "A digest": _, ...messages } = MESSAGES;
  return Object.values(messages).map((batch) => {
    const request = configured(registered, {}).render(batch, { form: "rich", nowMs: NOW_MS });
    return request.kind === "print" ? `    ${request.text}` : "";
  }).join("\n");
}

/** The request bodies of the messages, or of one of them, for a service. */
export function messageExamples(name: "discord" | "ntfy" | "webhook", only?: string): string {
  const registered = services.get(name);
  if (registered === undefined) throw new Error(`unknown service ${name}`);
  const options = {
    discord: { webhook_url: "https://discord.com/api/webhooks/xyz" },
    ntfy: { topic_url: "https://ntfy.sh/my-secret-topic" },
    webhook: { url: "https://example.com/hooks/ssh" },
  };
  const service = configured(registered, options[name]);
  const examples = Object.entries(MESSAGES).filter(([what]) => what === (only ?? what));
  return examples.map(([what, batch]) => {
    const request = service.render(batch, { form: "rich", nowMs: NOW_MS });
    const body = request.kind === "http" ? compact(request.body) : request.text;
    const title = only === undefined ? `${what}:\n\n` : "";
    return `${title}\`\`\`json\n${body}\n\`\`\``;
  }).join("\n\n");
}

/** Formats JSON with each innermost object or array on one line. */
function compact(json: string): string {
  return JSON.stringify(JSON.parse(json), null, 2).replaceAll(
    /[{[]\n([^{}[\]]*?)\n\s*[}\]](?=,?$)/gm,
    (whole) => whole.replaceAll(/\n\s*/g, " "),
  );
}

/** The source of the example service, as a file of src/services. */
export function exampleService(): string {
  const source = Deno.readTextFileSync(`${ROOT}/tests/testdata/pager.ts`).replaceAll("../../src/services/", "./");
  return `\`\`\`ts\n${source.trimEnd()}\n\`\`\``;
}

if (import.meta.main) {
  const parts = [serviceTable(), optionTable(), exampleConfigs()];
  const messages = [
    sentenceExamples(),
    messageExamples("discord"),
    messageExamples("ntfy"),
    messageExamples("webhook", "An unexpected login"),
  ];
  const text = [...parts, ...messages, exampleService()].join("\n\n");
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}
