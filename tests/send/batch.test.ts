import assert from "node:assert/strict";
import { composeNext, HANDFUL, MAX_DIGEST } from "../../src/send/batch.ts";
import { type Database, transaction } from "../../src/sqlite/open.ts";
import { next } from "../../src/store/next.ts";
import { begin, settle } from "../../src/store/settle.ts";
import { parseConfig } from "../../src/config/config.ts";
import type { SessionEvent } from "../../src/event.ts";
import type { Message } from "../../src/services/service.ts";
import { recordVerdict, unjudged } from "../../src/store/events.ts";
import { announce } from "../../src/store/notices.ts";
import { openToWrite } from "../../src/store/open.ts";
import { takeInEvents } from "../../src/store/take_in.ts";
import { judgement, sessionEvent } from "../helpers/fixtures.ts";

const DISCORD = `[notification]\nservice = "discord"\ndiscord.webhook_url = "https://discord.com/api/webhooks/1/x"\n`;

const HOST = { name: "example.com", timezone: "Etc/UTC" };

/** A store in which this many events are due on one route; by default of different users. Their ids count from 1. */
function queue(
  count: number,
  event: (index: number) => Partial<SessionEvent> = (index) => ({ user: `${index}` }),
  openedBy: (id: number) => number | undefined = () => undefined,
): Database {
  const database = openToWrite(":memory:");
  transaction(database, () => {
    const events = Array.from(
      { length: count },
      (_, index) => sessionEvent({ uuid: `event ${index}`, ...event(index) }),
    );
    takeInEvents(database, events, { horizon: undefined });
    for (const { id, remoteHost } of unjudged(database, count)) {
      recordVerdict(database, judgement(id, { address: remoteHost, openedBy: openedBy(id) }), 0);
    }
  });
  return database;
}

/** What is composed for a service that takes this many events in a digest. */
function composed(database: Database, takes: number) {
  const service = { fitting: ({ length }: { length: number }) => Math.min(takes, length) };
  return composeNext(database, { route: { name: "r", service }, nowMs: 0, host: HOST });
}

Deno.test("composeNext() returns nothing for no events, single messages for a few, and a digest for more", () => {
  assert.equal(composed(queue(0), 10), undefined);
  for (let count = 1; count <= HANDFUL; count++) {
    assert.equal(composed(queue(count), 10)?.message.notifications.length, 1);
  }
  assert.equal(composed(queue(HANDFUL + 1), 10)?.message.notifications.length, HANDFUL + 1);
});

Deno.test("composeNext() takes as many events as the service accepts, and at least one", () => {
  for (const [takes, expected] of [[0, 1], [1, 1], [15, 15], [63, 63], [64, 64], [65, 65], [400, 400]] as const) {
    const { batch, message } = composed(queue(1_000), takes) ?? assert.fail();
    assert.equal(message.notifications.length, expected);
    assert.ok(batch.kind === "events");
    assert.deepEqual(
      batch.events.map(({ uuid }) => uuid),
      message.notifications.map((shown) => "uuid" in shown && shown.uuid),
    );
  }
  assert.equal(composed(queue(MAX_DIGEST + 1), Infinity)?.message.notifications.length, MAX_DIGEST);
  assert.equal(composed(queue(100), Infinity)?.message.notifications.length, 100);
});

Deno.test("composeNext() takes the events of one user and address together, and renders a retry in the same way", () => {
  const database = queue(1_000, (index) => ({ user: `user${index % 100}`, authInfo: "password\n" }));
  const { service } = Object.values(parseConfig(DISCORD, { hostName: () => "example.com" }).routes)[0] ?? assert.fail();
  const compose = () => composeNext(database, { route: { name: "r", service }, nowMs: 0, host: HOST }) ?? assert.fail();
  const { batch, message } = compose();
  assert.ok(batch.kind === "events");
  const users = Map.groupBy(batch.events, ({ user }) => user);
  for (const [user, events] of [...users].slice(0, -1)) assert.equal(events.length, 10, user);
  assert.ok(users.size > 30 && users.size < 100, `${users.size} users`);
  begin(database, batch, 0);
  const retried = compose();
  assert.deepEqual(retried.message, message);
  const bodyOf = (message: Message) => service.render(message, { form: "rich", nowMs: 0 });
  assert.deepEqual(bodyOf(retried.message), bodyOf(message));
});

Deno.test("composeNext() reads few events at a time while users do not repeat", () => {
  const database = queue(3_000);
  let most = 0;
  const service = { fitting: ({ length }: { length: number }) => (most = Math.max(most, length), 30) };
  const looks = (before?: number) => {
    most = 0;
    composeNext(database, { route: { name: "r", service }, nowMs: 0, host: HOST, before });
    return most;
  };
  assert.equal(looks(), 32);
  assert.equal(looks(3), 32);
  assert.equal(looks(400), 500, "a quarter more than the message before");
  assert.equal(looks(100_000), MAX_DIGEST);
});

Deno.test("1,000 routine logins and logouts with keys, of 50 users, are at most 5 messages at Discord's limits", () => {
  // Everyone logs in, then everyone logs out, and so on.
  const isOpen = (index: number) => index % 100 < 50;
  const database = queue(
    2_000,
    (index) => ({
      user: `user${index % 50}`,
      remoteHost: `203.0.113.${index % 50}`,
      type: isOpen(index) ? "open" : "close",
    }),
    (id) => isOpen(id - 1) ? undefined : id - 50,
  );
  const { service } = Object.values(parseConfig(DISCORD, { hostName: () => "example.com" }).routes)[0] ?? assert.fail();
  const texts: string[] = [];
  for (;;) {
    const { batch, message } = composeNext(database, { route: { name: "r", service }, nowMs: 0, host: HOST }) ?? {};
    if (batch === undefined || message === undefined) break;
    begin(database, batch, 0);
    settle(database, batch, { outcome: { kind: "delivered" }, atMs: 0, waitMs: 0 });
    for (const shown of message.notifications) {
      if (shown.type === "close") assert.equal(shown.sessionId, `event ${Number(shown.uuid.slice(6)) - 50}`);
    }
    texts.push(JSON.stringify(service.render(message, { form: "rich", nowMs: 0 })));
  }
  assert.ok(texts.length <= 5, `${texts.length} messages`);
  const counts = [...texts.join().matchAll(/'user\d+' .*?: (\d+) logins? and (\d+) logouts? on/g)];
  const sum = (which: number) => counts.reduce((sum, count) => sum + Number(count[which]), 0);
  assert.deepEqual([sum(1), sum(2)], [1_000, 1_000]);
});

Deno.test("composeNext() keeps a tried batch and its ID, even if the service now accepts fewer events", () => {
  for (const count of [1, 2, 3, 50]) {
    const database = queue(count);
    const tried = next(database, { route: "r", nowMs: 0, limit: count }) ?? assert.fail();
    begin(database, tried, 0);
    const { batch, message } = composed(database, 1) ?? assert.fail();
    assert.deepEqual([batch.id, message.id, message.notifications.length], [tried.id, tried.id, count]);
  }
});

Deno.test("composeNext() gives each new batch a new ID, and keeps the ID of a notice", () => {
  const database = queue(1);
  const ids = new Set(Array.from({ length: 100 }, () => composed(database, 1)?.message.id));
  assert.equal(ids.size, 100);
  const other = queue(0);
  announce(other, ["r"], { about: "x\u202e", kind: "dead", count: 1, reason: "no\n", occurredAtMs: 0 });
  const told = composed(other, 1);
  const { uuid } = other.prepare("SELECT uuid FROM notice").get() ?? {};
  assert.deepEqual(told?.message, {
    id: uuid,
    notifications: [{
      type: "notice",
      hostName: "example.com",
      time: "1970-01-01 00:00:00+00:00",
      text: 'gave up 1 notification on route "x\uFFFD": no\uFFFD',
      plainText: 'gave up 1 notification on route "x\uFFFD"; the log of send says why',
    }],
  });
});
