// The disk image of the virtual machines, built once per version of its recipe.

import { CACHE, executeOrThrow, isFile, makeWhole, sha256 } from "../../.ci/checkout.ts";

const RECIPE = `${import.meta.dirname}/image.sh`;
/** The code name of the Debian release. */
const SUITE = Deno.env.get("VM_SUITE") ?? "bookworm";

/** The files of a machine. */
export interface Image {
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
  /** The private key that logs in as every user. */
  readonly key: string;
  readonly knownHosts: string;
}

/** Returns the image. Building it takes some minutes and downloads Debian packages. */
export async function image(): Promise<Image> {
  const digest = (await sha256(await Deno.readFile(RECIPE))).slice(0, 16);
  const directory = `${CACHE}/vm/${SUITE}-${digest}`;
  await Deno.mkdir(`${CACHE}/vm`, { recursive: true });
  // Several test files may build it at the same time.
  using lock = await Deno.open(`${CACHE}/vm/lock`, { create: true, write: true });
  await lock.lock(true);
  if (!await isFile(`${directory}/disk.img`)) {
    await makeWhole(directory, (unfinished) => executeOrThrow(["sh", RECIPE, unfinished, SUITE]));
  }
  return {
    disk: `${directory}/disk.img`,
    kernel: `${directory}/vmlinuz`,
    initrd: `${directory}/initrd.img`,
    key: `${directory}/key`,
    knownHosts: `${directory}/known_hosts`,
  };
}
