import assert from "node:assert/strict";
import { GROUPS, History, type HistoryFilter } from "../../src/store/history.ts";
import { sessionEvent } from "../helpers/fixtures.ts";
import { takeIn } from "../../src/store/take_in.ts";
import { openToWrite } from "../../src/store/open.ts";

const NOW_MS = Date.UTC(2026, 10, 23);
const COUNT = 1_000;

/** Logins in no order of time, many of them in the same millisecond. */
function withHistory(test: (history: History) => void): void {
  const database = openToWrite(":memory:");
  const events = [...Array(COUNT).keys()].map((index) =>
    sessionEvent({
      uuid: `${index}`,
      user: `user${index % 7}`,
      occurredAtMs: NOW_MS + Math.floor(((index * 613) % COUNT) / 250) * 1_000,
    })
  );
  takeIn(database, { events, position: { lastId: COUNT, lastUuid: "x" } });
  using history = new History(database);
  test(history);
}

function idsOf(history: History, filter: HistoryFilter, limit?: number): number[] {
  return [...history.entries(filter, limit === undefined ? {} : { limit })].map(({ event }) => event.id);
}

Deno.test("entries() returns each entry once and in order across all pages, even if many have the same time", () => {
  withHistory((history) => {
    const entries = [...history.entries({})];
    assert.equal(new Set(entries.map(({ event }) => event.id)).size, COUNT);
    const places = entries.map(({ event }) => event.occurredAtMs * 10_000 + event.id);
    assert.deepEqual(places, places.toSorted((a, b) => a - b));
  });
});

Deno.test("entries() with a limit returns the newest entries, for any limit and filter", () => {
  withHistory((history) => {
    for (const filter of [{}, { user: "user3" }, { sinceMs: NOW_MS + 1_000, untilMs: NOW_MS + 3_000 }]) {
      const all = idsOf(history, filter);
      assert.ok(all.length > 100);
      for (const limit of [1, 7, 199, 200, 201, all.length - 1, all.length, all.length + 1]) {
        assert.deepEqual(idsOf(history, filter, limit), all.slice(-limit), `${limit}`);
        assert.equal(history.hasMore(filter, limit), limit < all.length, `${limit}`);
      }
    }
  });
});

Deno.test("loginsByHour(), loginGroups(), topGroups() and count() count the logins that entries() returns", () => {
  withHistory((history) => {
    const sum = (counts: readonly { readonly logins: number }[]) => counts.reduce((sum, { logins }) => sum + logins, 0);
    for (const filter of [{}, { user: "user3" }, { isFrom: () => false }]) {
      const entries = idsOf(history, filter).length;
      assert.equal(sum(history.loginsByHour(filter, 0)), entries);
      for (const by of GROUPS) {
        const groups = history.loginGroups(filter, by);
        assert.equal(sum(groups), entries, by);
        const top = groups.slice(0, 3).map(({ name, logins }) => ({ name, logins }));
        const all = { groups: groups.length, logins: entries };
        assert.deepEqual(history.topGroups(filter, by, 3), { top, ...all }, by);
      }
      assert.deepEqual([history.count(filter), history.count({ ...filter, unexpectedOnly: true })], [entries, 0]);
    }
    // Midnight on a Monday, which is still Sunday further west.
    assert.deepEqual(history.loginsByHour({}, 0), [{ hour: 96, logins: COUNT }]);
    assert.deepEqual(history.loginsByHour({}, -3_600_000), [{ hour: 95, logins: COUNT }]);
  });
});

Deno.test("a restart is found before any number of later logins, even if many have the same time", () => {
  const database = openToWrite(":memory:");
  const logins = (count: number, atMs: number, uptimeSeconds: number) =>
    [...Array(count)].map(() => sessionEvent({ uuid: crypto.randomUUID(), occurredAtMs: atMs, uptimeSeconds }));
  const events = [
    ...logins(3, NOW_MS, 90_000),
    ...logins(2_500, NOW_MS + 60_000, 30),
    ...logins(1, NOW_MS + 90_000, 60),
  ];
  takeIn(database, { events, position: { lastId: 1, lastUuid: "x" } });
  using history = new History(database);
  assert.equal(history.openSessions({}, 1).count, 2_501);
});

Deno.test("an entry may be open until an event shows that the host has restarted", () => {
  const database = openToWrite(":memory:");
  /** Takes in logins at these minutes and uptimes, and returns which of all may be open. */
  const openAfter = (...logins: [minute: number, uptimeSeconds: number | undefined][]): boolean[] => {
    const events = logins.map(([minute, uptimeSeconds]) =>
      sessionEvent({
        uuid: crypto.randomUUID(),
        occurredAtMs: NOW_MS + minute * 60_000,
        ...uptimeSeconds === undefined ? {} : { uptimeSeconds },
      })
    );
    takeIn(database, { events, position: { lastId: 1, lastUuid: "x" } });
    const history = new History(database);
    return [...history.entries({})].map(({ mayBeOpen }) => mayBeOpen);
  };
  assert.deepEqual(openAfter([0, 3_000], [10, 3_600], [11, undefined]), [true, true, true]);
  // From the spool, so taken in later: no restart.
  assert.deepEqual(openAfter([5, 3_300]), [true, true, true, true]);
  // The clock was set back, so its uptime is higher: no restart.
  assert.deepEqual(openAfter([-30, 3_700]), [true, true, true, true, true]);
  // Two hooks at the same time can read the clocks in different orders.
  assert.deepEqual(openAfter([12, 3_690]), [true, true, true, true, true, true]);
  // The host has restarted.
  assert.deepEqual(openAfter([60, 30]), [false, false, false, false, false, false, true]);
});
