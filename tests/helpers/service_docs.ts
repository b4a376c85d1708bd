// The services in ssh-session-notifier.toml(5), generated from the registry; and the messages in
// tests/testdata/messages.

import { parse } from "smol-toml";
import * as v from "valibot";
import { type RegisteredService, services } from "../../src/services/registry.ts";
import type { Message } from "../../src/services/service.ts";
import { configured } from "./compliance.ts";
import { sentence } from "./config_docs.ts";
import { messageWith, notification } from "./fixtures.ts";
import { argument, display, paragraph } from "./mdoc.ts";
import { NOW_MS } from "./service_specs.ts";

/** Each service with its limit, the page of its API, its options and an example, as mdoc. */
export function serviceLines(): string[] {
  return [...services.values()].flatMap(({ name, limits, apiUrl, options, example, secretOptions }) => [
    `.Ss ${name}`,
    ...limits.text === Infinity
      ? []
      : paragraph(`The longest message has ${limits.text.toLocaleString("en")} ${limits.unit}.`),
    ...display(apiUrl),
    ...Object.keys(options).length === 0 ? [] : [
      ".Bl -tag -width Ds",
      ...Object.entries(options).flatMap(([name, schema]) => [
        `.It Cm ${argument(name)}`,
        ...paragraph(sentence(descriptionOf(schema))),
        ...schema.type !== "optional" ? ["Required."] : fallbackOf(schema),
        ...secretOptions.includes(name) ? paragraph(`Secret; or \`${name}_file\`.`) : [],
      ]),
      ".El",
    ],
    ...display(example === "" ? `[notification]\nservice = "${name}"` : `[notification.${name}]\n${example}`),
  ]);
}

const KEY = "publickey ED25519 SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM (work laptop)";
const LOGIN = notification({ authentication: KEY });

function descriptionOf(schema: v.ObjectEntries[string]): string {
  return "pipe" in schema ? v.getDescription(schema as v.GenericSchema) ?? "" : "";
}

function fallbackOf(schema: v.ObjectEntries[string]): string[] {
  return "default" in schema && typeof schema.default === "string"
    ? paragraph(`Default: \`"${schema.default}"\`.`)
    : [];
}

/** What there is to show of the messages. */
export const MESSAGES: Readonly<Record<string, Message>> = {
  "A login": messageWith(LOGIN),
  "A logout": messageWith({
    ...LOGIN,
    type: "close",
    urgency: "low",
    duration: "2 h 5 min",
    time: "2026-11-23 13:18:32+13:00",
  }),
  "An unexpected login": messageWith({
    ...LOGIN,
    remoteHost: "198.51.100.23",
    address: "198.51.100.23",
    authentication: "password",
    urgency: "urgent",
    reasons: ["first login of alice from 198.51.100.23"],
  }),
  "A digest": messageWith(
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

/** Those messages but the digest as plain sentences, as `stdout` prints them. */
export function sentenceExamples(): Readonly<Record<string, string>> {
  const registered = services.get("stdout");
  if (registered === undefined) throw new Error("there is no service stdout");
  const { "A digest": _, ...messages } = MESSAGES;
  return Object.fromEntries(
    Object.entries(messages).map(([what, message]) => {
      const request = configured(registered, {}).render(message, { form: "rich", nowMs: NOW_MS });
      return [what, request.kind === "print" ? request.text : ""];
    }),
  );
}

/** Those messages as they are sent to a service. */
export function messageExamples(registered: RegisteredService): string {
  const service = configured(registered, parse(registered.example));
  return Object.entries(MESSAGES).map(([what, message]) => {
    const request = service.render(message, { form: "rich", nowMs: NOW_MS });
    const body = request.kind === "http" ? compact(request.body) : request.text;
    return `${what}:\n\n${body}\n`;
  }).join("\n");
}

/** JSON with an object or array that holds no other on one line; a form with a line for each field. */
function compact(body: string): string {
  if (!body.startsWith("{")) return [...new URLSearchParams(body)].map((field) => field.join("=")).join("\n");
  return JSON.stringify(JSON.parse(body), null, 2).replaceAll(
    /[{[]\n([^{}[\]]*?)\n\s*[}\]](?=,?$)/gm,
    (whole) => whole.replaceAll(/\n\s*/g, " "),
  );
}
