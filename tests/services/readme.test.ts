// Holds the README to what the services say of themselves.

import assert from "node:assert/strict";
import { ROOT } from "../helpers/compile.ts";
import { exampleConfigs, exampleService, messageExamples, optionTable, serviceTable } from "../helpers/service_docs.ts";

/** `deno fmt` lines up the columns of a table, and the braces of JSON. */
function squeezed(text: string): string {
  return text.replaceAll(/-+/g, "-").replaceAll(/\s+/g, "");
}

const readme = squeezed(await Deno.readTextFile(`${ROOT}/README.md`));

const PARTS: Readonly<Record<string, string>> = {
  "a table of the services": serviceTable(),
  "a table of their options": optionTable(),
  "an example of each service's options": exampleConfigs(),
  "the messages as Discord gets them": messageExamples("discord"),
  "the messages as ntfy gets them": messageExamples("ntfy"),
  "the worked example of a service": exampleService(),
};

for (const [what, part] of Object.entries(PARTS)) {
  Deno.test(`the README has ${what}, as it is`, () => assert.ok(readme.includes(squeezed(part)), part));
}
