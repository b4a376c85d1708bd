// Models what a disk holds after a power loss, from a trace of a program: a file certainly has what was written before
// its last fsync, and a directory the names that it had at its own last fsync. Later changes may be present or not.

import type { SystemCall } from "./strace.ts";

/** The strace command line for a trace that {@link DiskModel} can read: whole buffers, and paths of descriptors. */
export function straceContentsTo(file: string): string[] {
  const calls =
    "openat,write,pwrite64,ftruncate,fsync,fdatasync,link,linkat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat";
  return ["strace", "--follow-forks", "-xx", "-y", "--string-limit=1000000", `--trace=${calls}`, `--output=${file}`];
}

/** How many of the unsynced changes the disk holds. */
export const VARIANTS = [
  "only what is safe",
  "all names, safe contents",
  "all but half of the last write",
  "all",
] as const;
export type Variant = typeof VARIANTS[number];

/** The files of a directory, by relative path. */
export type Files = ReadonlyMap<string, Uint8Array>;

interface Inode {
  current: Uint8Array;
  safe: Uint8Array;
  /** The content without the second half of its last write. */
  torn: Uint8Array;
}

/** The files below one directory, as changed by a program. */
export class DiskModel {
  readonly #folder: string;
  #names: Map<string, Inode>;
  /** The names that survive a power loss, by directory (empty: the directory itself). */
  #safeNames: Map<string, Inode>;
  /** Directories whose names, and so all their contents, do not survive a power loss yet. */
  #newFolders: string[] = [];

  constructor(folder: string, files: Files) {
    this.#folder = folder;
    this.#names = new Map([...files].map(([name, bytes]) => [name, { current: bytes, safe: bytes, torn: bytes }]));
    this.#safeNames = new Map(this.#names);
  }

  /** The content of the disk if power is lost now. */
  held(variant: Variant): Files {
    const isSafe = ([name]: [string, Inode]) => !this.#newFolders.some((folder) => name.startsWith(`${folder}/`));
    const names = variant === "only what is safe" ? [...this.#safeNames].filter(isSafe) : this.#names;
    const kind = variant === "all" ? "current" : variant === "all but half of the last write" ? "torn" : "safe";
    return new Map([...names].map(([name, inode]) => [name, inode[kind]]));
  }

  /**
   * Does what a system call did.
   *
   * @returns whether it changed what the disk may hold
   */
  apply({ name, args, result }: SystemCall): boolean {
    if (result.startsWith("-1")) return false;
    const texts = [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex]) => bytesOf(hex ?? ""));
    const paths = texts.map((bytes) => this.#below(new TextDecoder().decode(bytes)));
    const fdPath = this.#below(/^\d+<([^>]*)>/.exec(args)?.[1] ?? "");
    const numbers = args.slice(args.lastIndexOf('"') + 1).split(",").map((part) => part.trim());
    switch (name) {
      case "openat":
        return this.#open(paths[0], args);
      case "write":
      case "pwrite64":
        return this.#write(fdPath, texts[0] ?? new Uint8Array(), name === "write" ? undefined : Number(numbers.at(-1)));
      case "ftruncate":
        return this.#truncate(fdPath, Number(args.split(",").at(-1)));
      case "fsync":
      case "fdatasync":
        return this.#sync(fdPath, args);
      case "link":
      case "linkat":
        return this.#rename(paths, { keep: true });
      case "rename":
      case "renameat":
      case "renameat2":
        return this.#rename(paths, { keep: false });
      case "unlink":
      case "unlinkat":
        return paths[0] !== undefined && this.#names.delete(paths[0]);
      case "mkdir":
      case "mkdirat":
        return paths[0] !== undefined && this.#newFolders.push(paths[0]) > 0;
      default:
        return false;
    }
  }

  #below(path: string): string | undefined {
    // With -xx, strace escapes every character, including those of paths after descriptors.
    const plain = path.includes("\\x") ? new TextDecoder().decode(bytesOf(path)) : path;
    if (plain === this.#folder) return "";
    return plain.startsWith(`${this.#folder}/`) ? plain.slice(this.#folder.length + 1) : undefined;
  }

  #open(path: string | undefined, args: string): boolean {
    if (path === undefined || path === "" || this.#names.has(path) || !args.includes("O_CREAT")) return false;
    const nothing = new Uint8Array();
    this.#names.set(path, { current: nothing, safe: nothing, torn: nothing });
    return true;
  }

  #write(path: string | undefined, bytes: Uint8Array, offset: number | undefined): boolean {
    const inode = this.#names.get(path ?? "");
    if (inode === undefined) return false;
    const at = offset ?? inode.current.length;
    inode.torn = overwritten(inode.current, bytes.subarray(0, bytes.length >> 1), at);
    inode.current = overwritten(inode.current, bytes, at);
    return true;
  }

  #truncate(path: string | undefined, length: number): boolean {
    const inode = this.#names.get(path ?? "");
    if (inode === undefined) return false;
    inode.torn = inode.current = overwritten(inode.current.subarray(0, length), new Uint8Array(), length);
    return true;
  }

  #sync(path: string | undefined, args: string): boolean {
    if (path === undefined) return false;
    const inode = this.#names.get(path);
    if (inode !== undefined) inode.safe = inode.torn = inode.current;
    else if (args.includes("<")) this.#syncFolder(path);
    return true;
  }

  #syncFolder(folder: string): void {
    const isIn = (name: string) => name.slice(0, Math.max(0, name.lastIndexOf("/"))) === folder;
    this.#newFolders = this.#newFolders.filter((name) => !isIn(name));
    const elsewhere = [...this.#safeNames].filter(([name]) => !isIn(name));
    this.#safeNames = new Map([...elsewhere, ...[...this.#names].filter(([name]) => isIn(name))]);
  }

  #rename([from, to]: readonly (string | undefined)[], { keep }: { keep: boolean }): boolean {
    const inode = this.#names.get(from ?? "");
    if (inode === undefined || from === undefined || to === undefined) return false;
    this.#names.set(to, inode);
    if (!keep) this.#names.delete(from);
    return true;
  }
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.split("\\x").slice(1), (digits) => parseInt(digits, 16));
}

function overwritten(old: Uint8Array, bytes: Uint8Array, offset: number): Uint8Array {
  const whole = new Uint8Array(Math.max(old.length, offset + bytes.length));
  whole.set(old);
  whole.set(bytes, offset);
  return whole;
}
