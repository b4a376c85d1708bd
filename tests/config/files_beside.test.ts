// Files that a configuration names, on a real disk.

import assert from "node:assert/strict";
import { certificatesIn, filesBeside, secretIn } from "../../src/config/files_beside.ts";

async function withFolder(test: (directory: string) => void | Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "ssh-session-notifier-" });
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("filesBeside() reads a file below the directory, and reports if everyone can read it", async () => {
  await withFolder(async (directory) => {
    const read = filesBeside(directory);
    await Deno.mkdir(`${directory}/secrets`);
    await Deno.writeTextFile(`${directory}/secrets/token`, "tk_s3cr3t\n");
    for (
      const [mode, openMode] of [[0o640, undefined], [0o600, undefined], [0o644, "0644"], [0o604, "0604"]] as const
    ) {
      await Deno.chmod(`${directory}/secrets/token`, mode);
      assert.deepEqual(read(`${directory}/secrets/token`), {
        text: "tk_s3cr3t\n",
        ...(openMode === undefined ? {} : { openMode }),
      });
    }
  });
});

Deno.test("filesBeside() rejects anything else with a reason, and does not quote the path", async () => {
  await withFolder(async (directory) => {
    const read = filesBeside(directory);
    await Deno.mkdir(`${directory}/folder-s3cr3t`);
    await Deno.writeFile(`${directory}/bytes-s3cr3t`, new Uint8Array([0xff, 0xfe]));
    await Deno.writeTextFile(`${directory}/large-s3cr3t`, "x".repeat(300_000));
    await new Deno.Command("mkfifo", { args: [`${directory}/fifo-s3cr3t`] }).output();
    const table: [path: string, says: RegExp][] = [
      ["tk_s3cr3t", /^must be a path below \//],
      ["/etc/shadow-s3cr3t", /^must be a path below \//],
      [`${directory}`, /^must be a path below/],
      [`${directory}x/s3cr3t`, /^must be a path below/],
      [`${directory}/../s3cr3t`, /^must be a path below/],
      [`${directory}/none-s3cr3t`, /^the file does not exist$/],
      [`${directory}/folder-s3cr3t`, /^the path is not a regular file$/],
      [`${directory}/fifo-s3cr3t`, /^the path is not a regular file$/],
      [`${directory}/bytes-s3cr3t`, /^the file is not UTF-8$/],
      [`${directory}/large-s3cr3t`, /^the file is larger than \d+ bytes$/],
      [`${directory}/nul\0s3cr3t`, /^the file/],
    ];
    for (const [path, says] of table) {
      assert.throws(() => read(path), (error: Error) => {
        assert.match(error.message, says, path);
        assert.doesNotMatch(error.message, /s3cr3t/);
        return true;
      });
    }
  });
});

Deno.test("secretIn() returns the file's text without a final newline", () => {
  for (const text of ["a b", "a b\n", "a b\r\n"]) assert.equal(secretIn({ text }), "a b");
  for (const text of ["", "\n", "\r\n"]) assert.throws(() => secretIn({ text }), /empty/);
  for (const text of ["a\nb", "a\n\n", "a\tb", "a\u0000"]) {
    assert.throws(() => secretIn({ text }), /single line/);
  }
});

Deno.test("certificatesIn() rejects text that requests could not use", () => {
  const begin = "-----BEGIN CERTIFICATE-----";
  const end = "-----END CERTIFICATE-----";
  for (const text of ["", "tk_s3cr3t", begin, `${begin}\nAAAA\n${end}\n`, `${begin}\n%%%\n${end}\n`]) {
    assert.throws(() => certificatesIn({ text }), /^Error: the file has no valid certificate in PEM format$/);
  }
});
