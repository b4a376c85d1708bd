import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/config.ts";
import { faultsIn } from "../helpers/config_faults.ts";

function parse(more: string) {
  return parseConfig(`[notification]\nservice = "stdout"\n${more}`, { hostName: () => "h" }).routes;
}

Deno.test("parseConfig() gives every route the templates of [message], and those of its own first", () => {
  const message = '[message]\nopen = "{{user}} in"\nclose = "{{user}} out"\n';
  const routes = parse(`${message}[routes.a]\nservice = "stdout"\nmessage.open = "own {{host}}"\n`);
  assert.deepEqual(routes.map(({ templates }) => templates), [
    { open: "{{user}} in", close: "{{user}} out" },
    { open: "own {{host}}", close: "{{user}} out" },
  ]);
  assert.deepEqual(parse("").map(({ templates }) => templates), [{}]);
});

Deno.test("parseConfig() reports faults of templates with their key path, and suggests the name that was meant", () => {
  const table: [section: string, fault: string][] = [
    ['[message]\nopen = "{{usr}}"', 'config.wrong-value message.open "user"'],
    ['[message]\nopen = "{{#user}}"', 'config.wrong-value message.open "user" 9'],
    ['[message]\nopen = "{{{user}}}"', "config.wrong-value message.open"],
    ['[message]\nopen = ""', "config.wrong-value message.open"],
    ['[message]\nopen = "a\\nb"', "config.wrong-value message.open"],
    ["[message]\nopen = 1", "config.wrong-type message.open"],
    [`[message]\nopen = "${"x".repeat(501)}"`, "config.wrong-value message.open 500"],
    ['[message]\ntitle = "x"', "config.unknown-key message.title"],
    ['[message]\nopne = "x"', 'config.unknown-key message.opne "open"'],
    ['[routes.a]\nservice = "stdout"\nmessage.close = "{{when}}"', "config.wrong-value routes.a.message.close"],
    [
      '[routes.a]\nservice = "stdout"\nmessage.titel_open = "x"',
      'config.unknown-key routes.a.message.titel_open "title_open"',
    ],
  ];
  for (const [section, fault] of table) {
    const faults = faultsIn(() => parse(section));
    assert.equal(faults.length, 1, section);
    assert.ok(faults[0]?.startsWith(fault), `${section}: ${faults[0]}`);
  }
});
