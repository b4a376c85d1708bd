// The software bill of materials, held to CycloneDX's own schema and to deno.json.

import assert from "node:assert/strict";
import { Spec, Validation } from "npm:@cyclonedx/cyclonedx-library@10.3.0";
// What the library's validator loads by itself.
import "npm:ajv@8.17.1";
import "npm:ajv-formats@3.0.1";
import "npm:ajv-formats-draft2019@1.6.1";
import config from "../deno.json" with { type: "json" };
import { sbom } from "../.ci/sbom.ts";

const bom = await sbom() as {
  readonly components: readonly {
    readonly name: string;
    readonly version: string;
    readonly hashes?: readonly { readonly content: string }[];
  }[];
};

Deno.test("the list of components is valid CycloneDX 1.6, and the validator is strict", async () => {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
  assert.equal(await validator.validate(JSON.stringify(bom)), null);
  assert.notEqual(await validator.validate(JSON.stringify({ ...bom, more: 1 })), null);
});

Deno.test("the list of components has Deno, and every package that deno.json names, with a hash; and is the same each time", async () => {
  const named = Object.values(config.imports).map((specifier) => specifier.replace("npm:", ""));
  const [deno, ...packages] = bom.components;
  assert.deepEqual([deno?.name, deno?.version], ["deno", Deno.version.deno]);
  assert.deepEqual(packages.map(({ name, version }) => `${name}@${version}`), named.toSorted());
  for (const { name, hashes } of packages) assert.match(hashes?.[0]?.content ?? "", /^[0-9a-f]{128}$/, name);
  assert.deepEqual(await sbom(), bom);
});
