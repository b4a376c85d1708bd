// ansible-core from PyPI, in a virtual environment in the cache.

import { CACHE, executeOrThrow, isFile, makeWhole, MUST_RUN } from "../../.ci/checkout.ts";

/** All pinned, so that a new release of one cannot change a test. */
const PACKAGES = [
  "ansible-core==2.19.14",
  "cffi==2.1.1",
  "cryptography==50.0.2",
  "Jinja2==3.1.6",
  "MarkupSafe==3.0.4",
  "packaging==26.4",
  "pycparser==3.12",
  "PyYAML==6.0.4",
  "resolvelib==1.2.1",
];

const DIRECTORY = `${CACHE}/${PACKAGES[0]?.replace("==", "-")}`;

/** The command that runs a playbook; undefined if this machine cannot have it. In CI, that is an error. */
export async function ansiblePlaybook(): Promise<readonly string[] | undefined> {
  // As a module: its programs name the directory in which they were installed, before it was renamed.
  const command = [`${DIRECTORY}/bin/python`, "-m", "ansible", "playbook"];
  if (await isFile(`${DIRECTORY}/pyvenv.cfg`)) return command;
  try {
    await Deno.mkdir(CACHE, { recursive: true });
    await makeWhole(DIRECTORY, async (unfinished) => {
      await executeOrThrow(["python3", "-m", "venv", unfinished]);
      await executeOrThrow([`${unfinished}/bin/python`, "-m", "pip", "install", "--quiet", "--no-deps", ...PACKAGES]);
    });
    return command;
  } catch (error) {
    if (MUST_RUN) throw error;
    return undefined;
  }
}
