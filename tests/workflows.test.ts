// Checks the parsed workflows against the rules that protect a release.

import assert from "node:assert/strict";
import { parse } from "npm:yaml@2.9.1";
import { ROOT } from "../.ci/checkout.ts";

const WORKFLOWS = `${ROOT}/.github/workflows`;

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

interface Job {
  readonly needs?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly steps?: readonly Step[];
  readonly uses?: string;
  readonly environment?: string;
  readonly container?: { readonly image: string };
  readonly "timeout-minutes"?: number;
}

interface Workflow {
  readonly on: Readonly<Record<string, { readonly tags?: readonly string[] } | null>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly env?: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

const texts = new Map(
  await Promise.all(
    [...Deno.readDirSync(WORKFLOWS)].map(async ({ name }) =>
      [name, await Deno.readTextFile(`${WORKFLOWS}/${name}`)] as const
    ),
  ),
);
const workflows = new Map([...texts].map(([name, text]) => [name, parse(text) as Workflow]));

function releaseJob(name: string): Job {
  const job = workflows.get("release.yml")?.jobs[name];
  assert.ok(job !== undefined, name);
  return job;
}

Deno.test("every action is pinned to a commit hash, followed by its version", () => {
  const uses = [...texts.values()].flatMap((text) =>
    [...text.matchAll(/^\s*(?:- )?uses: (.*)$/gm)].map(([, use]) => use)
  );
  assert.ok(uses.length >= 6);
  for (const use of uses) {
    assert.match(use ?? "", /^(\.\/\.github\/workflows\/\w+\.yml|actions\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/);
  }
  // No action is written in a form that the pattern above misses.
  const parsed = [...workflows.values()].flatMap(({ jobs }) => Object.values(jobs))
    .flatMap(({ uses, steps = [] }) => [uses, ...steps.map((step) => step.uses)]).filter((use) => use !== undefined);
  assert.equal(parsed.length, uses.length);
});

Deno.test("a workflow has no permissions, and a job only those in its list", () => {
  for (const [name, { permissions, jobs }] of workflows) {
    assert.deepEqual(permissions, {}, name);
    for (const [job, { permissions, uses, "timeout-minutes": minutes }] of Object.entries(jobs)) {
      const isPublish = name === "release.yml" && job === "publish";
      const expected = isPublish
        ? { contents: "write", "id-token": "write", attestations: "write" }
        : { contents: "read" };
      assert.deepEqual(permissions, expected, `${name}: ${job}`);
      assert.ok(uses !== undefined || minutes !== undefined, `${name}: ${job} may run for six hours`);
    }
  }
});

Deno.test("no script contains an expression, whose value would run, and no checkout keeps a token", () => {
  for (const [name, { jobs }] of workflows) {
    for (const step of Object.values(jobs).flatMap(({ steps = [] }) => steps)) {
      assert.doesNotMatch(step.run ?? "", /\$\{\{/, name);
      if (step.uses?.startsWith("actions/checkout@")) assert.equal(step.with?.["persist-credentials"], false, name);
    }
  }
});

Deno.test("a release is tested, built, run and published, in this order, and only for a tag", () => {
  const { on, jobs } = workflows.get("release.yml") ?? { on: {}, jobs: {} };
  assert.deepEqual(on, { push: { tags: ["v*"] } });
  assert.deepEqual(Object.entries(jobs).map(([name, { needs }]) => [name, needs]), [
    ["test", undefined],
    ["build", "test"],
    ["try", "build"],
    ["publish", "try"],
  ]);
  assert.equal(releaseJob("test").uses, "./.github/workflows/test.yml");
});

Deno.test("the job that can publish and sign runs no code of this repository or of a package", () => {
  const { steps = [] } = releaseJob("publish");
  for (const { uses = "", run = "" } of steps) {
    assert.doesNotMatch(uses, /checkout|setup-/);
    assert.doesNotMatch(run, /npx|npm|deno|bash|\.\//);
  }
  assert.deepEqual(steps.map(({ name, uses }) => name ?? uses?.replace(/@.*/, "")), [
    "actions/download-artifact",
    "Sign the checksums",
    "actions/attest-build-provenance",
    "Publish",
  ]);
  assert.equal(steps[2]?.with?.["subject-path"], "release/*");
  assert.match(steps[3]?.run ?? "", /gh release create [^]* -- release\/\*\n$/);
});

Deno.test("only the step that signs gets the key, and only in the environment that a person must approve", () => {
  const users = [...workflows].flatMap(([, { jobs }]) => Object.entries(jobs)).flatMap(([job, { steps = [] }]) =>
    steps.filter((step) => JSON.stringify(step).includes("secrets.")).map(({ name }) => `${job}: ${name}`)
  );
  assert.deepEqual(users, ["publish: Sign the checksums"]);
  assert.equal([...texts.values()].join("").match(/secrets\./g)?.length, 1);
  assert.equal(releaseJob("publish").environment, "release");
});

Deno.test("the images of all containers are pinned to one digest", () => {
  const images = [...workflows].flatMap(([, { jobs }]) => Object.values(jobs)).flatMap(({ container }) =>
    container?.image ?? []
  );
  assert.equal(images.length, 3);
  for (const image of images) assert.match(image, /^debian:12@sha256:[0-9a-f]{64}$/);
  assert.equal(new Set(images).size, 1);
});

Deno.test("no workflow names another runtime stub, and the checked binary is the one that was built", () => {
  for (const text of texts.values()) assert.doesNotMatch(text.replaceAll(/#.*/g, ""), /DENORT_BIN|for-testing/);
  const steps = (releaseJob("build").steps ?? []).flatMap(({ run }) => run ?? []);
  assert.deepEqual(steps, [
    "apt-get update && apt-get install --yes --no-install-recommends binutils ca-certificates git nodejs npm python3-venv",
    'git config --global --add safe.directory "$PWD"\n.github/release.sh verify "$GITHUB_REF_NAME"\n',
    ".github/release.sh compile release",
    '.github/release.sh pack "$GITHUB_REF_NAME" release',
  ]);
});

Deno.test("every file names the same version of Deno", async () => {
  const versions = await Promise.all(
    [".github/release.sh", ".ci/run", ".ci/nightly", "install.sh"].map(async (name) =>
      /^DENO=(?:"npx -y deno@)?([\d.]+)"?$/m.exec(await Deno.readTextFile(`${ROOT}/${name}`))?.[1]
    ),
  );
  assert.match(versions[0] ?? "", /^\d+\.\d+\.\d+$/);
  const { dependencies } = JSON.parse(await Deno.readTextFile(`${ROOT}/.github/deno/package.json`)) as {
    dependencies: { deno: string };
  };
  assert.equal(new Set([...versions, dependencies.deno]).size, 1, versions.join(", "));
});
