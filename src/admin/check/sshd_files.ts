// Lets `check` read the configuration of sshd, but only the files that the sandbox allows.

import { statIfThere } from "../../sqlite/files.ts";
import { glob } from "./glob.ts";
import type { SshdFiles } from "./sshd_config.ts";

const { NotCapable, NotADirectory, NotFound } = Deno.errors;

/** The files of this host. */
export const SSHD_FILES: SshdFiles = {
  // sshd skips directories, and files that were removed after the listing.
  read: (path) => unlessForbidden(() => textOf(path) ?? ""),
  match: (pattern) =>
    unlessForbidden(() => glob(pattern, { list: namesIn, isThere: (path) => statIfThere(path) !== undefined })),
};

function textOf(path: string): string | undefined {
  return ifThere(() => Deno.statSync(path).isFile ? Deno.readTextFileSync(path) : undefined);
}

function namesIn(directory: string): string[] | undefined {
  return ifThere(() => [...Deno.readDirSync(directory)].map(({ name }) => name));
}

function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof NotFound || error instanceof NotADirectory) return undefined;
    throw error;
  }
}

function unlessForbidden<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof NotCapable) return undefined;
    throw error;
  }
}
