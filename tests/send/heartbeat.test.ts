// The real program pings the heartbeat over real sockets.

import assert from "node:assert/strict";
import { statePaths } from "../../src/paths.ts";
import { failing } from "../../src/config/heartbeat.ts";
import { OVERDUE_AFTER_MS, routeProblems } from "../../src/store/health.ts";
import type { RouteOverview } from "../../src/store/overview.ts";
import { openDatabase } from "../../src/sqlite/open.ts";
import { countPing } from "../../src/store/pings.ts";
import { makeCertificates } from "../helpers/certificates.ts";
import { routeOverview, sessionEvent } from "../helpers/fixtures.ts";
import { usersOf } from "../helpers/logins.ts";
import { Installation, LOGIN } from "../helpers/program.ts";
import { ntfyLike, Receiver } from "../helpers/receivers.ts";
import { waitFor } from "../helpers/wait_for.ts";
import { openToWrite } from "../../src/store/open.ts";

const SECRET_PATH = "/ping/0b5b6e9c-3d0f-4f0e-9a57-6f1f5d1f2a11";
const NOW_MS = Date.UTC(2026, 10, 23);

/** A heartbeat service that accepts a GET at one path, and at that path plus `/fail`. */
function heartbeats(): Receiver & { readonly url: string; readonly pings: readonly string[] } {
  const receiver = new Receiver((request, text) => {
    const { pathname } = new URL(request.url);
    const isPing = request.method === "GET" && text === "" && [SECRET_PATH, `${SECRET_PATH}/fail`].includes(pathname);
    return new Response(isPing ? "OK" : "not found", { status: isPing ? 200 : 404 });
  });
  return Object.defineProperties(Object.assign(receiver, { url: `${receiver.origin}${SECRET_PATH}`, pings: [] }), {
    pings: { get: () => receiver.received.map(({ path, status }) => `${status} ${path.replace(SECRET_PATH, "")}`) },
  });
}

/** An installation with an ntfy route and a heartbeat, which have time to answer on a busy machine, too. */
async function installed(topicUrl: string, heartbeat: string): Promise<Installation> {
  const installation = await Installation.create();
  await installation.writeConfig(
    `[notification]\nservice = "ntfy"\nntfy.topic_url = "${topicUrl}"\nrequest_timeout_seconds = 60\n` +
      `[heartbeat]\n${heartbeat}\n`,
  );
  return installation;
}

/** Allows the next run to ping again. */
function forgetPing({ stateDir }: Installation): void {
  const database = openDatabase(`${stateDir}/send/deliveries.db`, { busyTimeoutMs: 1_000 });
  database.prepare("DELETE FROM heartbeat").run();
  database.close();
}

Deno.test("send pings the heartbeat after a run with GET, and again only after the minimum gap", async () => {
  await using ntfy = ntfyLike();
  await using heart = heartbeats();
  await using installation = await installed(ntfy.topicUrl, `url = "${heart.url}"`);
  assert.deepEqual(await installation.send("--dry-run"), { code: 0, stdout: "", stderr: "" });
  assert.deepEqual(heart.pings, []);
  await installation.queue(LOGIN);
  const startedAtMs = performance.now();
  for (let run = 0; run < 2; run++) {
    assert.deepEqual(await installation.send(), { code: 0, stdout: "", stderr: "" });
  }
  // On a busy machine, the gap may be over before the second run.
  const isOver = performance.now() - startedAtMs >= 15_000;
  const pings = [...heart.pings];
  assert.ok(pings.length === 1 || (isOver && pings.length === 2), `${pings}`);
  assert.equal(ntfy.accepted.length, 1);
  forgetPing(installation);
  const { stderr } = await installation.send("--verbose");
  assert.match(stderr, /^pinged the heartbeat$/m);
  assert.deepEqual(heart.pings, [...pings, "200 "]);
  assert.deepEqual([...new Set(heart.pings)], ["200 "]);
});

Deno.test("send pings fail_url in place of /fail, and shows no part of it", async () => {
  await using ntfy = ntfyLike();
  const pings: string[] = [];
  // Uptime Kuma's push URL answers 200 to any path below it, but records only this one.
  await using kuma = new Receiver((request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/api/push/s3cr3tToken") pings.push(`${searchParams.get("status")} ${searchParams.get("msg")}`);
    return new Response(`no ${request.url}`, { status: pings.length > 1 ? 500 : 200 });
  });
  const push = `${kuma.origin}/api/push/s3cr3tToken`;
  await using installation = await installed(ntfy.topicUrl, `url = "${push}?status=up"`);
  const file = `${installation.directory}/etc/kuma.fail-url`;
  await Deno.writeTextFile(file, `${push}?status=down&msg=not%20delivered\n`, { mode: 0o640 });
  const config = await Deno.readTextFile(installation.configFile);
  await installation.writeConfig(config.replace("[heartbeat]\n", `[heartbeat]\nfail_url_file = "${file}"\n`));
  assert.equal((await installation.send()).code, 0);
  ntfy.intercept = () => new Response(null, { status: 503, headers: { "retry-after": "3600" } });
  await installation.queue(LOGIN);
  forgetPing(installation);
  const failed = await installation.send("--verbose");
  assert.match(failed.stderr, /^warning: cannot ping the heartbeat: HTTP 500$/m);
  assert.doesNotMatch(JSON.stringify([failed, await installation.status()]), /s3cr3tToken/);
  assert.deepEqual(pings, ["up null", "down not delivered"]);
});

Deno.test("send pings /fail while the last resort or the spool in memory has entries", async () => {
  await using ntfy = ntfyLike();
  await using heart = heartbeats();
  await using installation = await installed(ntfy.topicUrl, `url = "${heart.url}"`);
  const { runSpoolDir, unrecordedFile } = statePaths(installation.stateDir);
  const assertPing = async (expected: string) => {
    const before = heart.pings.length;
    const ended = await installation.send("--verbose");
    forgetPing(installation);
    assert.deepEqual(heart.pings.slice(before), [expected], JSON.stringify(ended));
  };
  Deno.mkdirSync(runSpoolDir, { recursive: true });
  Deno.writeTextFileSync(unrecordedFile, "");
  await assertPing("200 ");
  Deno.writeTextFileSync(unrecordedFile, "PAM_USER=alice\0PAM_SERVICE=sshd\0PAM_TYPE=open_session\0");
  await assertPing("200 /fail");
  Deno.writeTextFileSync(unrecordedFile, "");
  await assertPing("200 ");
  const event = sessionEvent({ uuid: crypto.randomUUID() });
  Deno.writeTextFileSync(`${runSpoolDir}/${event.uuid}.json`, JSON.stringify(event));
  await assertPing("200 /fail");
});

Deno.test("send pings /fail while a route is failing, and stops once it works", async () => {
  await using ntfy = ntfyLike();
  await using heart = heartbeats();
  await using installation = await installed(ntfy.topicUrl, `url = "${heart.url}"`);
  ntfy.intercept = () => new Response(null, { status: 503, headers: { "retry-after": "3600" } });
  await installation.queue(LOGIN);
  assert.equal((await installation.send()).code, 75);
  // The route is backing off and not tried, so it is still failing.
  forgetPing(installation);
  assert.equal((await installation.send()).code, 75);
  ntfy.intercept = () => undefined;
  forgetPing(installation);
  await installation.retry();
  assert.equal((await installation.send()).code, 0);
  assert.deepEqual(heart.pings, ["200 /fail", "200 /fail", "200 "]);
});

Deno.test("send pings /fail if it cannot read the queue", async () => {
  await using ntfy = ntfyLike();
  await using heart = heartbeats();
  await using installation = await installed(ntfy.topicUrl, `url = "${heart.url}"`);
  await installation.queue(LOGIN);
  await Deno.writeTextFile(`${installation.stateDir}/queue/db/session_events.db`, "no database".repeat(1_000));
  assert.equal((await installation.send()).code, 78);
  assert.deepEqual(heart.pings, ["200 /fail"]);
});

Deno.test("send pings a heartbeat whose URL is in a file", async () => {
  await using ntfy = ntfyLike();
  await using heart = heartbeats();
  await using installation = await Installation.create();
  const file = `${installation.directory}/etc/heartbeat.url`;
  await Deno.writeTextFile(file, `${heart.url}\n`, { mode: 0o640 });
  await installation.writeConfig(
    `[notification]\nservice = "ntfy"\nntfy.topic_url = "${ntfy.topicUrl}"\n[heartbeat]\nurl_file = "${file}"`,
  );
  assert.deepEqual(await installation.send(), { code: 0, stdout: "", stderr: "" });
  assert.deepEqual(heart.pings, ["200 "]);
});

Deno.test("send trusts heartbeat.ca_file for the heartbeat, and suggests it if a private CA is unknown", async () => {
  await using ntfy = ntfyLike();
  const { ca, cert, key } = await makeCertificates("IP:127.0.0.1");
  const pings: string[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, cert, key, onListen: () => {} }, (request) => {
    pings.push(new URL(request.url).pathname);
    return new Response("OK");
  });
  const url = `url = "https://127.0.0.1:${(server.addr as Deno.NetAddr).port}${SECRET_PATH}"`;
  await using installation = await installed(ntfy.topicUrl, url);
  const { code, stderr } = await installation.send();
  assert.equal(code, 0);
  assert.match(stderr, /^warning: cannot ping the heartbeat: .*UnknownIssuer \(.*\bheartbeat\.ca_file\b/);
  const caFile = `${installation.directory}/etc/ca.pem`;
  await Deno.writeTextFile(caFile, ca, { mode: 0o640 });
  const config = await Deno.readTextFile(installation.configFile);
  await installation.writeConfig(config.replace("[heartbeat]\n", `[heartbeat]\nca_file = "${caFile}"\n`));
  forgetPing(installation);
  assert.deepEqual(await installation.send(), { code: 0, stdout: "", stderr: "" });
  assert.deepEqual(pings, [SECRET_PATH]);
});

Deno.test("a failing heartbeat causes one warning without its URL, and has no other effect", async () => {
  await using ntfy = ntfyLike();
  await using heart = heartbeats();
  const answers: [name: string, intercept: typeof heart.intercept][] = [
    ["HTTP 500", () => new Response(`no ${SECRET_PATH}`, { status: 500 })],
    ["HTTP 302", () => new Response(null, { status: 302, headers: { location: `${heart.origin}/elsewhere` } })],
    ["HTTP 404", () => new Response(null, { status: 404 })],
    ["no answer in 10 s", () => new Promise(() => {})],
  ];
  await using installation = await installed(ntfy.topicUrl, `url = "${heart.url}"`);
  for (const [reason, intercept] of answers) {
    heart.intercept = intercept;
    if (reason === "no answer in 10 s") {
      const config = await Deno.readTextFile(installation.configFile);
      await installation.writeConfig(config.replace("timeout_seconds = 60", "timeout_seconds = 10"));
    }
    await installation.queue(LOGIN);
    const ended = await installation.send();
    assert.deepEqual(ended, { code: 0, stdout: "", stderr: `warning: cannot ping the heartbeat: ${reason}\n` });
    forgetPing(installation);
  }
  await heart.down();
  await installation.queue(LOGIN);
  const { code, stderr } = await installation.send();
  assert.equal(code, 0);
  assert.match(stderr, /^warning: cannot ping the heartbeat: .*\n$/);
  assert.doesNotMatch(stderr, /0b5b6e9c/);
  assert.equal(ntfy.accepted.length, answers.length + 1);
  assert.ok(!heart.received.some(({ path }) => path === "/elsewhere"));
});

Deno.test("a hanging heartbeat delays no notification", async () => {
  await using ntfy = ntfyLike();
  await using heart = heartbeats();
  const hangs = Promise.withResolvers<void>();
  heart.intercept = () => {
    hangs.resolve();
    return new Promise(() => {});
  };
  await using installation = await installed(ntfy.topicUrl, `url = "${heart.url}"`);
  const send = installation.startSend();
  await hangs.promise;
  await installation.queue(LOGIN);
  const sinceMs = performance.now();
  await waitFor(() => ntfy.accepted.length > 0, { what: "the notification arrives", timeoutMs: 50_000 });
  assert.deepEqual(ntfy.accepted.flatMap(({ body }) => usersOf(body["message"])), ["alice"]);
  // The ping is still in flight, and a signal does not wait for it.
  send.kill("SIGTERM");
  const { code } = await send.output();
  assert.equal(code, 0);
  assert.ok(performance.now() - sinceMs < 55_000);
});

Deno.test("countPing() allows at most 5 pings in any minute, whatever the clock does", () => {
  const database = openToWrite(":memory:");
  const pings: number[] = [];
  for (let ms = 0; ms < 600_000; ms += 700) if (countPing(database, NOW_MS + ms)) pings.push(ms);
  assert.ok(pings.length >= 20);
  for (const from of pings) assert.ok(pings.filter((ms) => ms >= from && ms < from + 60_000).length <= 5);
  // The clock was a year ahead.
  assert.ok(countPing(database, NOW_MS + 3e10));
  assert.ok(countPing(database, NOW_MS));
  assert.ok(!countPing(database, NOW_MS + 1));
  database.close();
});

Deno.test("failing() appends /fail to the path", () => {
  const table = [
    ["https://hc-ping.com/uuid", "https://hc-ping.com/uuid/fail"],
    ["https://hc-ping.com/uuid/", "https://hc-ping.com/uuid/fail"],
    ["https://hc-ping.com/uuid?rid=1", "https://hc-ping.com/uuid/fail?rid=1"],
    ["https://hc.example", "https://hc.example/fail"],
  ] as const;
  for (const [url, expected] of table) assert.equal(failing(new URL(url)).href, expected);
});

Deno.test("routeProblems() distinguishes failing, overdue and working routes", () => {
  const route = (overrides: Partial<RouteOverview>) => routeOverview({ name: "a", ...overrides });
  const table: [route: Partial<RouteOverview>, kinds: string[]][] = [
    [{}, []],
    [{ dead: 3, newest: "delivered" }, []],
    [{ pending: 1, oldestPendingAtMs: NOW_MS - OVERDUE_AFTER_MS }, []],
    [{ pending: 1, oldestPendingAtMs: NOW_MS - OVERDUE_AFTER_MS - 1 }, ["overdue"]],
    [{ pending: 1, oldestPendingAtMs: NOW_MS + 9e9 }, []],
    [{ newest: "retry" }, ["failing"]],
    [{ newest: "broken" }, ["broken"]],
    [{ newest: "refused" }, ["broken"]],
    [{ newest: "retry", pending: 1, oldestPendingAtMs: 0 }, ["failing", "overdue"]],
    // The route is no longer used, but its notifications are still pending.
    [{ name: "gone", newest: "retry", pending: 1, oldestPendingAtMs: 0 }, ["overdue"]],
    [{ name: "gone", newest: "broken" }, []],
  ];
  for (const [overrides, kinds] of table) {
    const problems = routeProblems({ configured: ["a"], routes: [route(overrides)], nowMs: NOW_MS });
    assert.deepEqual(problems.map(({ kind }) => kind), kinds, JSON.stringify(overrides));
    for (const problem of problems) assert.equal(problem.route, route(overrides).name);
  }
});
