// How the answers of real services and servers are judged, row by row (findings A2, A10, D8, E4). Above all, an answer
// about the settings never counts against the message.

import assert from "node:assert/strict";
import { services } from "../../src/services/registry.ts";
import type { Outcome } from "../../src/services/service.ts";
import { configured } from "../helpers/compliance.ts";
import { NOW_MS, SPECS } from "../helpers/service_specs.ts";

type Row = readonly [service: string, status: number, body: string, kind: Outcome["kind"]];

const NGINX = "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>";
const GO = "Client sent an HTTP request to an HTTPS server.\n";
const APACHE = "<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />";

const mattermost = (id: string, message: string) =>
  JSON.stringify({ id: `web.incoming_webhook.${id}.app_error`, message, detailed_error: "", status_code: 400 });
const telegram = (description: string) => JSON.stringify({ ok: false, error_code: 400, description });
const workflow = (code: string) => JSON.stringify({ error: { code, message: "no" } });
const google = (message: string, status: string) => JSON.stringify({ error: { code: 400, message, status } });
const signal = (error: string) => JSON.stringify({ error });
const gotify = (errorDescription: string) => JSON.stringify({ error: "Bad Request", errorCode: 400, errorDescription });

const ROWS: readonly Row[] = [
  ["ntfy", 400, `{"code":40009,"http":400,"error":"invalid request: topic invalid"}`, "broken"],
  ["ntfy", 400, `{"code":40010,"http":400,"error":"invalid request: topic name is not allowed"}`, "broken"],
  ["ntfy", 400, `{"code":40007,"http":400,"error":"invalid request: invalid priority"}`, "refused"],
  ["ntfy", 429, `{"code":42909,"http":429,"error":"limit reached: too many auth failures"}`, "broken"],
  ["ntfy", 429, `{"code":42901,"http":429,"error":"limit reached: too many requests"}`, "retry"],
  ["ntfy", 200, `{"code":42909,"error":"limit reached: too many auth failures"}`, "broken"],
  ["gotify", 400, gotify("appid is required for client tokens"), "broken"],
  ["gotify", 400, gotify("Field 'message' is required"), "refused"],
  ["discord", 400, `{"message":"Webhooks posted to forum channels must have a thread_name","code":220001}`, "broken"],
  ["discord", 400, `{"message":"This thread is archived","code":50083}`, "broken"],
  ["discord", 400, `{"webhook_id":["Value \\"abc\\" is not snowflake."]}`, "broken"],
  [
    "discord",
    400,
    `{"message":"Invalid Form Body","code":50035,"errors":{"webhook_id":{"_errors":[{"message":"is not snowflake"}]}}}`,
    "broken",
  ],
  [
    "discord",
    400,
    `{"message":"Invalid Form Body","code":50035,"errors":{"username":{"_errors":[{"message":"no"}]}}}`,
    "refused",
  ],
  ["slack", 400, mattermost("invalid", "Invalid webhook."), "broken"],
  ["slack", 400, mattermost("channel", "Couldn't find the channel."), "broken"],
  ["slack", 400, mattermost("text", "No text specified."), "refused"],
  ["slack", 400, mattermost("parse", "Unable to parse incoming data."), "refused"],
  ["slack", 403, "action_prohibited", "broken"],
  ["slack", 400, "invalid_blocks", "refused"],
  ["slack", 200, `{"success":true}`, "delivered"],
  ["slack", 200, `{"ok":true,"result":"success"}`, "delivered"],
  ["slack", 200, "1", "delivered"],
  ["slack", 200, `{"ok":false,"error":"channel_not_found"}`, "broken"],
  ["mattermost", 400, mattermost("invalid", "Invalid webhook."), "broken"],
  ["mattermost", 404, mattermost("channel", "Couldn't find the channel."), "broken"],
  ["mattermost", 403, mattermost("channel_locked", "This webhook is not permitted to post."), "broken"],
  ["mattermost", 501, mattermost("disabled", "Incoming webhooks have been disabled."), "broken"],
  ["mattermost", 501, "", "retry"],
  ["mattermost", 500, mattermost("channel", "Couldn't find the channel."), "retry"],
  ["mattermost", 400, mattermost("text", "No text specified."), "refused"],
  ["teams", 202, "", "delivered"],
  ["teams", 400, workflow("WorkflowTriggerIsNotEnabled"), "broken"],
  ["teams", 400, workflow("TriggerInputSchemaMismatch"), "broken"],
  ["teams", 401, workflow("DirectApiAuthorizationRequired"), "broken"],
  ["teams", 400, workflow("DirectApiRequestHasMoreThanOneAuthorization"), "broken"],
  ["teams", 404, workflow("WorkflowNotFound"), "broken"],
  ["teams", 413, workflow("RequestEntityTooLarge"), "refused"],
  ["teams", 400, workflow("InvalidRequestContent"), "refused"],
  ["teams", 502, workflow("NoResponse"), "retry"],
  ["googlechat", 400, google("API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"), "broken"],
  ["googlechat", 403, google("The API is called without a valid token.", "PERMISSION_DENIED"), "broken"],
  ["googlechat", 400, google("Maximum length of the field is 4096.", "INVALID_ARGUMENT"), "refused"],
  ["googlechat", 429, google("Resource has been exhausted", "RESOURCE_EXHAUSTED"), "retry"],
  ["signal", 201, `{"timestamp":"1795385612000"}`, "delivered"],
  ["signal", 400, signal("User +15550100001 is not registered.\n"), "broken"],
  ["signal", 400, signal('Failed to send (some) messages:\n+1: Unregistered user "+1"\n1780171156320'), "broken"],
  ["signal", 400, signal("Failed to send message due to IO exception: Connection closed"), "retry"],
  ["signal", 400, signal("Couldn't process request - invalid request"), "refused"],
  ["telegram", 400, telegram("Bad Request: TOPIC_CLOSED"), "broken"],
  ["telegram", 400, telegram("Bad Request: TOPIC_DELETED"), "broken"],
  ["telegram", 400, telegram("Bad Request: message thread not found"), "broken"],
  ["telegram", 400, telegram("Bad Request: message text is empty"), "refused"],
  ["matrix", 400, `{"errcode":"M_INVALID_PARAM","error":"!x was not legal room ID"}`, "broken"],
  ["matrix", 400, `{"errcode":"M_BAD_JSON","error":"Bad event content"}`, "refused"],
  ["pushover", 400, `{"token":"invalid","errors":["application token is invalid"],"status":0}`, "broken"],
  ["webhook", 400, `{"message":"no"}`, "refused"],
  ["webhook", 409, "", "refused"],
  ["webhook", 200, "<html>thanks</html>", "delivered"],
];

/** What any server may answer, or a proxy in front of it. */
const ANY: readonly (readonly [status: number, body: string, kind: Outcome["kind"]])[] = [
  [400, NGINX, "broken"],
  [400, GO, "broken"],
  [400, APACHE, "broken"],
  [400, "", "refused"],
  [413, "", "refused"],
  [422, "", "refused"],
  [424, "", "retry"],
  ...[402, 405, 407, 415, 421, 451].map((status) => [status, "", "broken"] as const),
];

function judged(name: string, status: number, body: string): Outcome {
  const [registered, spec] = [services.get(name), SPECS[name]];
  assert.ok(registered !== undefined && spec?.kind === "http");
  return configured(registered, spec.options("https://service.example")).judge({ status, headers: {}, body }, NOW_MS);
}

for (const [name, status, body, kind] of ROWS) {
  Deno.test(`${name}: HTTP ${status} ${body.slice(0, 80)} is ${kind}`, () => {
    assert.equal(judged(name, status, body).kind, kind);
  });
}

Deno.test("every service judges the common answers of servers and proxies in the same way", () => {
  for (const [name, spec] of Object.entries(SPECS)) {
    if (spec.kind !== "http") continue;
    for (const [status, body, kind] of ANY) assert.equal(judged(name, status, body).kind, kind, `${name} ${status}`);
  }
});

Deno.test("judge() detects a TLS port, a missing client certificate, a proxy that requires a password, and a rate limit", () => {
  assert.deepEqual(judged("webhook", 400, GO), { kind: "broken", reason: "HTTP 400: this port accepts only https://" });
  // As nginx 1.22 answers.
  for (const said of ["No required SSL certificate was sent", "The SSL certificate error"]) {
    const page = `<html>\r\n<head><title>400 ${said}</title></head>\r\n<body>`;
    const outcome = judged("ntfy", 400, page);
    assert.deepEqual([outcome.kind, "reason" in outcome && /client_cert_file/.test(outcome.reason)], ["broken", true]);
  }
  assert.deepEqual(judged("ntfy", 407, ""), {
    kind: "broken",
    reason: "HTTP 407: the proxy asks for a user name and a password",
    at: "proxy",
  });
  assert.deepEqual(judged("webhook", 429, ""), { kind: "retry", reason: "HTTP 429", limitsRate: true });
});

Deno.test("no answer, whatever the shape of its JSON, makes judge() throw, which would end the run on every route", () => {
  // An object of this kind cannot be converted to a string.
  const unprintable = { toString: 1, valueOf: 1 };
  const values = [
    unprintable,
    [unprintable],
    [[unprintable]],
    { errors: [unprintable] },
    null,
    [null],
    -1,
    [],
    {},
    true,
  ];
  const names = [
    ..."account attachment challenge_tokens code description errcode errorCode errorDescription error errors"
      .split(" "),
    ..."id message ok parameters retry_after retry_after_ms status status_code token user webhook_id".split(" "),
  ];
  for (const [name, spec] of Object.entries(SPECS)) {
    if (spec.kind !== "http") continue;
    for (const field of names) {
      for (const value of values) {
        for (const shape of [{ [field]: value }, { error: { [field]: value } }, { parameters: { [field]: value } }]) {
          const outcomes = [200, 400, 429, 500].map((status) => judged(name, status, JSON.stringify(shape)));
          for (const one of outcomes) assert.ok(!("reason" in one) || typeof one.reason === "string", field);
        }
      }
    }
  }
});
