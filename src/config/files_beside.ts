// Reads the files that a configuration names: secrets, certificates and allowlists. They must be below the
// configuration's directory, the only one that the sandbox lets `send` read. A path elsewhere is not quoted: it may be a
// secret set under the wrong key.

import { quotedForShell } from "../text.ts";

/** More than any such file needs, in bytes. */
const MAX_BYTES = 256 * 1024;

/** A file that a configuration names. */
export interface FileBeside {
  readonly text: string;
  /** Its mode, such as `0644`, if every user on the host can read it. */
  readonly openMode?: string;
}

/** Reads a file that the configuration names. Throws an error whose message gives the reason. */
export type ReadBeside = (path: string) => FileBeside;

/** Creates a reader of files below the configuration's directory. */
export function filesBeside(directory: string): ReadBeside {
  return (path) => {
    if (!path.startsWith(`${directory}/`) || path.split("/").includes("..")) {
      throw new Error(`must be a path below ${directory}: send cannot read files elsewhere`);
    }
    try {
      const { isFile, size, mode } = Deno.statSync(path);
      // Reading a FIFO could block indefinitely.
      if (!isFile) throw new Error("the path is not a regular file");
      if (size > MAX_BYTES) throw new Error(`the file is larger than ${MAX_BYTES} bytes`);
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

/** Why a file is not readable: the first directory on its path that cannot be entered, or the file itself. */
function notReadable(path: string, directory: string): string {
  const hidden = [...foldersBetween(directory, path), path].find((one) => !canLookAt(one));
  const [closed, mode] = hidden === undefined ? [path, "0640"] as const : [parentOf(hidden), "0750"] as const;
  return `cannot read "${path}": permission denied; run: ${readableBySend(closed, mode)}`;
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

/** The command that lets the user of `send` read a file or enter a directory. */
export function readableBySend(path: string, mode: "0640" | "0750"): string {
  const quoted = quotedForShell(path);
  return `chown root:ssh-session-notifier ${quoted} && chmod ${mode} ${quoted}`;
}

/** The directories between a directory and a file below it, outermost first. */
export function foldersBetween(directory: string, path: string): string[] {
  const names = path.slice(directory.length + 1).split("/").slice(0, -1).filter((name) => name !== "");
  return names.map((_, index) => [directory, ...names.slice(0, index + 1)].join("/"));
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "the file does not exist";
  if (error instanceof Deno.errors.NotCapable) return "the file is outside the sandbox";
  if (error instanceof TypeError) return "the file is not UTF-8";
  return error instanceof Error && error.constructor === Error ? error.message : "the file cannot be read";
}

/** The secret in a file: its whole text except a final newline. */
export function secretIn({ text }: FileBeside): string {
  const secret = text.replace(/\r?\n$/, "");
  if (secret === "") throw new Error("the file is empty");
  if (/\p{Cc}/u.test(secret)) throw new Error("the file must contain a single line without control characters");
  return secret;
}

/** The certificates in a file, as PEM. */
export function certificatesIn({ text }: FileBeside): string {
  try {
    // Parses them as requests will. A text without any certificate would be accepted, so check that first.
    if (!text.includes("-----BEGIN CERTIFICATE-----")) throw new Error("no certificate");
    Deno.createHttpClient({ caCerts: [text] }).close();
    return text;
  } catch (cause) {
    throw new Error("the file has no valid certificate in PEM format", { cause });
  }
}
