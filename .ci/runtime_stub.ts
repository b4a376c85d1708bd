// The runtime stub that `deno compile` needs, for tests that cannot reach Deno's download site. It is taken from a
// program on the npm registry that was compiled with the same Deno version; a stub works only with its own version.

import { CACHE, executeOrThrow, isFile, makeWhole, sha256 } from "./checkout.ts";

/** A compiled program on the npm registry that starts with the unchanged stub of one Deno version. */
export interface StubSource {
  readonly package: string;
  readonly file: string;
  readonly denoVersion: string;
  /** The SHA-256 of the stub, in hexadecimal. */
  readonly sha256: string;
}

/** The architectures of the binaries. */
export const ARCHES = ["x86_64", "aarch64"] as const;

/** One of {@linkcode ARCHES}. */
export type Arch = typeof ARCHES[number];

/** The sources of the stubs. */
export const STUB_SOURCES: Readonly<Record<Arch, StubSource>> = {
  x86_64: {
    package: "@stdy/cli-linux-x64@0.22.2",
    file: "package/bin/steady",
    denoVersion: "2.7.11",
    sha256: "f12d5d3886d5ea138304fb8d67d7396cfbedf53656676132152cb89f3fa4d8e6",
  },
  aarch64: {
    package: "@stdy/cli-linux-arm64@0.22.2",
    file: "package/bin/steady",
    denoVersion: "2.7.11",
    sha256: "9c888d915647ff971a497acd39ee45ea63da5f19d12d4363124942c257c055ef",
  },
};

/**
 * Fetches the stub of a source: an ELF image, which ends with its section header table. Verifies its checksum.
 *
 * @returns its path; it is cached
 * @throws Error if the registry cannot be reached, or the checksum differs
 */
export async function runtimeStub(source: StubSource): Promise<string> {
  const path = `${CACHE}/denort-${source.denoVersion}-${source.sha256.slice(0, 16)}`;
  if (await isFile(path)) return path;
  const directory = await Deno.makeTempDir({ prefix: "denort-" });
  try {
    await executeOrThrow(["npm", "pack", "--silent", "--pack-destination", directory, source.package]);
    const [archive] = [...Deno.readDirSync(directory)];
    await executeOrThrow(["tar", "-xzf", `${directory}/${archive?.name}`, "-C", directory, source.file]);
    const stub = stubOf(await Deno.readFile(`${directory}/${source.file}`));
    const sum = await sha256(stub);
    if (sum !== source.sha256) throw new Error(`Cannot use the stub of ${source.package}: its sha256 is ${sum}`);
    await Deno.mkdir(CACHE, { recursive: true });
    await makeWhole(path, (unfinished) => Deno.writeFile(unfinished, stub, { mode: 0o755 }));
    return path;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** The stub of a compiled program: its ELF image, to which `deno compile` appends the program. */
export function stubOf(program: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return program.subarray(0, elfLength(program));
}

/** The length of a 64-bit little-endian ELF image in bytes (elf(5): e_shoff, e_shentsize, e_shnum). */
function elfLength(program: Uint8Array): number {
  const header = new DataView(program.buffer, program.byteOffset, 64);
  return Number(header.getBigUint64(0x28, true)) + header.getUint16(0x3a, true) * header.getUint16(0x3c, true);
}
