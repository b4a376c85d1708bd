import assert from "node:assert/strict";
import { dirname } from "node:path";
import config from "../deno.json" with { type: "json" };
import { NOT_FOR_QUEUE } from "../src/main.ts";
import { BINARY, CONFIG_FILE, PLACE_FOLDERS, STATE_DIR, statePaths } from "../src/paths.ts";
import { type PermissionSet, permissionsToRevoke } from "../src/sandbox.ts";
import { CA_BUNDLES } from "../src/transport/certificates.ts";

const { binary, ...commands } = config.permissions;
const SETS: Readonly<Record<string, PermissionSet>> = commands;
const LISTS = ["read", "write", "sys", "run"] as const;
const SWITCHES = ["env", "net"] as const;

/** Every item of all sets, without duplicates. */
function union(kind: typeof LISTS[number], sets: readonly PermissionSet[]): string[] {
  return [...new Set(sets.flatMap((set) => set[kind] ?? []))].sort();
}

Deno.test("permissionsToRevoke() returns exactly what one set has and the other lacks", () => {
  const table: [PermissionSet, PermissionSet, Deno.PermissionDescriptor[]][] = [
    [{}, { env: true, net: true, read: ["/a"], sys: ["uid"] }, []],
    [{ env: true, net: true }, { env: true, net: true }, []],
    [{ env: true, net: true }, { net: true }, [{ name: "env" }]],
    [{ env: true, net: true }, {}, [{ name: "env" }, { name: "net" }]],
    [{ net: true }, { net: false }, [{ name: "net" }]],
    [{ net: false }, {}, []],
    [{ run: ["/a", "/b"] }, { run: ["/a"] }, [{ name: "run", command: "/b" }]],
    [{ run: ["/a", "/b"] }, {}, [{ name: "run" }]],
    [{ read: ["/a", "/b"], write: ["/a"] }, { read: ["/b"] }, [
      { name: "read", path: "/a" },
      { name: "write", path: "/a" },
    ]],
    [{ sys: ["uid", "hostname"] }, { sys: ["uid"] }, [{ name: "sys", kind: "hostname" }]],
  ];
  for (const [from, to, expected] of table) {
    assert.deepEqual(permissionsToRevoke(from, to), expected, JSON.stringify({ from, to }));
  }
});

for (const [command, set] of Object.entries(SETS)) {
  Deno.test(`permissionsToRevoke() leaves "${command}" exactly its own set`, () => {
    const revoked = permissionsToRevoke(binary as PermissionSet, set);
    for (const kind of LISTS) {
      const gone = revoked.flatMap((descriptor) => {
        if (descriptor.name !== kind) return [];
        if (descriptor.name === "run") {
          return descriptor.command === undefined ? binary.run : String(descriptor.command);
        }
        return descriptor.name === "sys" ? descriptor.kind ?? [] : "path" in descriptor ? String(descriptor.path) : [];
      });
      const left = binary[kind].filter((item) => !gone.includes(item));
      assert.deepEqual(left.sort(), [...set[kind] ?? []].sort(), kind);
    }
    for (const kind of SWITCHES) {
      assert.equal(binary[kind] && !revoked.some(({ name }) => name === kind), set[kind] ?? false, kind);
    }
  });
}

Deno.test("main.ts: the hook revokes exactly the permissions of other commands in deno.json", () => {
  const { net, run, read, write, sys } = NOT_FOR_QUEUE;
  const spelledOut = [
    ...net ? [{ name: "net" }] : [],
    ...run ? [{ name: "run" }] : [],
    ...read.map((path) => ({ name: "read", path })),
    ...write.map((path) => ({ name: "write", path })),
    ...sys.map((kind) => ({ name: "sys", kind })),
  ];
  const inOrder = (descriptors: readonly object[]) => descriptors.map((one) => JSON.stringify(one)).sort();
  const expected = permissionsToRevoke(binary as PermissionSet, commands.queue as PermissionSet);
  assert.deepEqual(inOrder(spelledOut), inOrder(expected));
});

Deno.test("deno.json: the set of the binary is exactly the union of the others", () => {
  const all = Object.values(SETS);
  const kinds = new Set(all.flatMap((set) => Object.keys(set)));
  assert.deepEqual(Object.keys(binary).sort(), [...kinds].sort());
  for (const kind of LISTS) assert.deepEqual([...binary[kind]].sort(), union(kind, all), kind);
  for (const kind of SWITCHES) assert.equal(binary[kind], all.some((set) => set[kind] === true), kind);
});

Deno.test("deno.json: the sets contain only kinds that enterSandbox() revokes", () => {
  for (const [name, set] of Object.entries<object>(config.permissions)) {
    const unknown = Object.keys(set).filter((kind) => ![...LISTS, ...SWITCHES].some((known) => known === kind));
    assert.deepEqual(unknown, [], name);
  }
});

// Deno revokes overlapping paths together: revoking a file would also revoke its folder.
Deno.test("deno.json: no path of the binary contains another, so each can be revoked separately", () => {
  for (const kind of ["read", "write"] as const) {
    const paths = binary[kind].map((path) =>
      new URL(`file://${path}`).pathname.replace(/\/+/g, "/").replace(/\/?$/, "/")
    );
    for (const [index, path] of paths.entries()) {
      const around = paths.filter((other, otherIndex) => otherIndex !== index && path.startsWith(other));
      assert.deepEqual(around, [], `${kind} ${path}`);
    }
  }
});

Deno.test("deno.json: the paths of the sets are those that the program uses", () => {
  const { queueDir, runSpoolDir, unrecordedFile, sendDir } = statePaths(STATE_DIR);
  const configDir = CONFIG_FILE.replace(/\/[^/]+$/, "");
  const { queue, send, check, test, status, history, explain, retry, repair, help } = commands;
  const stateRead = [queueDir, sendDir, runSpoolDir, unrecordedFile];
  // Apart from its own files, only the system log.
  const written = [queueDir, runSpoolDir, "/run/systemd/journal/stdout"];
  assert.deepEqual([queue.read, queue.write], [written, written]);
  assert.deepEqual([repair.read, repair.write], [[queueDir, runSpoolDir], [queueDir, runSpoolDir]]);
  assert.deepEqual([...send.read].sort(), [configDir, ...PLACE_FOLDERS, ...stateRead, ...CA_BUNDLES].sort());
  assert.deepEqual(send.write, [sendDir]);
  assert.deepEqual(help, { env: true });
  assert.ok(check.read.includes(dirname(BINARY)));
  assert.deepEqual(check.read.filter((path) => /GeoIP/.test(path)), PLACE_FOLDERS);
  assert.deepEqual([history.read, history.write], [[configDir, sendDir], [sendDir]]);
  assert.deepEqual([explain.read, explain.write], [[configDir, ...PLACE_FOLDERS, sendDir], [sendDir]]);
  assert.deepEqual([status.read, status.write], [[configDir, ...stateRead], [sendDir]]);
  assert.deepEqual([retry.read, retry.write], [[configDir, sendDir], [sendDir]]);
  assert.deepEqual([...test.read].sort(), [configDir, sendDir, ...CA_BUNDLES].sort());
});

Deno.test("deno.json: the hook has no network, and only commands that root starts can become another user", () => {
  assert.ok(!("net" in commands.queue));
  const names = Object.entries(SETS).filter(([, { sys = [] }]) => sys.some((kind) => kind.startsWith("set")));
  assert.deepEqual(names.map(([name]) => name), [
    "queue",
    "check",
    "test",
    "status",
    "history",
    "explain",
    "retry",
    "repair",
  ]);
});

Deno.test("deno.json: commands for root may run only this program, check also SELinux tools, hook and send none", () => {
  for (const [name, { run, sys = [] }] of Object.entries(SETS)) {
    const becomes = name !== "queue" && sys.includes("setuid");
    const asksSelinux = name === "check" || name === "binary";
    const programs = [BINARY, ...asksSelinux ? ["/usr/sbin/restorecon", "/usr/sbin/getenforce"] : []];
    assert.deepEqual(run, becomes ? programs : undefined, name);
  }
});
