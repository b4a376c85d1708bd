// Finds what is at fault if a service refuses messages, for any sequence of responses, on a real store.

import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { parseConfig } from "../../src/config/config.ts";
import { usersOf } from "../helpers/logins.ts";
import { DOWN, HOUR, MINUTE, response, TAMPERED, World } from "../helpers/world.ts";
import { pendingCount } from "../../src/store/next.ts";
import { noteTest } from "../../src/store/refusals.ts";

/** The response of a service; `poison`: it refuses messages about certain users, and accepts the rest. */
type Answer = "fine" | "refused" | "poison" | "down" | "broken";

/** A step. `answers`: one for each request; the last one applies to all further requests. */
type Step =
  | { readonly kind: "logins"; readonly count: number; readonly isPoison: boolean; readonly isUrgent: boolean }
  | {
    readonly kind: "run";
    readonly answers: readonly Answer[];
    readonly killedAt: number;
    readonly waitMinutes: number;
  }
  | { readonly kind: "test" }
  | { readonly kind: "settings" };

const ANSWERS = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom<Answer>("refused", "poison", "fine") },
    { weight: 1, arbitrary: fc.constantFrom<Answer>("down", "broken") },
  ),
  { minLength: 1, maxLength: 12 },
);

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("logins" as const),
      count: fc.constantFrom(1, 1, 1, 2, 5, 12),
      isPoison: fc.boolean(),
      isUrgent: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("run" as const),
      answers: ANSWERS,
      killedAt: fc.constantFrom(Infinity, Infinity, 0, 1, 3),
      waitMinutes: fc.nat(70),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "test" } as const) },
  { weight: 1, arbitrary: fc.constant({ kind: "settings" } as const) },
);

/** A request or a `test`: its users, and its result. */
interface Told {
  readonly users: readonly string[];
  readonly came: Answer;
}

/** Runs the steps on a store; every event has its own user. */
class Play extends World {
  /** The requests, for each version of the settings. */
  readonly told: Told[][] = [[]];
  readonly #poison = new Set<string>();
  #events = 0;

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case "logins":
        for (let count = 0; count < step.count; count++) {
          const user = `user${++this.#events}`;
          if (step.isPoison) this.#poison.add(user);
          this.login(user, step.isUrgent ? TAMPERED : {});
        }
        return;
      case "run":
        await this.runAnswered(step.answers, step.killedAt);
        this.clock.pass(step.waitMinutes * MINUTE);
        return;
      case "test":
        for (const { name, service } of this.config.routes) {
          noteTest(this.database, { route: name, settings: service.fingerprint, nowMs: this.clock.nowMs() });
        }
        this.told.at(-1)?.push({ users: [], came: "fine" });
        return;
      case "settings":
        this.told.push([]);
        this.config = parseConfig(
          `[notification]\nservice = "ntfy"\nntfy.topic_url = "https://ntfy.example/topic-${this.told.length}"\n`,
          { hostName: () => "example.com" },
        );
    }
  }

  /** One run, which must end whatever the responses are. */
  async runAnswered(answers: readonly Answer[], killedAt = Infinity): Promise<void> {
    let count = 0;
    this.answer = ({ body }) => {
      if (count >= killedAt) throw new Error("killed");
      const users = usersOf(String(JSON.parse(body).message));
      const answer = answers[Math.min(count++, answers.length - 1)] ?? "fine";
      const isTaken = answer === "poison" && !users.some((user) => this.#poison.has(user));
      const came = isTaken ? "fine" : answer;
      this.told.at(-1)?.push({ users, came });
      return { fine: response(200, { id: "1" }), refused: REFUSED, poison: REFUSED, down: DOWN, broken: BROKEN }[came];
    };
    await this.run().catch((error: Error) => assert.equal(error.message, "killed"));
    assert.ok(count <= 40 + 10 * this.#events, `${count} requests for ${this.#events} events`);
  }

  /**
   * Whether an event was refused alone, then another message got through, and the event was refused again, as the first
   * since then.
   */
  isAtFault(user: string): boolean {
    const isRefused = ({ came }: Told) => came === "refused" || came === "poison";
    const isAbout = ({ users }: Told) => users.join() === user;
    return this.told.some((told) => {
      const last = told.findLastIndex((one) => isAbout(one) && isRefused(one));
      const other = told.findLastIndex(({ users, came }, at) => at < last && came === "fine" && !users.includes(user));
      const first = told.findIndex((one) => isAbout(one) && isRefused(one));
      return first >= 0 && first < other && !told.slice(other, last).some((one) => isRefused(one) && !isAbout(one));
    });
  }

  usersIn(state: string): string[] {
    return this.query(
      `SELECT user FROM delivery JOIN event ON id = event_id WHERE state = '${state}' ORDER BY event_id`,
    ).map(({ user }) => String(user));
  }
}

const REFUSED = response(400, { error: "no" });
const BROKEN = response(401, { error: "unauthorized" });

/** A generous limit, because the machine may be slow. */
const WITHIN = { interruptAfterTimeLimit: 120_000, markInterruptAsFailure: false };

const login = (isPoison: boolean, isUrgent: boolean): Step => ({ kind: "logins", count: 1, isPoison, isUrgent });
const runs = (answers: readonly Answer[], killedAt = Infinity): Step => (
  { kind: "run", answers, killedAt, waitMinutes: 0 }
);

/** A message that was delivered with other settings proves nothing. */
const SETTINGS_CHANGE: Step[] = [
  login(true, true),
  login(false, true),
  runs(["poison"], 3),
  { kind: "settings" },
  runs(["refused"]),
];

/** After another message was delivered, the service refuses everything: the message refused before is not at fault. */
const BREAKS_MEANWHILE: Step[] = [
  login(true, false),
  login(false, false),
  runs(["poison"], 3),
  login(false, true),
  runs(["refused"]),
];

Deno.test("run() gives up an event only if another message was delivered after its refusal, whatever the responses", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { minLength: 1, maxLength: 20 }), async (steps) => {
      using play = new Play();
      for (const step of steps) await play.take(step);
      for (const user of play.usersIn("dead")) assert.ok(play.isAtFault(user), `${user} is dead`);
      // Once the service accepts everything, everything is delivered.
      const before = play.usersIn("dead");
      for (let hours = 0; hours < 4; hours++) {
        await play.runAnswered(["fine"]);
        play.clock.pass(HOUR);
      }
      assert.deepEqual(play.usersIn("dead"), before);
      assert.equal(pendingCount(play.database), 0);
    }),
    { examples: [[SETTINGS_CHANGE], [BREAKS_MEANWHILE]], numRuns: 60, ...WITHIN },
  );
});

Deno.test("run() lets a poisoned event delay the others by at most 2 requests at a time, and 4 in total", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2, max: 12 }), fc.nat(), fc.boolean(), async (count, seed, isUrgent) => {
      using play = new Play();
      const place = seed % count;
      for (let index = 0; index < count; index++) {
        await play.take({ kind: "logins", count: 1, isPoison: index === place, isUrgent });
      }
      await play.runAnswered(["poison"]);
      const poison = `user${place + 1}`;
      assert.deepEqual(play.usersIn("dead"), [poison]);
      assert.equal(play.usersIn("delivered").length, count - 1);
      const [told = []] = play.told;
      const isAlone = ({ users }: Told) => users.join() === poison;
      assert.equal(told.filter(isAlone).length, 4, "twice in two forms");
      // Another message is sent between two attempts of the same event.
      assert.ok(!told.some((_, at) => told.slice(at, at + 3).filter(isAlone).length === 3));
      const notices = told.filter(({ users }) => !users.every((user) => user.startsWith("user"))).length;
      assert.ok(notices <= 2, `${notices} notices`);
      assert.equal(pendingCount(play.database), 0);
    }),
    { numRuns: 25, ...WITHIN },
  );
});
