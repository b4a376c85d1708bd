import assert from "node:assert/strict";
import { bytesWritten, parseTrace, syncs, writableCode } from "./strace.ts";

const TRACE = `7 pwrite64(14</var/lib/x/a.db-wal>, "7"..., 24, 0) = 24
7 write(4<anon_inode:[eventfd]>, "\\1\\0", 8) = 8
8 writev(5</run/x/idle.json>, [{iov_base="a", iov_len=1}], 1) = 1
8 write(2<pipe:[12]>, "error", 5) = 5
8 write(1</dev/null>, "x", 1) = 1
7 write(6</var/lib/x/full>, "x", 1) = -1 ENOSPC (No space left on device)
7 fdatasync(14</var/lib/x/a.db-wal> <unfinished ...>
8 mprotect(0x1000, 4096, PROT_READ|PROT_WRITE|PROT_EXEC) = 0
7 <... fdatasync resumed>) = 0
8 mmap(NULL, 4096, PROT_READ|PROT_EXEC, MAP_PRIVATE, 3</lib/x.so>, 0) = 0x2000
`;

Deno.test("bytesWritten() counts what files got, and no pipe, device or event counter", () => {
  assert.equal(bytesWritten(parseTrace(TRACE)), 25);
});

Deno.test("syncs() and writableCode() count the calls of all threads", () => {
  assert.equal(syncs(parseTrace(TRACE)), 1);
  assert.deepEqual(writableCode(parseTrace(TRACE)).map(({ name }) => name), ["mprotect"]);
});
