// Reads the files that a configuration names: secrets and certificates. They lie below the folder of the configuration,
// the only one that the sandbox lets `send` read. A path elsewhere is not quoted: it may be a secret, put into the wrong
// key.

import { quotedForShell } from "../shell.ts";

/** Larger than any secret or certificate, in bytes. */
const MAX_BYTES = 256 * 1024;

/** A file that a configuration names. */
export interface FileBeside {
  readonly text: string;
  /** Its mode where anyone on the host may read it, as `0644`. */
  readonly openMode?: string;
}

/**
 * Reads a file that the configuration names.
 *
 * @throws {Error} whose message says in words what is wrong with it
 */
export type ReadBeside = (path: string) => FileBeside;

/**
 * A reader of files below a folder.
 *
 * @param directory the folder of the configuration
 */
export function filesBeside(directory: string): ReadBeside {
  return (path) => {
    if (!path.startsWith(`${directory}/`) || path.split("/").includes("..")) {
      throw new Error(`must name a file below ${directory}: send can read no other`);
    }
    try {
      const { isFile, size, mode } = Deno.statSync(path);
      // A FIFO would keep us waiting for ever.
      if (!isFile) throw new Error("names something that is not a file");
      if (size > MAX_BYTES) throw new Error(`names a file of more than ${MAX_BYTES} bytes`);
      const text = new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(path));
      const openMode = ((mode ?? 0) & 0o7777).toString(8).padStart(4, "0");
      return { text, ...((mode ?? 0) & 0o004 ? { openMode } : {}) };
    } catch (error) {
      const { PermissionDenied } = Deno.errors;
      const reason = error instanceof PermissionDenied ? notReadable(path, directory) : reasonOf(error);
      throw new Error(reason, { cause: error });
    }
  };
}

/** Why a file can't be read: the first folder on the way that can't be entered, or the file itself. */
function notReadable(path: string, directory: string): string {
  const hidden = [...foldersBetween(directory, path), path].find((one) => !canLookAt(one));
  const [closed, mode] = hidden === undefined ? [path, "0640"] as const : [parentOf(hidden), "0750"] as const;
  return `names "${path}", which may not be read: ${readableBySend(closed, mode)}`;
}

function canLookAt(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function parentOf(path: string): string {
  return path.replace(/\/+[^/]*$/, "");
}

/** The command that lets the user of `send` read a file, or enter a folder. */
export function readableBySend(path: string, mode: "0640" | "0750"): string {
  const quoted = quotedForShell(path);
  return `chown root:ssh-session-notifier ${quoted} && chmod ${mode} ${quoted}`;
}

/** The folders between a folder and a file below it, the outermost first. */
export function foldersBetween(directory: string, path: string): string[] {
  const names = path.slice(directory.length + 1).split("/").slice(0, -1).filter((name) => name !== "");
  return names.map((_, index) => [directory, ...names.slice(0, index + 1)].join("/"));
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "names a file that is not there";
  if (error instanceof Deno.errors.NotCapable) return "names a file outside of the sandbox";
  if (error instanceof TypeError) return "names a file that is not UTF-8";
  return error instanceof Error && error.constructor === Error ? error.message : "names a file that can't be read";
}

/** The secret that a file holds: all of it but the newline at its end. */
export function secretIn({ text }: FileBeside): string {
  const secret = text.replace(/\r?\n$/, "");
  if (secret === "") throw new Error("names a file that is empty");
  if (/\p{Cc}/u.test(secret)) throw new Error("names a file of more than one line, or with control characters");
  return secret;
}

/** The certificates that a file holds, as PEM. */
export function certificatesIn({ text }: FileBeside): string {
  try {
    // Reads them as the requests will; without one in it, everything passes.
    if (!text.includes("-----BEGIN CERTIFICATE-----")) throw new Error("no certificate");
    Deno.createHttpClient({ caCerts: [text] }).close();
    return text;
  } catch (cause) {
    throw new Error("names a file without a valid certificate in PEM form", { cause });
  }
}
