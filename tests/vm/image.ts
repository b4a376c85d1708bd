// The disk image that the virtual machines boot, built once for each state of its recipe.

import { CACHE, executeOrThrow, isFile, makeWhole, sha256 } from "../helpers/checkout.ts";

const RECIPE = `${import.meta.dirname}/image.sh`;

/** The files that a machine is made of. */
export interface Image {
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
  /** The private key that logs in as every user. */
  readonly key: string;
  readonly knownHosts: string;
}

/** The image; building it takes some minutes and downloads Debian packages. */
export async function image(): Promise<Image> {
  const digest = (await sha256(await Deno.readFile(RECIPE))).slice(0, 16);
  const directory = `${CACHE}/vm/${digest}`;
  if (!await isFile(`${directory}/disk.img`)) {
    await Deno.mkdir(`${CACHE}/vm`, { recursive: true });
    await makeWhole(directory, (unfinished) => executeOrThrow(["sh", RECIPE, unfinished]));
  }
  return {
    disk: `${directory}/disk.img`,
    kernel: `${directory}/vmlinuz`,
    initrd: `${directory}/initrd.img`,
    key: `${directory}/key`,
    knownHosts: `${directory}/known_hosts`,
  };
}
