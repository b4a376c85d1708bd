import assert from "node:assert/strict";
import { VolatileDisk } from "./volatile_disk.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("a power cut keeps all flushed writes, and a random part of the others", async () => {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, "-".repeat(8192));
  using disk = new VolatileDisk(path);
  disk.write(0, bytes("flushed"));
  disk.flush();
  disk.write(0, bytes("FLUSHED"));
  disk.write(100, bytes("lost"));
  disk.write(200, bytes("kept"));
  // One write of two pieces, of which the second is kept.
  disk.write(4094, bytes("t".repeat(4098)));
  assert.equal(text(disk.read(0, 7)), "FLUSHED");
  // The first number chooses the piece that is lost in any case, the others are the chances of the five pieces.
  const numbers = [0.1, 0.1, 0.9, 0.1, 0.9, 0.1];
  assert.equal(disk.cut(() => numbers.shift() ?? 0.1), 3);
  assert.equal(text(disk.read(0, 7)), "flushed");
  assert.equal(text(disk.read(100, 4)), "----");
  assert.equal(text(disk.read(200, 4)), "kept");
  assert.equal(text(disk.read(8189, 3)), "-tt");
  assert.equal(disk.cut(() => 0.1), 0);
  await Deno.remove(path);
});

Deno.test("a disk fails at the requested write", async () => {
  const path = await Deno.makeTempFile();
  await Deno.truncate(path, 8192);
  using disk = new VolatileDisk(path);
  disk.write(0, bytes("before"));
  const failed = disk.failAfterWrites(2);
  disk.write(0, bytes("first"));
  assert.equal(disk.hasFailed, false);
  disk.write(0, bytes("second"));
  await failed;
  assert.equal(disk.hasFailed, true);
  await Deno.remove(path);
});
