// Prints the software bill of materials of the binary, in CycloneDX JSON (https://cyclonedx.org/docs/1.6/json/): Deno's
// runtime and the npm packages that are embedded. The same sources and the same Deno give the same bytes.

import { versions } from "node:process";
import config from "../deno.json" with { type: "json" };
import { ROOT } from "./checkout.ts";
import { embeddedPackages, type Package } from "./embed.ts";

/** The fields of CycloneDX's components that are used here. */
interface Component {
  readonly type: "application" | "library" | "platform";
  readonly "bom-ref": string;
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly hashes?: readonly { readonly alg: "SHA-512"; readonly content: string }[];
  readonly licenses?: readonly { readonly license: { readonly id: string } }[];
  /** https://github.com/package-url/purl-spec */
  readonly purl?: string;
  readonly components?: readonly Component[];
}

/** The part of deno.lock that is used here. */
interface Lock {
  readonly npm: Readonly<Record<string, { readonly integrity: string }>>;
}

/** @throws {Error} if an embedded package has no licence, or no hash in deno.lock */
export async function sbom(): Promise<unknown> {
  const { npm } = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.lock`)) as Lock;
  const packages = await Promise.all((await embeddedPackages()).map((entry) => npmComponent(entry, npm)));
  const components = [denoComponent(), ...packages];
  const { version, license } = config;
  const name = "ssh-session-notifier";
  const application = { type: "application", "bom-ref": name, name, version, licenses: licence(license) };
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: application },
    components,
    dependencies: [{ ref: name, dependsOn: components.map((component) => component["bom-ref"]) }],
  };
}

/** The Deno that runs this program; a release is compiled with the runtime of the same version. */
function denoComponent(): Component {
  const { deno } = Deno.version;
  const part = (name: string, version: string): Component => ({
    type: "library",
    "bom-ref": `deno/${name}`,
    name,
    version,
  });
  return {
    type: "platform",
    "bom-ref": "deno",
    name: "deno",
    version: deno,
    licenses: licence("MIT"),
    purl: `pkg:github/denoland/deno@v${deno}`,
    components: [part("sqlite", versions["sqlite"] ?? ""), part("v8", Deno.version.v8)],
  };
}

async function npmComponent({ id, directory }: Package, locked: Lock["npm"]): Promise<Component> {
  const [, scope, name = "", version = ""] = /^(?:(@[^/]+)\/)?([^@/]+)@([^@/_]+)$/.exec(id) ?? [];
  const hash = /^sha512-(\S+)$/.exec(locked[id]?.integrity ?? "")?.[1];
  if (hash === undefined) throw new Error(`Cannot list "${id}" as deno.lock has no hash of it`);
  const { license } = JSON.parse(await Deno.readTextFile(`${directory}/package.json`)) as { license?: string };
  if (license === undefined) throw new Error(`Cannot list "${id}" as its package.json has no licence`);
  return {
    type: "library",
    "bom-ref": id,
    ...scope === undefined ? {} : { group: scope },
    name,
    version,
    hashes: [{ alg: "SHA-512", content: Uint8Array.fromBase64(hash).toHex() }],
    licenses: licence(license),
    purl: `pkg:npm/${scope === undefined ? "" : `${encodeURIComponent(scope)}/`}${name}@${version}`,
  };
}

/** @param id an identifier of https://spdx.org/licenses/ */
function licence(id: string): NonNullable<Component["licenses"]> {
  return [{ license: { id } }];
}

if (import.meta.main) {
  Deno.chdir(ROOT);
  // deno-lint-ignore no-console -- the result of this program
  console.log(JSON.stringify(await sbom(), undefined, 2));
}
