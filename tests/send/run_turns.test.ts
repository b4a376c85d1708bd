// Urgent events are sent in turns per user, so a noisy user does not delay the alarm about another.

import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { parseConfig } from "../../src/config/config.ts";
import { MIGRATIONS } from "../../src/store/schema.ts";
import { DISCORD_LIMITS, rateLimited } from "../bench/rate_limit.ts";
import { judgement, sessionEvent } from "../helpers/fixtures.ts";
import { TAMPERED, World } from "../helpers/world.ts";
import { next, pendingCount } from "../../src/store/next.ts";
import { begin, settle } from "../../src/store/settle.ts";
import { takeIn } from "../../src/store/take_in.ts";
import { type Database, openDatabase, pragma, transaction } from "../../src/sqlite/open.ts";
import { pendingEvents, recordVerdict, unjudged } from "../../src/store/events.ts";
import { openToWrite } from "../../src/store/open.ts";

const DISCORD =
  `[notification]\nservice = "discord"\ndiscord.webhook_url = "https://discord.com/api/webhooks/1/secret"\n`;

Deno.test("run() sends root's alarm first and another user's second, however many events one user causes", async () => {
  using world = new World();
  world.config = parseConfig(DISCORD, { hostName: () => "example.com" });
  const limited = rateLimited(DISCORD_LIMITS, () => world.clock.nowMs());
  const sent: string[] = [];
  world.answer = async (request) => {
    const answer = await limited(new Request(request.url), request.body);
    const { content, embeds } = JSON.parse(request.body);
    if (answer?.status === 200) sent.push(JSON.stringify([content, embeds]));
    const body = await answer?.text() ?? "";
    return { kind: "response", response: { status: answer?.status ?? 0, headers: {}, body } };
  };
  for (let login = 0; login < 75; login++) world.login("mallory", TAMPERED);
  world.login("carol", TAMPERED);
  world.login("root");
  const sinceMs = world.clock.monotonicMs();
  await world.run();
  const about = sent.map((text) => ["root", "carol", "mallory"].find((user) => text.includes(`'${user}'`)));
  assert.deepEqual(about.slice(0, 3), ["root", "mallory", "carol"]);
  assert.ok(sent.length <= 10, `${sent.length} messages`);
  assert.ok(world.clock.monotonicMs() - sinceMs < 30_000);
  assert.equal(pendingCount(world.database), 0);
});

Deno.test("run() sends a handful of urgent events of one user one by one, and more as one message", async () => {
  for (const [count, messages] of [[3, 3], [4, 1]] as const) {
    using world = new World();
    for (let login = 0; login < count; login++) world.login("root");
    await world.run();
    assert.equal(world.requests.length, messages);
    assert.equal(world.users().flatMap((users) => users.split(",")).length, count);
    // As urgent as a single event.
    for (const { request } of world.requests) assert.equal(JSON.parse(request.body).priority, 5);
  }
});

/** A store with one urgent event for each of these users. */
function storeWith(users: readonly string[]): Database {
  const database = openToWrite(":memory:");
  judgeUrgent(database, users);
  return database;
}

function judgeUrgent(database: Database, users: readonly string[]): void {
  const events = users.map((user) => sessionEvent({ uuid: crypto.randomUUID(), user }));
  takeIn(database, { events, position: { lastId: events.length, lastUuid: "" } });
  transaction(database, () => {
    for (const { id } of unjudged(database, users.length)) recordVerdict(database, judgement(id, { urgent: true }), 0);
  });
}

/** Sends the next batch; returns the user of its events, or undefined if nothing is due. */
function sendNext(database: Database, limit: number): string[] | undefined {
  const due = next(database, { route: "r", nowMs: 0, limit });
  if (due?.kind !== "events") return undefined;
  begin(database, due, 0);
  settle(database, due, { outcome: { kind: "delivered" }, atMs: 0, waitMs: 0 });
  return due.events.map(({ user }) => user);
}

Deno.test("next() returns a later user's event before the rest of a noisy user's, and each user's events in order", () => {
  const database = storeWith(Array.from({ length: 30 }, () => "mallory"));
  assert.deepEqual(sendNext(database, 10), Array(10).fill("mallory"));
  judgeUrgent(database, ["mallory", "carol", "root"]);
  assert.deepEqual(sendNext(database, 10), ["root"]);
  assert.deepEqual(sendNext(database, 10), ["carol"]);
  assert.deepEqual([sendNext(database, 20)?.length, sendNext(database, 20)], [20, ["mallory"]]);
  database.close();
});

Deno.test("next() returns a tried digest of urgent events unchanged, whatever has arrived since", () => {
  const database = storeWith(Array(5).fill("mallory"));
  const first = next(database, { route: "r", nowMs: 0, limit: 4 });
  assert.ok(first?.kind === "events");
  begin(database, { ...first, id: "the id" }, 0);
  const failed = { outcome: { kind: "retry", reason: "down" }, atMs: 0, waitMs: 0 } as const;
  settle(database, { ...first, id: "the id" }, failed);
  judgeUrgent(database, ["mallory", "mallory"]);
  const again = next(database, { route: "r", nowMs: 0, limit: 1 });
  assert.ok(again?.kind === "events");
  assert.deepEqual([again.id, again.isNew, again.events], ["the id", false, first.events]);
  judgeUrgent(database, ["root"]);
  assert.deepEqual(sendNext(database, 10), ["root"]);
  database.close();
});

Deno.test("a store of an earlier release gets turns for its pending events", () => {
  const path = Deno.makeTempFileSync();
  const old = openDatabase(path, { busyTimeoutMs: 1_000 });
  for (const statement of MIGRATIONS[0] ?? []) old.prepare(statement).run();
  pragma(old, "user_version = 1");
  const addEvent = old.prepare(
    `INSERT INTO event (uuid, occurred_at_ms, type, user, remote_host, terminal, service, connection, auth_info,
                        parent_pid, tampered, verdict)
     VALUES (?, 0, 'open', ?, '', '', '', '', '', 0, '', 'notify')`,
  );
  const addDelivery = old.prepare("INSERT INTO delivery (event_id, route, state, urgent) VALUES (?, 'r', ?, ?)");
  const rows: [user: string, state: string, urgent: number][] = [
    ["mallory", "delivered", 1],
    ["mallory", "pending", 1],
    ["alice", "pending", 0],
    ["mallory", "pending", 1],
    ["carol", "pending", 1],
    ["root", "pending", 1],
  ];
  for (const [index, [user, state, urgent]] of rows.entries()) {
    addEvent.run(`${index}`, user);
    addDelivery.run(index + 1, state, urgent);
  }
  old.close();
  const database = openToWrite(path);
  assert.deepEqual(pendingEvents(database, "r").map(({ uuid }) => uuid), ["5", "1", "4", "3", "2"]);
  judgeUrgent(database, ["mallory"]);
  assert.equal(pendingEvents(database, "r").at(-2)?.user, "mallory");
  assert.deepEqual(sendNext(database, 10), ["root"]);
  assert.deepEqual(sendNext(database, 10), ["mallory", "mallory", "mallory"]);
  database.close();
  Deno.removeSync(path);
});

/** The order in which events would be sent without digests. */
function orderOf(users: readonly string[]): string[] {
  const database = storeWith(users);
  const shown = pendingEvents(database, "r").map(({ user }) => user);
  const sent: string[] = [];
  for (let next = sendNext(database, 1); next !== undefined; next = sendNext(database, 1)) sent.push(...next);
  assert.deepEqual(shown, sent, "a dry run shows the order in which it would go out");
  database.close();
  return sent;
}

Deno.test("next(): no user's k-th urgent event waits for another user's (k+1)-th, and root's wait for no others", () => {
  const user = fc.constantFrom("root", "alice", "bob", "mallory");
  fc.assert(
    fc.property(fc.array(user, { maxLength: 40 }), (users) => {
      const order = orderOf(users);
      assert.deepEqual(order.toSorted(), users.toSorted());
      const roots = order.filter((user) => user === "root").length;
      assert.ok(order.slice(0, roots).every((user) => user === "root"));
      const counts = new Map<string, number>();
      const turns = order.slice(roots).map((user) => {
        counts.set(user, (counts.get(user) ?? 0) + 1);
        return counts.get(user) ?? 0;
      });
      assert.deepEqual(turns, turns.toSorted((a, b) => a - b), order.join());
    }),
    { numRuns: 50 },
  );
});

/** How long it takes to judge and send this many urgent events, 30 per message. */
function drainMs(count: number): number {
  const sinceMs = performance.now();
  const database = storeWith(Array(count).fill("mallory"));
  while (sendNext(database, 30) !== undefined);
  assert.equal(pendingCount(database), 0);
  database.close();
  return performance.now() - sinceMs;
}

Deno.test("10,000 urgent events of one user cost hardly more each than 1,000", () => {
  // If each step were linear in the pending events, ten times as many would take a hundred times as long. Uses the
  // shortest of several times, because the machine may be busy.
  let few = Infinity;
  let many = Infinity;
  for (let round = 0; round < 8 && !(many < 40 * few); round++) {
    few = Math.min(few, drainMs(1_000));
    many = Math.min(many, drainMs(10_000));
  }
  assert.ok(many < 40 * few, `${many} ms over ${few} ms`);
});
