// Holds the README to what the services say of themselves.

import assert from "node:assert/strict";
import { ROOT } from "../helpers/compile.ts";
import {
  exampleConfigs,
  exampleService,
  messageExamples,
  optionTable,
  sentenceExamples,
  serviceTable,
  squeezed,
} from "../helpers/service_docs.ts";

const readme = squeezed(await Deno.readTextFile(`${ROOT}/README.md`));

const PARTS: Readonly<Record<string, string>> = {
  "a table of the services": serviceTable(),
  "a table of their options": optionTable(),
  "an example of each service's options": exampleConfigs(),
  "the messages as Discord gets them": messageExamples("discord"),
  "the messages as ntfy gets them": messageExamples("ntfy"),
  "the messages as plain sentences": sentenceExamples(),
  "a message as a webhook gets it": messageExamples("webhook", "An unexpected login"),
  "the worked example of a service": exampleService(),
};

for (const [what, part] of Object.entries(PARTS)) {
  Deno.test(`the README has ${what}, as it is`, () => assert.ok(readme.includes(squeezed(part)), part));
}
