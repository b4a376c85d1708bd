// The services in ssh-session-notifier.toml(5), generated from the registry; and the messages in
// tests/testdata/messages.

import { parse } from "smol-toml";
import * as v from "valibot";
import { type RegisteredService, services } from "../../src/services/registry.ts";
import type { MailRequest, Message } from "../../src/services/service.ts";
import { LEARNING } from "../../src/session/judge.ts";
import { configured } from "./compliance.ts";
import { sentence } from "./config_docs.ts";
import { messageWith, notification } from "./fixtures.ts";
import { argument, display, paragraph } from "./mdoc.ts";
import { NOW_MS } from "./service_specs.ts";

/** Each service with its limit, the page of its API, its options, an example and a message, as mdoc. */
export function serviceLines(): string[] {
  return [...services.values()].flatMap((registered) => {
    const { name, limits, apiUrl, options, example, secretOptions } = registered;
    return [
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
      ".Pp",
      ...paragraph("An unexpected login is sent as:"),
      ...display(messageExample(registered, MESSAGES["An unexpected login"])),
    ];
  });
}

const KEY = "publickey ED25519 SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM (work laptop)";
const LOGIN = notification({ authentication: KEY });

const DEPLOY = notification({
  user: "deploy",
  remoteHost: "192.0.2.10",
  address: "192.0.2.10",
  authentication: KEY,
  occurredAtMs: NOW_MS,
});

function descriptionOf(schema: v.ObjectEntries[string]): string {
  return "pipe" in schema ? v.getDescription(schema as v.GenericSchema) ?? "" : "";
}

function fallbackOf(schema: v.ObjectEntries[string]): string[] {
  return "default" in schema && ["string", "number"].includes(typeof schema.default)
    ? paragraph(`Default: \`${JSON.stringify(schema.default)}\`.`)
    : [];
}

/** What there is to show of the messages. */
export const MESSAGES = {
  "A login": messageWith(LOGIN),
  "A logout": messageWith({
    ...LOGIN,
    type: "close",
    uuid: "7d4c1f8e-52b6-4a0e-8c7a-2f0d9b3e6c54",
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
    { ...DEPLOY, type: "close" },
    { ...DEPLOY, occurredAtMs: NOW_MS + 38_000, time: "2026-11-23 11:14:10+13:00" },
    { ...DEPLOY, type: "close", occurredAtMs: NOW_MS + 42_000, time: "2026-11-23 11:14:14+13:00" },
    { ...LOGIN, time: "2026-11-23 11:13:47+13:00" },
    { ...LOGIN, user: "bob", time: "2026-11-23 11:13:53+13:00", reasons: ["first login of bob", LEARNING] },
  ),
} satisfies Readonly<Record<string, Message>>;

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
  return Object.entries(MESSAGES).map(([what, message]) => `${what}:\n\n${messageExample(registered, message)}\n`).join(
    "\n",
  );
}

/** A message as it is sent to a service. */
function messageExample(registered: RegisteredService, message: Message): string {
  const service = configured(registered, parse(registered.example));
  const request = service.render(message, { form: "rich", nowMs: NOW_MS });
  if (request.kind === "http-each") throw new Error(`the example of ${registered.name} has several servers`);
  if (request.kind === "mail") return readableMail(request);
  return request.kind === "http" ? readable(request.body) : request.text;
}

/** A mail without its encoding. */
function readableMail({ headers, text }: MailRequest): string {
  return [...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), "", text.trimEnd()].join("\n");
}

/** JSON, with what fits on one line; a form with a line for each field. */
function readable(body: string): string {
  return /^[{[]/.test(body)
    ? indented(JSON.parse(body), "")
    : [...new URLSearchParams(body)].map((field) => field.join("=")).join("\n");
}

/** The width of a line; a longer text is not split. */
const LINE = 100;

function indented(value: unknown, indent: string): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const items = (inner: string) =>
    Array.isArray(value)
      ? value.map((item) => indented(item, inner))
      : Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${indented(item, inner)}`);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{ ", " }"];
  const line = `${open}${items(indent).join(", ")}${close}`;
  if (!line.includes("\n") && indent.length + line.length <= LINE) return line;
  const inner = `${indent}  `;
  return `${open.trim()}\n${items(inner).map((item) => `${inner}${item}`).join(",\n")}\n${indent}${close.trim()}`;
}
