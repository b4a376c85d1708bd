// An installation for complete runs of `send`: a real store and a real queue database, with the test's own clock and
// answers.

import { type Config, parseConfig } from "../../src/config/config.ts";
import type { SessionEvent } from "../../src/event.ts";
import { insertEvent } from "../../src/hook/insert.ts";
import type { Severity } from "../../src/log.ts";
import { type LookUpPlace, NO_PLACE } from "../../src/session/place.ts";
import { statePaths } from "../../src/paths.ts";
import type { Exchange } from "../../src/transport/exchange.ts";
import { Intake } from "../../src/send/intake.ts";
import { redactor } from "../../src/send/redact.ts";
import { announceReport } from "../../src/send/report.ts";
import { run } from "../../src/send/run.ts";
import type { HttpRequest } from "../../src/services/service.ts";
import { Inbox } from "../../src/intake/inbox.ts";
import { FakeClock } from "./fake_clock.ts";
import { ALICE_KEY, sessionEvent } from "./fixtures.ts";
import { queueLogins, usersOf } from "./logins.ts";
import { type Database, openDatabase, transaction } from "../../src/sqlite/open.ts";
import { openToWrite } from "../../src/store/open.ts";

/** In milliseconds, like the two below. */
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const NTFY = `[notification]\nservice = "ntfy"\nntfy.topic_url = "https://ntfy.example/topic-secret"\n`;

/** An installation whose service gives the test's answers; by default it accepts every message. */
export class World implements Disposable {
  readonly clock = new FakeClock();
  readonly requests: { readonly atMs: number; readonly request: HttpRequest }[] = [];
  readonly logged: [Severity, string][] = [];
  readonly paths = statePaths(Deno.makeTempDirSync({ prefix: "run-test-" }));
  /** Answers each request. */
  answer: (request: HttpRequest) => Exchange | Promise<Exchange> = () => response(200, { id: "1" });
  random = 0.5;
  lookUpPlace: LookUpPlace = () => NO_PLACE;
  readonly stop = new AbortController();
  readonly database: Database;
  readonly inbox = new Inbox(this.paths);
  config: Config = parseConfig(NTFY, { hostName: () => "example.com" });

  constructor() {
    Deno.mkdirSync(this.paths.databaseDir, { recursive: true });
    Deno.mkdirSync(this.paths.sendDir);
    this.database = openToWrite(this.paths.deliveriesDatabase);
    this.#know(["alice", ...Array.from({ length: 1_000 }, (_, index) => `user${index + 1}`)]);
  }

  /** Marks users as having logged in before, so that their logins are expected. */
  #know(users: readonly string[]): void {
    const insert = this.database.prepare(
      `INSERT INTO event (uuid, occurred_at_ms, type, user, remote_host, address, site, terminal, service, connection,
                          auth, key_fingerprint, parent_pid, tampered, verdict)
       VALUES (?, ?, 'open', ?, '', '203.0.113.7', '203.0.113.7', 'ssh', 'sshd', '', '[]', ?, 0, '', 'history')`,
    );
    transaction(this.database, () => {
      for (const user of users) insert.run(`known ${user}`, this.clock.nowMs(), user, ALICE_KEY.fingerprint);
    });
  }

  /** Records a login. */
  login(user = "alice", overrides: Partial<SessionEvent> = {}): void {
    insertEvent(
      this.paths.queueDatabase,
      sessionEvent({ uuid: crypto.randomUUID(), user, occurredAtMs: this.clock.nowMs(), ...overrides }),
    );
  }

  /** Records many logins at once, of `user1` and so on. */
  logins(count: number, { first = 1 } = {}): void {
    queueLogins(this.paths.queueDatabase, count, { first });
  }

  async run(): Promise<void> {
    const log = (severity: Severity, message: string) => void this.logged.push([severity, message]);
    await run({
      config: this.config,
      database: this.database,
      intake: new Intake({ database: this.database, inbox: this.inbox, paths: this.paths, clock: this.clock, log }),
      transport: async (request) => {
        if (request.kind !== "http") throw new Error("no mail is expected");
        this.requests.push({ atMs: this.clock.nowMs(), request });
        return await this.answer(request);
      },
      print: () => {},
      clock: this.clock,
      lookUpPlace: this.lookUpPlace,
      random: () => this.random,
      log,
      redact: redactor(this.config.secrets),
      signal: this.stop.signal,
      report: () =>
        announceReport({ config: this.config, database: this.database, nowMs: this.clock.nowMs(), problems: () => [] }),
    });
  }

  /** Runs `send` repeatedly, like a timer; by default once per minute of the clock. */
  async runRepeatedly(forMs: number, everyMs = MINUTE): Promise<void> {
    const endMs = this.clock.monotonicMs() + forMs;
    while (this.clock.monotonicMs() < endMs) {
      await this.run();
      this.clock.pass(everyMs);
    }
  }

  /** The `state` of every delivery, in order. */
  states(): string[] {
    return this.query("SELECT state FROM delivery ORDER BY event_id, route").map((row) => String(row["state"]));
  }

  /** The number of deliveries in each state, on one route or on all. */
  counts(route = "%"): Record<string, unknown> {
    const rows = this.query(
      `SELECT state, count(*) AS n FROM delivery WHERE route LIKE '${route}' GROUP BY state ORDER BY state`,
    );
    return Object.fromEntries(rows.map((row) => [row["state"], row["n"]]));
  }

  query(sql: string): Record<string, unknown>[] {
    const database = openDatabase(this.paths.deliveriesDatabase, { readOnly: true, busyTimeoutMs: 0 });
    const rows = database.prepare(sql).all();
    database.close();
    return rows.map((row) => ({ ...row }));
  }

  /** The message of each request, in order. */
  messages(host = ""): string[] {
    return this.requests.filter(({ request }) => request.url.includes(host))
      .map(({ request }) => String(JSON.parse(request.body).message));
  }

  /** The users that each request was about, in order. */
  users(host?: string): string[] {
    return this.messages(host).map((message) => usersOf(message).join());
  }

  [Symbol.dispose](): void {
    this.inbox.close();
    this.database.close();
    Deno.removeSync(this.paths.sendDir.replace(/\/send$/, ""), { recursive: true });
  }
}

/** The configuration of several ntfy routes, each to a host with the route's name. */
export function routes(names: readonly string[], more = ""): Config {
  const tables = names.map((name) =>
    `[routes.${name}]\nservice = "ntfy"\ntopic_url = "https://${name}.example/topic-secret"\n`
  );
  return parseConfig(`${tables.join("")}${more}`, { hostName: () => "example.com" });
}

/** An HTTP answer with a JSON body. */
export function response(status: number, body: unknown = {}, headers: Record<string, string> = {}): Exchange {
  return { kind: "response", response: { status, headers, body: JSON.stringify(body) } };
}

/** A connection that fails because nothing listens. */
export const DOWN: Exchange = { kind: "failed", failure: "network", detail: "connection refused" };

/** Makes an event of any user urgent. */
export const TAMPERED = { tampered: ["SSH_CONNECTION"] } as const;
