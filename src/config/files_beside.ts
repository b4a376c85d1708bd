// Reads the files that a configuration names: secrets and certificates. They lie below the folder of the configuration,
// the only one that the sandbox lets `send` read. No message quotes a path: it may be a secret, put into the wrong key.

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
      throw new Error(reasonOf(error), { cause: error });
    }
  };
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "names a file that is not there";
  if (error instanceof Deno.errors.PermissionDenied) {
    return "names a file that may not be read: chown root:ssh-session-notifier and chmod 0640 it, and its folder 0750";
  }
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
