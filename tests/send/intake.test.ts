// Taking in ends, and takes each event once, whatever the queue database does.

import assert from "node:assert/strict";
import type { Severity } from "../../src/log.ts";
import { Intake } from "../../src/send/intake.ts";
import { statePaths } from "../../src/paths.ts";
import { Deliveries } from "../../src/store/deliveries.ts";
import { Inbox, InboxError, type InboxPosition } from "../../src/store/inbox.ts";
import { sessionEvent } from "../helpers/fixtures.ts";

/** An inbox whose reads a test decides. */
class ScriptedInbox extends Inbox {
  readonly #read: (position: InboxPosition) => ReturnType<Inbox["read"]>;

  constructor(read: (position: InboxPosition) => ReturnType<Inbox["read"]>) {
    super(statePaths("/nonexistent"));
    this.#read = read;
  }

  override read(position: InboxPosition): ReturnType<Inbox["read"]> {
    return this.#read(position);
  }
}

Deno.test("takeIn() ends where the database makes reading start again and again", () => {
  const deliveries = new Deliveries(":memory:");
  const page = { events: [sessionEvent()], position: { lastId: 1, lastUuid: "never the same" } };
  let reads = 0;
  const inbox = new ScriptedInbox(() => {
    assert.ok(++reads < 10, "it does not end");
    return page;
  });
  new Intake({ deliveries, inbox, log: () => {} }).takeIn();
  assert.equal(deliveries.unjudged(10).length, 1);
});

Deno.test("takeIn() takes in all pages at once", () => {
  const deliveries = new Deliveries(":memory:");
  const inbox = new ScriptedInbox(({ lastId }) => ({
    events: lastId < 5 ? [sessionEvent({ uuid: `${lastId + 1}` })] : [],
    position: { lastId: lastId + 1, lastUuid: `${lastId + 1}` },
  }));
  new Intake({ deliveries, inbox, log: () => {} }).takeIn();
  assert.deepEqual(deliveries.unjudged(10).map(({ uuid }) => uuid), ["1", "2", "3", "4", "5"]);
});

Deno.test("takeIn() says once what keeps it from reading, and notices when it is over", () => {
  const logged: [Severity, string][] = [];
  let broken = true;
  const inbox = new ScriptedInbox(() => {
    if (broken) throw new InboxError("Cannot read the queue database");
    return undefined;
  });
  const deliveries = new Deliveries(":memory:");
  const intake = new Intake({ deliveries, inbox, log: (...entry) => void logged.push(entry) });
  intake.takeIn();
  intake.takeIn();
  assert.deepEqual(logged, [["error", "Cannot read the queue database"]]);
  assert.equal(intake.fault, "Cannot read the queue database");
  broken = false;
  intake.takeIn();
  assert.equal(intake.fault, undefined);
});
