// The manifest of an installation: manifest.txt, which describes its format. The build makes the installed tree by it,
// and `check` compares the host with it.

import text from "./manifest.txt" with { type: "text" };

/** The users of `queue` and `send`; each has a group of the same name. */
export const QUEUE_USER = "ssh-session-queue";
export const SEND_USER = "ssh-session-notifier";

/** A line of the manifest: the required state of a file or a directory. */
export interface Entry {
  readonly kind: "file" | "directory";
  /** Undefined: any mode that lets the owner read and write. */
  readonly mode: number | undefined;
  /** The names of its user and group. */
  readonly owner: string;
  readonly group: string;
  readonly path: string;
  readonly flags: readonly string[];
}

/** The entries of this version, parents first. */
export const MANIFEST: readonly Entry[] = parseManifest(text);

/** @throws {Error} if a line has another format; quotes it */
export function parseManifest(text: string): Entry[] {
  const lines = text.split("\n").filter((line) => /^[^#]/.test(line));
  return lines.map((line) => {
    const match = /^([fd])\s+([0-7]{4}|-)\s+([\w-]+)\s+([\w-]+)\s+(\/\S+)\s+(\S+)$/.exec(line);
    if (match === null) throw new Error(`Cannot parse the manifest: "${line}"`);
    const [, type, mode = "-", owner = "", group = "", path = "", flags = "-"] = match;
    return {
      kind: type === "f" ? "file" : "directory",
      mode: mode === "-" ? undefined : parseInt(mode, 8),
      owner,
      group,
      path,
      flags: flags === "-" ? [] : flags.split(","),
    };
  });
}
