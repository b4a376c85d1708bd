// How much one login adds to the store of `send`, whatever its certificate.

import assert from "node:assert/strict";
import { capAuthInfo, type SessionEvent } from "../../src/event.ts";
import { pragma } from "../../src/sqlite/open.ts";
import { takeInEvents } from "../../src/store/take_in.ts";
import { certificate, sessionEvent } from "../helpers/fixtures.ts";
import { MINUTE, routes, World } from "../helpers/world.ts";

const LOGINS = 1_000;

/** Delivers logins on one route, and returns how many bytes each adds to the store. */
async function bytesPerLogin(login: (index: number) => Partial<SessionEvent>): Promise<number> {
  using world = new World();
  world.config = routes(["phone"]);
  const size = () => {
    pragma(world.database, "wal_checkpoint(TRUNCATE)");
    return Deno.statSync(world.paths.deliveriesDatabase).size;
  };
  const before = size();
  const events = Array.from({ length: LOGINS }, (_, index) => {
    const event = sessionEvent({ ...login(index), uuid: crypto.randomUUID(), parentPid: 1_000_000 + index });
    return { ...event, occurredAtMs: world.clock.nowMs(), authInfo: capAuthInfo(event.authInfo) };
  });
  takeInEvents(world.database, events, { horizon: undefined });
  await world.runRepeatedly(10 * MINUTE);
  assert.deepEqual(world.counts(), { delivered: LOGINS });
  return (size() - before) / LOGINS;
}

const SERIAL = 2n ** 64n - 1n;

/** What an attacker can log in with: the longest that is kept, and the longest that the hook records. */
const AUTH_INFOS: Readonly<Record<string, string>> = {
  "a long ID": `publickey ${certificate({ id: "i".repeat(64), serial: SERIAL }).line}\n`,
  "an ID of quotes": `publickey ${certificate({ id: '"'.repeat(58), serial: SERIAL }).line}\n`,
  "two certificates": `publickey ${certificate({ id: "漢".repeat(1_000), serial: SERIAL }).line}\n`.repeat(2),
  "12 KB of extensions": `publickey ${
    certificate({ id: "x".repeat(64), serial: SERIAL, extensions: "x".repeat(12_000) }).line
  }\n`,
  "many methods": "publickey\n".repeat(1_200),
};

for (const [what, authInfo] of Object.entries(AUTH_INFOS)) {
  Deno.test(`a login adds at most 1 KiB to the store: ${what}`, async () => {
    const bytes = await bytesPerLogin(() => ({ authInfo }));
    assert.ok(bytes > 400 && bytes <= 1024, `${bytes} bytes`);
  });
}

Deno.test("an unexpected login with the longest names that Linux and IPv6 allow adds at most 1.5 KiB to the store", async () => {
  const server = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 22";
  const bytes = await bytesPerLogin((index) => {
    const remoteHost = `2001:db8:${(index + 0x1000).toString(16)}:aaaa:bbbb:cccc:dddd:eeee`;
    const connection = `${remoteHost} 50022 ${server}`;
    return { user: "u".repeat(32), remoteHost, connection, authInfo: AUTH_INFOS["an ID of quotes"] ?? "" };
  });
  assert.ok(bytes > 1024 && bytes <= 1.5 * 1024, `${bytes} bytes`);
});
