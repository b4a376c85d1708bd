// The files of a minimal Debian, built once and kept in the cache, for hosts of the end-to-end tests.

import { CACHE, executeOrThrow, isFile, makeWhole, ROOT, sha256 } from "../../.ci/checkout.ts";

const RECIPE = `${ROOT}/tests/helpers/debian_root.sh`;

/** The directory of a system without the program; do not change it. Needs root, and the archive at the first call. */
export async function debianRoot(suite: string): Promise<string> {
  const key = (await sha256(await Deno.readFile(RECIPE))).slice(0, 16);
  const directory = `${CACHE}/debian/${suite}-${key}`;
  if (await isFile(`${directory}/etc/debian_version`)) return directory;
  await Deno.mkdir(`${CACHE}/debian`, { recursive: true });
  await makeWhole(directory, (unfinished) => executeOrThrow([RECIPE, unfinished, suite])).catch(async (error) => {
    // Another process may have built it first.
    if (!await isFile(`${directory}/etc/debian_version`)) throw error;
  });
  return directory;
}
